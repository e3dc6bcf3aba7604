//! Calls to a cluster: one member after the other, as a user, within a time.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use super::error::EtcdError;
use super::message::{Authenticate, Authenticated, Refusal};
use crate::store::StoreError;

/// No answer to what is asked here is near that size.
const LARGEST: u64 = 64 * 1024;
/// No member is waited for for less.
const LEAST: Duration = Duration::from_millis(50);

/// gRPC's numbers for what is told apart here.
mod code {
    pub(super) const INVALID_ARGUMENT: u32 = 3;
    pub(super) const NOT_FOUND: u32 = 5;
    pub(super) const FAILED_PRECONDITION: u32 = 9;
    pub(super) const UNAVAILABLE: u32 = 14;
    pub(super) const UNAUTHENTICATED: u32 = 16;
}

#[derive(Debug, Clone)]
pub(super) struct Gateway {
    agent: Agent,
    /// Without a path.
    urls: Vec<String>,
    /// The one that is asked first.
    current: usize,
    user: Option<(String, String)>,
    /// What etcd gave us to be known by.
    token: Option<String>,
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// What the call is about does not exist.
    NotFound,
    /// Another member may do better.
    Elsewhere(StoreError),
    /// Whoever is asked, it will be the same.
    Here(StoreError),
    /// What we are known by is not known any more.
    Stranger(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Here(error)
    }
}

impl Failure {
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::NotFound => StoreError::Nonsense("etcd does not find what is there".to_owned()),
            Self::Elsewhere(error) | Self::Here(error) | Self::Stranger(error) => error,
        }
    }
}

