//! The body of a Close frame (RFC 6455 §5.5.1): how it is read and how it is written.

use core::fmt;

use crate::close_code::CloseCode;
use crate::utf8;

/// The longest body: "All control frames MUST have a payload length of 125 bytes or less" (§5.5).
pub(crate) const MAX_CLOSE_BODY: usize = 125;

/// How a Close frame breaks RFC 6455 §5.5.1 or §7.4. The connection fails with Close 1002 or 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseFrameError {
    /// A payload of one byte, but a code has two bytes.
    TruncatedCode,
    /// A code that must not be sent. The field is the number.
    Code(u16),
    /// A reason that is not UTF-8.
    Reason,
}

impl fmt::Display for CloseFrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TruncatedCode => f.write_str("a Close frame has a payload of one byte"),
            Self::Code(code) => write!(f, "close code {code} must not be sent"),
            Self::Reason => f.write_str("the reason in a Close frame is not UTF-8"),
        }
    }
}

impl core::error::Error for CloseFrameError {}

/// A Close frame's content: code and reason (RFC 6455 §5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrameRef<'a> {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// A text for developers of at most 123 bytes. It may be empty.
    pub reason: &'a str,
}

impl<'a> CloseFrameRef<'a> {
    /// Parses the payload of a Close frame. Returns `None` if it is empty.
    ///
    /// # Errors
    /// [`CloseFrameError`] when it breaks RFC 6455 §5.5.1 or §7.4.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Option<Self>, CloseFrameError> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
            return if payload.is_empty() { Ok(None) } else { Err(CloseFrameError::TruncatedCode) };
        };
        let number = u16::from_be_bytes(*code);
        let code = CloseCode::from_u16(number);
        if !code.is_allowed() {
            return Err(CloseFrameError::Code(number));
        }
        // "the body MAY contain UTF-8-encoded data with value /reason/"
        let reason = utf8::as_str(reason).ok_or(CloseFrameError::Reason)?;
        Ok(Some(Self { code, reason }))
    }
}

/// The body of a Close frame of ours.
#[derive(Debug)]
pub(crate) struct CloseBody {
    bytes: [u8; MAX_CLOSE_BODY],
    len: usize,
}

impl CloseBody {
    /// Writes the body: code and reason. `None` has none: "The Close frame MAY contain a body".
    ///
    /// # Errors
    /// [`CloseBodyError`] when it must not be sent.
    pub(crate) fn new(reason: Option<CloseFrameRef<'_>>) -> Result<Self, CloseBodyError> {
        let mut bytes = [0; MAX_CLOSE_BODY];
        let Some(CloseFrameRef { code, reason }) = reason else {
            return Ok(Self { bytes, len: 0 });
        };
        if !code.is_allowed() {
            return Err(CloseBodyError::Code(code.to_u16()));
        }
        // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer (in network byte order)"
        let (number, rest) = bytes.split_at_mut(2);
        number.copy_from_slice(&code.to_u16().to_be_bytes());
        let place = rest.get_mut(..reason.len()).ok_or(CloseBodyError::ReasonTooLong)?;
        place.copy_from_slice(reason.as_bytes());
        Ok(Self { bytes, len: 2 + reason.len() })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        let body = self.bytes.get(..self.len);
        // `new` has written this many bytes.
        debug_assert!(body.is_some());
        body.unwrap_or_default()
    }
}

/// Why a Close must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseBodyError {
    /// A code that must not be sent (§7.4). The field is the number.
    Code(u16),
    /// A reason of more than 123 bytes (§5.5).
    ReasonTooLong,
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::*;

    #[test]
    fn a_received_body_is_checked() {
        assert_eq!(CloseFrameRef::parse(b""), Ok(None));
        assert_eq!(CloseFrameRef::parse(b"\x03"), Err(CloseFrameError::TruncatedCode));
        assert_eq!(CloseFrameRef::parse(b"\x03\xed"), Err(CloseFrameError::Code(1005)));
        assert_eq!(CloseFrameRef::parse(b"\x03\xe8\xff"), Err(CloseFrameError::Reason));
        assert_eq!(
            CloseFrameRef::parse(b"\x03\xe8bye"),
            Ok(Some(CloseFrameRef { code: CloseCode::Normal, reason: "bye" }))
        );
    }

    #[test]
    fn a_sent_body_has_a_code_that_may_be_sent_and_a_reason_that_fits() {
        use CloseBodyError::{Code, ReasonTooLong};
        let long: String = "x".repeat(124);
        let fits = &long[1..];
        for (section, code, reason, expected) in [
            // "the first two bytes of the body MUST be a 2-byte unsigned integer (in network byte order)"
            ("5.5.1", 1000, "", Ok(&b"\x03\xe8"[..])),
            ("5.5.1", 1001, "bye", Ok(b"\x03\xe9bye")),
            ("5.5.1", 4999, "über", Ok(b"\x13\x87\xc3\xbcber")),
            // "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by an endpoint."
            ("7.4.1", 1004, "", Err(Code(1004))),
            ("7.4.1", 1005, "", Err(Code(1005))),
            ("7.4.1", 1006, "", Err(Code(1006))),
            ("7.4.1", 1015, "", Err(Code(1015))),
            // "Status codes in the range 0-999 are not used."
            ("7.4.2", 0, "", Err(Code(0))),
            ("7.4.2", 999, "", Err(Code(999))),
            ("7.4.2", 2999, "", Err(Code(2999))),
            ("7.4.2", 3000, "", Ok(b"\x0b\xb8")),
            ("7.4.2", 5000, "", Err(Code(5000))),
            // "All control frames MUST have a payload length of 125 bytes or less"
            ("5.5", 1000, &long[..], Err(ReasonTooLong)),
        ] {
            let sent = CloseFrameRef { code: CloseCode::from_u16(code), reason };
            let body = CloseBody::new(Some(sent));
            let bytes = body.as_ref().map(CloseBody::as_bytes).map_err(|error| *error);
            assert_eq!(bytes, expected, "§{section}: {code}, {reason:?}");
            // What may be sent is what may be received.
            if let Ok(bytes) = bytes {
                assert_eq!(CloseFrameRef::parse(bytes), Ok(Some(sent)));
            }
        }
        let body = CloseBody::new(Some(CloseFrameRef { code: CloseCode::Normal, reason: fits }));
        assert_eq!(body.map(|body| body.as_bytes().len()), Ok(MAX_CLOSE_BODY));
        assert_eq!(CloseBody::new(None).map(|body| body.as_bytes().len()), Ok(0));
    }
}
