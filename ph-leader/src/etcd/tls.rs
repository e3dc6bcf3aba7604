//! Certificates from files.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::error::EtcdError;

/// Who vouches for the cluster, and for us; files in PEM form.
#[derive(Debug, Clone)]
pub struct Tls {
    ca: PathBuf,
    own: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// The certificates that vouch for the cluster's members. Those of the system do not: a cluster's names are nobody's else
    /// business.
    #[must_use]
    pub fn new(ca: impl Into<PathBuf>) -> Self {
        Self { ca: ca.into(), own: None }
    }

    /// Our own certificate, with those between it and one that the cluster knows, and its private key.
    #[must_use]
    pub fn identity(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { own: Some((certificate.into(), key.into())), ..self }
    }

    pub(super) fn load(&self) -> Result<TlsConfig, EtcdError> {
        let roots = RootCerts::new_with_certs(&certificates(&self.ca)?);
        let identity = self.own.as_ref().map(|(certificate, key)| {
            Ok(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
        });
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        Ok(TlsConfig::builder()
            .root_certs(roots)
            .client_cert(identity.transpose()?)
            .unversioned_rustls_crypto_provider(provider)
            .build())
    }
}

fn items(path: &Path) -> Result<Vec<PemItem<'static>>, EtcdError> {
    let wrong = |why: String| EtcdError::Pem { path: path.to_owned(), why };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    parse_pem(&bytes).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, EtcdError> {
    let items = items(path)?.into_iter();
    let certificates: Vec<_> = items
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let why = "there is no certificate in PEM form in it".to_owned();
        return Err(EtcdError::Pem { path: path.to_owned(), why });
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, EtcdError> {
    let key = items(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.ok_or_else(|| EtcdError::Pem {
        path: path.to_owned(),
        why: "there is no private key in PEM form in it".to_owned(),
    })
}
