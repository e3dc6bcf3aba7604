//! An etcd that is spoken to over TLS, and asks who we are.

use std::path::Path;
use std::process::{Command, Stdio};

use ph_leader::EtcdStore;
use ph_leader::etcd::Tls;

use crate::TTL;
use crate::common::Runner;
use crate::server::Etcd;

fn openssl(directory: &Path, words: &str) {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).current_dir(directory).stdin(Stdio::null());
    let output = command.output().expect("openssl is on PATH (apt-get install openssl)");
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `NAME.pem` and `NAME.key`, vouched for by `ca.pem`.
fn certificate(directory: &Path, name: &str) {
    let extensions = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";
    std::fs::write(directory.join("extensions"), extensions).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(directory, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
    openssl(
        directory,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out {name}.pem"
        ),
    );
}

fn authority(directory: &Path) {
    openssl(
        directory,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    );
}

#[test]
fn certificates_vouch_for_both_sides() {
    let mut etcd = Etcd::described();
    let directory = etcd.directory().to_owned();
    authority(&directory);
    certificate(&directory, "etcd");
    certificate(&directory, "candidate");
    let file = |name: &str| directory.join(name);
    let words = ["--cert-file", "etcd.pem", "--key-file", "etcd.key"].map(str::to_owned);
    let mut words: Vec<String> = words.into_iter().collect();
    words.extend(["--client-cert-auth", "--trusted-ca-file", "ca.pem"].map(str::to_owned));
    etcd.encrypt(words);
    etcd.spawn();

    let tls = Tls::new(file("ca.pem")).identity(file("candidate.pem"), file("candidate.key"));
    let store = EtcdStore::new(&[etcd.address()], "app").unwrap().tls(&tls).unwrap();
    let mut known = Runner::start("known", store, TTL);
    let token = known.leads();
    assert_eq!(known.leads(), token);

    // Somebody without a certificate, somebody who trusts another authority, and somebody who speaks plainly.
    let anonymous = etcd.encrypted_store(&Tls::new(file("ca.pem")));
    assert!(
        Runner::start("anonymous", anonymous, TTL).trouble().contains("cannot ask etcd at https")
    );
    let other = crate::common::Temporary::new();
    authority(other.path());
    let distrustful = etcd.encrypted_store(&Tls::new(other.path().join("ca.pem")));
    let told = Runner::start("distrustful", distrustful, TTL).trouble();
    assert!(told.contains("certificate"), "{told}");
    let told = Runner::start("plain", etcd.store(), TTL).trouble();
    assert!(told.contains("etcd"), "{told}");

    let told = |tls: &Tls| etcd.store().tls(tls).unwrap_err().to_string();
    assert!(told(&Tls::new(file("none.pem"))).contains("none.pem: No such file"));
    assert!(told(&Tls::new(file("ca.key"))).contains("no certificate in PEM form"));
    let swapped = Tls::new(file("ca.pem")).identity(file("candidate.pem"), file("candidate.pem"));
    assert!(told(&swapped).contains("no private key in PEM form"));
}
