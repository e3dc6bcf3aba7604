//! A process of its own for the tests: what must not happen to a test process happens here.
//!
//! `fixture JOURNEY BACKEND`. It has one thread, so it may fork, and it prints what it observed.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{self, Command, Stdio, exit};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use ph_signal::{MaskGuard, Signal, SignalSet, Source, disposition, kill, mask};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Longer than anything here takes, for what must happen; what must not has [`BRIEF`].
const LONG: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(100);

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let [journey, backend] = args.as_slice() else {
        return Err("usage: fixture JOURNEY BACKEND".into());
    };
    // A shell has what it runs in the background ignore two of these, and nohup(1) the third.
    for signal in [Signal::INT, Signal::QUIT, Signal::HUP] {
        ph_signal::disposition::default(signal)?;
    }
    let open = |set| match backend.as_str() {
        #[cfg(target_os = "linux")]
        "signalfd" => Source::signalfd(set),
        #[cfg(target_os = "linux")]
        "sole" => Source::sole(set),
        _ => Source::pipe(set),
    };
    match journey.as_str() {
        "burst" => burst(open(watched())?),
        "live" => live(open(watched())?),
        "mask" => masks(open),
        "drop" => dropped(open),
        "chld" => ignored_chld(open),
        "timeout" => timeout(open(Signal::USR1.into())?),
        "exec" => across_exec(&open(watched())?),
        "fork" => shared_with_a_child(open(Signal::USR1.into())?),
        "reset" => reset(open(watched())?),
        "revive" => a_source_of_its_own(open),
        other => Err(format!("no journey {other}").into()),
    }
}

fn watched() -> SignalSet {
    let fixed =
        [Signal::HUP, Signal::TERM, Signal::USR1, Signal::USR2, Signal::WINCH, Signal::CHLD];
    SignalSet::of(&fixed) | Signal::real_time(1).into_iter().collect()
}

fn say(line: impl std::fmt::Display) {
    println!("{line}");
    io::stdout().flush().expect("the test reads");
}

fn raise(signal: Signal) -> Outcome {
    Ok(kill(process::id().try_into()?, signal)?)
}

/// Signals come while nobody looks; then one look sees them all, and the next sees none.
fn burst(mut source: Source) -> Outcome {
    say("ready");
    // With the pipe, this read is interrupted a thousand times, and restarted: SA_RESTART.
    io::stdin().lock().read_line(&mut String::new())?;
    say(readable(&source)?);
    say(format_args!("{:?}", source.pending()?));
    say(readable(&source)?);
    say(format_args!("{:?}", source.pending()?));
    Ok(())
}

