//! Kinds that say what to run, and whom to ask.

use std::path::{Path, PathBuf};

use super::{FilePath, Kind, Words, list};
use crate::{
    value::{ValueError, bind::Bind, is_none},
    words,
};

/// A program: a name to be found in `PATH` as it is, or a path, which becomes absolute.
pub(crate) struct Program;

impl Kind for Program {
    type Value = PathBuf;

    fn parse(&self, text: &str, start_dir: &Path) -> Result<PathBuf, ValueError> {
        if text.contains('/') {
            return FilePath.parse(text, start_dir);
        }
        Words("the name of a program, or a path").parse(text, start_dir).map(PathBuf::from)
    }

    fn show(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }

    fn expected(&self) -> String {
        "the name of a program, or a path".to_owned()
    }
}

/// A program and its arguments: shell words, no shell.
pub(crate) struct Command;

impl Kind for Command {
    type Value = Vec<String>;

    fn parse(&self, text: &str, _: &Path) -> Result<Vec<String>, ValueError> {
        let mismatch = || ValueError::expected(self.expected());
        let words = words::split(text).map_err(|error| mismatch().because(error.to_string()))?;
        if words.first().is_none_or(String::is_empty) || text.contains('\0') {
            return Err(mismatch());
        }
        Ok(words)
    }

    fn show(&self, value: &Vec<String>) -> String {
        words::join(value)
    }

    fn expected(&self) -> String {
        "a program and its arguments, quoted as for a shell".to_owned()
    }
}

/// `NAME=value` words.
pub(crate) struct Environment;

impl Kind for Environment {
    type Value = Vec<(String, String)>;

    fn parse(&self, text: &str, _: &Path) -> Result<Self::Value, ValueError> {
        let mismatch = || ValueError::expected(self.expected());
        if is_none(text) {
            return Ok(Vec::new());
        }
        if text.contains('\0') {
            return Err(mismatch().because("a NUL character"));
        }
        let words = words::split(text).map_err(|error| mismatch().because(error.to_string()))?;
        let pair = |word: &String| {
            let (name, value) = word.split_once('=').filter(|(name, _)| is_variable(name))?;
            Some((name.to_owned(), value.to_owned()))
        };
        words
            .iter()
            .map(|word| {
                pair(word).ok_or_else(|| mismatch().because(format!("\"{word}\" is no NAME=value")))
            })
            .collect()
    }

    fn show(&self, value: &Self::Value) -> String {
        if value.is_empty() {
            return "none".to_owned();
        }
        words::join(value.iter().map(|(name, value)| format!("{name}={value}")))
    }

    fn expected(&self) -> String {
        "words NAME=value, quoted as for a shell, or none".to_owned()
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The addresses of a cluster: `host:port` or a URL, separated by commas.
pub(crate) struct Endpoints;

impl Kind for Endpoints {
    type Value = Vec<String>;

    fn parse(&self, text: &str, _: &Path) -> Result<Vec<String>, ValueError> {
        let endpoint = |word: &str| {
            let address = match word.split_once("://") {
                Some(("http" | "https", address)) => address.trim_end_matches('/'),
                Some(_) => "",
                None => word,
            };
            let bind = address.parse::<Bind>();
            if bind.is_ok_and(|bind| bind.port != 0) && !address.starts_with(':') {
                Ok(word.to_owned())
            } else {
                let detail = format!("\"{word}\" is no address of a server");
                Err(ValueError::expected(self.expected()).because(detail))
            }
        };
        list(text).map(endpoint).collect()
    }

    fn show(&self, value: &Vec<String>) -> String {
        if value.is_empty() { "none".to_owned() } else { value.join(", ") }
    }

    fn expected(&self) -> String {
        "addresses such as http://10.0.0.1:2379, with commas between them".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<K: Kind>(kind: &K, text: &str) -> Result<K::Value, ValueError> {
        kind.parse(text, Path::new("/start"))
    }

    #[test]
    fn a_program_is_a_name_or_a_path() {
        assert_eq!(parse(&Program, "pypy3").unwrap(), Path::new("pypy3"));
        assert_eq!(
            parse(&Program, "venv/bin/python").unwrap(),
            Path::new("/start/venv/bin/python")
        );
        assert!(parse(&Program, " ").is_err());
    }

    #[test]
    fn a_command_has_a_program() {
        assert_eq!(parse(&Command, "sh -c 'exit 3'").unwrap(), ["sh", "-c", "exit 3"]);
        for bad in ["", "''", "sh 'x", "sh \0"] {
            assert!(parse(&Command, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn environment_words_name_variables() {
        let pairs = parse(&Environment, "A=1 'B_2=x y'\nC==").unwrap();
        let expected = [("A", "1"), ("B_2", "x y"), ("C", "=")];
        assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(parse(&Environment, &Environment.show(&pairs)).unwrap(), pairs);
        assert!(parse(&Environment, "none").unwrap().is_empty());
        for bad in ["A", "=1", "1A=2", "A-B=1", "A='"] {
            assert!(parse(&Environment, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_servers() {
        let servers =
            parse(&Endpoints, "http://10.0.0.1:2379/, https://etcd:2379,\n[::1]:2379").unwrap();
        assert_eq!(servers.len(), 3);
        for bad in ["etcd", "ftp://a:1", "http://:1", "http://a", "a:0"] {
            assert!(parse(&Endpoints, bad).is_err(), "{bad}");
        }
    }
}
