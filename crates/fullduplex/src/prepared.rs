//! A message that is encoded once and sent over many connections.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::event::MessageKind;
use crate::frame::header::{FrameHeader, MAX_FRAME_HEADER_LEN};
use crate::message::outbound::opcode;
use crate::owned::InvalidUtf8;
use crate::utf8;

/// A message that is encoded once and sent over many connections of a server, for a broadcast. Clones share the frame.
///
/// Its frame is not masked (RFC 6455 §5.1), so a client has to encode it again.
///
/// ```
/// use fullduplex::PreparedMessage;
///
/// let news = PreparedMessage::text("breaking");
/// assert_eq!(news.payload(), b"breaking");
/// ```
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    pub(crate) kind: MessageKind,
    /// The encoded frame: header and payload.
    pub(crate) frame: Bytes,
    header_len: usize,
}

impl PreparedMessage {
    /// Encodes a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::encode(MessageKind::Text, text.as_bytes())
    }

    /// Encodes a binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::encode(MessageKind::Binary, payload)
    }

    /// Encodes a message whose kind is only known at run time.
    ///
    /// # Errors
    /// [`InvalidUtf8`] for a text that is not UTF-8.
    pub fn new(kind: MessageKind, payload: &[u8]) -> Result<Self, InvalidUtf8> {
        if kind == MessageKind::Text && !utf8::is_valid(payload) {
            return Err(InvalidUtf8);
        }
        Ok(Self::encode(kind, payload))
    }

    fn encode(kind: MessageKind, payload: &[u8]) -> Self {
        let opcode = opcode(kind);
        let payload_len = payload.len() as u64;
        let header = FrameHeader { fin: true, rsv: 0, opcode, mask: None, payload_len };
        let mut bytes = [0; MAX_FRAME_HEADER_LEN];
        let header_len = header.encode(&mut bytes);
        let mut frame = Vec::with_capacity(header_len + payload.len());
        frame.extend_from_slice(bytes.get(..header_len).unwrap_or_default());
        frame.extend_from_slice(payload);
        Self { kind, header_len, frame: frame.into() }
    }

    /// The kind of the message.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The payload of the message.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let payload = self.frame.get(self.header_len..);
        // The frame begins with its header, whatever the payload is.
        debug_assert!(payload.is_some());
        payload.unwrap_or_default()
    }
}