fn readable(source: &impl std::os::fd::AsFd) -> Outcome<bool> {
    let ready = poll(&mut [PollFd::new(source.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)?;
    Ok(ready > 0)
}

/// Looks all the time while signals come.
fn live(mut source: Source) -> Outcome {
    say("ready");
    let mut seen = SignalSet::EMPTY;
    while !seen.contains(Signal::TERM) {
        seen |= source.wait(Some(LONG))?;
    }
    say(format_args!("{seen:?}"));
    Ok(())
}

/// The mask before, while and after; with one signal blocked and one not, by somebody else.
fn masks(open: impl Fn(SignalSet) -> Result<Source, ph_signal::source::SourceError>) -> Outcome {
    mask::set_mask(Signal::USR1.into());
    let source = open(SignalSet::of(&[Signal::USR1, Signal::USR2]))?;
    say(format_args!("while {:?}", mask::current_mask()));
    // Somebody's change to another signal, in between, is not undone.
    mask::block(Signal::HUP.into());
    drop(source);
    say(format_args!("after {:?}", mask::current_mask()));
    Ok(())
}

/// What is pending at the drop of a source, and was never read, is not lost.
fn dropped(open: impl Fn(SignalSet) -> Result<Source, ph_signal::source::SourceError>) -> Outcome {
    let mut outer = open(Signal::USR1.into())?;
    match open(Signal::USR1.into()) {
        // The sole one has to go before there can be another.
        Err(ph_signal::source::SourceError::NotSole) => {
            drop(outer);
            outer = open(Signal::USR1.into())?;
            raise(Signal::USR1)?;
        }
        inner => {
            let inner = inner?;
            raise(Signal::USR1)?;
            drop(inner);
        }
    }
    say(format_args!("{:?}", outer.wait(Some(LONG))?));
    Ok(())
}

/// A process may be born with SIGCHLD ignored.
fn ignored_chld(
    open: impl Fn(SignalSet) -> Result<Source, ph_signal::source::SourceError>,
) -> Outcome {
    disposition::ignore(Signal::CHLD)?;
    let mut source = open(Signal::CHLD.into())?;
    let child = Command::new("true").spawn()?;
    say(format_args!("{:?}", source.wait(Some(LONG))?));
    say(waitpid(nix::unistd::Pid::from_raw(child.id().try_into()?), None).is_ok());
    Ok(())
}

fn timeout(mut source: Source) -> Outcome {
    let began = std::time::Instant::now();
    say(format_args!("{:?}", source.wait(Some(BRIEF))?));
    say(began.elapsed() >= BRIEF && began.elapsed() < LONG);
    raise(Signal::USR1)?;
    say(format_args!("{:?}", source.wait(None)?));
    Ok(())
}

/// The descriptors do not reach an executed program: neither the source's own nor, for the pipe, the other
/// end, which has the same name.
fn across_exec(source: &Source) -> Outcome {
    let name = fs::read_link(format!("/proc/self/fd/{}", source.as_raw_fd()))?;
    let listing = Command::new("ls").args(["-l", "/proc/self/fd"]).output()?;
    let listing = String::from_utf8(listing.stdout)?;
    say(listing.contains("/dev/null") && !listing.contains(&*name.to_string_lossy()));
    Ok(())
}

/// Forks; the child runs `child` and exits with its verdict, or dies of a signal.
fn in_child(child: impl FnOnce() -> Outcome<bool>) -> Outcome<WaitStatus> {
    // SAFETY: this process has one thread, so the child may do whatever its parent may.
    match unsafe { fork() }? {
        ForkResult::Child => exit(i32::from(!child().unwrap_or(false))),
        ForkResult::Parent { child } => Ok(waitpid(child, None)?),
    }
}

fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exit {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("killed by {signal:?}"),
        other => format!("{other:?}"),
    }
}

/// A signal to the child must not wake the parent, and one to the parent still does.
fn shared_with_a_child(mut source: Source) -> Outcome {
    let status = in_child(|| raise(Signal::USR1).map(|()| true))?;
    say(describe(status));
    say(format_args!("{} {:?}", readable(&source)?, source.wait(Some(BRIEF))?));
    raise(Signal::USR1)?;
    say(format_args!("{:?}", source.wait(Some(LONG))?));
    Ok(())
}

/// The clean slate: dispositions, the exception, and the mask, each in a child of its own.
fn reset(_source: Source) -> Outcome {
    disposition::ignore(Signal::ALRM)?;
    disposition::ignore(Signal::PROF)?;
    let guard = MaskGuard::block_all();
    let ignored = kernels_view("SigIgn");
    say(format_args!("blocked: {}, ignored: {ignored:?}", kernels_view("SigBlk").len()));
    let clean = |keep| {
        disposition::reset_for_child(keep);
        mask::set_mask(SignalSet::EMPTY);
    };
    for signal in [Signal::USR1, Signal::ALRM, Signal::PIPE, Signal::PROF] {
        let status = in_child(|| {
            clean(Signal::PROF.into());
            raise(signal).map(|()| true)
        })?;
        say(format_args!("{signal}: {}", describe(status)));
    }
    let status = in_child(|| {
        clean(SignalSet::EMPTY);
        let left = ["SigBlk", "SigIgn", "SigCgt"].map(kernels_view);
        say(format_args!("left: {left:?}"));
        Ok(true)
    })?;
    say(describe(status));
    drop(guard);
    Ok(())
}

/// A field of proc(5), but for the C library's own signals: glibc starts programs with those ignored, and
/// lets nobody change it.
fn kernels_view(field: &str) -> SignalSet {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    let bits = u64::from_str_radix(line.expect("proc(5) lists it"), 16).expect("in hexadecimal");
    SignalSet::from_bits(bits).iter().filter(|signal| !signal.is_reserved()).collect()
}

/// A child with a clean slate opens a source of its own, though the parent had one already.
fn a_source_of_its_own(
    open: impl Fn(SignalSet) -> Result<Source, ph_signal::source::SourceError>,
) -> Outcome {
    let source = open(watched())?;
    let status = in_child(|| {
        disposition::reset_for_child(SignalSet::EMPTY);
        mask::set_mask(SignalSet::EMPTY);
        let mut own = open(watched())?;
        raise(Signal::USR2)?;
        let seen = own.wait(Some(LONG))?;
        // A handler that was put back restarts what it interrupts, as it did before.
        let script = "sleep 0.1; kill -USR2 $PPID; sleep 0.1; echo done";
        let mut peer = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn()?;
        let length = peer.stdout.take().ok_or("it is piped")?.read(&mut [0; 16])?;
        peer.wait()?;
        Ok(seen == Signal::USR2.into() && length == 5 && own.pending()?.contains(Signal::USR2))
    })?;
    drop(source);
    say(describe(status));
    Ok(())
}
