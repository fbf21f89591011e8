//! The errors of a WebSocket, under tungstenite's names if the error is the same.

use std::{fmt, io};

use fullduplex::handshake::{
    AcceptError, EncodeRequestError, HeadError, RejectError, RequestError, ResponseError,
};
use fullduplex::{
    CloseFrameError, Ended, FrameError, HandshakeError, InvalidUtf8, Message, MessageError,
    SendError, Timeout, UriError,
};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a WebSocket failed.
///
/// Variants that tungstenite also has mean the same as there. These are the differences: when the peer has exceeded a
/// limit or broken the protocol, the right Close has been sent before the error is returned (RFC 6455 §7.1.7); a
/// timeout that has expired is [`Timeout`](Self::Timeout); there is no `AttackAttempt`, because there are limits
/// instead of a heuristic.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection was closed cleanly, and the call that noticed it used it again.
    ConnectionClosed,
    /// The connection has ended earlier, and was used again.
    AlreadyClosed,
    /// The transport failed.
    Io(io::Error),
    /// TLS could not be set up.
    Tls(TlsError),
    /// The peer has exceeded a limit. The connection failed with Close 1008 or 1009.
    Capacity(CapacityError),
    /// The peer broke the protocol or ended the transport without a Close, or a message must not be sent.
    Protocol(ProtocolError),
    /// Too much is waiting to be written. The field is the message that was not sent. Only `start_send` returns it, if
    /// `poll_ready` was not called before.
    WriteBufferFull(Box<Message>),
    /// Text that is not UTF-8 (RFC 6455 §8.1).
    Utf8(String),
    /// A timeout has expired: handshake, keepalive, idle or close.
    Timeout(Timeout),
    /// The URL is not the URL of a WebSocket, or we cannot connect to it.
    Url(UrlError),
    /// Client: the server's response has another status than 101. Its body is the part that had arrived.
    ///
    /// Server: the callback rejected the request, and this is the rejection; or the request did not ask for a WebSocket
    /// and the application responded to it, and this has only the status of that response.
    Http(Box<http::Response<Option<Vec<u8>>>>),
    /// A request or response that the application has built is not valid HTTP.
    HttpFormat(http::Error),
}

/// A limit that the peer exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// A handshake has more headers than `head_limits` allows.
    TooManyHeaders,
    /// A handshake is larger than `head_limits` allows.
    HeadTooLong,
    /// A message is larger than `max_message_size`.
    #[non_exhaustive]
    MessageTooLong {},
    /// A frame is larger than `max_frame_size`.
    FrameTooLong,
    /// A message comes in more frames than `max_fragments` allows.
    TooManyFragments,
}

/// How the peer broke the protocol, or why something must not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The request's method is not GET (RFC 6455 §4.2.1).
    WrongHttpMethod,
    /// The HTTP version is not 1.1.
    WrongHttpVersion,
    /// No `Connection` header lists `Upgrade`.
    MissingConnectionUpgradeHeader,
    /// No `Upgrade` header lists `websocket`.
    MissingUpgradeWebSocketHeader,
    /// There is not exactly one `Sec-WebSocket-Version: 13`.
    MissingSecWebSocketVersionHeader,
    /// There is no `Sec-WebSocket-Key`.
    MissingSecWebSocketKey,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64, or repeated.
    InvalidSecWebSocketKey,
    /// `Sec-WebSocket-Accept` is missing or does not fit our key.
    SecWebSocketAcceptKeyMismatch,
    /// The server's subprotocol does not fit the client's offer.
    SecWebSocketSubProtocolError(SubProtocolError),
    /// A callback rejected a request with a status that is not 300 to 599.
    CustomResponseSuccessful,
    /// A header that must not be sent in a handshake, or not with this value.
    InvalidHeader(Box<http::HeaderName>),
    /// The peer ended the transport during the opening handshake.
    HandshakeIncomplete,
    /// Another fault in the opening handshake, of the peer or of our own.
    Handshake(HandshakeError),
    /// Nothing may be sent any more, because a Close was sent or received.
    SendAfterClosing,
    /// The message must not be sent: the payload of a control frame is over 125 bytes, a close code is not allowed, or
    /// another message is unfinished.
    Send(SendError),
    /// A reserved bit is set, and no extension defines it (RFC 6455 §5.2).
    NonZeroReservedBits,
    /// A client's frame without a mask (§5.1).
    UnmaskedFrameFromClient,
    /// A server's frame with a mask (§5.1).
    MaskedFrameFromServer,
    /// A control frame in fragments (§5.5).
    FragmentedControlFrame,
    /// A control frame with more than 125 bytes of payload (§5.5).
    ControlFrameTooBig,
    /// A reserved opcode (§5.2).
    InvalidOpcode(u8),
    /// A payload length that is not in its shortest form, or has its top bit set (§5.2).
    InvalidLength,
    /// A continuation frame, but no message is in progress (§5.4).
    UnexpectedContinueFrame,
    /// A new message begins before the last one has ended (§5.4).
    ExpectedFragment,
    /// A Close frame with a payload of one byte, or with a code that must not be sent (§5.5.1, §7.4).
    InvalidCloseSequence,
    /// A compressed message that cannot be decompressed (RFC 7692 §7.2.2).
    InvalidCompression,
    /// The peer ended or reset the transport between frames and without a Close (RFC 6455 §7.1.5: code 1006).
    ResetWithoutClosingHandshake,
    /// The peer ended the transport in the middle of a message.
    ResetInsideMessage,
}

