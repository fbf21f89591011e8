//! A write queue that takes messages for a connection and lends the bytes to a transport: the counterpart of
//! [`Reader`](crate::Reader).

use alloc::vec::Vec;

use crate::closing::CloseReason;
use crate::connection::Sender;
use crate::entropy::{Entropy, EntropyError};
use crate::event::MessageKind;
use crate::frame::encoder::SMALL;
use crate::frame::header::OpCode;
use crate::message::outbound::SendError;
use crate::outgoing::Outgoing;
use crate::owned::{Message, MessageRef};
use crate::prepared::PreparedMessage;

/// How much may wait to be written by default before more is refused: 1 MiB.
pub const DEFAULT_MAX_WRITE_BUFFER: usize = 1 << 20;

/// From this size on, a payload stays where it is until it is written. Below it, a copy costs less than one
/// more piece for the transport to write.
const SHARE_FROM: usize = 8 << 10;

/// A payload of this size or more is not copied even while the transport is blocked: the receive buffer that it may lie
/// in is at most about twice as large.
const COPY_BELOW: usize = 128 << 10;

/// The sending direction of a connection with its write queue: messages go in, bytes for the transport come out.
///
/// `E` is where the masking keys of a client come from. Frames are appended in the order of the calls, small payloads copied behind their headers, large owned ones
/// left where they are. It takes messages until a number of bytes waits to be written: that bounds its memory
/// to as much and one message.
#[derive(Debug)]
pub struct Writer<E> {
    sender: Sender,
    out: Outgoing,
    limit: usize,
    /// Whether the next message has its room.
    reserved: bool,
    entropy: E,
}

impl<E> Writer<E> {
    /// An empty queue for what `sender` sends, which takes messages as long as fewer than `limit` bytes wait.
    #[must_use]
    pub fn new(sender: Sender, limit: usize, entropy: E) -> Self {
        Self { sender, out: Outgoing::default(), limit, reserved: false, entropy }
    }

    /// A queue with the end of the opening handshake in it.
    pub(crate) fn with_output(sender: Sender, output: Vec<u8>, limit: usize, entropy: E) -> Self {
        Self { out: output.into(), ..Self::new(sender, limit, entropy) }
    }

    /// The state of the sending direction: whether messages may be sent, our own Close.
    #[inline]
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The sending direction, for [signals](Sender::signals) and settings. Frames that it writes to a buffer of the
    /// caller's do not go through this queue.
    #[inline]
    pub fn sender_mut(&mut self) -> &mut Sender {
        &mut self.sender
    }
}

