//! Requests, as they are found in what a client has sent.

/// A longer head is a mistake, or worse.
const LONGEST_HEAD: usize = 8 << 10;

const END: &[u8] = b"\r\n\r\n";

/// What has come and was not answered yet.
#[derive(Default)]
pub(crate) struct Input(Vec<u8>);

/// One request, without a body.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Get {
        path: String,
        close: bool,
    },
    /// Nothing that could be answered: where it ends, and what comes after it, can't be known.
    Bad,
}

impl Input {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The beginning of a request whose end has not come.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.0
    }

    /// Takes the next request that is there as a whole.
    pub(crate) fn next(&mut self) -> Option<Request> {
        let Some(at) = self.0.windows(END.len()).position(|bytes| bytes == END) else {
            return (self.0.len() > LONGEST_HEAD).then_some(Request::Bad);
        };
        let head: Vec<u8> = self.0.drain(..at + END.len()).take(at).collect();
        let request = std::str::from_utf8(&head).ok().and_then(Request::parse);
        Some(request.unwrap_or(Request::Bad))
    }
}

impl Request {
    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (Some("GET"), Some(path), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let mut close = match version {
            "HTTP/1.1" => false,
            "HTTP/1.0" => true,
            _ => return None,
        };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            match name.to_ascii_lowercase().as_str() {
                "connection" => close |= value.trim().eq_ignore_ascii_case("close"),
                "content-length" if value.trim() == "0" => {}
                "content-length" | "transfer-encoding" => return None,
                _ => {}
            }
        }
        Some(Self::Get { path: path.to_owned(), close })
    }

    /// What a death certificate calls it, should its worker die of it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Get { path, .. } => path,
            Self::Bad => "no request",
        }
    }

    /// Whether the connection ends with its answer.
    pub(crate) fn is_last(&self) -> bool {
        !matches!(self, Self::Get { close: false, .. })
    }

    pub(crate) fn answer(&self) -> String {
        let (status, body) = match self {
            Self::Get { path, .. } => ("200 OK", path.as_str()),
            Self::Bad => ("400 Bad Request", "a GET without a body, please\n"),
        };
        let length = body.len();
        let connection = if self.is_last() { "Connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
             {connection}\r\n{body}"
        )
    }
}
