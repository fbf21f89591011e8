//! A message that is encoded once and sent over many connections.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::entropy::NoEntropy;
use crate::event::MessageKind;
use crate::message::outbound::{Outbound, SendError};
use crate::role::Role;

/// A message that is encoded once and sent over many connections of a server, for a broadcast. Clones share the frame.
///
/// Its frame is not masked (RFC 6455 §5.1), so a client has to encode it again.
///
/// ```
/// use fullduplex::{MessageKind, PreparedMessage};
///
/// let news = PreparedMessage::new(MessageKind::Text, b"breaking").unwrap();
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
    /// Encodes a message.
    ///
    /// # Errors
    /// [`SendError::InvalidUtf8`] for a text that is not UTF-8.
    pub fn new(kind: MessageKind, payload: &[u8]) -> Result<Self, SendError> {
        let outbound = Outbound::new(Role::Server);
        let fragment = outbound.fragment(kind, payload, true)?;
        let mut frame = Vec::new();
        outbound.append(fragment.frame, payload, &mut frame, &mut NoEntropy)?;
        Ok(Self { kind, header_len: frame.len() - payload.len(), frame: frame.into() })
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