/// What is wrong with a subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubProtocolError {
    /// The server chose a subprotocol, but none was offered.
    ServerSentSubProtocolNoneRequested,
    /// The server chose a subprotocol that was not offered, or several.
    InvalidSubProtocol,
    /// Subprotocols were offered, and the server chose none of them.
    NoSubProtocol,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// The URL begins with `wss:`, but no feature for TLS is on.
    TlsFeatureNotEnabled,
    /// There is no host.
    NoHostName,
    /// The scheme is not `ws` or `wss`, nor `http` or `https`.
    UnsupportedUrlScheme,
    /// The URL is invalid for another reason (RFC 6455 §3), for example because it has no scheme.
    Invalid(UriError),
}

/// Why TLS could not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// rustls has no cryptography provider. Enable `tls-ring` or `tls-aws-lc-rs`, install a provider as the process's
    /// default, or pass a configuration.
    NoProvider,
    /// There are no root certificates to trust. Enable `webpki-roots`, `native-roots` or `platform-verifier`, or pass a
    /// configuration.
    NoRoots,
    /// No certificate can be for this host name.
    InvalidDnsName,
    /// rustls refused the configuration.
    #[cfg(feature = "tls")]
    Rustls(Box<rustls::Error>),
    /// The platform's TLS refused the configuration, or the handshake failed.
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls::Error>),
}

impl Error {
    /// Whether a timeout has expired.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("the connection is closed"),
            Self::AlreadyClosed => f.write_str("the connection was closed earlier"),
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Capacity(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::WriteBufferFull(_) => SendError::WriteBufferFull.fmt(f),
            Self::Utf8(error) => f.write_str(error),
            Self::Timeout(error) => error.fmt(f),
            Self::Url(error) => error.fmt(f),
            Self::Http(response) => {
                write!(f, "the handshake ended with status {}", response.status())
            }
            Self::HttpFormat(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyHeaders => HeadError::TooManyHeaders.fmt(f),
            Self::HeadTooLong => HeadError::TooLarge.fmt(f),
            Self::MessageTooLong {} => MessageError::TooLarge.fmt(f),
            Self::FrameTooLong => FrameError::TooLarge.fmt(f),
            Self::TooManyFragments => MessageError::TooManyFragments.fmt(f),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::WrongHttpMethod => return RequestError::Method.fmt(f),
            Self::WrongHttpVersion => "the HTTP version is not 1.1",
            Self::MissingConnectionUpgradeHeader => "no Connection header lists Upgrade",
            Self::MissingUpgradeWebSocketHeader => "no Upgrade header lists websocket",
            Self::MissingSecWebSocketVersionHeader => return RequestError::Version.fmt(f),
            Self::MissingSecWebSocketKey => return RequestError::KeyMissing.fmt(f),
            Self::InvalidSecWebSocketKey => return RequestError::Key.fmt(f),
            Self::SecWebSocketAcceptKeyMismatch => return ResponseError::Accept.fmt(f),
            Self::SecWebSocketSubProtocolError(error) => return error.fmt(f),
            Self::CustomResponseSuccessful => "a rejection must have a status from 300 to 599",
            Self::InvalidHeader(name) => {
                return write!(f, "the header {name} must not be sent like this in a handshake");
            }
            Self::HandshakeIncomplete => return Ended::InsideHandshake.fmt(f),
            Self::Handshake(error) => return error.fmt(f),
            Self::SendAfterClosing => return SendError::Closed.fmt(f),
            Self::Send(error) => return error.fmt(f),
            Self::NonZeroReservedBits => return FrameError::ReservedBits.fmt(f),
            Self::UnmaskedFrameFromClient => return FrameError::Unmasked.fmt(f),
            Self::MaskedFrameFromServer => return FrameError::Masked.fmt(f),
            Self::FragmentedControlFrame => return FrameError::FragmentedControl.fmt(f),
            Self::ControlFrameTooBig => return FrameError::ControlTooLong.fmt(f),
            Self::InvalidOpcode(code) => return FrameError::ReservedOpCode(*code).fmt(f),
            Self::InvalidLength => return FrameError::LengthNotMinimal.fmt(f),
            Self::UnexpectedContinueFrame => return MessageError::UnexpectedContinuation.fmt(f),
            Self::ExpectedFragment => return MessageError::Interleaved.fmt(f),
            Self::InvalidCloseSequence => "a Close frame's payload is not valid",
            Self::InvalidCompression => "a compressed message cannot be decompressed",
            Self::ResetWithoutClosingHandshake => return Ended::WithoutClose.fmt(f),
            Self::ResetInsideMessage => return Ended::InsideMessage.fmt(f),
        };
        f.write_str(text)
    }
}

