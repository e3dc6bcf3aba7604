//! What holds for every text, not only for those that someone thought of.

use std::{path::Path, time::Duration};

use ph_config::{
    Document, Ini, KEYS, Layers, LoadRequest,
    edit::check_value,
    value::{duration, size},
    words,
};
use proptest::{collection::vec, prelude::*};

/// Texts of pieces that mean something to the parser, and of arbitrary ones.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            "[",
            "]",
            "[a]",
            "[DEFAULT]",
            "=",
            ":",
            "#",
            ";",
            "%",
            "%(",
            ")s",
            "%(a)s",
            "%%",
            " ",
            "\t",
            "\n",
            "\r",
            "\r\n",
            "a",
            "a = ",
            "number_workers = ",
            "bind=",
            "\u{feff}",
            "\u{3000}",
            "\u{1c}",
            "\0",
            "-1",
            "none",
            "'",
            "\"",
            "\\",
            "app.x=",
            "max_greenlets:",
            "max_coroutines:",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let document = Document::parse(text);
    prop_assert_eq!(document.to_string(), text);
    let mut end = 0;
    for block in document.blocks() {
        prop_assert!(block.span.start >= end && block.span.end <= text.len());
        end = block.span.end;
        for entry in &block.entries {
            prop_assert_eq!(text[entry.key_span.clone()].to_lowercase(), entry.key.as_str());
            prop_assert!(entry.key_span.end < entry.value_span.start, "a delimiter stands between");
            prop_assert!(block.span.start <= entry.key_span.start);
            prop_assert!(entry.value_span.end <= block.span.end);
            let pieces: Vec<&str> = entry.pieces.iter().map(|piece| &text[piece.clone()]).collect();
            prop_assert_eq!(pieces.join("\n"), entry.value.as_str());
            prop_assert_eq!(entry.pieces[0].start, entry.value_span.start);
        }
    }
    let Ok(ini) = Ini::new(document.clone()) else { return Ok(()) };
    for section in ini.sections() {
        prop_assert!(ini.items(section).is_some());
        let request = LoadRequest::new("x.ini", "/").section(section);
        let layers = Layers::of(document.clone(), &request).expect("the section exists");
        match layers.settings() {
            Ok(settings) => {
                prop_assert!(layers.problems().is_empty() && settings.section == section);
            }
            Err(error) => {
                for problem in error.problems() {
                    let line = problem.line.expect("what is wrong is in the file");
                    let place = format!("x.ini:{line}: ");
                    prop_assert!(problem.to_string().starts_with(&place));
                    prop_assert!(!problem.to_string().contains('\n'), "one line each");
                }
            }
        }
    }
    Ok(())
}

/// The pieces of an edited text that are not the value are those of the former one, in order.
fn edit(document: &Document, section: &str, key: &str, value: &str) -> Result<(), TestCaseError> {
    let good = document.problems().is_empty();
    if let Ok(edited) = document.set(section, key, value) {
        prop_assert!(good && check_value(value).is_ok());
        let entry = edited.entry(section, &key.to_lowercase()).expect("it was set");
        prop_assert_eq!(&entry.value, value);
        prop_assert_eq!(&edited.set(section, key, value).expect("again"), &edited);
        prop_assert_eq!(other_lines(&edited, section, key), other_lines(document, section, key));
        let ends = |text: &str| text.ends_with(['\n', '\r']);
        prop_assert_eq!(ends(edited.as_str()), ends(document.as_str()));
        // A key that was added is as if it had never been once it is unset.
        if document.entry(section, &key.to_lowercase()).is_none() {
            let undone = edited.unset(section, key).expect("it is there");
            prop_assert_eq!(&undone, document);
        }
    }
    if let Ok(edited) = document.unset(section, key) {
        prop_assert!(edited.entry(section, &key.to_lowercase()).is_none());
        prop_assert_eq!(other_lines(&edited, section, key), other_lines(document, section, key));
    }
    Ok(())
}

