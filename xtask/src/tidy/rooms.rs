//! What may be said only in some rooms: `unsafe` where the kernel demands it, and in the pure parts
//! no word that would make them impure.

use super::Finding;
use super::source::Source;

/// Where `unsafe` may stand.
const UNSAFE_ROOMS: [&str; 2] = ["ph-core/src/sys/", "ph-signal/"];

/// A part of the repository, the words that its code never says, and why.
struct Absence {
    under: &'static str,
    /// The one file to which that does not apply.
    except: Option<&'static str>,
    words: &'static [&'static str],
    why: &'static str,
}

const ABSENCES: [Absence; 7] = [
    Absence {
        under: "ph-core/src/",
        except: None,
        words: &["std::thread", "thread::spawn", "tokio"],
        why: "the master has one thread",
    },
    Absence {
        under: "ph-core/src/",
        except: Some("ph-core/src/sys/resolver.rs"),
        words: &["ToSocketAddrs", "to_socket_addrs", "getaddrinfo"],
        why: "the master resolves no name; its resolver does",
    },
    Absence {
        under: "ph-core/src/arbiter",
        except: None,
        words: &[
            "Instant::now",
            "SystemTime",
            "std::process",
            "nix::",
            "libc::",
            "rustix::",
            "crate::sys",
            "crate::master",
            "tracing::",
        ],
        why: "the arbiter decides; it reads no clock and touches no process",
    },
    Absence {
        under: "ph-config/src/",
        except: None,
        words: &["std::process", "Command::new", "nix::", "libc::", "rustix::"],
        why: "ph-config touches no process",
    },
    Absence {
        under: "ph-rpc/src/",
        except: None,
        words: &["std::process", "Command::new", "fork("],
        why: "ph-rpc touches no process",
    },
    Absence {
        under: "ph-leader/src/",
        except: None,
        words: &["std::process", "Command::new", "fork("],
        why: "ph-leader touches no process",
    },
    Absence {
        under: "ph-leader/src/election/",
        except: None,
        words: &["Instant::now", "SystemTime", "std::thread", "nix::", "libc::", "std::fs"],
        why: "an election decides; it reads no clock and asks nobody",
    },
];

pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = unsafe_outside(source);
    findings.extend(unguarded_root(source));
    let tests = source.test_parts();
    let applies = |absence: &&Absence| {
        source.path.starts_with(absence.under) && absence.except != Some(source.path)
    };
    for absence in ABSENCES.iter().filter(applies) {
        for word in absence.words {
            let places = Source::words(&source.code, word)
                .filter(|at| !tests.iter().any(|part| part.contains(at)));
            findings.extend(
                places.map(|at| source.finding(at, format!("`{word}` here: {}", absence.why))),
            );
        }
    }
    findings
}

fn unsafe_outside(source: &Source<'_>) -> Vec<Finding> {
    if UNSAFE_ROOMS.iter().any(|room| source.path.starts_with(room)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for at in Source::words(&source.code, "unsafe") {
        findings
            .push(source.finding(at, "`unsafe` lives in ph-core/src/sys/ and ph-signal/ alone"));
    }
    for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        for (at, _) in source.code.match_indices(opening) {
            let attribute = source.attribute(at);
            let opens_a_room = opens_a_room(source, at + attribute.len());
            if Source::words(attribute, "unsafe_code").next().is_some() && !opens_a_room {
                findings.push(
                    source.finding(at, "`unsafe_code` may be allowed for a room of it alone"),
                );
            }
        }
    }
    findings
}

/// The one door: ph-core's root lets its module `sys` be what it is for.
fn opens_a_room(source: &Source<'_>, after: usize) -> bool {
    let item = source.code[after..].trim_start();
    let item =
        item.strip_prefix("pub(crate) ").or_else(|| item.strip_prefix("pub ")).unwrap_or(item);
    source.path == "ph-core/src/lib.rs" && item.starts_with("mod sys;")
}

