//! Close codes (RFC 6455 §7.4 and the IANA registry).

use core::fmt;

/// Why a connection was closed (RFC 6455 §7.4): the number in a Close frame.
///
/// A number is made with [`from_u16`](Self::from_u16), or `From`: every `u16` converts to exactly one value and back.
/// [`is_allowed`](Self::is_allowed) says which numbers a Close frame may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    Normal,
    /// 1001: the endpoint is going away: a server shuts down, a browser leaves the page.
    Away,
    /// 1002: the peer broke the protocol.
    Protocol,
    /// 1003: the endpoint cannot accept this kind of data.
    Unsupported,
    /// 1005: the Close frame had no code. Never sent.
    Status,
    /// 1006: the connection ended without a Close frame. Never sent.
    Abnormal,
    /// 1007: the data do not fit the type of the message, such as text that is not UTF-8.
    Invalid,
    /// 1008: a message violates the endpoint's policy.
    Policy,
    /// 1009: a message is too large to process.
    Size,
    /// 1010: the server did not negotiate an extension that the client needs.
    Extension,
    /// 1011: the endpoint met an unexpected condition.
    Error,
    /// 1012: the service restarts (IANA registry).
    Restart,
    /// 1013: try again later (IANA registry).
    Again,
    /// 1014: a gateway got an invalid response from the server behind it (IANA registry).
    BadGateway,
    /// 1015: the TLS handshake failed. Never sent.
    Tls,
    /// 1004 and 1016 to 2999: reserved for the protocol. Not allowed in a frame today.
    Reserved(u16),
    /// 3000 to 3999: registered with IANA for libraries and frameworks.
    Registered(u16),
    /// 4000 to 4999: for private use.
    Private(u16),
    /// 0 to 999, and 5000 and above: not a close code.
    Bad(u16),
}

impl CloseCode {
    /// Whether a Close frame may contain this number (RFC 6455 §7.4.1 and §7.4.2).
    ///
    /// It must not contain 1004, 1005, 1006 or 1015, or a number that is not defined.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        // A caller can put any number into a variant that has one, so the variant proves nothing.
        matches!(self.to_u16(), 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The number in the Close frame.
    #[must_use]
    pub const fn to_u16(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Away => 1001,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::Status => 1005,
            Self::Abnormal => 1006,
            Self::Invalid => 1007,
            Self::Policy => 1008,
            Self::Size => 1009,
            Self::Extension => 1010,
            Self::Error => 1011,
            Self::Restart => 1012,
            Self::Again => 1013,
            Self::BadGateway => 1014,
            Self::Tls => 1015,
            Self::Reserved(code)
            | Self::Registered(code)
            | Self::Private(code)
            | Self::Bad(code) => code,
        }
    }

    /// The code for a number.
    #[must_use]
    pub const fn from_u16(code: u16) -> Self {
        match code {
            1000 => Self::Normal,
            1001 => Self::Away,
            1002 => Self::Protocol,
            1003 => Self::Unsupported,
            1005 => Self::Status,
            1006 => Self::Abnormal,
            1007 => Self::Invalid,
            1008 => Self::Policy,
            1009 => Self::Size,
            1010 => Self::Extension,
            1011 => Self::Error,
            1012 => Self::Restart,
            1013 => Self::Again,
            1014 => Self::BadGateway,
            1015 => Self::Tls,
            1004 | 1016..=2999 => Self::Reserved(code),
            3000..=3999 => Self::Registered(code),
            4000..=4999 => Self::Private(code),
            0..=999 | 5000.. => Self::Bad(code),
        }
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self::from_u16(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.to_u16()
    }
}

impl From<&CloseCode> for u16 {
    fn from(code: &CloseCode) -> Self {
        code.to_u16()
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_u16().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::CloseCode;

    #[test]
    fn every_number_converts_there_and_back() {
        for number in 0..=u16::MAX {
            assert_eq!(CloseCode::from(number).to_u16(), number);
            assert_eq!(u16::from(&CloseCode::from(number)), number);
        }
    }

    #[test]
    fn only_defined_codes_are_allowed_on_the_wire() {
        let allowed = |code: &u16| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        for number in 0..=u16::MAX {
            for code in
                [CloseCode::from(number), CloseCode::Private(number), CloseCode::Bad(number)]
            {
                assert_eq!(code.is_allowed(), allowed(&number), "{code:?}");
            }
        }
    }
}
