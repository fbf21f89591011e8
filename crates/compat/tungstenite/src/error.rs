//! The errors of tungstenite, and the conversion of fullduplex's errors to them.

use std::{fmt, io, result, str, string};

use fullduplex::{CloseFrameError, Ended, FrameError, MessageError, SendError};
#[cfg(feature = "handshake")]
use http::{Response, header::HeaderName};

use crate::protocol::Message;
use crate::protocol::frame::coding::Data;

/// Boxed in versions 0.28 and later.
#[cfg(not(before_0_28))]
type Held<T> = Box<T>;
#[cfg(before_0_28)]
type Held<T> = T;

/// A result of this crate.
pub type Result<T, E = Error> = result::Result<T, E>;

/// Why an operation on a WebSocket failed.
///
/// When the peer broke the protocol or a limit, it was told with a Close before the error is returned. An error for which
/// tungstenite has no variant is an [`Io`](Self::Io): of the kind [`TimedOut`](io::ErrorKind::TimedOut) when a timeout has
/// expired, else of the kind [`InvalidData`](io::ErrorKind::InvalidData) or [`InvalidInput`](io::ErrorKind::InvalidInput)
/// with the error of fullduplex as its source.
#[derive(Debug)]
pub enum Error {
    /// The connection was closed cleanly, and can be dropped. This is no fault.
    ConnectionClosed,
    /// The connection had ended before, and was used again.
    AlreadyClosed,
    /// The stream failed. With [`WouldBlock`](io::ErrorKind::WouldBlock) the caller tries again later.
    Io(io::Error),
    /// TLS could not be set up, or its handshake failed.
    Tls(TlsError),
    /// The peer has exceeded a limit.
    Capacity(CapacityError),
    /// The peer broke the protocol or ended the stream without a Close, or a message must not be sent.
    Protocol(ProtocolError),
    /// Too much waits to be written. The field is the message that was not sent, which can be written later; over a
    /// blocking or non-blocking stream it is a [`Message::Frame`].
    WriteBufferFull(Held<Message>),
    /// Text that is not UTF-8.
    #[cfg(not(before_0_27))]
    Utf8(String),
    /// Text that is not UTF-8.
    #[cfg(before_0_27)]
    Utf8,
    /// The peer sent a handshake that is too large, or a message in too many fragments.
    AttackAttempt,
    /// The URL is not the URL of a WebSocket, or cannot be connected to.
    Url(UrlError),
    /// The handshake ended with this response, which does not open a WebSocket.
    #[cfg(feature = "handshake")]
    Http(Held<Response<Option<Vec<u8>>>>),
    /// A request or response that is not valid HTTP.
    #[cfg(feature = "handshake")]
    HttpFormat(http::Error),
}

/// A limit that the peer exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapacityError {
    /// A handshake has too many headers.
    TooManyHeaders,
    /// A message or a frame is larger than the configuration allows.
    MessageTooLong {
        /// Its size in bytes, as far as it was announced. For a frame over
        /// [`max_frame_size`](crate::protocol::WebSocketConfig#structfield.max_frame_size), one more than the limit.
        size: usize,
        /// The limit.
        max_size: usize,
    },
}

/// What is wrong with a subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubProtocolError {
    /// The server chose a subprotocol, but none was offered.
    ServerSentSubProtocolNoneRequested,
    /// The server chose a subprotocol that was not offered.
    InvalidSubProtocol,
    /// Subprotocols were offered, and the server chose none of them.
    NoSubProtocol,
}

