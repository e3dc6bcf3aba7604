//! Files from a grammar that prefers trouble.

/// SplitMix64, and what is made of it.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).expect("below a usize")
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    pub(super) fn file(&mut self) -> String {
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

    pub(super) fn value(&mut self) -> String {
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
