//! A Python class that is a worker.

use std::{fmt, str::FromStr};

use super::{Term, ValueError};

/// `MODULE:CLASS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PythonClass {
    /// The module, as `import` takes it.
    pub module: String,
    /// The class in it; dots lead to a nested one.
    pub class: String,
}

impl FromStr for PythonClass {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let dotted = |path: &str| path.split('.').all(is_identifier);
        match text.trim().split_once(':') {
            Some((module, class)) if dotted(module) && dotted(class) => {
                Ok(Self { module: module.to_owned(), class: class.to_owned() })
            }
            _ => Err(Self::mismatch()),
        }
    }
}

/// Close to Python's rule (XID_Start, XID_Continue): letters, digits, underscores, no digit in
/// front.
fn is_identifier(name: &str) -> bool {
    let starts = |c: char| c.is_alphabetic() || c == '_';
    name.starts_with(starts) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl fmt::Display for PythonClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.module, self.class)
    }
}

impl Term for PythonClass {
    const EXPECTED: &'static str = "MODULE:CLASS, such as jobs.mail:Sender";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_a_module() {
        let class: PythonClass = "jobs.mail:Sender".parse().unwrap();
        assert_eq!((class.module.as_str(), class.class.as_str()), ("jobs.mail", "Sender"));
        assert_eq!(class.to_string().parse(), Ok(class));
        for bad in ["", "jobs", ":C", "m:", "m.:C", "m:C:D", "1m:C", "m/x:C", "m:C()"] {
            assert!(bad.parse::<PythonClass>().is_err(), "{bad}");
        }
    }
}
