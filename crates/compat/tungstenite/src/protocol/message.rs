//! Messages.

use std::fmt;
use std::str;

use bytes::Bytes;
use fullduplex::MessageKind;

use super::frame::coding::{Control, Data, OpCode};
use super::frame::{CloseFrame, Frame, Utf8Bytes};
use crate::error::{ProtocolError, Result};

/// A message, a control frame, or a frame that is sent unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(Utf8Bytes),
    /// Binary data.
    Binary(Bytes),
    /// A Ping, with at most 125 bytes of payload.
    Ping(Bytes),
    /// A Pong, with at most 125 bytes of payload.
    Pong(Bytes),
    /// A Close.
    Close(Option<CloseFrame>),
    /// A frame to send, such as one fragment of a message. It is never received.
    Frame(Frame),
}

impl Message {
    /// A text message.
    pub fn text<S: Into<Utf8Bytes>>(text: S) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary<B: Into<Bytes>>(data: B) -> Self {
        Self::Binary(data.into())
    }

    /// Whether this is a text message.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Whether this is a Ping.
    #[must_use]
    pub fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Whether this is a Pong.
    #[must_use]
    pub fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
    }

    /// Whether this is a Close.
    #[must_use]
    pub fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The length of the payload in bytes; for a Close, the length of its reason; for a frame, the length with its header.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data.len(),
            Self::Close(frame) => frame.as_ref().map_or(0, |frame| frame.reason.len()),
            Self::Frame(frame) => frame.len(),
        }
    }

    /// Whether [`len`](Self::len) is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload; for a Close, its reason.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(frame) => frame.map(|frame| frame.reason.into()).unwrap_or_default(),
            Self::Frame(frame) => frame.into_payload(),
        }
    }

    /// The payload as text; for a Close, its reason.
    ///
    /// # Errors
    /// [`Error::Utf8`](crate::Error::Utf8) when it is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes> {
        Ok(match self {
            Self::Text(text) => text,
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data.try_into()?,
            Self::Close(frame) => frame.map(|frame| frame.reason).unwrap_or_default(),
            Self::Frame(frame) => frame.into_text()?,
        })
    }

    /// The payload as text; for a Close, its reason.
    ///
    /// # Errors
    /// [`Error::Utf8`](crate::Error::Utf8) when it is not UTF-8.
    pub fn to_text(&self) -> Result<&str> {
        Ok(match self {
            Self::Text(text) => text.as_str(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => str::from_utf8(data)?,
            Self::Close(frame) => frame.as_ref().map_or("", |frame| frame.reason.as_str()),
            Self::Frame(frame) => frame.to_text()?,
        })
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::binary(Bytes::copy_from_slice(data))
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::binary(data)
    }
}

impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.into_data()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Ok(text) => f.write_str(text),
            Err(_) => write!(f, "Binary Data<length={}>", self.len()),
        }
    }
}

impl From<fullduplex::Message> for Message {
    #[inline]
    fn from(message: fullduplex::Message) -> Self {
        match message {
            fullduplex::Message::Text(text) => Self::Text(Utf8Bytes(text)),
            fullduplex::Message::Binary(data) => Self::Binary(data),
            fullduplex::Message::Ping(data) => Self::Ping(data),
            fullduplex::Message::Pong(data) => Self::Pong(data),
            fullduplex::Message::Close(frame) => Self::Close(frame.map(Into::into)),
        }
    }
}

/// What fullduplex has to send for a [`Message`].
#[derive(Debug)]
pub enum Outgoing {
    /// A message or a control frame.
    Message(fullduplex::Message),
    /// A fragment of a message: `None` continues the message that is in progress.
    Fragment(Option<MessageKind>, Bytes, bool),
}

impl Outgoing {
    /// # Errors
    /// For a frame that must not be sent: a reserved bit or opcode, or a control frame in fragments.
    #[inline]
    pub fn new(message: Message) -> Result<Self> {
        Ok(Self::Message(match message {
            Message::Text(text) => fullduplex::Message::Text(text.0),
            Message::Binary(data) => fullduplex::Message::Binary(data),
            Message::Ping(data) => fullduplex::Message::Ping(data),
            Message::Pong(data) => fullduplex::Message::Pong(data),
            Message::Close(frame) => fullduplex::Message::Close(frame.map(Into::into)),
            Message::Frame(frame) => return Self::from_frame(frame),
        }))
    }

    fn from_frame(frame: Frame) -> Result<Self> {
        frame.check_reserved()?;
        let is_final = frame.header().is_final;
        Ok(match frame.header().opcode {
            OpCode::Control(_) if !is_final => {
                return Err(ProtocolError::FragmentedControlFrame.into());
            }
            OpCode::Control(Control::Ping) => {
                Self::Message(fullduplex::Message::Ping(frame.into_payload()))
            }
            OpCode::Control(Control::Pong) => {
                Self::Message(fullduplex::Message::Pong(frame.into_payload()))
            }
            // `check_reserved` has refused reserved opcodes.
            OpCode::Control(Control::Close | Control::Reserved(_)) => {
                Self::Message(fullduplex::Message::Close(frame.close_frame()?.map(Into::into)))
            }
            OpCode::Data(data) => {
                let kind = match data {
                    Data::Text => Some(MessageKind::Text),
                    Data::Binary => Some(MessageKind::Binary),
                    Data::Continue | Data::Reserved(_) => None,
                };
                Self::Fragment(kind, frame.into_payload(), is_final)
            }
        })
    }
}

impl From<Outgoing> for Message {
    fn from(outgoing: Outgoing) -> Self {
        let (kind, payload, is_last) = match outgoing {
            Outgoing::Message(message) => return message.into(),
            Outgoing::Fragment(kind, payload, is_last) => (kind, payload, is_last),
        };
        let data = match kind {
            Some(MessageKind::Text) => Data::Text,
            Some(MessageKind::Binary) => Data::Binary,
            None => Data::Continue,
        };
        Self::Frame(Frame::message(payload, OpCode::Data(data), is_last))
    }
}

/// The kind of the fragment to send. `None` asks for a continuation of the message in progress.
///
/// # Errors
/// [`ProtocolError::UnexpectedContinueFrame`] when no message is in progress.
pub fn fragment_kind(
    in_progress: Option<MessageKind>,
    kind: Option<MessageKind>,
) -> Result<MessageKind> {
    match (kind, in_progress) {
        (Some(_), Some(MessageKind::Text)) => {
            Err(ProtocolError::ExpectedFragment(Data::Text).into())
        }
        (Some(_), Some(MessageKind::Binary)) => {
            Err(ProtocolError::ExpectedFragment(Data::Binary).into())
        }
        (Some(kind), None) | (None, Some(kind)) => Ok(kind),
        (None, None) => Err(ProtocolError::UnexpectedContinueFrame.into()),
    }
}
