//! Why a request is refused, and the response that says so (RFC 6455 §4.2.1 and §4.2.2).

use core::fmt;

use super::reply::{put_final_lines, put_status_line};
use crate::handshake::head::HeadError;
use crate::handshake::negotiate::put_header;
use crate::output::{BufferTooSmall, Cursor};

const CONNECTION: &str = "Connection";

/// The body of the response is the text of the error.
const CONTENT_TYPE: (&str, &str) = ("Content-Type", "text/plain; charset=utf-8");

/// Why a request does not open a WebSocket (RFC 6455 §4.2.1). It is always the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestError {
    /// The head is not valid HTTP/1.1, or is too large.
    Head(HeadError),
    /// The method is neither `GET` nor `HEAD`.
    Method,
    /// The method is `HEAD`, so the response has no content (RFC 9110 §9.3.2).
    HeadMethod,
    /// HTTP/2: the method is not `CONNECT`.
    NotConnect,
    /// HTTP/2: `:protocol` is missing or not `websocket`.
    Protocol,
    /// HTTP/2: a pseudo-header is missing, repeated, unknown or not text, or it comes after other fields.
    PseudoHeaders,
    /// The request target is neither a path nor an absolute URI with a host, or it has a fragment.
    Target,
    /// `Host` is missing, repeated, or not a host and port. HTTP/2: `:authority` is not a host and port, or `Host`
    /// contradicts it.
    Host,
    /// HTTP/2: a header that is about an HTTP/1.1 connection, such as `Connection`.
    ConnectionSpecific,
    /// The request announces a body: a `Content-Length` other than 0, or any `Transfer-Encoding`, even `identity`.
    Body,
    /// No `Upgrade` header lists `websocket`.
    Upgrade,
    /// No `Connection` header lists `Upgrade`.
    Connection,
    /// `Sec-WebSocket-Version` is missing, repeated or not 13.
    Version,
    /// HTTP/2: `Sec-WebSocket-Version` is missing, repeated or not 13. HTTP/2 has no `Upgrade`, so the status is
    /// another one.
    ConnectVersion,
    /// `Sec-WebSocket-Key` is missing.
    KeyMissing,
    /// `Sec-WebSocket-Key` is repeated, or not 16 bytes in base64.
    Key,
    /// A `Sec-WebSocket-Protocol` line is empty, or one of its elements is not a token.
    Subprotocols,
    /// A `Sec-WebSocket-Extensions` line is malformed.
    Extensions,
}

impl RequestError {
    /// The status code of the response to such a request (RFC 9110 §15.5, RFC 6585 §5).
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Head(HeadError::Version) => 505,
            Self::Head(HeadError::FirstLineTooLong) => 414,
            Self::Head(HeadError::TooLarge | HeadError::TooManyHeaders) => 431,
            Self::Method | Self::HeadMethod | Self::NotConnect => 405,
            // "If a server receives an extended CONNECT request with a :protocol pseudo-header field whose value is
            // unknown or is not supported, the server SHOULD respond to the request with a 501" (RFC 9220 §3).
            Self::Protocol => 501,
            // "A server that receives a method longer than any that it implements SHOULD respond with a 501 (Not
            // Implemented) status code" (RFC 9112 §3).
            Self::Head(HeadError::MethodTooLong) => 501,
            // "A server that sends a 426 response MUST send an Upgrade header field."
            Self::Upgrade | Self::Connection | Self::Version => 426,
            Self::Head(_)
            | Self::PseudoHeaders
            | Self::Target
            | Self::Host
            | Self::ConnectionSpecific
            | Self::Body
            | Self::ConnectVersion
            | Self::KeyMissing
            | Self::Key
            | Self::Subprotocols
            | Self::Extensions => 400,
        }
    }

    /// The headers of the response to such a request, names and values. An HTTP server sends them with
    /// [`status`](Self::status), and with the text of this error as the body.
    #[must_use]
    pub const fn response_headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            // "The origin server MUST generate an Allow header field in a 405 response."
            Self::Method | Self::HeadMethod => &[("Allow", "GET"), CONTENT_TYPE],
            Self::NotConnect => &[("Allow", "CONNECT"), CONTENT_TYPE],
            // "If the server doesn't support the requested version, it MUST respond with a
            // |Sec-WebSocket-Version| header field containing all versions it is willing to use."
            Self::ConnectVersion => &[("Sec-WebSocket-Version", "13"), CONTENT_TYPE],
            // And "a sender of Upgrade MUST also send an "Upgrade" connection option".
            Self::Upgrade | Self::Connection | Self::Version => &[
                ("Upgrade", "websocket"),
                (CONNECTION, "Upgrade"),
                ("Sec-WebSocket-Version", "13"),
                CONTENT_TYPE,
            ],
            _ => &[CONTENT_TYPE],
        }
    }

    /// Writes the complete response into `out`: the status, headers that tell the client what is supported, and the
    /// text of this error as a plain text body. Returns its length in bytes; 400 are enough. The caller must close the
    /// connection after it.
    ///
    /// There is no `Date`, because there is no clock here (RFC 9110 §6.6.1).
    ///
    /// # Errors
    /// [`BufferTooSmall`] says how many bytes are needed.
    pub fn encode_response(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let mut out = Cursor::new(out);
        put_status_line(&mut out, self.status());
        let mut options = "close";
        for &(name, value) in self.response_headers() {
            // Both options are in one line, for clients that look only at the first one.
            if name == CONNECTION {
                options = "Upgrade, close";
            } else {
                put_header(&mut out, name, value.as_bytes());
            }
        }
        put_header(&mut out, CONNECTION, options.as_bytes());
        // "The server MUST NOT send content in the response" to HEAD (RFC 9110 §9.3.2).
        let has_content = !matches!(self, Self::HeadMethod);
        put_final_lines(&mut out, format_args!("{self}\n"), has_content);
        out.finish()
    }
}

impl From<HeadError> for RequestError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(error) => return fmt::Display::fmt(error, f),
            Self::Method => "the method is not GET",
            Self::HeadMethod => "the method is HEAD, not GET",
            Self::NotConnect => "over HTTP/2 the method of a WebSocket request is CONNECT",
            Self::Protocol => "the :protocol of this CONNECT is not websocket",
            Self::PseudoHeaders => {
                "a pseudo-header is missing, repeated, unknown, not text, or behind other fields"
            }
            Self::Target => {
                "the request target is neither a path nor a URI with a host, or it has a fragment"
            }
            Self::Host => "there is not exactly one valid Host, or :authority over HTTP/2",
            Self::ConnectionSpecific => "a header belongs to a connection of HTTP/1.1",
            Self::Body => "a WebSocket handshake must not announce a body",
            Self::Upgrade => "this is a WebSocket endpoint: no Upgrade header lists websocket",
            Self::Connection => "no Connection header lists Upgrade",
            Self::Version | Self::ConnectVersion => {
                "there is not exactly one Sec-WebSocket-Version header with the value 13"
            }
            Self::KeyMissing => "the Sec-WebSocket-Key header is missing",
            Self::Key => {
                "there is not exactly one Sec-WebSocket-Key header with 16 bytes in base64"
            }
            Self::Subprotocols => {
                "a Sec-WebSocket-Protocol header is not a list of at least one token"
            }
            Self::Extensions => {
                "a Sec-WebSocket-Extensions header is not a list of names and parameters"
            }
        })
    }
}

impl core::error::Error for RequestError {}
