//! The same files, read by this crate and by Python's own `configparser`.
//!
//! Thousands of files from a grammar that prefers trouble; for each both must accept or refuse, for
//! the same reason, and agree on every section, key and resolved value. The seed is fixed: a
//! difference can be looked at again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
};

use ph_config::{Ini, InterpolationError, SyntaxErrorKind};
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

    let theirs = ask_python(&files);
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

fn ask_python(files: &[String]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ask_configparser.py");
    let mut python = Command::new("python3")
        .args(["-I", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot run python3 ({error}); install Python 3.8 or newer to compare with it")
        });
    let mut stdin = python.stdin.take().expect("stdin is piped");
    let stdout = BufReader::new(python.stdout.take().expect("stdout is piped"));
    let answers = thread::scope(|scope| {
        // On a thread of its own: both pipes are smaller than what goes through them.
        scope.spawn(move || {
            let mut lines = String::new();
            for file in files {
                writeln!(lines, "{}", json!(file)).expect("a string takes everything");
            }
            stdin.write_all(lines.as_bytes()).expect("python3 reads everything");
        });
        let lines = stdout.lines().map(|line| line.expect("python3 writes UTF-8"));
        lines.map(|line| serde_json::from_str(&line).expect("python3 writes JSON")).collect()
    });
    assert!(python.wait().expect("python3 can be waited for").success(), "the script failed");
    answers
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).expect("below a usize")
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn file(&mut self) -> String {
        let mut text = String::new();
        // Most files have one kind of line end and few faults; some are a mixture of everything.
        let ending = self.pick(&["\n", "\n", "\n", "\r\n", "\r"]);
        let wild = self.one_in(6);
        let faults = if wild { 8 } else { 400 };
        if !self.one_in(if wild { 4 } else { 40 }) {
            let header = self.header(false);
            text += &header;
            text += ending;
        }
        for _ in 0..self.below(16) {
            let line = self.line(faults);
            text += &line;
            text +=
                if wild && self.one_in(5) { self.pick(&["\n", "\r\n", "\r", ""]) } else { ending };
        }
        if self.one_in(4) {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        text
    }

    fn line(&mut self, faults: usize) -> String {
        if self.one_in(faults) {
            let junk =
                ["junk", "= 1", ":", " : x", "[", "]", "[]", "[unclosed", "\u{feff}k = 1", "\0"];
            return self.pick(&junk).to_owned();
        }
        match self.below(20) {
            0 => {
                let odd = self.one_in(3);
                self.indent(8) + &self.header(odd)
            }
            1 | 2 => self.indent(2) + self.pick(&["#", ";", "# x = 1", "; [c]", "#%(", "//"]),
            3 | 4 => self.pick(&["", "", " ", "\t ", "\u{a0}", "\u{1f}", "\u{3000}"]).to_owned(),
            5..=8 => self.deeper() + &self.value(),
            _ => self.indent(6) + &self.assignment(),
        }
    }

    /// No indentation, mostly: one in `often` lines has some.
    fn indent(&mut self, often: usize) -> String {
        if self.one_in(often) { self.deeper() } else { String::new() }
    }

    fn deeper(&mut self) -> String {
        let blanks =
            [" ", "  ", "    ", "\t", "\t ", " \t\t", "\u{3000}", "\u{a0}\u{a0}", "\u{1c}"];
        self.pick(&blanks).to_owned()
    }

    fn header(&mut self, odd: bool) -> String {
        let plain = ["[a]", "[b]", "[c]", "[d]", "[e]", "[f]", "[DEFAULT]", "[DEFAULT]", "[web.1]"];
        let strange = [
            "[a]b]",
            "[ a ]",
            "[]]",
            "[[a]]",
            "[default]",
            "[a] # tail",
            "[a=1]",
            "[k:v",
            "[é]\u{a0}",
            "[#]",
            "[a];",
            "[%(x)s]",
        ];
        self.pick(if odd { &strange } else { &plain }).to_owned()
    }

    fn assignment(&mut self) -> String {
        let key = match self.below(12) {
            0 => self.pick(&[
                "two words",
                "Key",
                "ÉTÉ",
                "[k]x",
                "k\u{a0}",
                "%(a)s",
                "key#",
                "ΑΣ",
                "İ",
            ]),
            _ => self
                .pick(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "l", "m", "A.b", "n_o"]),
        };
        let delimiter =
            self.pick(&["=", " = ", ":", ": ", "\t=\t", " :", "==", "=:", "\u{3000}= ", "  =  "]);
        format!("{key}{delimiter}{}", self.value())
    }

    fn value(&mut self) -> String {
        let mut value = String::new();
        for _ in 0..self.below(4) {
            let piece = match self.below(10) {
                0 => self.pick(&["%", "%(", "%()s", "%(a)", "%(a", "%(a)d", "%x", "%(zz)s", "%%%"]),
                1..=3 => self.pick(&[
                    "%(a)s",
                    "%(b)s",
                    "%(c)s",
                    "%(d)s",
                    "%(E)s",
                    "%(two words)s",
                    "%(key)s",
                    "%(a.b)s",
                    "%(%(a)s)s",
                ]),
                4 => self.pick(&["%%", "%%%%", "100%%", "%%(a)s", "%%%(b)s"]),
                5 => self.pick(&[
                    "=",
                    ":",
                    " # no comment",
                    " ; no comment",
                    "[x]",
                    "k = v",
                    "\"q\"",
                ]),
                6 => self.pick(&[
                    "é", "漢字", "\u{2028}", "\u{85}", "\u{b}", "\u{c}", "\0", "🦀", "\u{1d}",
                ]),
                _ => self.pick(&["x", "1", "path/to", " ", "two words", "\t", "-", "true"]),
            };
            value += piece;
        }
        if self.one_in(8) {
            value += self.pick(&[" ", "\t", "  \u{a0}", "\u{1e}"]);
        }
        value
    }
}