/// The lines of a text that are not the key's.
fn other_lines(document: &Document, section: &str, key: &str) -> Vec<String> {
    let text = document.as_str();
    let own: Vec<usize> = document
        .entry(section, &key.to_lowercase())
        .into_iter()
        .flat_map(|entry| entry.pieces.iter().map(|piece| line(text, piece.start)))
        .collect();
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = lines.split('\n').map(str::to_owned).enumerate();
    let others = lines.filter(|(number, _)| !own.contains(number)).map(|(_, line)| line);
    // A blank one may be the end of the text.
    others.filter(|line| !line.is_empty()).collect()
}

/// The number of the line that an offset is in.
fn line(text: &str, offset: usize) -> usize {
    let above = text[..offset].replace("\r\n", "\n");
    above.matches(['\n', '\r']).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_is_lossless_and_nothing_panics(text in text()) {
        check(&text)?;
    }

    #[test]
    fn bytes_are_a_document_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        match Document::from_bytes(bytes.clone()) {
            Ok(document) => prop_assert_eq!(document.to_string().into_bytes(), bytes),
            Err(error) => {
                prop_assert_eq!(bytes[error.offset], error.byte);
                prop_assert!(std::str::from_utf8(&bytes[..error.offset]).is_ok());
            }
        }
    }

    #[test]
    fn a_mangled_file_is_a_document_or_an_error(
        cuts in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = b"[DEFAULT]\r\nbase_path = .\r\n# x\r\n[app]\r\npidfile = %(base_path)s/\xc3\xa9\r\n  more\r\n".to_vec();
        for (index, byte) in cuts {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(document) = Document::from_bytes(bytes) {
            check(document.as_str())?;
        }
    }

    #[test]
    fn an_edit_changes_what_it_should_and_nothing_else(
        text in text(),
        section in prop::sample::select(vec!["a", "DEFAULT"]),
        key in "[a-c]|number_workers|[a-z ]{1,12}",
        value in text(),
    ) {
        let document = Document::parse(format!("[DEFAULT]\n[a]\n{text}"));
        edit(&document, section, &key, &value)?;
    }

    /// The same where more often there is something to edit.
    #[test]
    fn an_edit_of_a_good_file_is_made(
        lines in vec("(a|b|c|dd|ee) ?[=:] ?[x%;#]{0,3}|  [x#;=]{0,3}|[#;]x?||\\t", 0..12),
        ending in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        last in any::<bool>(),
        key in "a|b|c|new",
        value in "[x%=#]{0,3}(\n[y=]{1,3}){0,2}",
    ) {
        let mut text = format!("[a]{ending}{}", lines.join(ending));
        text.push_str(if last { ending } else { "" });
        let document = Document::parse(text);
        edit(&document, "a", &key, &value)?;
        let possible = document.problems().is_empty() && check_value(&value).is_ok();
        prop_assert_eq!(document.set("a", &key, &value).is_ok(), possible);
    }

    #[test]
    fn durations_and_sizes_print_what_they_are(nanos in 0..300_000_000_000_000_000_u64, bytes: u64) {
        for nanos in [nanos, nanos / 1_000_000 * 1_000_000, nanos % 10_000 * 60_000_000_000] {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(duration::parse(&duration::format(duration)), Ok(duration));
        }
        for bytes in [bytes, bytes >> 20 << 20] {
            prop_assert_eq!(size::parse(&size::format(bytes)), Ok(bytes));
        }
    }

    #[test]
    fn words_join_and_split(parts in vec(".{0,8}", 0..6)) {
        prop_assert_eq!(words::split(&words::join(&parts)), Ok(parts));
    }

    #[test]
    fn a_canonical_text_is_canonical(text in text(), number in any::<i64>(), unit in "[a-zA-Z]{0,3}") {
        for text in [text, format!("{number}{unit}"), format!("{}{unit}", number.unsigned_abs() % 5000)] {
            for key in KEYS {
                if let Ok(canonical) = key.check(&text, Path::new("/start")) {
                    prop_assert_eq!(key.check(&canonical, Path::new("/start")), Ok(canonical.clone()), "{}", key.name);
                }
            }
        }
    }
}