/// How the peer broke the protocol, or why something must not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The request's method is not GET.
    WrongHttpMethod,
    /// The HTTP version is not 1.1.
    WrongHttpVersion,
    /// No `Connection` header lists `Upgrade`.
    MissingConnectionUpgradeHeader,
    /// No `Upgrade` header lists `websocket`.
    MissingUpgradeWebSocketHeader,
    /// There is no `Sec-WebSocket-Version: 13`.
    MissingSecWebSocketVersionHeader,
    /// There is no `Sec-WebSocket-Key`.
    MissingSecWebSocketKey,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    #[cfg(not(before_0_30))]
    InvalidSecWebSocketKey,
    /// `Sec-WebSocket-Accept` does not match our key.
    SecWebSocketAcceptKeyMismatch,
    /// The subprotocol does not match the offer.
    SecWebSocketSubProtocolError(SubProtocolError),
    /// Never returned: what follows a request belongs to the connection.
    JunkAfterRequest,
    /// A callback rejected a request with a status that is not 300 to 599.
    CustomResponseSuccessful,
    /// A header that is missing, repeated or wrong.
    #[cfg(feature = "handshake")]
    InvalidHeader(Held<HeaderName>),
    /// The peer ended the stream during the opening handshake.
    HandshakeIncomplete,
    /// The head of a request or response is not HTTP.
    #[cfg(feature = "handshake")]
    HttparseError(httparse::Error),
    /// Nothing can be sent any more, because a Close was sent or received.
    SendAfterClosing,
    /// Never returned: what follows a Close is ignored (RFC 6455 §1.4).
    ReceivedAfterClosing,
    /// A reserved bit is set.
    NonZeroReservedBits,
    /// A client's frame without a mask.
    UnmaskedFrameFromClient,
    /// A server's frame with a mask.
    MaskedFrameFromServer,
    /// A control frame in fragments.
    FragmentedControlFrame,
    /// A control frame with more than 125 bytes of payload.
    ControlFrameTooBig,
    /// Never returned: see [`InvalidOpcode`](Self::InvalidOpcode).
    UnknownControlFrameType(u8),
    /// Never returned: see [`InvalidOpcode`](Self::InvalidOpcode).
    UnknownDataFrameType(u8),
    /// A continuation frame, but no message is in progress.
    UnexpectedContinueFrame,
    /// A new message begins before the last one has ended. The field is the opcode that was expected.
    ExpectedFragment(Data),
    /// The peer ended the stream without a Close.
    ResetWithoutClosingHandshake,
    /// A reserved opcode.
    InvalidOpcode(u8),
    /// A Close frame that is not valid, or a code that must not be sent.
    InvalidCloseSequence,
}

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The URL begins with `wss:`, but no feature for TLS is on.
    TlsFeatureNotEnabled,
    /// There is no host.
    NoHostName,
    /// No address of this URL's host can be reached.
    UnableToConnect(String),
    /// The scheme is not `ws` or `wss`.
    UnsupportedUrlScheme,
    /// The host is empty.
    EmptyHostName,
    /// There is no path.
    NoPathOrQuery,
}

/// Why TLS could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// An error of the platform's TLS.
    #[cfg(feature = "native-tls")]
    Native(Held<native_tls::Error>),
    /// An error of rustls.
    #[cfg(feature = "__rustls-tls")]
    Rustls(Held<rustls::Error>),
    /// No certificate can be issued for this host name.
    #[cfg(feature = "__rustls-tls")]
    InvalidDnsName,
}

// Programs compare these texts, so they must be tungstenite's.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("Connection closed normally"),
            Self::AlreadyClosed => f.write_str("Trying to work with closed connection"),
            Self::Io(error) => write!(f, "IO error: {error}"),
            Self::Tls(error) => write!(f, "TLS error: {error}"),
            Self::Capacity(error) => write!(f, "Space limit exceeded: {error}"),
            Self::Protocol(error) => write!(f, "WebSocket protocol error: {error}"),
            Self::WriteBufferFull(_) => f.write_str("Write buffer is full"),
            #[cfg(not(before_0_27))]
            Self::Utf8(error) => write!(f, "UTF-8 encoding error: {error}"),
            #[cfg(before_0_27)]
            Self::Utf8 => f.write_str("UTF-8 encoding error"),
            Self::AttackAttempt => f.write_str("Attack attempt detected"),
            Self::Url(error) => write!(f, "URL error: {error}"),
            #[cfg(feature = "handshake")]
            Self::Http(response) => write!(f, "HTTP error: {}", response.status()),
            #[cfg(feature = "handshake")]
            Self::HttpFormat(error) => write!(f, "HTTP format error: {error}"),
        }
    }
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyHeaders => f.write_str("Too many headers"),
            Self::MessageTooLong { size, max_size } => {
                write!(f, "Message too long: {size} > {max_size}")
            }
        }
    }
}

