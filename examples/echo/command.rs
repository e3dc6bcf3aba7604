//! What a client can make the echo server do.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

/// A command line.
#[derive(Clone, Copy)]
pub(crate) enum Command {
    Sleep(Duration),
    Pid,
    Crash,
    Panic,
    Exit(i32),
    Block,
    Eat(usize),
}

/// What follows from a command that the worker survives: an answer, perhaps after a pause.
pub(crate) enum Reply {
    Text(String, Duration),
    Never,
}

/// What was eaten.
static STOMACH: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

impl Command {
    /// `None` for bytes that are no command: they are echoed.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes.strip_prefix(b"!")?).ok()?;
        let mut words = line.split_ascii_whitespace();
        let command = match words.next()? {
            "sleep" => Self::Sleep(Duration::from_millis(number(words.next())?)),
            "pid" => Self::Pid,
            "crash" => Self::Crash,
            "panic" => Self::Panic,
            "exit" => Self::Exit(number(words.next())?),
            "block" => Self::Block,
            "eat" => Self::Eat(number(words.next())?),
            _ => return None,
        };
        words.next().is_none().then_some(command)
    }

    /// `line` is what it was read from: the answer ends as that did, with a newline or without.
    pub(crate) fn perform(self, line: &[u8]) -> Reply {
        let text = match self {
            Self::Sleep(pause) => format!("slept {}", pause.as_millis()),
            Self::Pid => std::process::id().to_string(),
            Self::Crash => std::process::abort(),
            Self::Panic => panic!("a client asked for it"),
            Self::Exit(code) => std::process::exit(code),
            Self::Block => return Reply::Never,
            Self::Eat(bytes) => {
                // Touched, so that it is resident; not zero, so that it is not shared.
                let meal = vec![1; bytes];
                if let Ok(mut stomach) = STOMACH.lock() {
                    stomach.push(meal);
                }
                format!("ate {bytes}")
            }
        };
        let pause = if let Self::Sleep(pause) = self { pause } else { Duration::ZERO };
        let end = line.trim_ascii_end().len();
        Reply::Text(text + &String::from_utf8_lossy(&line[end..]), pause)
    }
}

fn number<T: FromStr>(word: Option<&str>) -> Option<T> {
    word?.parse().ok()
}
