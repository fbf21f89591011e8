//! The texts of errors. A log shows nothing else of them.

use core::error::Error;
use std::collections::BTreeSet;

use fullduplex::handshake::{
    AcceptError, EncodeRequestError, HandshakeError, HeadError, RejectError, RequestError,
    ResponseError,
};
use fullduplex::headers::InvalidHeader;
use fullduplex::{
    BufferTooSmall, CloseFrameError, Ended, EntropyError, FrameError, MessageError, SendError,
    Timeout,
};

/// The text of an error. It must have more than one word.
fn text(error: &dyn Error) -> String {
    let text = error.to_string();
    assert!(text.contains(' '), "{error:?} says {text:?}");
    text
}

/// Checks that all texts are different.
fn differ<E: Error>(errors: &[E]) {
    let texts: BTreeSet<String> = errors.iter().map(|error| text(error)).collect();
    assert_eq!(texts.len(), errors.len(), "{texts:?}");
}

#[test]
fn each_error_of_an_open_connection_says_something_else() {
    differ(&[Ended::WithoutClose, Ended::InsideMessage, Ended::InsideHandshake, Ended::Reset]);
    differ(&[Timeout::Handshake, Timeout::Pong, Timeout::Idle, Timeout::Close]);
    differ(&[CloseFrameError::TruncatedCode, CloseFrameError::Code(5), CloseFrameError::Reason]);
    differ(&[
        FrameError::ReservedBits,
        FrameError::ReservedOpCode(3),
        FrameError::FragmentedControl,
        FrameError::ControlTooLong,
        FrameError::Unmasked,
        FrameError::Masked,
        FrameError::LengthNotMinimal,
        FrameError::LengthOverflow,
        FrameError::TooLarge,
    ]);
    differ(&[
        MessageError::UnexpectedContinuation,
        MessageError::Interleaved,
        MessageError::InvalidUtf8,
        MessageError::TooLarge,
        MessageError::TooManyFragments,
        #[cfg(feature = "deflate")]
        MessageError::NoScratch,
    ]);
    #[cfg(feature = "deflate")]
    differ(&[fullduplex::InflateError::Invalid, fullduplex::InflateError::Truncated]);
    differ(&[
        SendError::Closed,
        SendError::ControlTooLong,
        SendError::CloseCode(1005),
        SendError::ReasonTooLong,
        SendError::MessageUnfinished,
        SendError::KindChanged,
        #[cfg(feature = "deflate")]
        SendError::BegunCompressed,
        SendError::InvalidUtf8,
        SendError::MustMask,
        #[cfg(feature = "alloc")]
        SendError::WriteBufferFull,
        SendError::BufferTooSmall(BufferTooSmall { needed: 6 }),
        SendError::Entropy(EntropyError),
        #[cfg(feature = "deflate")]
        SendError::Compress,
    ]);
}

#[test]
fn each_error_of_the_opening_handshake_says_something_else() {
    let header = InvalidHeader::Name { index: 0 };
    let small = BufferTooSmall { needed: 6 };
    differ(&[
        HeadError::NotHttp { byte: 0x16 },
        HeadError::NotHttp { byte: 0x17 },
        HeadError::ControlCharacter { byte: 1 },
        HeadError::BareLineFeed,
        HeadError::BareCarriageReturn,
        HeadError::FirstLineTooLong,
        HeadError::TooLarge,
        HeadError::TooManyHeaders,
        HeadError::FirstLine,
        HeadError::MethodTooLong,
        HeadError::Version,
        HeadError::HeaderName,
        HeadError::FoldedLine,
        HeadError::HeaderValue,
        HeadError::UnexpectedEnd,
    ]);
    differ(&[
        RequestError::Head(HeadError::FirstLine),
        RequestError::Method,
        RequestError::HeadMethod,
        RequestError::NotConnect,
        RequestError::Protocol,
        RequestError::PseudoHeaders,
        RequestError::Target,
        RequestError::Host,
        RequestError::ConnectionSpecific,
        RequestError::Body,
        RequestError::Upgrade,
        RequestError::Connection,
        // `ConnectVersion` says the same.
        RequestError::Version,
        RequestError::KeyMissing,
        RequestError::Key,
        RequestError::Subprotocols,
        RequestError::Extensions,
    ]);
    differ(&[
        ResponseError::Head(HeadError::FirstLine),
        ResponseError::Version,
        ResponseError::Connect,
        ResponseError::Upgrade,
        ResponseError::Connection,
        ResponseError::AcceptMissing,
        ResponseError::Accept,
        ResponseError::Extension,
        ResponseError::Subprotocol,
        ResponseError::SubprotocolMissing,
    ]);
    differ(&[
        AcceptError::SubprotocolNotOffered,
        AcceptError::ExtendedConnect,
        AcceptError::InvalidHeader(header),
        AcceptError::BufferTooSmall(small),
    ]);
    differ(&[
        RejectError::Status(101),
        RejectError::InvalidHeader(header),
        RejectError::BufferTooSmall(small),
    ]);
    differ(&[EncodeRequestError::InvalidHeader(header), EncodeRequestError::BufferTooSmall(small)]);
    differ(&[
        HandshakeError::Request(RequestError::Method),
        HandshakeError::Responded(404),
        HandshakeError::Reject(RejectError::Status(101)),
        HandshakeError::Response(ResponseError::Accept),
        HandshakeError::Encode(EncodeRequestError::InvalidHeader(header)),
        HandshakeError::Entropy(EntropyError),
    ]);
}

/// RFC 7692 §5.1 and §7.1.
#[cfg(feature = "deflate")]
#[test]
fn each_error_of_the_negotiation_says_something_else() {
    use fullduplex::NegotiationError;
    differ(&[
        NegotiationError::Malformed,
        NegotiationError::NotOffered,
        NegotiationError::Repeated,
        NegotiationError::UnknownParameter,
        NegotiationError::RepeatedParameter,
        NegotiationError::InvalidValue,
        NegotiationError::NotAllowed,
        NegotiationError::WindowTooLarge,
        NegotiationError::Ignored,
    ]);
}
