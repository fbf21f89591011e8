//! Sending through an [`Endpoint`]: what its [`Writer`] does, once the connection is open.

use crate::closing::CloseReason;
use crate::endpoint::{Endpoint, Phase, Reply};
use crate::entropy::Entropy;
use crate::event::MessageKind;
use crate::message::outbound::SendError;
use crate::owned::{CloseFrame, Message, MessageRef};
use crate::prepared::PreparedMessage;
use crate::writer::Writer;

/// Sending: each method appends to the output. Nothing leaves before the adapter writes it.
impl<E: Entropy> Endpoint<E> {
    /// Sends a message or control frame. A Close begins the closing handshake.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        if let MessageRef::Close(reason) = message {
            return self.send_close(reason);
        }
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        self.writer.send(message, conn.sender(), &mut self.entropy)
    }

    /// Sends a Close, of which the receiver has to hear.
    #[cold]
    fn send_close(&mut self, reason: Option<CloseReason<'_>>) -> Result<(), SendError> {
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        let close = MessageRef::Close(reason);
        let sent = self.writer.send(close, conn.sender(), &mut self.entropy);
        conn.exchange();
        sent
    }

    /// Sends an owned message or control frame, see [`Writer::send_message`].
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then, and `message` is as it was.
    // Only the choice of what to do, wherever it is called.
    #[inline(always)]
    pub fn send_message(&mut self, message: &mut Message) -> Result<(), SendError> {
        if let Message::Close(frame) = message {
            return self.send_close(frame.as_ref().map(CloseFrame::as_reason));
        }
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        self.writer.send_message(message, conn.sender(), &mut self.entropy)
    }

    /// Sends a message that was encoded once for many connections. It is not compressed.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        self.writer.send_prepared(message, conn.sender(), &mut self.entropy)
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
        let Phase::Open(conn) = &mut self.phase else { return Err(SendError::Closed) };
        self.writer.send_fragment(kind, payload, last, conn.sender(), &mut self.entropy)
    }

    /// Has the next message taken, see [`Writer::reserve`].
    pub fn reserve(&mut self) {
        self.writer.reserve();
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
    pub fn close(&mut self, reason: CloseReason<'_>) -> Result<(), SendError> {
        self.send_close(Some(reason))
    }

    /// Whether a message is taken: nothing waits to be written, or fewer bytes than
    /// [`EndpointConfig::max_write_buffer`](crate::EndpointConfig::max_write_buffer).
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.writer.has_room()
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
        Ok(self.writer()?.first())
    }

    /// All bytes to be written, in order and in pieces, none of them empty: for a transport that writes
    /// several at once. Follow with [`advance_output`](Self::advance_output).
    ///
    /// # Errors
    /// As [`output`](Self::output).
    #[inline]
    pub fn output_chunks(&mut self) -> Result<impl Iterator<Item = &[u8]>, SendError> {
        Ok(self.writer()?.chunks())
    }

    /// The queue of what is to be written, with all that there is to say in it.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    #[inline]
    pub fn writer(&mut self) -> Result<&mut Writer, SendError> {
        self.queue_answers()?;
        Ok(&mut self.writer)
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    #[inline]
    pub fn advance_output(&mut self, len: usize) {
        self.writer.advance(len);
    }

    /// The transport is blocked: see [`Writer::copy_payloads`].
    pub fn copy_payloads(&mut self) {
        self.writer.copy_payloads();
    }

    /// How many bytes wait to be written, answers of the connection's own apart.
    #[inline]
    #[must_use]
    pub fn pending_output(&self) -> usize {
        self.writer.pending()
    }
}

/// Sending: as the methods of [`Endpoint`].
impl<E: Entropy> Reply<'_, E> {
    /// Sends a message or control frame, copied into the write queue.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        if let MessageRef::Close(_) = message {
            let sent = self.writer.send(message, self.conn.sender(), self.entropy);
            self.conn.exchange();
            return sent;
        }
        self.writer.send(message, self.conn.sender(), self.entropy)
    }

    /// Sends an owned message or control frame, see [`Writer::send_message`].
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then, and `message` is as it was.
    #[inline]
    pub fn send_message(&mut self, message: &mut Message) -> Result<(), SendError> {
        if let Message::Close(_) = message {
            let sent = self.writer.send_message(message, self.conn.sender(), self.entropy);
            self.conn.exchange();
            return sent;
        }
        self.writer.send_message(message, self.conn.sender(), self.entropy)
    }

    /// Sends a message that was encoded once for many connections. It is not compressed.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.writer.send_prepared(message, self.conn.sender(), self.entropy)
    }
}
