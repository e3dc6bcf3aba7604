//! The example for containers: what its files name is there, and works as they say, without a container's tools.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use ph_tests::echo::Client;
use ph_tests::{Sandbox, finish};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The instructions of the Dockerfile, each as its name and the rest.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(repository().join("examples/docker/Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
}

/// What follows the instruction of this name, each time.
fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|it| it.0 == name).map(|it| it.1).collect()
}

/// The only one.
#[track_caller]
fn one(name: &str) -> String {
    let [one] = &all(name)[..] else { panic!("one {name}: {:?}", all(name)) };
    one.clone()
}

/// The list in which a command is written.
#[track_caller]
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
}

#[test]
fn the_dockerfile_names_what_there_is() {
    let repository = repository();
    let build = all("RUN").into_iter().find(|run| run.starts_with("cargo build")).unwrap();
    let example = build.split_once("--example ").unwrap().1;
    assert!(repository.join("examples").join(example).join("main.rs").is_file(), "{example}");
    let copies = all("COPY");
    let program = format!("--from=build /src/target/release/examples/{example} ");
    let program = copies.iter().find_map(|copy| copy.strip_prefix(&program)).unwrap();
    let (source, config) = copies.last().unwrap().split_once(' ').unwrap();
    assert!(repository.join(source).is_file(), "{source}");
    assert_eq!(one("ENV"), format!("PH_CONFIG={config}"));
    assert_eq!(words(&one("ENTRYPOINT")), [program]);
    assert_eq!(words(&one("HEALTHCHECK"))[0], program);
    let toolchain = fs::read_to_string(repository.join("Cargo.toml")).unwrap();
    let version = toolchain.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let image = format!("rust:{}-", version.trim_matches('"'));
    assert!(all("FROM")[0].starts_with(&image), "{:?} is not of {version}", all("FROM"));
}

/// With the program, the configuration, the commands and the signal that the image has.
#[test]
fn what_the_image_runs_serves_and_stops_as_it_says() {
    let mut sandbox = Sandbox::for_program("examples/echo", "docker", "");
    let config = fs::read_to_string(repository().join("examples/docker/config.ini")).unwrap();
    let folder = sandbox.folder().display().to_string();
    assert!(config.contains("bind                = 0.0.0.0:7007"), "{config}");
    assert!(config.contains("/run/echo/"), "where the image lets its user write");
    let grace = config.lines().find_map(|line| line.strip_prefix("graceful_timeout")).unwrap();
    let grace: u32 = grace.trim_matches([' ', '=']).parse().unwrap();
    assert!(grace < 10, "a stop's grace is ten seconds");
    let here = config.replace("0.0.0.0:7007", "127.0.0.1:0").replace("/run/echo", &folder);
    fs::write(sandbox.path("config.ini"), here).unwrap();
    let run = words(&one("CMD"));
    let init = sandbox.contain("", &run.iter().map(String::as_str).collect::<Vec<_>>());
    let program = sandbox.command(&[]).get_program().to_str().unwrap().to_owned();
    let check = words(&one("HEALTHCHECK"));
    ph_tests::until("it is healthy", || {
        finish(sandbox.inside(&program).args(&check[1..])).code == Some(0)
    });
    let mut client = Client::connect(&sandbox.listeners()[0]).unwrap();
    assert_eq!(client.ask("hello"), "hello");
    let signal: Signal = one("STOPSIGNAL").parse().unwrap();
    init.signal(signal);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
}
