//! Sending through an [`Endpoint`]: frames into its output, and the output to the transport.

use core::time::Duration;

use crate::close_code::CloseCode;
use crate::closing::CloseReason;
use crate::endpoint::{Endpoint, Phase, Unsent};
use crate::entropy::Entropy;
use crate::event::MessageKind;
use crate::frame::header::OpCode;
use crate::message::outbound::SendError;
use crate::owned::{Message, MessageRef};
use crate::prepared::PreparedMessage;

/// From this size on, a payload stays where it is until it is written. Below it, a copy costs less than one
/// more piece for the transport to write.
const SHARE_FROM: usize = 8 << 10;

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

    /// Sends an owned message or control frame, see [`send`](Self::send). Text is not checked again, and a
    /// large payload is not copied: a server's is shared until it is written, a client's is masked where it
    /// lies if nobody else has a handle to it.
    ///
    /// # Errors
    /// [`Unsent`], with the message; nothing of it was sent then.
    #[inline]
    pub fn send_message(&mut self, message: Message, now: Duration) -> Result<(), Unsent> {
        let sent = match &message {
            Message::Text(_) | Message::Binary(_) if message.len() >= SHARE_FROM => {
                return self.send_large(message);
            }
            Message::Text(text) => self.send_data(MessageKind::Text, text.as_bytes()),
            Message::Binary(data) => self.send_data(MessageKind::Binary, data),
            Message::Ping(data) => self.send(MessageRef::Ping(data), now),
            Message::Pong(data) => self.send(MessageRef::Pong(data), now),
            Message::Close(frame) => {
                self.send(MessageRef::Close(frame.as_ref().map(|frame| frame.as_reason())), now)
            }
        };
        sent.map_err(|error| Unsent { error, message })
    }

    /// As [`send_message`](Self::send_message), however much waits to be written: for a caller that has looked at
    /// [`pending_output`](Self::pending_output) before it took the message.
    ///
    /// # Errors
    /// [`Unsent`], with the message; nothing of it was sent then. Never [`SendError::WriteBufferFull`].
    #[inline]
    pub fn send_message_anyway(&mut self, message: Message, now: Duration) -> Result<(), Unsent> {
        let limit = core::mem::replace(&mut self.config.max_write_buffer, usize::MAX);
        let sent = self.send_message(message, now);
        self.config.max_write_buffer = limit;
        sent
    }

    #[inline(never)]
    fn send_large(&mut self, mut message: Message) -> Result<(), Unsent> {
        let len = message.len();
        let (kind, payload) = match &mut message {
            Message::Text(text) => (MessageKind::Text, text.bytes_mut()),
            Message::Binary(data) => (MessageKind::Binary, data),
            // Not large.
            _ => return Ok(()),
        };
        let sent = self.check_room(len).and_then(|()| match &mut self.phase {
            Phase::Open(conn) => {
                conn.append_shared(kind, payload, &mut self.output, &mut self.entropy)
            }
            _ => Err(SendError::Closed),
        });
        sent.map_err(|error| Unsent { error, message })
    }

    /// Sends a message that was encoded once for many connections. It is not compressed.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.check_room(message.frame.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_prepared(message, SHARE_FROM, &mut self.output, &mut self.entropy)
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
        conn.append_fragment(kind, payload, last, self.output.buffer(), &mut self.entropy)
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
        conn.append_close(code, reason, now, self.output.buffer(), &mut self.entropy)
    }

    fn send_data(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_message(kind, payload, self.output.buffer(), &mut self.entropy)
    }

    fn send_control(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), SendError> {
        self.check_room(payload.len())?;
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        conn.append_control(opcode, payload, self.output.buffer(), &mut self.entropy)
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
    /// There may be more behind them: see [`output_chunks`](Self::output_chunks).
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer of the connection's own cannot be masked; it stays queued.
    #[inline]
    pub fn output(&mut self) -> Result<&[u8], SendError> {
        self.queue_answers()?;
        Ok(self.output.first())
    }

    /// All bytes to be written, in order and in pieces, none of them empty: for a transport that writes
    /// several at once. Follow with [`advance_output`](Self::advance_output).
    ///
    /// # Errors
    /// As [`output`](Self::output).
    #[inline]
    pub fn output_chunks(&mut self) -> Result<impl Iterator<Item = &[u8]>, SendError> {
        self.queue_answers()?;
        Ok(self.output.chunks())
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    #[inline]
    pub fn advance_output(&mut self, len: usize) {
        self.output.advance(len);
    }

    /// How many bytes wait to be written, answers of the connection's own apart.
    #[inline]
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.output.len()
    }
}