impl fmt::Display for SubProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerSentSubProtocolNoneRequested => {
                "the server chose a subprotocol, and none was offered"
            }
            Self::InvalidSubProtocol => {
                "the chosen subprotocol was not offered, or there are several"
            }
            Self::NoSubProtocol => "the server chose none of the subprotocols that were offered",
        })
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlsFeatureNotEnabled => f.write_str(
                "a wss URL needs one of the features `tls-ring`, `tls-aws-lc-rs`, `native-tls` of \
                 fullduplex-tokio",
            ),
            Self::NoHostName => UriError::MissingHost.fmt(f),
            Self::UnsupportedUrlScheme => UriError::Scheme.fmt(f),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoProvider => {
                "rustls has no cryptography provider: enable the feature `tls-ring` or `tls-aws-lc-rs` \
                 of fullduplex-tokio, or install one as the process's default"
            }
            Self::NoRoots => {
                "there are no root certificates to trust: enable the feature `webpki-roots`, \
                 `native-roots` or `platform-verifier` of fullduplex-tokio, or pass a configuration"
            }
            Self::InvalidDnsName => "no certificate can be for the URL's host",
            #[cfg(feature = "tls")]
            Self::Rustls(error) => return error.fmt(f),
            #[cfg(feature = "native-tls")]
            Self::Native(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::HttpFormat(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for CapacityError {}
impl std::error::Error for ProtocolError {}
impl std::error::Error for SubProtocolError {}
impl std::error::Error for UrlError {}
impl std::error::Error for TlsError {}

impl From<fullduplex::Error> for Error {
    fn from(error: fullduplex::Error) -> Self {
        use fullduplex::Error as Core;
        Self::Protocol(match error {
            Core::Timeout(timeout) => return Self::Timeout(timeout),
            Core::Message(MessageError::InvalidUtf8)
            | Core::CloseFrame(CloseFrameError::Reason) => return Self::Utf8(error.to_string()),
            Core::Frame(FrameError::TooLarge) => return CapacityError::FrameTooLong.into(),
            Core::Message(MessageError::TooLarge) => {
                return CapacityError::MessageTooLong {}.into();
            }
            Core::Message(MessageError::TooManyFragments) => {
                return CapacityError::TooManyFragments.into();
            }
            Core::Frame(FrameError::ReservedBits) => ProtocolError::NonZeroReservedBits,
            Core::Frame(FrameError::ReservedOpCode(code)) => ProtocolError::InvalidOpcode(code),
            Core::Frame(FrameError::FragmentedControl) => ProtocolError::FragmentedControlFrame,
            Core::Frame(FrameError::ControlTooLong) => ProtocolError::ControlFrameTooBig,
            Core::Frame(FrameError::Unmasked) => ProtocolError::UnmaskedFrameFromClient,
            Core::Frame(FrameError::Masked) => ProtocolError::MaskedFrameFromServer,
            Core::Frame(FrameError::LengthNotMinimal | FrameError::LengthOverflow) => {
                ProtocolError::InvalidLength
            }
            Core::Message(MessageError::UnexpectedContinuation) => {
                ProtocolError::UnexpectedContinueFrame
            }
            Core::Message(MessageError::Interleaved) => ProtocolError::ExpectedFragment,
            Core::CloseFrame(CloseFrameError::TruncatedCode | CloseFrameError::Code(_)) => {
                ProtocolError::InvalidCloseSequence
            }
            Core::Ended(Ended::WithoutClose | Ended::Reset) => {
                ProtocolError::ResetWithoutClosingHandshake
            }
            Core::Ended(Ended::InsideMessage) => ProtocolError::ResetInsideMessage,
            Core::Ended(Ended::InsideHandshake) => ProtocolError::HandshakeIncomplete,
            // What is left are the errors of compression.
            _ => ProtocolError::InvalidCompression,
        })
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Protocol(match error {
            HandshakeError::Answer(error) => return error.into(),
            HandshakeError::Request(RequestError::Head(HeadError::TooManyHeaders))
            | HandshakeError::Response(ResponseError::Head(HeadError::TooManyHeaders)) => {
                return CapacityError::TooManyHeaders.into();
            }
            HandshakeError::Request(RequestError::Head(HeadError::TooLarge))
            | HandshakeError::Response(ResponseError::Head(HeadError::TooLarge)) => {
                return CapacityError::HeadTooLong.into();
            }
            HandshakeError::Request(RequestError::Method) => ProtocolError::WrongHttpMethod,
            HandshakeError::Request(RequestError::Head(HeadError::Version))
            | HandshakeError::Response(
                ResponseError::Head(HeadError::Version) | ResponseError::Version,
            ) => ProtocolError::WrongHttpVersion,
            HandshakeError::Request(RequestError::Connection)
            | HandshakeError::Response(ResponseError::Connection) => {
                ProtocolError::MissingConnectionUpgradeHeader
            }
            HandshakeError::Request(RequestError::Upgrade)
            | HandshakeError::Response(ResponseError::Upgrade) => {
                ProtocolError::MissingUpgradeWebSocketHeader
            }
            HandshakeError::Request(RequestError::Version) => {
                ProtocolError::MissingSecWebSocketVersionHeader
            }
            HandshakeError::Request(RequestError::KeyMissing) => {
                ProtocolError::MissingSecWebSocketKey
            }
            HandshakeError::Request(RequestError::Key) => ProtocolError::InvalidSecWebSocketKey,
            HandshakeError::Response(ResponseError::Accept | ResponseError::AcceptMissing) => {
                ProtocolError::SecWebSocketAcceptKeyMismatch
            }
            HandshakeError::Response(ResponseError::Subprotocol) => {
                SubProtocolError::InvalidSubProtocol.into()
            }
            HandshakeError::Response(ResponseError::SubprotocolMissing) => {
                SubProtocolError::NoSubProtocol.into()
            }
            error => ProtocolError::Handshake(error),
        })
    }
}

impl From<SubProtocolError> for ProtocolError {
    fn from(error: SubProtocolError) -> Self {
        Self::SecWebSocketSubProtocolError(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Protocol(match error {
            SendError::Closed => ProtocolError::SendAfterClosing,
            SendError::InvalidUtf8 => return Self::Utf8(error.to_string()),
            error => ProtocolError::Send(error),
        })
    }
}

impl From<AcceptError> for Error {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::SubprotocolNotOffered => {
                Self::Protocol(SubProtocolError::InvalidSubProtocol.into())
            }
            // The endpoint writes a response only to a request that came as bytes, so this cannot happen.
            AcceptError::ExtendedConnect => Self::Protocol(ProtocolError::WrongHttpVersion),
            // The endpoint provides a buffer that is large enough, so only a header can be the cause.
            AcceptError::InvalidHeader(error) => {
                HandshakeError::Encode(EncodeRequestError::InvalidHeader(error)).into()
            }
            AcceptError::BufferTooSmall(error) => {
                HandshakeError::Encode(EncodeRequestError::BufferTooSmall(error)).into()
            }
        }
    }
}

impl From<RejectError> for Error {
    fn from(error: RejectError) -> Self {
        match error {
            RejectError::Status(_) => Self::Protocol(ProtocolError::CustomResponseSuccessful),
            RejectError::InvalidHeader(error) => AcceptError::InvalidHeader(error).into(),
            RejectError::BufferTooSmall(error) => AcceptError::BufferTooSmall(error).into(),
        }
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident),* $(,)?) => {
        $(impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Self::$variant(error.into())
            }
        })*
    };
}

