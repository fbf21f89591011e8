//! The numbers of RFC 6455: opcodes and close codes.

use std::fmt;

/// The kind of a frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// A data frame.
    Data(Data),
    /// A control frame.
    Control(Control),
}

/// The opcodes of data frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// 0: a further fragment of a message.
    Continue,
    /// 1: text, or its first fragment.
    Text,
    /// 2: binary data, or its first fragment.
    Binary,
    /// 3 to 7: reserved.
    Reserved(u8),
}

/// The opcodes of control frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// 8: Close.
    Close,
    /// 9: Ping.
    Ping,
    /// 10: Pong.
    Pong,
    /// 11 to 15: reserved.
    Reserved(u8),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue => f.write_str("CONTINUE"),
            Self::Text => f.write_str("TEXT"),
            Self::Binary => f.write_str("BINARY"),
            Self::Reserved(bits) => write!(f, "RESERVED_DATA_{bits}"),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close => f.write_str("CLOSE"),
            Self::Ping => f.write_str("PING"),
            Self::Pong => f.write_str("PONG"),
            Self::Reserved(bits) => write!(f, "RESERVED_CONTROL_{bits}"),
        }
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => data.fmt(f),
            Self::Control(control) => control.fmt(f),
        }
    }
}

impl From<OpCode> for u8 {
    fn from(opcode: OpCode) -> Self {
        match opcode {
            OpCode::Data(Data::Continue) => 0,
            OpCode::Data(Data::Text) => 1,
            OpCode::Data(Data::Binary) => 2,
            OpCode::Control(Control::Close) => 8,
            OpCode::Control(Control::Ping) => 9,
            OpCode::Control(Control::Pong) => 10,
            OpCode::Data(Data::Reserved(bits)) | OpCode::Control(Control::Reserved(bits)) => bits,
        }
    }
}

impl From<u8> for OpCode {
    /// # Panics
    /// For more than 15: an opcode has four bits.
    fn from(bits: u8) -> Self {
        match bits {
            0 => Self::Data(Data::Continue),
            1 => Self::Data(Data::Text),
            2 => Self::Data(Data::Binary),
            3..=7 => Self::Data(Data::Reserved(bits)),
            8 => Self::Control(Control::Close),
            9 => Self::Control(Control::Ping),
            10 => Self::Control(Control::Pong),
            11..=15 => Self::Control(Control::Reserved(bits)),
            _ => panic!("an opcode has four bits, and {bits} has more"),
        }
    }
}

/// Why a connection was closed (RFC 6455 §7.4): the number in a Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    Normal,
    /// 1001: the endpoint is going away.
    Away,
    /// 1002: the peer broke the protocol.
    Protocol,
    /// 1003: the endpoint cannot accept this kind of data.
    Unsupported,
    /// 1005: the Close frame had no code. Never sent.
    Status,
    /// 1006: the connection ended without a Close frame. Never sent.
    Abnormal,
    /// 1007: the data does not match the type of the message.
    Invalid,
    /// 1008: a message violates the endpoint's policy.
    Policy,
    /// 1009: a message is too large.
    Size,
    /// 1010: the server did not negotiate an extension that the client needs.
    Extension,
    /// 1011: the endpoint encountered an unexpected condition.
    Error,
    /// 1012: the service restarts.
    Restart,
    /// 1013: try again later.
    Again,
    /// 1015: the TLS handshake failed. Never sent.
    Tls,
    /// 1016 to 2999: reserved for the protocol.
    Reserved(u16),
    /// 3000 to 3999: registered for libraries and frameworks.
    Iana(u16),
    /// 4000 to 4999: for private use.
    Library(u16),
    /// Any other number.
    Bad(u16),
}

impl CloseCode {
    /// Whether a Close frame may contain this code.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        !matches!(
            self,
            Self::Status | Self::Abnormal | Self::Tls | Self::Reserved(_) | Self::Bad(_)
        )
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u16::from(*self).fmt(f)
    }
}

/// The codes that have a name.
const NAMED: [(u16, CloseCode); 14] = [
    (1000, CloseCode::Normal),
    (1001, CloseCode::Away),
    (1002, CloseCode::Protocol),
    (1003, CloseCode::Unsupported),
    (1005, CloseCode::Status),
    (1006, CloseCode::Abnormal),
    (1007, CloseCode::Invalid),
    (1008, CloseCode::Policy),
    (1009, CloseCode::Size),
    (1010, CloseCode::Extension),
    (1011, CloseCode::Error),
    (1012, CloseCode::Restart),
    (1013, CloseCode::Again),
    (1015, CloseCode::Tls),
];

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Reserved(number)
            | CloseCode::Iana(number)
            | CloseCode::Library(number)
            | CloseCode::Bad(number) => number,
            // All other codes are in the table.
            code => {
                NAMED.iter().find(|(_, named)| *named == code).map_or(1011, |(number, _)| *number)
            }
        }
    }
}

impl From<&CloseCode> for u16 {
    fn from(code: &CloseCode) -> Self {
        (*code).into()
    }
}

impl From<u16> for CloseCode {
    fn from(number: u16) -> Self {
        if let Some((_, code)) = NAMED.iter().find(|(named, _)| *named == number) {
            return *code;
        }
        match number {
            1016..=2999 => Self::Reserved(number),
            3000..=3999 => Self::Iana(number),
            4000..=4999 => Self::Library(number),
            _ => Self::Bad(number),
        }
    }
}

impl From<fullduplex::CloseCode> for CloseCode {
    fn from(code: fullduplex::CloseCode) -> Self {
        code.to_u16().into()
    }
}

impl From<CloseCode> for fullduplex::CloseCode {
    fn from(code: CloseCode) -> Self {
        Self::from_u16(code.into())
    }
}