impl fmt::Display for SubProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerSentSubProtocolNoneRequested => {
                "Server sent a subprotocol but none was requested"
            }
            Self::InvalidSubProtocol => "Server sent an invalid subprotocol",
            Self::NoSubProtocol => "Server sent no subprotocol",
        })
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongHttpMethod => "Unsupported HTTP method used - only GET is allowed",
            Self::WrongHttpVersion => "HTTP version must be 1.1 or higher",
            Self::MissingConnectionUpgradeHeader => "No \"Connection: upgrade\" header",
            Self::MissingUpgradeWebSocketHeader => "No \"Upgrade: websocket\" header",
            Self::MissingSecWebSocketVersionHeader => "No \"Sec-WebSocket-Version: 13\" header",
            Self::MissingSecWebSocketKey => "No \"Sec-WebSocket-Key\" header",
            #[cfg(not(before_0_30))]
            Self::InvalidSecWebSocketKey => "Invalid \"Sec-WebSocket-Key\" header value",
            Self::SecWebSocketAcceptKeyMismatch => {
                "Key mismatch in \"Sec-WebSocket-Accept\" header"
            }
            Self::SecWebSocketSubProtocolError(error) => {
                return write!(f, "SubProtocol error: {error}");
            }
            Self::JunkAfterRequest => "Junk after client request",
            Self::CustomResponseSuccessful => "Custom response must not be successful",
            #[cfg(feature = "handshake")]
            Self::InvalidHeader(name) => {
                return write!(f, "Missing, duplicated or incorrect header {name}");
            }
            Self::HandshakeIncomplete => "Handshake not finished",
            #[cfg(feature = "handshake")]
            Self::HttparseError(error) => return write!(f, "httparse error: {error}"),
            Self::SendAfterClosing => "Sending after closing is not allowed",
            Self::ReceivedAfterClosing => "Remote sent after having closed",
            Self::NonZeroReservedBits => "Reserved bits are non-zero",
            Self::UnmaskedFrameFromClient => "Received an unmasked frame from client",
            Self::MaskedFrameFromServer => "Received a masked frame from server",
            Self::FragmentedControlFrame => "Fragmented control frame",
            Self::ControlFrameTooBig => "Control frame too big (payload must be 125 bytes or less)",
            Self::UnknownControlFrameType(bits) => {
                return write!(f, "Unknown control frame type: {bits}");
            }
            Self::UnknownDataFrameType(bits) => {
                return write!(f, "Unknown data frame type: {bits}");
            }
            Self::UnexpectedContinueFrame => "Continue frame but nothing to continue",
            Self::ExpectedFragment(data) => {
                return write!(f, "While waiting for more fragments received: {data}");
            }
            Self::ResetWithoutClosingHandshake => "Connection reset without closing handshake",
            Self::InvalidOpcode(bits) => return write!(f, "Encountered invalid opcode: {bits}"),
            Self::InvalidCloseSequence => "Invalid close sequence",
        })
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsFeatureNotEnabled => "TLS support not compiled in",
            Self::NoHostName => "No host name in the URL",
            Self::UnableToConnect(url) => return write!(f, "Unable to connect to {url}"),
            Self::UnsupportedUrlScheme => "URL scheme not supported",
            Self::EmptyHostName => "URL contains empty host name",
            Self::NoPathOrQuery => "No path/query in URL",
        })
    }
}

impl fmt::Display for TlsError {
    #[cfg_attr(
        not(any(feature = "native-tls", feature = "__rustls-tls")),
        expect(unused_variables)
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            #[cfg(feature = "native-tls")]
            Self::Native(ref error) => write!(f, "native-tls error: {error}"),
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(ref error) => write!(f, "rustls error: {error}"),
            #[cfg(feature = "__rustls-tls")]
            Self::InvalidDnsName => f.write_str("Invalid DNS name"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Capacity(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Url(error) => Some(error),
            #[cfg(feature = "handshake")]
            Self::HttpFormat(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for CapacityError {}
impl std::error::Error for SubProtocolError {}
impl std::error::Error for ProtocolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "handshake")]
            Self::HttparseError(error) => Some(error),
            _ => None,
        }
    }
}
impl std::error::Error for UrlError {}
impl std::error::Error for TlsError {}

macro_rules! from {
    ($($source:ty => $target:ident::$variant:ident),* $(,)?) => {
        // Without a TLS feature, `TlsError` is uninhabited.
        $(#[allow(unreachable_code)]
        impl From<$source> for $target {
            fn from(error: $source) -> Self {
                Self::$variant(error.into())
            }
        })*
    };
}

from! {
    io::Error => Error::Io,
    TlsError => Error::Tls,
    CapacityError => Error::Capacity,
    ProtocolError => Error::Protocol,
    UrlError => Error::Url,
}

