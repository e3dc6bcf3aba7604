//! Edits of documents: what changes, what stays, what is refused.

use ph_config::edit::{check_value, escape};
use ph_config::{Document, EditError};

#[track_caller]
fn set(text: &str, key: &str, value: &str) -> String {
    set_in(text, "s", key, value)
}

#[track_caller]
fn set_in(text: &str, section: &str, key: &str, value: &str) -> String {
    Document::parse(text).set(section, key, value).unwrap().to_string()
}

#[track_caller]
fn unset(text: &str, key: &str) -> String {
    Document::parse(text).unset("s", key).unwrap().to_string()
}

#[test]
fn only_the_bytes_of_the_value_change() {
    let text = "; top\r\n[DEFAULT]\r\nK = 0\r\n\r\n[s]\r\n# above\r\nk\t:  1 \r\n\tj = 2\r\n# end";
    // `j` is a line of the value of `k`: one line takes the place of two.
    let expected = "; top\r\n[DEFAULT]\r\nK = 0\r\n\r\n[s]\r\n# above\r\nk\t:  new \r\n# end";
    assert_eq!(set(text, "k", "new"), expected);
    assert_eq!(set("[s]\nk=1", "K", "22"), "[s]\nk=22");
    assert_eq!(set("[s]\rk=1\rj=2\r", "k", ""), "[s]\rk=\rj=2\r");
    assert_eq!(set("[s]\nk = 1\n", "k", "1"), "[s]\nk = 1\n");
    assert_eq!(set("[s]\nk = a\n", "k", "= : # ; [x]"), "[s]\nk = = : # ; [x]\n");
}

#[test]
fn an_empty_value_is_filled_with_the_blank_that_belongs_there() {
    assert_eq!(set("[s]\nk =\n", "k", "1"), "[s]\nk = 1\n");
    assert_eq!(set("[s]\nk = \n", "k", "1"), "[s]\nk = 1\n");
}

#[test]
fn lines_of_a_value_take_each_others_places_and_comments_keep_theirs() {
    let text = "[s]\nbind = a,\n  # the second\n  b,\n\n    c\nnext = 1\n";
    let said = |value: &str| set(text, "bind", value);
    assert_eq!(said("x"), "[s]\nbind = x\n  # the second\nnext = 1\n");
    assert_eq!(said("a,\ny"), "[s]\nbind = a,\n  # the second\n  y\nnext = 1\n");
    assert_eq!(
        said("a,\nb,\nm\nc\nd"),
        "[s]\nbind = a,\n  # the second\n  b,\n  m\n    c\n  d\nnext = 1\n"
    );
    assert_eq!(said("a,\n\nb"), "[s]\nbind = a,\n  # the second\n\n  b\nnext = 1\n");
}

#[test]
fn further_lines_are_indented_and_end_as_the_others() {
    assert_eq!(set("[s]\r\n k = 1", "k", "1\n\n2"), "[s]\r\n k = 1\r\n\r\n     2");
    assert_eq!(set("[s]\nk =\n  1\n", "k", "\n1\n2"), "[s]\nk =\n  1\n  2\n");
    assert_eq!(set("[s]\nk = 1\n  2", "k", "1"), "[s]\nk = 1", "a final newline came up");
}

