//! Scenario 44: whoever ends an edit, wherever it is, finds the old text or the new one.
//!
//! The C library is preloaded with steps that count: at the n-th of them the process KILLs itself, a write in the
//! middle of its bytes. Each n is tried until the command gets to its end. Elsewhere the moment is a matter of chance.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ph_tests::{Output, Sandbox, finish};

const STEPS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_last(void)
{
    static int count;
    const char *last = getenv("LAST_STEP");
    return last && ++count == atoi(last);
}

static void end(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

#define STEP(result, name, parameters, arguments)                                                  \
    result name parameters                                                                         \
    {                                                                                              \
        result(*real) parameters = dlsym(RTLD_NEXT, #name);                                        \
        if (is_last())                                                                             \
            end();                                                                                 \
        return real arguments;                                                                     \
    }

STEP(int, fsync, (int fd), (fd))
STEP(int, flock, (int fd, int how), (fd, how))
STEP(int, fchmod, (int fd, mode_t mode), (fd, mode))
STEP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
STEP(int, mkdir, (const char *path, mode_t mode), (path, mode))
STEP(int, unlink, (const char *path), (path))
STEP(int, rename, (const char *from, const char *to), (from, to))

ssize_t write(int fd, const void *bytes, size_t length)
{
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (!is_last())
        return real(fd, bytes, length);
    real(fd, bytes, length / 2);
    end();
    return 0;
}

int open64(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    va_list more;
    va_start(more, flags);
    mode_t mode = va_arg(more, mode_t);
    va_end(more);
    if (is_last())
        end();
    return real(path, flags, mode);
}
"#;

const OLD: &str = "# a comment\r\n[app]\r\nnumber_workers = 1 \r\n; another\r\n\r\n# the last";
const SET: [&str; 4] = ["config", "set", "number_workers", "12"];
const UNDO: [&str; 2] = ["config", "undo"];

struct Steps {
    sandbox: Sandbox,
    library: PathBuf,
}

impl Steps {
    fn new(test: &str) -> Self {
        let sandbox = Sandbox::new(test, "");
        let library = sandbox.library("steps", STEPS);
        Self { sandbox, library }
    }

    /// The command, ended at this step; its code is 0 when it has fewer.
    fn until(&self, arguments: &[&str], step: usize) -> Output {
        let mut command = self.sandbox.command(arguments);
        finish(command.env("LD_PRELOAD", &self.library).env("LAST_STEP", step.to_string()))
    }

    fn text(&self) -> String {
        self.sandbox.read("config.ini")
    }

    fn write(&self, text: &str) {
        let _ = fs::remove_dir_all(self.sandbox.path(".config.ini.history"));
        fs::write(self.sandbox.path("config.ini"), text).unwrap();
    }
}

fn new() -> String {
    OLD.replace("= 1 ", "= 12 ")
}

#[test]
fn s44_a_set_that_is_killed_at_any_step_leaves_the_old_text_or_the_new() {
    let steps = Steps::new("set");
    let (mut old, mut step) = (0, 0);
    loop {
        step += 1;
        steps.write(OLD);
        let output = steps.until(&SET, step);
        let text = steps.text();
        assert!(text == OLD || text == new(), "step {step}: {text:?}");
        old += usize::from(text == OLD);
        // What it left is in nobody's way, and can be undone.
        steps.sandbox.ok(&SET);
        assert_eq!(steps.text(), new(), "after step {step}");
        steps.sandbox.ok(&UNDO);
        assert_eq!(steps.text(), OLD, "after step {step}");
        assert_eq!(steps.sandbox.run(&UNDO).code, Some(4), "after step {step}");
        assert!(!steps.sandbox.path(".config.ini.tmp").exists(), "after step {step}");
        if output.code == Some(0) {
            break;
        }
        assert_eq!(output.code, None, "step {step}: {output:?}");
    }
    // Two files written, two renames, some syncs: it was ended before and after the file was another.
    assert!(old > 15 && step > old + 3, "{old} of {step} steps left the old text");
}

#[test]
fn s44_an_undo_that_is_killed_at_any_step_leaves_the_old_text_or_the_new() {
    let steps = Steps::new("undo");
    let (mut undone, mut step) = (0, 0);
    loop {
        step += 1;
        steps.write(OLD);
        steps.sandbox.ok(&SET);
        let output = steps.until(&UNDO, step);
        let text = steps.text();
        assert!(text == OLD || text == new(), "step {step}: {text:?}");
        // A step that was taken is not taken again.
        let again = steps.sandbox.run(&UNDO);
        let expected = if text == OLD { 4 } else { 0 };
        assert_eq!(again.code, Some(expected), "after step {step}: {again:?}");
        assert_eq!(steps.text(), OLD, "after step {step}");
        if output.code == Some(0) {
            break;
        }
        undone += usize::from(text == OLD);
        assert_eq!(output.code, None, "step {step}: {output:?}");
    }
    assert!(undone >= 2 && step > undone + 10, "{undone} of {step} steps had undone it");
}

/// Scenario 44, by chance: 200 moments between the start and a little after the end.
#[test]
fn s44_a_set_that_is_killed_at_any_moment_leaves_the_old_text_or_the_new() {
    let sandbox = Sandbox::new("chance", "");
    let path = sandbox.path("config.ini");
    let (mut old, mut whole) = (0, Duration::ZERO);
    for round in 0..200_u32 {
        fs::write(&path, OLD).unwrap();
        // How long it takes, the machine may change its mind about.
        if round % 20 == 0 {
            let begun = Instant::now();
            sandbox.ok(&SET);
            whole = begun.elapsed();
            fs::write(&path, OLD).unwrap();
        }
        // All parts of it and a little more, in no order.
        let moment = whole * (round * 617 % 1_000) / 800;
        killed_after(&sandbox, moment);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text == OLD || text == new(), "after {moment:?}: {text:?}");
        old += usize::from(text == OLD);
    }
    assert!((1..200).contains(&old), "{old} of 200 left the old text: it was never in the middle");
}

/// Runs a set, and KILLs it so much later.
fn killed_after(sandbox: &Sandbox, moment: Duration) {
    let begun = Instant::now();
    let mut child = sandbox.command(&SET).stdout(Stdio::null()).spawn().unwrap();
    while begun.elapsed() < moment {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
