//! Where a generation is to listen, as its settings say, with names resolved.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ph_config::Settings;
use ph_config::value::bind::{Bind, Host};
use ph_config::value::choice::Accept;
use serde::{Deserialize, Serialize};

use super::{Address, Bundle, ListenError, Listener, SocketFile, SocketFileError, tcp};
use crate::sys::resolver::Answers;

/// Where to listen, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    wanted: Vec<Wanted>,
    /// Whether each slot is to have TCP listeners of its own.
    own: bool,
    reuse_port: bool,
    backlog: u32,
    unix_mode: u32,
    /// The user and group whose the file of the Unix socket is to be; none for the master's own.
    unix_owner: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wanted {
    /// The key with its value, for messages.
    key: String,
    address: Address,
}

/// The name that needs no look-up.
const LOCALHOST: &str = "localhost";

impl Plan {
    /// The names of hosts that have to be resolved first.
    pub fn names(settings: &Settings) -> Vec<String> {
        let name = |bind: &Bind| match &bind.host {
            Host::Name(name) if name != LOCALHOST => Some(name.clone()),
            _ => None,
        };
        settings.bind.iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What these settings ask for, with what their names were resolved to.
    pub fn new(settings: &Settings, answers: &Answers) -> Result<Self, ListenError> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for bind in &settings.bind {
            let (address, key) = resolve(bind, answers)?;
            let address = Address::Tcp(address);
            // Of port 0 each one is another.
            if bind.port != 0 && wanted.iter().any(|other| other.address == address) {
                let reason = format!("{key}: it is there twice; leave one of the two out");
                return Err(ListenError::Config(reason));
            }
            wanted.push(Wanted { key, address });
        }
        if let Some(path) = &settings.unix_socket {
            let key = format!("unix_socket = {}", path.display());
            wanted.push(Wanted { key, address: Address::Unix(path.clone()) });
        }
        Ok(Self {
            wanted,
            own: settings.accept == Accept::Reuseport,
            reuse_port: settings.reuse_port,
            backlog: settings.backlog,
            unix_mode: settings.unix_socket_mode,
            unix_owner: None,
        })
    }

    /// The same, with the Unix socket's file given to this user and group.
    #[must_use]
    pub fn owned_by(self, unix_owner: Option<(u32, u32)>) -> Self {
        Self { unix_owner, ..self }
    }

    /// A listener for each wanted address, in their order: one that is `at_hand`, or else a new one; but for those of
    /// which each slot has its own. Then those that were handed over and that nobody asked for. After an error nothing
    /// has changed.
    pub fn open(&self, at_hand: &[Arc<Listener>]) -> Result<Vec<Arc<Listener>>, ListenError> {
        let mut free: Vec<&Arc<Listener>> = at_hand.iter().collect();
        let mut listeners = Vec::with_capacity(self.wanted.len());
        for wanted in &self.wanted {
            let found = free.iter().position(|listener| listener.answers(&wanted.address));
            listeners.push(match (found, &wanted.address) {
                (Some(place), _) => Arc::clone(free.remove(place)),
                (None, Address::Tcp(_)) if self.own => continue,
                (None, _) => Arc::new(self.open_one(wanted)?),
            });
        }
        listeners.extend(free.into_iter().filter(|one| one.is_inherited()).cloned());
        Ok(listeners)
    }

    /// A bundle for each wanted address of which each slot has its own, unless there is one or the address is among
    /// the `listeners` for all.
    pub(crate) fn open_bundles(
        &self,
        listeners: &[Arc<Listener>],
        there: &[Bundle],
    ) -> Result<Vec<Bundle>, ListenError> {
        let mut free: Vec<&Bundle> = there.iter().collect();
        let mut bundles = Vec::new();
        for Wanted { key, address } in self.wanted.iter().filter(|_| self.own) {
            let Address::Tcp(asked) = address else { continue };
            if let Some(place) = free.iter().position(|bundle| bundle.answers(address)) {
                free.remove(place);
            } else if !listeners.iter().any(|listener| listener.answers(address)) {
                bundles.push(Bundle::open(key, *asked, self.reuse_port, self.backlog)?);
            }
        }
        Ok(bundles)
    }