from! {
    io::Error => Io,
    TlsError => Tls,
    CapacityError => Capacity,
    ProtocolError => Protocol,
    UrlError => Url,
    UriError => Url,
    Timeout => Timeout,
    http::Error => HttpFormat,
    http::header::InvalidHeaderValue => HttpFormat,
    http::header::InvalidHeaderName => HttpFormat,
    http::uri::InvalidUri => HttpFormat,
    http::uri::InvalidUriParts => HttpFormat,
    http::status::InvalidStatusCode => HttpFormat,
}

#[cfg(feature = "tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(Box::new(error))
    }
}

#[cfg(feature = "native-tls")]
impl From<native_tls::Error> for TlsError {
    fn from(error: native_tls::Error) -> Self {
        Self::Native(Box::new(error))
    }
}

impl From<UriError> for UrlError {
    fn from(error: UriError) -> Self {
        match error {
            UriError::Scheme => Self::UnsupportedUrlScheme,
            UriError::MissingHost => Self::NoHostName,
            error => Self::Invalid(error),
        }
    }
}

macro_rules! from_utf8 {
    ($($source:ty),* $(,)?) => {
        $(impl From<$source> for Error {
            fn from(error: $source) -> Self {
                Self::Utf8(error.to_string())
            }
        })*
    };
}

from_utf8!(InvalidUtf8, std::str::Utf8Error, std::string::FromUtf8Error, http::header::ToStrError);
