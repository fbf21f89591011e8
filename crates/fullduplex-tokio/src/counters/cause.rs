//! Why a connection was not opened, or failed, as a label of a metric.

use std::fmt;

use fullduplex::{CloseFrameError, Ended, Error, FrameError, MessageError, Timeout};

/// Defines the enumeration once, with its list and its names.
macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why an opening handshake or an open connection failed: a small number of causes, which can be the label of a
        /// metric. The error that a call returns says more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Cause {
            /// All causes: first the causes of opening handshakes, then the causes of open connections.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, in lower case with underscores. It does not change with the text of an error.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

causes! {
    /// Server: the request was not valid, and was refused with a status such as 400 or 431.
    BadRequest = "bad_request",
    /// Server: the request asked for no WebSocket, as a health check or a browser does, and was refused with 405, 426 or
    /// 501. A request that the application responds to with a status below 400 is no failure.
    NotWebSocket = "not_websocket",
    /// Server: the application rejected the request.
    Rejected = "rejected",
    /// Client: the server's response was not valid.
    BadResponse = "bad_response",
    /// Client: the server responded with a status that opens no WebSocket. A redirect that is followed counts, too.
    Refused = "refused",
    /// Client: no stream to the server could be opened.
    Unreachable = "unreachable",
    /// TLS could not be set up, or its handshake failed.
    Tls = "tls",
    /// The opening handshake took longer than the handshake timeout.
    HandshakeTimeout = "handshake_timeout",
    /// The peer ended the transport during the opening handshake.
    HandshakeEnded = "handshake_ended",
    /// The transport failed during the opening handshake.
    HandshakeIo = "handshake_io",
    /// Our own request or response must not be sent, or there were no random bytes: our own fault.
    HandshakeLocal = "handshake_local",
    /// The application dropped the opening handshake before it was complete.
    HandshakeDropped = "handshake_dropped",
    /// The peer broke the protocol (Close 1002).
    Protocol = "protocol",
    /// The peer sent text that is not UTF-8, in a message or as the reason of a Close (Close 1007).
    InvalidText = "invalid_text",
    /// The peer sent a compressed message that cannot be decompressed.
    Compression = "compression",
    /// The peer sent a frame or a message that is larger than the limit (Close 1009).
    TooLarge = "too_large",
    /// The peer sent a message in more fragments than the limit (Close 1008).
    TooManyFragments = "too_many_fragments",
    /// Nothing was received after our Ping (Close 1011).
    PongTimeout = "pong_timeout",
    /// Nothing was received for the idle timeout (Close 1001).
    IdleTimeout = "idle_timeout",
    /// The closing handshake took longer than the close timeout.
    CloseTimeout = "close_timeout",
    /// The peer ended the transport without a Close (1006).
    WithoutClose = "without_close",
    /// The transport was reset, or the peer no longer takes what is written (1006).
    Reset = "reset",
    /// The transport failed in another way.
    Io = "io",
    /// The fault is our own, such as that there were no random bytes.
    Local = "local",
}

impl Cause {
    /// Whether an opening handshake failed for it, so that there was no open connection.
    #[must_use]
    pub const fn is_handshake(self) -> bool {
        (self as usize) < Self::Protocol as usize
    }

    /// Why an open connection failed.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Frame(FrameError::TooLarge) | Error::Message(MessageError::TooLarge) => {
                Self::TooLarge
            }
            Error::Message(MessageError::TooManyFragments) => Self::TooManyFragments,
            Error::Message(MessageError::InvalidUtf8)
            | Error::CloseFrame(CloseFrameError::Reason) => Self::InvalidText,
            #[cfg(feature = "deflate")]
            Error::Message(MessageError::NoScratch) => Self::Local,
            #[cfg(feature = "deflate")]
            Error::Inflate(_) => Self::Compression,
            Error::Timeout(Timeout::Pong) => Self::PongTimeout,
            Error::Timeout(Timeout::Idle) => Self::IdleTimeout,
            Error::Timeout(Timeout::Close) => Self::CloseTimeout,
            Error::Timeout(Timeout::Handshake) => Self::HandshakeTimeout,
            Error::Ended(Ended::Reset) => Self::Reset,
            Error::Ended(_) => Self::WithoutClose,
            // The core may know more ways to break the protocol one day.
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_cause_has_its_place_and_a_name_of_its_own() {
        let mut names = HashSet::new();
        for (at, &cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(cause as usize, at);
            assert!(names.insert(cause.name()), "{cause}");
            assert!(cause.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        }
        assert!(Cause::HandshakeDropped.is_handshake());
        assert!(!Cause::Protocol.is_handshake());
    }
}