impl<E: Entropy> Writer<E> {
    /// Sends a message or control frame. A Close begins the closing handshake.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    #[inline]
    pub fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        let (kind, payload) = match message {
            MessageRef::Text(text) => (MessageKind::Text, text.as_bytes()),
            MessageRef::Binary(data) => (MessageKind::Binary, data),
            control => return self.send_control(control),
        };
        if payload.len() <= SMALL
            && let Some(sent) = self.send_small(kind, payload)
        {
            return sent.map_err(SendError::Entropy);
        }
        self.send_data(kind, payload)
    }

    /// Sends a small message if the buffer has room for it and nothing is in its way. Else nothing was done, and the way
    /// of all other messages sends it or says why not. All of it is one call: around it is what an application knows of
    /// the message, and that is to be inlined.
    #[inline(never)]
    fn send_small(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
    ) -> Option<Result<(), EntropyError>> {
        if self.out.len() >= self.limit {
            return None;
        }
        // A client's way calls for a key, so it has registers to save. A server's has none as long as they are apart.
        if self.sender.is_client() {
            return self.send_small_masked(kind, payload);
        }
        self.sender.queue_small(kind, payload, &mut self.out)?;
        self.reserved = false;
        Some(Ok(()))
    }

    #[inline(never)]
    fn send_small_masked(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
    ) -> Option<Result<(), EntropyError>> {
        let Self { sender, out, entropy, .. } = self;
        let sent = sender.queue_small_masked(kind, payload, out, entropy)?;
        self.reserved = false;
        Some(sent)
    }

    #[inline(never)]
    fn send_data(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.check_room()?;
        self.sender.queue_message(kind, payload, &mut self.out, &mut self.entropy)
    }

    #[inline(never)]
    fn send_control(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        let (opcode, payload) = match message {
            MessageRef::Ping(data) => (OpCode::Ping, data),
            MessageRef::Pong(data) => (OpCode::Pong, data),
            MessageRef::Close(reason) => return self.append_close(reason),
            MessageRef::Text(text) => return self.send_data(MessageKind::Text, text.as_bytes()),
            MessageRef::Binary(data) => return self.send_data(MessageKind::Binary, data),
        };
        self.check_room()?;
        self.sender.append_control(opcode, payload, &mut self.out.buffer(), &mut self.entropy)
    }

    /// Sends an owned message or control frame, see [`send`](Self::send). Text is not checked again, and a
    /// large payload is not copied but taken: a server's is shared until it is written, a client's is masked where
    /// it lies if nobody else has a handle to it.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then, and `message` is as it was.
    #[inline]
    pub fn send_message(&mut self, message: &mut Message) -> Result<(), SendError> {
        let small: Option<(_, &[u8])> = match &*message {
            Message::Text(text) => Some((MessageKind::Text, text.as_bytes())),
            Message::Binary(data) => Some((MessageKind::Binary, data)),
            _ => None,
        };
        if let Some((kind, payload)) = small
            && payload.len() <= SMALL
            && let Some(sent) = self.send_small(kind, payload)
        {
            return sent.map_err(SendError::Entropy);
        }
        self.send_message_slow(message)
    }

    /// Every message that [`send_small`](Self::send_small) does not take.
    #[inline(never)]
    fn send_message_slow(&mut self, message: &mut Message) -> Result<(), SendError> {
        let (kind, payload) = match message {
            Message::Text(text) => (MessageKind::Text, text.bytes_mut()),
            Message::Binary(data) => (MessageKind::Binary, data),
            control => return self.send_control(control.as_message_ref()),
        };
        self.check_room()?;
        if payload.len() >= SHARE_FROM {
            return self.sender.append_shared(kind, payload, &mut self.out, &mut self.entropy);
        }
        self.sender.queue_message(kind, payload, &mut self.out, &mut self.entropy)
    }

    /// Sends a message that was encoded once for many connections. It is not compressed.
    ///
    /// # Errors
    /// [`SendError`]; nothing of it was sent then.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.check_room()?;
        self.sender.append_prepared(message, SHARE_FROM, &mut self.out, &mut self.entropy)
    }

    /// Sends the next fragment of a message (RFC 6455 §5.4): the first call begins it, `last` ends it.
    ///
    /// # Errors
    /// As [`Sender::send_fragment`], and [`SendError::WriteBufferFull`].
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), SendError> {
        self.check_room()?;
        let Self { sender, out, entropy, .. } = self;
        sender.append_fragment(kind, payload, last, &mut out.buffer(), entropy)
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2), however much waits. Messages that the peer had under way
    /// are still delivered.
    ///
    /// # Errors
    /// As [`Sender::close`].
    pub fn close(&mut self, reason: CloseReason<'_>) -> Result<(), SendError> {
        self.append_close(Some(reason))
    }

    #[cold]
    fn append_close(&mut self, reason: Option<CloseReason<'_>>) -> Result<(), SendError> {
        self.sender.append_close(reason, &mut self.out.buffer(), &mut self.entropy)
    }

    /// Moves the connection's own answers to the queue, unless the peer does not read: it gets no second
    /// answer then, the latest Pong waits in place of the others.
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer cannot be masked; it stays with the connection.
    #[inline]
    pub fn queue_answers(&mut self) -> Result<(), SendError> {
        if self.sender.has_transmit() && self.out.len() <= self.limit {
            self.append_answers()
        } else {
            Ok(())
        }
    }

    /// Out of line, so that a look at the output is inlined: most of the time there are no answers.
    #[inline(never)]
    fn append_answers(&mut self) -> Result<(), SendError> {
        self.sender.append_transmit(&mut self.out.buffer(), &mut self.entropy)
    }

    /// Whether a message is taken: nothing waits, or fewer bytes than the limit, or room was
    /// [reserved](Self::reserve).
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        let pending = self.out.len();
        pending == 0 || pending < self.limit || self.reserved
    }

    /// Has the next message taken, however many [answers](Self::queue_answers) come before it: for a caller that
    /// promises room first and has the message later.
    pub fn reserve(&mut self) {
        self.reserved = true;
    }

    #[inline]
    fn check_room(&mut self) -> Result<(), SendError> {
        let has_room = self.has_room();
        self.reserved = false;
        if has_room { Ok(()) } else { Err(SendError::WriteBufferFull) }
    }

    /// The bytes to be written next, in order; empty when there are none. Follow with
    /// [`advance`](Self::advance).
    ///
    /// There may be more behind them: see [`chunks`](Self::chunks).
    #[inline]
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.out.first()
    }

    /// All bytes to be written, in order and in pieces, none of them empty: for a transport that writes
    /// several at once. Follow with [`advance`](Self::advance).
    #[inline]
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.out.chunks()
    }

    /// The transport has taken `len` bytes. A `len` beyond [`pending`](Self::pending) is cut.
    #[inline]
    pub fn advance(&mut self, len: usize) {
        self.out.advance(len);
    }

    /// Copies payloads that were queued without a copy, unless they are large. Such a payload may keep alive the buffer
    /// that it was received in, which may be much larger. Call it when the transport is blocked, so that what waits for
    /// long takes no more memory than its length.
    pub fn copy_payloads(&mut self) {
        self.out.copy_shared(COPY_BELOW);
    }

    /// How many bytes wait to be written.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.out.len()
    }

    /// Gives the memory up if nothing waits, and what the sender can spare: for a connection that is about to wait for
    /// long.
    ///
    /// With `std` it goes to a pool of the thread's, for the next connection that writes.
    pub fn release(&mut self) {
        self.sender.release();
        self.out.release();
    }
}
