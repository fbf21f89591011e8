//! A message that is encoded once and sent over many connections.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::entropy::NoEntropy;
use crate::event::MessageKind;
use crate::message::outbound::{Outbound, SendError};
use crate::role::Role;

/// A message that was encoded once, to be sent by many servers' connections: what a broadcast wants. Clones
/// share the frame.
///
/// Its frame has no mask (RFC 6455 §5.1), so a client encodes it anew.
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
    /// Header and payload.
    pub(crate) frame: Bytes,
    header_len: usize,
}

impl PreparedMessage {
    /// Encodes a message.
    ///
    /// # Errors
    /// [`SendError::InvalidUtf8`] for a text that is none.
    pub fn new(kind: MessageKind, payload: &[u8]) -> Result<Self, SendError> {
        let outbound = Outbound::new(Role::Server);
        let fragment = outbound.fragment(kind, payload, true)?;
        let mut frame = Vec::new();
        outbound.append(fragment.frame, payload, &mut frame, &mut NoEntropy)?;
        Ok(Self { kind, header_len: frame.len() - payload.len(), frame: frame.into() })
    }

    /// What kind of message it is.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The message itself.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.frame.get(self.header_len..).unwrap_or_default()
    }
}
