//! Sending through an [`Endpoint`]: frames into its output, and the output to the transport.

use alloc::vec::Vec;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::CloseReason;
use crate::endpoint::{Endpoint, Phase};
use crate::entropy::Entropy;
use crate::event::MessageKind;
use crate::frame::header::OpCode;
use crate::message::outbound::SendError;
use crate::owned::{Message, MessageRef};

/// An output buffer that has grown beyond this is given back when it has been written.
const KEEP_OUTPUT: usize = 64 << 10;

/// Sending: each method appends to the output. Nothing leaves before the adapter writes it.
impl<E: Entropy> Endpoint<E> {
    /// Sends a message or control frame. A Close begins the closing handshake; one without a code
    /// is sent as 1000.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send(&mut self, message: MessageRef<'_>, now: Duration) -> Result<(), SendError> {
        match message {
            MessageRef::Text(text) => self.send_data(MessageKind::Text, text.as_bytes()),
            MessageRef::Binary(data) => self.send_data(MessageKind::Binary, data),
            MessageRef::Ping(data) => self.send_control(OpCode::Ping, data),
            MessageRef::Pong(data) => self.send_control(OpCode::Pong, data),
            MessageRef::Close(reason) => {
                let normal = CloseReason { code: CloseCode::Normal, reason: "" };
                self.close(reason.unwrap_or(normal), now)
            }
        }
    }

    /// Sends an owned message or control frame, see [`send`](Self::send). Text is not checked again.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_message(&mut self, message: &Message, now: Duration) -> Result<(), SendError> {
        match message {
            Message::Text(text) => self.send_data(MessageKind::Text, text.as_bytes()),
            Message::Binary(data) => self.send_data(MessageKind::Binary, data),
            Message::Ping(data) => self.send(MessageRef::Ping(data), now),
            Message::Pong(data) => self.send(MessageRef::Pong(data), now),
            Message::Close(frame) => {
                self.send(MessageRef::Close(frame.as_ref().map(|frame| frame.as_reason())), now)
            }
        }
    }

    /// Sends the next fragment of a message (RFC 6455 §5.4): the first call begins it, `last` ends it.
    ///
    /// # Errors
    /// As [`Connection::send_fragment`](crate::Connection::send_fragment), and [`SendError::WriteBufferFull`].
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_fragment(kind, payload, last, &mut self.output, &mut self.entropy)
    }

    /// Whether the messages that follow are to be compressed, where permessage-deflate was negotiated: on at
    /// first. A message that begins in fragments keeps what held when it began.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        if let Phase::Open(conn) = &mut self.phase {
            conn.set_compression(on);
        }
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2). Messages that the peer had under way are still
    /// delivered.
    ///
    /// # Errors
    /// As [`Connection::close`](crate::Connection::close).
    pub fn close(&mut self, reason: CloseReason<'_>, now: Duration) -> Result<(), SendError> {
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        let CloseReason { code, reason } = reason;
        conn.append_close(code, reason, now, &mut self.output, &mut self.entropy)
    }

    fn send_data(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_message(kind, payload, &mut self.output, &mut self.entropy)
    }

    fn send_control(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_control(opcode, payload, &mut self.output, &mut self.entropy)
    }

    fn check_room(&self, len: usize) -> Result<(), SendError> {
        let pending = self.pending_output();
        if pending > 0 && pending.saturating_add(len) > self.config.max_write_buffer {
            return Err(SendError::WriteBufferFull);
        }
        Ok(())
    }

    /// The bytes to be written next, in order; empty when there are none. Follow with
    /// [`advance_output`](Self::advance_output).
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer of the connection's own cannot be masked; it stays queued.
    #[inline]
    pub fn output(&mut self) -> Result<&[u8], SendError> {
        self.queue_answers()?;
        Ok(self.output.get(self.taken..).unwrap_or_default())
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    pub fn advance_output(&mut self, len: usize) {
        self.taken = self.taken.saturating_add(len);
        if self.taken >= self.output.len() {
            self.taken = 0;
            self.output.clear();
            if self.output.capacity() > KEEP_OUTPUT {
                self.output = Vec::new();
            }
        }
    }

    /// How many bytes wait to be written, answers of the connection's own apart.
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.output.len() - self.taken
    }
}