#[test]
fn a_new_key_comes_last_in_its_section_and_looks_like_its_neighbours() {
    assert_eq!(set("[s]\n[t]\nx: 1\n", "k", "1"), "[s]\nk: 1\n[t]\nx: 1\n");
    assert_eq!(set("[s]", "k", "1"), "[s]\nk = 1");
    assert_eq!(
        set("[s]\r\na=1\r\n\r\n\r\n[t]\r\n", "k", "1"),
        "[s]\r\na=1\r\nk=1\r\n\r\n\r\n[t]\r\n"
    );
    assert_eq!(set("[s]\n  a = 1\n", "k", "1"), "[s]\n  a = 1\n  k = 1\n");
    // In columns, if the others are.
    let text = "[s]\ntimeout   = 1\nnice      = 2\n";
    assert_eq!(set(text, "k", "1"), format!("{text}k         = 1\n"));
    assert_eq!(set(text, "number_workers", "1"), format!("{text}number_workers = 1\n"));
    let text = "[s]\ntimeout:  1\nnice:     2\n";
    assert_eq!(set(text, "k", "1"), format!("{text}k:        1\n"));
    // Behind what is said about the last key, before what is said about the next section.
    let text = "[s]\na = 1\n# b = 2\n\n# about t\n# more\n[t]\n";
    let expected = "[s]\na = 1\n# b = 2\nk = 1\n\n# about t\n# more\n[t]\n";
    assert_eq!(set(text, "k", "1"), expected);
    assert_eq!(set("[s]\na = 1\n# t\n[t]\n", "k", "1"), "[s]\na = 1\nk = 1\n# t\n[t]\n");
    assert_eq!(set("[s]\na = 1\n  2\n\n", "k", "1\n2"), "[s]\na = 1\n  2\nk = 1\n    2\n\n");
}

#[test]
fn an_inherited_key_is_written_into_the_section() {
    let text = "[DEFAULT]\nk = 1\n[s]\na = 1\n";
    assert_eq!(set(text, "k", "2"), "[DEFAULT]\nk = 1\n[s]\na = 1\nk = 2\n");
    assert_eq!(set_in(text, "DEFAULT", "k", "2"), "[DEFAULT]\nk = 2\n[s]\na = 1\n");
    assert_eq!(set_in(text, "DEFAULT", "j", "2"), "[DEFAULT]\nk = 1\nj = 2\n[s]\na = 1\n");
    let made = "# file\n\n[DEFAULT]\nk: 2\n\n# s\n[s]\na: 1\n";
    assert_eq!(set_in("# file\n\n# s\n[s]\na: 1\n", "DEFAULT", "k", "2"), made);
}

#[test]
fn an_unset_key_takes_its_lines_with_it_and_no_comment() {
    let text = "[s]\n# above\nk = 1\n  # between\n\n  2\n# below\na = 1\n";
    assert_eq!(unset(text, "K"), "[s]\n# above\n  # between\n# below\na = 1\n");
    assert_eq!(unset("[s]\r\na = 1\r\nk = 1", "k"), "[s]\r\na = 1");
    assert_eq!(unset("[s]\nk = 1\n  2", "k"), "[s]");
    let absent = Document::parse("[DEFAULT]\nk = 1\n[s]\n").unset("s", "k");
    assert_eq!(absent, Err(EditError::NotSet("k".into())));
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    for (value, error) in [
        (" a", EditError::Blanks),
        ("a\t", EditError::Blanks),
        ("a\n b\nc", EditError::Blanks),
        ("a\n", EditError::Blanks),
        ("\u{3000}", EditError::Blanks),
        ("a\rb", EditError::CarriageReturn),
        ("a\n#b", EditError::Comment('#')),
        ("\n;b", EditError::Comment(';')),
    ] {
        assert_eq!(check_value(value), Err(error.clone()), "{value:?}");
        assert_eq!(Document::parse("[s]\nk = 1\n").set("s", "k", value), Err(error), "{value:?}");
    }
    for key in ["", " k", "k ", "a=b", "a:b", "#k", ";k", "a\nb"] {
        let refused = Document::parse("[s]\n").set("s", key, "1");
        assert!(matches!(refused, Err(EditError::Key(_))), "{key:?}: {refused:?}");
    }
    let document = Document::parse("[s]\nk = 1\n");
    assert_eq!(document.set("s", "[k]", "1"), Err(EditError::Unreadable), "it would be a header");
    assert_eq!(document.set("t", "k", "1"), Err(EditError::NoSection("t".into())));
    assert_eq!(Document::parse("[s]\njunk\n").set("s", "k", "1"), Err(EditError::Faulty(2)));
}

#[test]
fn a_percent_sign_is_one() {
    assert_eq!(escape("50% of %(x)s"), "50%% of %%(x)s");
}