    /// Whether a bundle's address is one of those.
    pub(crate) fn wants(&self, bundle: &Bundle) -> bool {
        self.own && self.wanted.iter().any(|wanted| bundle.answers(&wanted.address))
    }

    /// How many connections wait at most.
    pub(crate) fn backlog(&self) -> u32 {
        self.backlog
    }

    /// Brings listeners that were at hand in line with this plan. What can't be is told by the log: they listen.
    pub fn adjust(&self, listeners: &[Arc<Listener>]) {
        for listener in listeners {
            if let Err(error) = listener.adjust(self.backlog, self.unix_mode, self.unix_owner) {
                tracing::warn!(address = %listener.address(), %error, "a listener stays as it was");
            }
        }
    }

    /// Whether an address is in both, and `reuse_port` isn't the same: sockets that listen can't follow that.
    pub fn contradicts(&self, other: &Self) -> bool {
        let is_tcp = |wanted: &&Wanted| matches!(wanted.address, Address::Tcp(_));
        let mut shared = self.wanted.iter().filter(is_tcp);
        self.reuse_port != other.reuse_port
            && shared.any(|mine| other.wanted.iter().any(|its| its.address == mine.address))
    }

    fn open_one(&self, wanted: &Wanted) -> Result<Listener, ListenError> {
        match &wanted.address {
            Address::Tcp(asked) => {
                let key = wanted.key.clone();
                let opened = tcp::open(*asked, self.reuse_port, self.backlog);
                let (fd, address) = opened.map_err(|source| ListenError::Tcp { key, source })?;
                Ok(Listener::tcp(fd, *asked, address))
            }
            Address::Unix(path) => {
                let (mode, backlog) = (self.unix_mode, self.backlog);
                let (fd, file) = SocketFile::listen("unix_socket =", path, mode, backlog)?;
                if let Some(owner) = self.unix_owner {
                    file.give_to(owner).map_err(|source| SocketFileError::System {
                        what: "unix_socket =",
                        path: path.clone(),
                        source,
                    })?;
                }
                Ok(Listener::unix(fd, file))
            }
        }
    }
}

