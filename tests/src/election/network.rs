//! A network that nobody else is in, with a line of its own from each master to each member of the etcd.
//!
//! All of it is one loopback device. A line is an address that the member listens on for one master alone, so a rule of
//! the routing table about that address cuts this line and no other. It needs root, and `ip` of iproute2.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};

/// A network namespace: that of the thread that made it, and of all threads and processes that it starts from then on. It is
/// gone with the last of them.
#[derive(Debug)]
pub struct Network {
    cuts: RefCell<BTreeSet<(Ipv4Addr, Cut)>>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// What the master sends arrives; no answer comes back, and it is not told why.
    Silent,
    /// There is no way to the member, and the master is told so at once if it tries anew.
    Loud,
}

impl Cut {
    fn rule(self, line: Ipv4Addr) -> String {
        match self {
            // The member answers from the address that it was asked at.
            Self::Silent => format!("pref 10 from {line} blackhole"),
            Self::Loud => format!("pref 10 to {line} unreachable"),
        }
    }
}

/// Where a member listens for one of the masters.
#[must_use]
pub fn line(master: usize, member: usize) -> Ipv4Addr {
    let [master, member] = [master, member].map(|number| u8::try_from(number + 1).unwrap());
    Ipv4Addr::new(127, 0, master, member)
}

impl Network {
    /// Takes the calling thread into a new one.
    #[track_caller]
    pub fn enter() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network of one's own needs root");
        ip("link set lo up");
        // What is here is looked up first of all, and no rule can come before it, unless it comes later.
        ip("rule add pref 100 lookup local");
        ip("rule del pref 0");
        Self { cuts: RefCell::default() }
    }

    /// Cuts lines of one master.
    #[track_caller]
    pub fn cut(&self, master: usize, members: impl IntoIterator<Item = usize>, cut: Cut) {
        for member in members {
            let line = line(master, member);
            if self.cuts.borrow_mut().insert((line, cut)) {
                ip(&format!("rule add {}", cut.rule(line)));
            }
        }
    }

    /// Mends whatever was cut.
    #[track_caller]
    pub fn mend(&self) {
        for (line, cut) in self.cuts.take() {
            ip(&format!("rule del {}", cut.rule(line)));
        }
    }
}

#[track_caller]
fn ip(words: &str) {
    let mut command = Command::new("ip");
    command.args(words.split(' ')).stdin(Stdio::null());
    let output = command.output().expect("ip is on PATH (apt-get install iproute2)");
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::{Cut, Network, line};

    /// Both ends of a connection over a line.
    fn connect(listener: &TcpListener) -> std::io::Result<(TcpStream, TcpStream)> {
        let address: SocketAddr = listener.local_addr()?;
        let near = TcpStream::connect_timeout(&address, Duration::from_millis(200))?;
        near.set_read_timeout(Some(Duration::from_millis(200)))?;
        let (far, _) = listener.accept()?;
        Ok((near, far))
    }

    fn echo((near, far): &mut (TcpStream, TcpStream)) -> std::io::Result<()> {
        near.write_all(b"?")?;
        far.read_exact(&mut [0])?;
        far.write_all(b"!")?;
        near.read_exact(&mut [0])
    }

    #[test]
    fn a_line_is_cut_and_mended_and_the_others_are_left_alone() {
        let network = Network::enter();
        let listen = |master, member| TcpListener::bind((line(master, member), 80)).unwrap();
        let (listener, other) = (listen(0, 1), listen(1, 1));
        for cut in [Cut::Silent, Cut::Loud] {
            let (mut old, mut untouched) = (connect(&listener).unwrap(), connect(&other).unwrap());
            old.1.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            echo(&mut old).unwrap();
            network.cut(0, [1, 2], cut);
            assert_eq!(echo(&mut old).unwrap_err().kind(), ErrorKind::WouldBlock, "{cut:?}");
            let error = connect(&listener).unwrap_err().kind();
            let told = matches!(error, ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable);
            assert_eq!(told, cut == Cut::Loud, "{cut:?}: {error:?}");
            echo(&mut untouched).unwrap();
            echo(&mut connect(&other).unwrap()).unwrap();

            network.mend();
            echo(&mut connect(&listener).unwrap()).unwrap();
        }
    }
}
