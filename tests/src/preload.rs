//! Functions of the C library that behave as a test wants them to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::Sandbox;

/// The wall clock as a library sees it: moved by as many seconds as a file says. Other clocks are left alone.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long moved(void) {
    char text[32] = {0};
    int fd = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    long length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *to) {
    int result = syscall(SYS_clock_gettime, clock, to);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) to->tv_sec += moved();
    return result;
}

int gettimeofday(struct timeval *to, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    to->tv_sec = now.tv_sec;
    to->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
"#;

impl Sandbox {
    /// Compiles C into a library for `LD_PRELOAD`; its functions take the place of the C library's.
    #[track_caller]
    pub fn library(&self, name: &str, source: &str) -> PathBuf {
        let (text, library) = (self.path(&format!("{name}.c")), self.path(&format!("{name}.so")));
        fs::write(&text, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(&text);
        assert!(compiler.status().unwrap().success());
        library
    }

    /// Has a program and its children see a wall clock that the test can move.
    #[track_caller]
    pub fn clock(&self, command: &mut Command) {
        let library = self.library("clock", CLOCK);
        self.move_clock(0);
        command.env("LD_PRELOAD", library).env("CLOCK_FILE", self.path("moved"));
    }

    /// Moves that clock away from the true time.
    pub fn move_clock(&self, seconds: i64) {
        fs::write(self.path("moved"), seconds.to_string()).unwrap();
    }
}
