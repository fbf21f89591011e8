//! What an application receives, in whichever way it receives.

use fullduplex::{Chunk, Message, MessageRef};

use crate::plan::Kind;

/// Something that an application is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    Message(Kind, &'a [u8]),
    /// A piece of a message, and whether it is the first and the last one.
    Piece(Kind, &'a [u8], bool, bool),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close(Option<(u16, &'a str)>),
}

impl Given<'_> {
    /// The name under which it is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Message(Kind::Text, _) => "receive text",
            Self::Message(Kind::Binary, _) => "receive binary",
            Self::Piece(..) => "receive piece",
            Self::Ping(_) => "receive ping",
            Self::Pong(_) => "receive pong",
            Self::Close(_) => "receive close",
        }
    }
}

impl<'a> From<MessageRef<'a>> for Given<'a> {
    fn from(message: MessageRef<'a>) -> Self {
        match message {
            MessageRef::Text(text) => Self::Message(Kind::Text, text.as_bytes()),
            MessageRef::Binary(data) => Self::Message(Kind::Binary, data),
            MessageRef::Ping(data) => Self::Ping(data),
            MessageRef::Pong(data) => Self::Pong(data),
            MessageRef::Close(reason) => {
                Self::Close(reason.map(|close| (close.code.to_u16(), close.reason)))
            }
        }
    }
}

impl<'a> From<&'a Message> for Given<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            // A `MessageRef` would be checked for UTF-8 once more.
            Message::Text(text) => Self::Message(Kind::Text, text.as_bytes()),
            other => other.as_message_ref().into(),
        }
    }
}

impl<'a> From<&'a Chunk> for Given<'a> {
    fn from(chunk: &'a Chunk) -> Self {
        match chunk {
            Chunk::Text(data, part) => {
                Self::Piece(Kind::Text, data, part.is_first(), part.is_last())
            }
            Chunk::Binary(data, part) => {
                Self::Piece(Kind::Binary, data, part.is_first(), part.is_last())
            }
            Chunk::Control(message) => message.into(),
        }
    }
}
