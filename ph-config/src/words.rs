//! Shell words, without a shell.
//!
//! A command is split as a POSIX shell would split it, and nothing is expanded: no variable, no
//! glob, no operator. A program that wants these is started as `sh -c '…'`, which says so.

/// A text that does not split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordsError {
    /// A quotation mark without its partner.
    #[error("the quote {0} is never closed")]
    OpenQuote(char),
    /// The text ends in a backslash.
    #[error("nothing follows the backslash at the end")]
    TrailingBackslash,
}

/// Splits `text` into words at unquoted white space.
///
/// `'…'` keeps everything, `"…"` everything but backslashes before `"`, `\`, `$` and `` ` ``;
/// elsewhere a backslash keeps the character behind it. A backslash before a line end removes both.
pub fn split(text: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or(WordsError::OpenQuote(c))? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                }
            }
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next().ok_or(WordsError::TrailingBackslash)? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), WordsError> {
    const OPEN: WordsError = WordsError::OpenQuote('"');
    loop {
        match rest.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(OPEN)? {
                '\n' => {}
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            quoted => word.push(quoted),
        }
    }
}

/// Writes words so that [`split`] gives them back.
pub fn join<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_in_a_shell() {
        let words = |text: &str| split(text).unwrap();
        assert_eq!(words("  a  b\tc\nd "), ["a", "b", "c", "d"]);
        assert_eq!(words(r#"a"b c"'d e' '' """#), ["ab cd e", "", ""]);
        assert_eq!(words(r#""\$x \n \" \\" \ \#"#), [r#"$x \n " \"#, " #"]);
        assert_eq!(words("a\\\nb \"c\\\nd\""), ["ab", "cd"]);
        assert_eq!(words("$HOME *.c | x > y; z"), ["$HOME", "*.c", "|", "x", ">", "y;", "z"]);
        assert!(words(" \n ").is_empty());
    }

    #[test]
    fn an_unfinished_word_is_refused() {
        assert_eq!(split("a 'b"), Err(WordsError::OpenQuote('\'')));
        assert_eq!(split("a \"b\\\""), Err(WordsError::OpenQuote('"')));
        assert_eq!(split("a\\"), Err(WordsError::TrailingBackslash));
    }

    #[test]
    fn joined_words_split_again() {
        let words = ["a b", "", "it's", "x=1", "\n", "\"", "\\"];
        assert_eq!(split(&join(words)).unwrap(), words);
    }
}
