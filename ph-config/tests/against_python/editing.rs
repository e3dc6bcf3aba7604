//! Edited files, as Python reads them; and put back, byte for byte.

use std::{collections::BTreeMap, fs, path::Path};

use ph_config::{
    Ini, LockedFile,
    edit::{check_value, escape},
};
use serde_json::{Value, json};

use super::{
    answer,
    dice::Dice,
    python::{Mode, ask_python},
};

const FILES: usize = 10_000;

/// An edit, and what came of it.
struct Case {
    before: String,
    after: String,
    section: String,
    key: String,
    /// `None` for a key that was unset.
    value: Option<String>,
}

#[test]
fn an_edited_file_says_what_it_should_and_an_undo_gives_the_former_one_back() {
    let mut dice = Dice(0xed17_0f1a_c0de);
    let mut tally = BTreeMap::new();
    let cases: Vec<Case> =
        std::iter::repeat_with(|| case(&mut dice, &mut tally)).flatten().take(FILES).collect();
    for kind in ["changed", "overridden", "added", "unset", "several lines", "percent", "default"] {
        let seen = tally.get(kind).copied().unwrap_or(0);
        assert!(seen >= FILES / 100, "{kind}: only {seen} of {FILES}; {tally:?}");
    }
    println!("{FILES} files, {tally:?}");
    agrees_with_python(&cases);
    survives_on_disk(&cases);
}

/// A file that is accepted, with a key of it set or unset.
fn case(dice: &mut Dice, tally: &mut BTreeMap<&'static str, usize>) -> Option<Case> {
    let before = dice.file();
    let ini = Ini::parse(before.clone()).ok()?;
    let mut sections: Vec<&str> = ini.sections().collect();
    sections.first()?;
    sections.push("DEFAULT");
    let section = dice.pick(&sections).to_owned();
    let document = ini.document();
    let inherited: Vec<&str> = document.entries("DEFAULT").map(|entry| &*entry.key).collect();
    let own: Vec<&str> = document.entries(&section).map(|entry| &*entry.key).collect();
    let mut count = |kind| *tally.entry(kind).or_default() += 1;
    if !own.is_empty() && dice.one_in(4) {
        let key = dice.pick(&own).to_owned();
        let after = document.unset(&section, &key).expect("it is there").to_string();
        count("unset");
        return Some(Case { after, section, key, value: None, before });
    }
    let new = ["new", "x", "a much longer one", "app.y", "é", "k[]", "1"];
    let names: &[&str] = match dice.below(3) {
        0 if !own.is_empty() => &own,
        0 | 1 if !inherited.is_empty() => &inherited,
        _ => &new,
    };
    let key = dice.pick(names).to_owned();
    let lines: Vec<String> = (0..=dice.below(3)).map(|_| dice.value()).collect();
    let value = lines.join("\n");
    let set = document.set(&section, &key, &escape(&value));
    // A bracket on each side would make a header of it.
    let header =
        key.starts_with('[') && value.split('\n').next().is_some_and(|it| it.contains(']'));
    if header || check_value(&value).is_err() {
        assert!(set.is_err(), "{value:?} can't be written");
        return None;
    }
    let after = set.unwrap_or_else(|error| panic!("{key:?} = {value:?} in {before:?}: {error}"));
    let kind = match (own.contains(&&*key), inherited.contains(&&*key)) {
        (true, _) => "changed",
        (false, true) => "overridden",
        (false, false) => "added",
    };
    count(kind);
    for (kind, is_so) in [
        ("several lines", value.contains('\n')),
        ("percent", value.contains('%')),
        ("default", section == "DEFAULT"),
    ] {
        if is_so {
            count(kind);
        }
    }
    Some(Case { after: after.to_string(), section, key, value: Some(value), before })
}

/// Python reads the value back, finds all others as they were, and so does this crate.
fn agrees_with_python(cases: &[Case]) {
    let before: Vec<String> = cases.iter().map(|case| case.before.clone()).collect();
    let after: Vec<String> = cases.iter().map(|case| case.after.clone()).collect();
    let raw = ask_python(Mode::Raw, &before).into_iter().zip(ask_python(Mode::Raw, &after));
    let resolved = ask_python(Mode::Resolved, &after);
    assert_eq!(resolved.len(), cases.len());
    for ((case, (mut expected, found)), resolved) in cases.iter().zip(raw).zip(resolved) {
        let Case { before, after, section, key, value } = case;
        let said = expected["sections"].as_object_mut().expect("the file was accepted");
        let keys = said.entry(section.clone()).or_insert(json!({}));
        let keys = keys.as_object_mut().expect("a section has keys");
        match value {
            Some(value) => keys.insert(key.clone(), json!(escape(value))),
            None => keys.remove(key),
        };
        let context =
            || format!("[{section}] {key} = {value:?}\nbefore:\n{before}\nafter:\n{after}");
        assert_eq!(found, expected, "{}", context());
        if let Some(value) = value {
            assert_eq!(resolved["sections"][section][key], json!([value]), "{}", context());
        }
        let ours: Value = answer(after);
        assert_eq!(ours, resolved, "{}", context());
    }
}

/// Written to a file and undone: the very bytes are there again.
fn survives_on_disk(cases: &[Case]) {
    // It is about bytes, not about power failures: where syncing costs nothing, if there is such a place.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let folder = place.join(format!("ph-config-editing-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("it can be written");
    let path = folder.join("config.ini");
    for case in cases.iter().filter(|case| case.before != case.after) {
        fs::write(&path, &case.before).expect("it can be written");
        LockedFile::open(&path).and_then(|file| file.write(case.after.as_bytes())).expect("a set");
        assert_eq!(fs::read_to_string(&path).expect("it can be read"), case.after);
        let undone = LockedFile::open(&path).and_then(LockedFile::undo);
        let (text, left) = undone.expect("an undo");
        assert_eq!((text.as_slice(), left), (case.before.as_bytes(), 0));
        assert_eq!(fs::read(&path).expect("it can be read"), case.before.as_bytes());
    }
    let _ = fs::remove_dir_all(&folder);
}