impl Gateway {
    pub(super) fn new<E: AsRef<str>>(endpoints: &[E]) -> Result<Self, EtcdError> {
        let urls = endpoints.iter().map(|endpoint| url(endpoint.as_ref()));
        let urls = urls.collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return Err(EtcdError::NoEndpoint);
        }
        Ok(Self { agent: agent(config()), urls, current: 0, user: None, token: None })
    }

    pub(super) fn set_user(&mut self, name: String, password: String) {
        self.user = Some((name, password));
        self.token = None;
    }

    #[cfg(feature = "tls")]
    pub(super) fn set_tls(&mut self, tls: ureq::tls::TlsConfig) {
        self.agent = agent(config().tls_config(tls));
        for url in &mut self.urls {
            if !url.contains("://") {
                url.insert_str(0, "https://");
            }
        }
    }

    /// Calls `/v3/PATH`.
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Failure> {
        let end = Instant::now() + within;
        // With one member alone, a connection that it has closed meanwhile is still no reason to fail.
        let tries = self.urls.len().max(2);
        let mut last = None;
        for tried in 0..tries {
            let members = self.urls.len().saturating_sub(tried).max(1);
            let share = end.saturating_duration_since(Instant::now()) / members as u32;
            if share < LEAST && last.is_some() {
                break;
            }
            match self.call_current(path, body, share.max(LEAST)) {
                Err(Failure::Elsewhere(error)) => {
                    last = Some(error);
                    self.rotate();
                }
                other => return other,
            }
        }
        let error = last.expect("it was tried");
        Err(Failure::Elsewhere(match (error, self.urls.len()) {
            (StoreError::Unreachable(what), many @ 2..) => StoreError::Unreachable(format!(
                "none of etcd's {many} members answers; the last: {what}"
            )),
            (error, _) => error,
        }))
    }

    /// Turns to the next member.
    pub(super) fn rotate(&mut self) {
        self.current = (self.current + 1) % self.urls.len();
    }

    /// An answer that is read as it comes, from the current member.
    pub(super) fn stream(
        &mut self,
        path: &str,
        body: &impl Serialize,
        header_within: Duration,
        within: Duration,
    ) -> Result<ureq::BodyReader<'static>, Failure> {
        self.sign_in(header_within)?;
        let request = self
            .request(path)
            .config()
            .timeout_connect(Some(header_within))
            .timeout_recv_response(Some(header_within))
            .timeout_global(Some(within))
            .build();
        let response = request.send(json(body)).map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response.into_body().into_reader());
        }
        let mut refusal = Vec::new();
        let status = response.status().as_u16();
        let read = response.into_body().into_reader().take(LARGEST).read_to_end(&mut refusal);
        read.map_err(|error| self.unreachable(error.into()))?;
        Err(self.refused(path, status, &refusal))
    }

    fn call_current<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Failure> {
        let end = Instant::now() + within;
        self.sign_in(within)?;
        let left = || end.saturating_duration_since(Instant::now()).max(LEAST);
        match self.post(path, body, left()) {
            // It forgets whom it knows after some minutes, and when somebody's rights have changed.
            Err(Failure::Stranger(_)) if self.user.is_some() => {
                self.token = None;
                self.sign_in(left())?;
                self.post(path, body, left())
            }
            other => other,
        }
    }

    fn sign_in(&mut self, within: Duration) -> Result<(), Failure> {
        let Some((name, password)) = self.user.as_ref().filter(|_| self.token.is_none()) else {
            return Ok(());
        };
        let authenticate = Authenticate { name, password };
        match self.post::<Authenticated>("auth/authenticate", &authenticate, within) {
            Ok(answer) => self.token = Some(answer.token),
            // It asks nobody for a name, so it takes us without.
            Err(Failure::Here(StoreError::Refused(what))) if what.contains("is not enabled") => {
                self.token = Some(String::new());
            }
            Err(other) => return Err(other),
        }
        Ok(())
    }

    fn request(&self, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
        let base = &self.urls[self.current];
        let scheme = if base.contains("://") { "" } else { "http://" };
        let request = self.agent.post(format!("{scheme}{base}/v3/{path}"));
        let request = request.header("content-type", "application/json");
        match self.token.as_deref() {
            Some(token) if !token.is_empty() => request.header("authorization", token),
            _ => request,
        }
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Failure> {
        let request = self.request(path).config().timeout_global(Some(within)).build();
        let mut response = request.send(json(body)).map_err(|error| self.unreachable(error))?;
        let limited = response.body_mut().with_config().limit(LARGEST).read_to_vec();
        let bytes = limited.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                self.nonsense(&format!("its answer is larger than {} KiB", LARGEST / 1024))
            }
            error => self.unreachable(error),
        })?;
        if !response.status().is_success() {
            return Err(self.refused(path, response.status().as_u16(), &bytes));
        }
        self.parse(&bytes)
    }

    /// The first value: where etcd streams, more may follow.
    fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Failure> {
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
        values.next().and_then(Result::ok).ok_or_else(|| {
            let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            self.nonsense(&format!("it answers {begin:?}, which is not what was asked for"))
        })
    }

    fn refused(&self, path: &str, status: u16, bytes: &[u8]) -> Failure {
        let url = &self.urls[self.current];
        let Ok(refusal) = serde_json::from_slice::<Refusal>(bytes) else {
            let begin =
                String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).trim_end().to_owned();
            return self
                .nonsense(&format!("it answers /v3/{path} with status {status} and {begin:?}"));
        };
        let code = refusal.code;
        let said = refusal.sentence();
        match code {
            code::NOT_FOUND => Failure::NotFound,
            code::UNAUTHENTICATED => Failure::Stranger(StoreError::Refused(format!(
                "etcd at {url} does not know us: {said}"
            ))),
            code::INVALID_ARGUMENT if said.contains("authentication failed") => {
                let name = self.user.as_ref().map_or("", |(name, _)| name);
                Failure::Here(StoreError::Refused(format!(
                    "etcd at {url} does not take the name and password of the user {name:?}"
                )))
            }
            // Said of a user whose name is missing.
            code::INVALID_ARGUMENT if said.contains("user name is empty") => {
                Failure::Here(StoreError::Refused(format!(
                    "etcd at {url} asks for a user; give it a name and a password"
                )))
            }
            // Among others: what we are known by is from before a change of somebody's rights.
            code::INVALID_ARGUMENT | code::FAILED_PRECONDITION
                if said.contains("revision of auth") =>
            {
                Failure::Stranger(StoreError::Refused(format!(
                    "etcd at {url} does not know us: {said}"
                )))
            }
            code::UNAVAILABLE | 0 => {
                Failure::Elsewhere(StoreError::Unreachable(format!("etcd at {url}: {said}")))
            }
            // gRPC's other numbers for a call that took too long, or went wrong inside.
            1 | 2 | 4 | 13 => {
                Failure::Elsewhere(StoreError::Unreachable(format!("etcd at {url}: {said}")))
            }
            _ => Failure::Here(StoreError::Refused(format!("etcd at {url} refuses: {said}"))),
        }
    }

    fn unreachable(&self, error: ureq::Error) -> Failure {
        let url = &self.urls[self.current];
        let why = match error {
            ureq::Error::Timeout(_) => "it does not answer in time".to_owned(),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                "it does not answer in time".to_owned()
            }
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::HostNotFound => "there is no host of this name".to_owned(),
            error => error.to_string(),
        };
        Failure::Elsewhere(StoreError::Unreachable(format!("cannot ask etcd at {url}: {why}")))
    }

    pub(super) fn nonsense(&self, what: &str) -> Failure {
        let url = &self.urls[self.current];
        let sentence =
            format!("{url} does not speak as etcd's client port (3.4 or later) does: {what}");
        Failure::Elsewhere(StoreError::Nonsense(sentence))
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("these messages have no form that JSON lacks")
}

fn config() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    // Nothing of the environment: a proxy is not part of the cluster.
    Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None)
}

fn agent(config: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>) -> Agent {
    config.build().into()
}

fn url(endpoint: &str) -> Result<String, EtcdError> {
    let bad = || EtcdError::Endpoint(endpoint.to_owned());
    let bare = endpoint.trim().trim_end_matches('/');
    let address = match bare.split_once("://") {
        Some(("http", address)) => address,
        Some(("https", address)) if cfg!(feature = "tls") => address,
        Some(("https", _)) => return Err(EtcdError::Encrypted(bare.to_owned())),
        Some(_) => return Err(bad()),
        None => bare,
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
    let is_strange = |c: char| c.is_whitespace() || c.is_control() || "/?#@\\".contains(c);
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if host.is_empty() || host.contains(is_strange) || !is_port {
        return Err(bad());
    }
    Ok(bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn addresses() {
        assert_eq!(url(" http://10.0.0.1:2379/ ").unwrap(), "http://10.0.0.1:2379");
        assert_eq!(url("[::1]:2379").unwrap(), "[::1]:2379");
        for bad in
            ["", "etcd", "ftp://a:1", "http://:1", "http://a", "a:0", "a:b", "a/b:1", "u@a:1"]
        {
            assert!(url(bad).unwrap_err().to_string().contains("is no address"), "{bad}");
        }
        assert_eq!(url("https://a:1").is_ok(), cfg!(feature = "tls"));
    }
}