#[cfg(feature = "handshake")]
from! {
    http::Error => Error::HttpFormat,
    http::header::InvalidHeaderValue => Error::HttpFormat,
    http::header::InvalidHeaderName => Error::HttpFormat,
    http::uri::InvalidUri => Error::HttpFormat,
    http::status::InvalidStatusCode => Error::HttpFormat,
    httparse::Error => ProtocolError::HttparseError,
}

#[cfg(feature = "handshake")]
impl From<httparse::Error> for Error {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => CapacityError::TooManyHeaders.into(),
            error => ProtocolError::from(error).into(),
        }
    }
}

#[cfg(feature = "handshake")]
impl From<http::header::ToStrError> for Error {
    fn from(error: http::header::ToStrError) -> Self {
        utf8(&error)
    }
}

impl From<str::Utf8Error> for Error {
    fn from(error: str::Utf8Error) -> Self {
        utf8(&error)
    }
}

impl From<string::FromUtf8Error> for Error {
    fn from(error: string::FromUtf8Error) -> Self {
        utf8(&error)
    }
}

#[cfg(feature = "native-tls")]
impl From<native_tls::Error> for TlsError {
    fn from(error: native_tls::Error) -> Self {
        Self::Native(error.into())
    }
}

#[cfg(feature = "__rustls-tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(error.into())
    }
}

/// The error for text that is not UTF-8.
#[cfg_attr(before_0_27, expect(unused_variables))]
fn utf8(error: &dyn fmt::Display) -> Error {
    #[cfg(not(before_0_27))]
    return Error::Utf8(error.to_string());
    #[cfg(before_0_27)]
    return Error::Utf8;
}

/// An error that tungstenite has no variant for.
pub(crate) fn invalid_data(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    io::Error::new(io::ErrorKind::InvalidData, error).into()
}

impl From<fullduplex::Error> for Error {
    fn from(error: fullduplex::Error) -> Self {
        use fullduplex::Error as Core;
        Self::Protocol(match error {
            Core::Timeout(timeout) => {
                return io::Error::new(io::ErrorKind::TimedOut, timeout).into();
            }
            Core::Message(MessageError::InvalidUtf8)
            | Core::CloseFrame(CloseFrameError::Reason) => return utf8(&error),
            Core::Message(MessageError::TooManyFragments) => return Self::AttackAttempt,
            Core::Frame(FrameError::ReservedBits) => ProtocolError::NonZeroReservedBits,
            Core::Frame(FrameError::ReservedOpCode(bits)) => ProtocolError::InvalidOpcode(bits),
            Core::Frame(FrameError::FragmentedControl) => ProtocolError::FragmentedControlFrame,
            Core::Frame(FrameError::ControlTooLong) => ProtocolError::ControlFrameTooBig,
            Core::Frame(FrameError::Unmasked) => ProtocolError::UnmaskedFrameFromClient,
            Core::Frame(FrameError::Masked) => ProtocolError::MaskedFrameFromServer,
            Core::Message(MessageError::UnexpectedContinuation) => {
                ProtocolError::UnexpectedContinueFrame
            }
            Core::Message(MessageError::Interleaved) => {
                ProtocolError::ExpectedFragment(Data::Continue)
            }
            Core::CloseFrame(CloseFrameError::TruncatedCode | CloseFrameError::Code(_)) => {
                ProtocolError::InvalidCloseSequence
            }
            Core::Ended(Ended::InsideHandshake) => ProtocolError::HandshakeIncomplete,
            Core::Ended(_) => ProtocolError::ResetWithoutClosingHandshake,
            // `limit_error` handles messages and frames that are too large: it knows their size.
            error => return invalid_data(error),
        })
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Protocol(match error {
            SendError::Closed => ProtocolError::SendAfterClosing,
            SendError::ControlTooLong | SendError::ReasonTooLong => {
                ProtocolError::ControlFrameTooBig
            }
            SendError::CloseCode(_) => ProtocolError::InvalidCloseSequence,
            SendError::MessageUnfinished | SendError::KindChanged => {
                ProtocolError::ExpectedFragment(Data::Continue)
            }
            SendError::InvalidUtf8 => return utf8(&error),
            error => return io::Error::new(io::ErrorKind::InvalidInput, error).into(),
        })
    }
}