/// The address, and the key as messages show it.
fn resolve(bind: &Bind, answers: &Answers) -> Result<(SocketAddr, String), ListenError> {
    let key = format!("bind = {bind}");
    let ip: IpAddr = match &bind.host {
        Host::V4(ip) => (*ip).into(),
        Host::V6(ip) => (*ip).into(),
        Host::Name(name) if name == LOCALHOST => Ipv4Addr::LOCALHOST.into(),
        Host::Name(name) => {
            let reason = match answers.hosts.get(name) {
                Some(Ok(address)) => {
                    let mut address = *address;
                    address.set_port(bind.port);
                    return Ok((address, format!("{key} ({address})")));
                }
                Some(Err(reason)) => reason.as_str(),
                None => "it was not looked up",
            };
            return Err(ListenError::Config(format!("{key}: cannot resolve {name}: {reason}")));
        }
    };
    Ok((SocketAddr::new(ip, bind.port), key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd as _, AsRawFd as _};

    fn plan(pairs: &[(&'static str, &'static str)]) -> Result<Plan, ListenError> {
        let settings = Settings::without_file("app", "/srv", pairs.iter().copied()).unwrap();
        let here = ("here.example".to_owned(), Ok("127.0.0.1:0".parse().unwrap()));
        let gone = ("gone.example".to_owned(), Err("nobody knows it".to_owned()));
        let answers = Answers { hosts: [here, gone].into(), ..Answers::default() };
        Plan::new(&settings, &answers)
    }

    fn numbers(listeners: &[Arc<Listener>]) -> Vec<i32> {
        listeners.iter().map(|listener| listener.as_fd().as_raw_fd()).collect()
    }

    #[test]
    fn names_are_looked_up_once_and_literals_not_at_all() {
        let binds = "localhost:1, b.example:1, a.example:1, B.example:2, [::1]:1, 127.0.0.1:2";
        let settings = Settings::without_file("app", "/srv", [("bind", binds)]).unwrap();
        assert_eq!(Plan::names(&settings), ["a.example", "b.example"]);
    }

    #[test]
    fn a_name_without_an_address_is_told_with_its_key() {
        let error = plan(&[("bind", "gone.example:80")]).unwrap_err().to_string();
        assert_eq!(error, "bind = gone.example:80: cannot resolve gone.example: nobody knows it");
    }

    #[test]
    fn an_address_stands_once_whatever_it_is_called() {
        let error = plan(&[("bind", "localhost:80, here.example:80")]).unwrap_err().to_string();
        assert!(error.starts_with("bind = here.example:80 (127.0.0.1:80): "), "{error}");
        assert!(plan(&[("bind", "localhost:0, here.example:0")]).is_ok());
    }

    #[test]
    fn what_is_in_both_plans_keeps_its_socket_and_its_port() {
        let first = plan(&[("bind", "127.0.0.1:0, localhost:0")]).unwrap().open(&[]).unwrap();
        let ports: Vec<String> = first.iter().map(|one| one.address().to_string()).collect();
        assert!(ports.iter().all(|port| !port.ends_with(":0")) && ports[0] != ports[1]);
        let same = plan(&[("bind", "localhost:0, here.example:0")]).unwrap().open(&first).unwrap();
        assert_eq!(numbers(&same), numbers(&first));
        let less = plan(&[("bind", "127.0.0.1:0, [::1]:0")]).unwrap().open(&same).unwrap();
        assert_eq!(numbers(&less)[0], numbers(&first)[0]);
        assert_ne!(numbers(&less)[1], numbers(&first)[1]);
    }

    #[test]
    fn a_chosen_port_may_be_named_afterwards() {
        let first = plan(&[("bind", "127.0.0.1:0")]).unwrap().open(&[]).unwrap();
        let Address::Tcp(address) = first[0].address() else { panic!("{first:?}") };
        let text = address.to_string();
        let settings = Settings::without_file("app", "/srv", [("bind", text.as_str())]).unwrap();
        let named = Plan::new(&settings, &Answers::default()).unwrap().open(&first).unwrap();
        assert_eq!(numbers(&named), numbers(&first));
    }

    #[test]
    fn sockets_that_listen_do_not_follow_reuse_port() {
        let without = plan(&[("bind", "127.0.0.1:80")]).unwrap();
        let with = plan(&[("bind", "127.0.0.1:80"), ("reuse_port", "true")]).unwrap();
        let elsewhere = plan(&[("bind", "127.0.0.1:81"), ("reuse_port", "true")]).unwrap();
        assert!(with.contradicts(&without) && without.contradicts(&with));
        assert!(!with.contradicts(&with) && !elsewhere.contradicts(&without));
    }

    #[test]
    fn a_taken_address_is_refused_unless_both_share_it() {
        let open = |plan: &Plan| plan.open(&[]).map(|listeners| listeners[0].address().clone());
        let held = plan(&[("bind", "127.0.0.1:0")]).unwrap().open(&[]).unwrap();
        let Address::Tcp(address) = held[0].address() else { panic!("{held:?}") };
        let text = address.to_string();
        let settings = Settings::without_file("app", "/srv", [("bind", text.as_str())]).unwrap();
        let taken = Plan::new(&settings, &Answers::default()).unwrap();
        let error = open(&taken).unwrap_err().to_string();
        assert!(error.starts_with(&format!("bind = {text}: address in use")), "{error}");
        drop(held);
        let shared = Plan { reuse_port: true, ..taken };
        let one = shared.open(&[]).unwrap();
        assert_eq!(open(&shared).unwrap(), *one[0].address());
    }

    #[test]
    fn connections_that_wait_are_counted() {
        let listeners = plan(&[("bind", "127.0.0.1:0, [::1]:0")]).unwrap().open(&[]).unwrap();
        for listener in &listeners {
            let Address::Tcp(address) = listener.address() else { panic!("{listener:?}") };
            for count in 0..3 {
                assert_eq!(listener.waiting(), Some(count));
                // The kernel has it in the queue before `connect` returns.
                std::mem::forget(std::net::TcpStream::connect(address).unwrap());
            }
        }
    }
}
