//! A short text in shared memory.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A text of eight bytes a word at most, written by one worker and read by the master, who believes nothing: one that is written
/// just then may be half the old and half the new.
#[derive(Debug)]
#[repr(transparent)]
pub struct Text<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Default for Text<WORDS> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }
}

impl<const WORDS: usize> Text<WORDS> {
    /// Bytes that are kept of a text.
    pub const MOST: usize = 8 * WORDS;

    /// As much of a text as there is room for.
    pub fn words(text: &str) -> [u64; WORDS] {
        let end = text.floor_char_boundary(Self::MOST);
        let mut bytes = text.as_bytes()[..end].iter();
        [(); WORDS].map(|()| {
            let mut part = [0; 8];
            part.iter_mut().zip(&mut bytes).for_each(|(to, from)| *to = *from);
            u64::from_ne_bytes(part)
        })
    }

    /// Takes the place of what was there. What is too long is cut.
    pub fn set(&self, text: &str) {
        self.show(&Self::words(text));
    }

    /// The same by its words.
    pub fn show(&self, words: &[u64; WORDS]) {
        for (to, word) in self.0.iter().zip(words) {
            to.store(*word, Relaxed);
            // What comes after is not read.
            if *word == 0 {
                break;
            }
        }
    }

    /// Nothing, in one store.
    pub fn clear(&self) {
        self.0[0].store(0, Relaxed);
    }

    /// The text, up to its first zero, made printable; `None` for nothing.
    pub fn get(&self) -> Option<String> {
        let words: Vec<u64> = self.0.iter().map(|word| word.load(Relaxed)).collect();
        Self::read(&words)
    }

    /// The same of a copy of its words.
    pub fn read(words: &[u64]) -> Option<String> {
        let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
        let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
        let text = String::from_utf8_lossy(&bytes);
        let text: String = text.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
        Some(text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_and_what_is_too_long_is_cut_at_a_character() {
        let text = Text::<6>::default();
        assert_eq!(text.get(), None);
        text.set("GET /a\n");
        assert_eq!(text.get().unwrap(), "GET /a?");
        text.set(&"é".repeat(40));
        assert_eq!(text.get().unwrap(), "é".repeat(24));
        text.set(&format!("{}é", "x".repeat(47)));
        assert_eq!(text.get().unwrap(), "x".repeat(47));
        text.clear();
        assert_eq!(text.get(), None);
    }
}