/// The compiler keeps the rule for every library: forbidden, and in ph-core denied outside its
/// room. In ph-signal the whole crate is the room.
fn unguarded_root(source: &Source<'_>) -> Option<Finding> {
    let guard = match source.path {
        "ph-signal/src/lib.rs" => return None,
        "ph-core/src/lib.rs" => "#![deny(unsafe_code)]",
        path if path == "src/lib.rs"
            || (path.ends_with("/src/lib.rs") && path.matches('/').count() == 2) =>
        {
            "#![forbid(unsafe_code)]"
        }
        _ => return None,
    };
    (!source.code.contains(guard))
        .then(|| Finding::new(source.path, 1, format!("the crate must say `{guard}`")))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Source;

    fn says(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text)).into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn unsafe_has_its_rooms() {
        let text = "fn a() { unsafe { b() } } // unsafe\n";
        assert!(says("ph-core/src/sys/fork.rs", text).is_empty());
        assert!(says("ph-signal/src/sys.rs", text).is_empty());
        assert!(says("ph-signal/tests/support/fixture.rs", text).is_empty());
        assert_eq!(says("ph-core/src/master/mod.rs", text).len(), 1);
        assert_eq!(
            says("tests/src/bin/fixture.rs", "#[unsafe(no_mangle)] extern \"C\" fn f() {}").len(),
            1
        );
        assert!(
            says("ph-worker/src/job.rs", "// unsafe\nconst A: &str = \"unsafe\";\n").is_empty()
        );
    }

    #[test]
    fn unsafe_code_is_allowed_for_the_room_alone() {
        let door =
            "#![deny(unsafe_code)]\n#[expect(unsafe_code, reason = \"the room\")]\npub mod sys;\n";
        assert!(says("ph-core/src/lib.rs", door).is_empty());
        assert_eq!(says("ph-core/src/lib.rs", &door.replace("sys", "master")).len(), 1);
        assert_eq!(says("ph-worker/src/job.rs", "#![allow(unsafe_code)]").len(), 1);
    }

    #[test]
    fn a_library_forbids_it_at_its_root() {
        assert!(says("ph-cli/src/lib.rs", "#![forbid(unsafe_code)]").is_empty());
        assert_eq!(says("ph-cli/src/lib.rs", "// #![forbid(unsafe_code)]").len(), 1);
        assert_eq!(says("src/lib.rs", "").len(), 1);
        assert_eq!(says("ph-core/src/lib.rs", "#![forbid(unsafe_code)]").len(), 1);
        assert!(says("ph-core/src/log/lib.rs", "").is_empty());
    }

    #[test]
    fn the_master_has_one_thread() {
        assert_eq!(says("ph-core/src/master/mod.rs", "use std::thread;").len(), 1);
        assert!(says("ph-core/src/master/mod.rs", "// no std::thread here\n").is_empty());
        assert!(
            says("ph-core/src/log/mod.rs", "#[cfg(test)]\nmod tests { use std::thread; }")
                .is_empty()
        );
        assert!(
            says("ph-worker/src/lib.rs", "#![forbid(unsafe_code)] use std::thread;").is_empty()
        );
    }

    #[test]
    fn only_the_resolver_looks_names_up() {
        let text = "use std::net::ToSocketAddrs;";
        assert_eq!(says("ph-core/src/master/mod.rs", text).len(), 1);
        assert!(says("ph-core/src/sys/resolver.rs", text).is_empty());
        assert_eq!(says("ph-core/src/sys/resolver.rs", "use std::thread;").len(), 1);
    }

    #[test]
    fn the_arbiter_is_pure() {
        for word in
            ["Instant::now()", "nix::unistd::getpid()", "crate::sys::fork()", "tracing::info!()"]
        {
            assert_eq!(
                says("ph-core/src/arbiter/mod.rs", &format!("fn a() {{ {word}; }}")).len(),
                1,
                "{word}"
            );
        }
        assert!(says("ph-core/src/arbiter/mod.rs", "fn a(now: Instant) {}").is_empty());
        assert!(says("ph-core/src/master/mod.rs", "fn a() { Instant::now(); }").is_empty());
    }
}
