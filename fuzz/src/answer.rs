//! What a server's application adds to a response: a status, headers and a body. And the response as another library reads
//! it.

use std::ops::RangeInclusive;

use arbitrary::Arbitrary;
use fullduplex::handshake::{OwnedAcceptance, OwnedRejection};

/// Statuses that an application may choose, and some that it may not. The first is an ordinary one.
const STATUSES: [u16; 16] =
    [403, 200, 204, 205, 304, 299, 300, 307, 401, 404, 426, 500, 599, 199, 600, 101];

/// What the application adds.
#[derive(Arbitrary, Clone, Debug, Default)]
pub struct Answer {
    status: u8,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// An answer without headers, whose status is chosen by a number.
    #[must_use]
    pub fn plain(status: u8) -> Self {
        Self { status, headers: Vec::new(), body: b"ok".to_vec() }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        STATUSES[usize::from(self.status) % STATUSES.len()]
    }

    /// The headers, at most eight.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers[..self.headers.len().min(8)]
    }

    /// The headers as a reader sees them: without the white space around the values.
    #[must_use]
    pub fn headers_read(&self) -> Vec<(String, Vec<u8>)> {
        let read = |(name, value): &(String, String)| {
            (name.clone(), value.trim_matches([' ', '\t']).as_bytes().to_vec())
        };
        self.headers().iter().map(read).collect()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// How many bytes a response has at most.
    #[must_use]
    pub fn room(&self) -> usize {
        let header = |(name, value): &(String, String)| name.len() + value.len() + 4;
        512 + self.body.len() + self.headers().iter().map(header).sum::<usize>()
    }

    /// The response that accepts.
    #[must_use]
    pub fn acceptance(&self) -> OwnedAcceptance {
        let acceptance = OwnedAcceptance::new();
        self.headers().iter().fold(acceptance, |it, (name, value)| it.header(name, value))
    }

    /// The response that rejects.
    #[must_use]
    pub fn rejection(&self) -> OwnedRejection {
        let rejection = OwnedRejection::new(self.status()).body(self.body.clone());
        self.headers().iter().fold(rejection, |it, (name, value)| it.header(name, value))
    }

    /// Whether the RFCs allow it: the status is in `allowed`, and the headers are valid.
    #[must_use]
    pub fn may_be_sent(&self, allowed: RangeInclusive<u16>) -> bool {
        allowed.contains(&self.status()) && self.has_sound_headers()
    }

    /// Whether each header is well formed (RFC 9110 §5.1, §5.5), and none belongs to the handshake or announces a body.
    #[must_use]
    pub fn has_sound_headers(&self) -> bool {
        let is_token = |name: &str| {
            let is_tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            !name.is_empty() && name.chars().all(is_tchar)
        };
        let is_reserved = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("sec-websocket-")
                || ["upgrade", "connection", "content-length", "transfer-encoding"]
                    .contains(&name.as_str())
        };
        let is_value = |value: &str| !value.contains(|c: char| c.is_ascii_control() && c != '\t');
        self.headers()
            .iter()
            .all(|(name, value)| is_token(name) && !is_reserved(name) && is_value(value))
    }

    /// The complete response as a reader sees it, when the connection is closed after it. A response to `HEAD` has no body,
    /// and neither has a response with some statuses (RFC 9110 §8.6, §9.3.2, §15.3.5, §15.3.6, §15.4.5).
    #[must_use]
    pub fn read(&self, to_head: bool) -> ReadResponse {
        let (length, body) = match self.status() {
            204 | 304 => (None, &[][..]),
            205 => (Some(0), &[][..]),
            _ if to_head => (Some(self.body.len()), &[][..]),
            _ => (Some(self.body.len()), self.body()),
        };
        let line = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        // "A server that sends a 426 response MUST send an Upgrade header field" (RFC 9110 §15.5.22).
        let mut headers = match self.status() {
            426 => vec![line("Upgrade", b"websocket"), line("Connection", b"Upgrade, close")],
            _ => vec![line("Connection", b"close")],
        };
        headers.extend(self.headers_read());
        headers.extend(length.map(|len| line("Content-Length", len.to_string().as_bytes())));
        ReadResponse { status: self.status(), headers, body: body.to_vec() }
    }
}

/// A response as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadResponse {
    /// The status.
    pub status: u16,
    /// Its header lines in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The bytes after the head.
    pub body: Vec<u8>,
}

impl ReadResponse {
    /// Parses a response with another library. `None` if the bytes are no response, or not a complete one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut slots);
        let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else { return None };
        let header =
            |header: &httparse::Header<'_>| (header.name.to_owned(), header.value.to_vec());
        Some(Self {
            status: response.code?,
            headers: response.headers.iter().map(header).collect(),
            body: bytes[head..].to_vec(),
        })
    }
}
