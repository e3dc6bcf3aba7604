//! A command in a terminal of its own, as the person sees it who sits there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::pty::{Winsize, openpty};
use vt100::Parser;

use crate::sandbox::Sandbox;
use crate::wait::{until, until_some};

/// The terminal; its command is KILLed when this is dropped.
pub struct Terminal {
    keys: File,
    screen: Arc<Mutex<Parser>>,
    child: Child,
}

impl Sandbox {
    /// Runs a command in a terminal of this size.
    pub fn in_terminal(&self, arguments: &[&str], rows: u16, columns: u16) -> Terminal {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).unwrap();
        let (keys, side) = (File::from(pair.master), File::from(pair.slave));
        let command = self.command(arguments);
        // In a session of its own, it asks this terminal for its size, and not the one that the suite runs in.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(arguments)
            .current_dir(self.folder())
            .env("TERM", "xterm-256color")
            .stdin(side.try_clone().unwrap())
            .stdout(side.try_clone().unwrap())
            .stderr(side)
            .spawn()
            .unwrap();
        let known = |length| NonZero::new(length).unwrap();
        let screen = Arc::new(Mutex::new(Parser::new(known(rows), known(columns), 0)));
        let (shown, mut said) = (Arc::clone(&screen), keys.try_clone().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Its end is an error (EIO): nobody holds the other side any more.
            while let Ok(count @ 1..) = said.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..count]);
            }
        });
        Terminal { keys, screen, child }
    }
}

impl Terminal {
    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What is to be seen.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Whether the whole screen is the command's, and what was there before comes back after it.
    pub fn is_taken(&self) -> bool {
        self.screen.lock().unwrap().screen().alternate_screen()
    }

    /// Waits until this is to be seen.
    #[track_caller]
    pub fn until(&self, text: &str) {
        until(&format!("{text:?} is seen"), || self.text().contains(text));
    }

    /// The line that has this in it, once there is one.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        until_some(&format!("a line with {text:?} is seen"), || {
            self.text().lines().find(|line| line.contains(text)).map(ToOwned::to_owned)
        })
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        until_some("the command ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
