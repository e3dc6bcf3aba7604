//! The same files, read by this crate and by Python's own `configparser`.
//!
//! Thousands of files from a grammar that prefers trouble; for each both must accept or refuse, for
//! the same reason, and agree on every section, key and resolved value. The seed is fixed: a
//! difference can be looked at again.

mod dice;
mod editing;
mod python;

use std::collections::BTreeMap;

use dice::Dice;
use ph_config::{Ini, InterpolationError, SyntaxErrorKind};
use python::{Mode, ask_python};
use serde_json::{Value, json};

const FILES: usize = 20_000;

/// Files that once differed, or that show a rule on its own.
const BY_HAND: &[&str] = &[
    "",
    "\n",
    "# only a comment",
    "\u{feff}[a]\nk=1\n",
    "[a]\u{1c}\nk\u{1f}=\u{1e}v\u{1d}\n",
    "[a]\nk = v\n\u{a0}\u{3000}w\n",
    "[a]\nk = v\n\u{200b}w = 1\n",
    "[a]\nk = x\u{2028}y\u{85}z\u{b}w\u{c}\n",
    "[a]\nK\u{130} = 1\nΣΑΣ = 2\nς = 3\nß = 4\nẞ = 5\n",
    "[a]\nk = %(K)s%%\n[DEFAULT]\nk = d\n",
    "[a]\nk = 1\n [a]\n k = 2\n",
    "[a]\n  k = 1\n j = 2\n   still j\n",
    "[a]\nk =\n\n\n\n  late\n\n# gone\n   later\n\n\n[b]\n",
    "[a]\nk = 1\r\r\n\n\r  2\r\n",
    "[DEFAULT]\nk=1\n[DEFAULT]\nK=2\n",
    "[a]\n[A]\n[ a]\n[a ]\n",
    "[a]\n= 1\n= 2\n",
    "[a]\n[]\n",
    "[a]\n[] = x\n[x = ]y\n",
    "[a]\nk\\ = 1\nk : = 2\nj = : 3\ni == 4\n",
];

#[test]
fn the_same_files_mean_the_same() {
    let mut files: Vec<String> = BY_HAND.iter().map(|text| (*text).to_owned()).collect();
    files.extend((7..14).map(chain));
    let mut dice = Dice(0x5eed_0f1a_c0de);
    files.extend((0..FILES).map(|_| dice.file()));

    let theirs = ask_python(Mode::Resolved, &files);
    assert_eq!(theirs.len(), files.len(), "one answer for each file");
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for (index, (text, theirs)) in files.iter().zip(&theirs).enumerate() {
        let ours = answer(text);
        // A second empty key of a section is a duplicate to Python; here each is an empty key.
        let unnamed = ours["error"] == "EmptyKey"
            && matches!(theirs["error"].as_str(), Some("ParsingError" | "DuplicateOptionError"));
        assert!(
            unnamed || ours == *theirs,
            "file {index} differs:\n{text:?}\n\n{text}\n\nhere:   {ours}\npython: {theirs}"
        );
        count(theirs, &mut tally);
    }
    // A grammar that produces only one kind of file would prove nothing.
    let kinds = [
        "accepted",
        "MissingSectionHeaderError",
        "DuplicateSectionError",
        "DuplicateOptionError",
        "ParsingError",
        "value",
        "several lines",
        "InterpolationMissingOptionError",
        "InterpolationSyntaxError",
        "InterpolationDepthError",
    ];
    for kind in kinds {
        let seen = tally.get(kind).copied().unwrap_or(0);
        assert!(seen >= FILES / 100, "{kind}: only {seen} of {FILES} files; {tally:?}");
    }
    println!("{} files, {tally:?}", files.len());
}

/// Keys that refer to the next one each, around the depth that is allowed.
fn chain(length: usize) -> String {
    let links = (0..length).map(|n| format!("k{n} = %(k{})s\n", n + 1));
    format!("[a]\n{}k{length} = end\n", links.collect::<String>())
}

fn count(answer: &Value, tally: &mut BTreeMap<String, usize>) {
    let mut add = |kind: &str| *tally.entry(kind.to_owned()).or_default() += 1;
    if let Some(error) = answer["error"].as_str() {
        return add(error);
    }
    add("accepted");
    let sections = answer["sections"].as_object().expect("an accepted file has sections");
    for value in sections.values().filter_map(Value::as_object).flat_map(|keys| keys.values()) {
        match (value.as_str(), value[0].as_str()) {
            (Some(error), _) => add(error),
            (None, Some(text)) if text.contains('\n') => add("several lines"),
            _ => add("value"),
        }
    }
}

/// What this crate says, in the words of the script.
fn answer(text: &str) -> Value {
    let ini = match Ini::parse(text) {
        Ok(ini) => ini,
        Err(errors) => return json!({ "error": exception(&errors.0) }),
    };
    let sections: BTreeMap<&str, BTreeMap<String, Value>> = ini
        .sections()
        .chain(["DEFAULT"])
        .map(|section| {
            let items = ini.items(section).expect("the section is listed");
            let value = |result| match result {
                Ok(text) => json!([text]),
                Err(InterpolationError::Missing(_)) => json!("InterpolationMissingOptionError"),
                Err(InterpolationError::Syntax(_)) => json!("InterpolationSyntaxError"),
                Err(InterpolationError::Depth) => json!("InterpolationDepthError"),
                Err(error) => json!(error.to_string()),
            };
            (section, items.into_iter().map(|(key, result)| (key, value(result))).collect())
        })
        .collect();
    json!({ "sections": sections })
}

/// The exception that Python raises: some at once, `ParsingError` at the end of the file.
fn exception(errors: &[ph_config::SyntaxError]) -> &'static str {
    let name = |kind: &SyntaxErrorKind| match kind {
        SyntaxErrorKind::ByteOrderMark | SyntaxErrorKind::MissingHeader(_) => {
            "MissingSectionHeaderError"
        }
        SyntaxErrorKind::DuplicateSection { .. } => "DuplicateSectionError",
        SyntaxErrorKind::DuplicateKey { .. } => "DuplicateOptionError",
        SyntaxErrorKind::EmptyKey(_) => "EmptyKey",
        _ => "ParsingError",
    };
    let mut names = errors.iter().map(|error| name(&error.kind));
    let late = |name: &&str| matches!(*name, "ParsingError" | "EmptyKey");
    let unnamed = names.clone().any(|name| name == "EmptyKey");
    names.find(|name| !late(name)).unwrap_or(if unnamed { "EmptyKey" } else { "ParsingError" })
}
