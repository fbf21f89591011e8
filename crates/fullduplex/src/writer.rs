//! The sending direction with its queue: messages go in, and bytes for the transport come out. The counterpart of
//! [`Reader`](crate::Reader).

use alloc::vec::Vec;

use crate::closing::CloseFrameRef;
use crate::connection::{Receiver, Sender, Shutdown};
use crate::entropy::{Entropy, EntropyError};
use crate::event::MessageKind;
use crate::frame::header::OpCode;
use crate::frame::header::SMALL;
use crate::message::outbound::SendError;
use crate::outgoing::Outgoing;
use crate::owned::{Message, MessageRef};
use crate::prepared::PreparedMessage;

/// How many bytes may wait to be written by default before messages are refused: 1 MiB.
pub const DEFAULT_MAX_WRITE_BUFFER_SIZE: usize = 1 << 20;

/// From this size on, a payload is not copied to the queue. Below it, a copy costs less than one more piece for the transport
/// to write.
const SHARE_FROM: usize = 8 << 10;

/// A payload of this size or more is not copied even while the transport is blocked. It may lie in a receive buffer, but that
/// is at most about twice as large.
const COPY_BELOW: usize = 128 << 10;

/// The sending direction of a connection with its write queue: messages go in, and bytes for the transport come out.
///
/// A client's masking keys come from `E`. Frames are queued in the order of the calls. Small payloads are copied behind their
/// headers, and large owned ones are not copied. The writer takes messages as long as fewer bytes than a limit wait to be
/// written, so its memory is limited to that number of bytes and one message.
#[derive(Debug)]
pub struct Writer<E> {
    sender: Sender,
    out: Outgoing,
    limit: usize,
    /// Whether the next message is taken even if the queue is full, see [`reserve`](Self::reserve).
    reserved: bool,
    entropy: E,
}

impl<E> Writer<E> {
    /// An empty queue for what `sender` sends. It takes messages as long as fewer than `limit` bytes wait.
    #[must_use]
    pub fn new(sender: Sender, limit: usize, entropy: E) -> Self {
        Self { sender, out: Outgoing::default(), limit, reserved: false, entropy }
    }

    /// A queue that begins with `output`, the end of the opening handshake.
    pub(crate) fn with_output(sender: Sender, output: Vec<u8>, limit: usize, entropy: E) -> Self {
        Self { out: output.into(), ..Self::new(sender, limit, entropy) }
    }

    /// The state of the sending direction: whether messages may be sent, our own Close.
    #[inline]
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The sending direction, for [signals](Sender::signals) and settings. Frames that it writes to a buffer of the caller do
    /// not go through this queue.
    #[inline]
    pub fn sender_mut(&mut self) -> &mut Sender {
        &mut self.sender
    }
}

impl<E: Entropy> Writer<E> {
    /// Sends a message or control frame. A Close begins the closing handshake.
    ///
    /// # Errors
    /// [`SendError`]. Then nothing of the message is sent.
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

    /// Sends a small message if the buffer has space for it and nothing is in the way. If not, it returns `None` and changes
    /// nothing. Then the caller takes the path of all other messages, which sends it or returns the reason. This is one
    /// function that is not inlined, so that the functions around it are small enough to be inlined into an application,
    /// which knows the kind and the length of its message.
    #[inline(never)]
    fn send_small(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
    ) -> Option<Result<(), EntropyError>> {
        if self.out.len() >= self.limit {
            return None;
        }
        // A client draws a key by a call, for which registers are saved. In a function of its own, that costs a server
        // nothing.
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
        self.take_space()?;
        self.sender.queue_message(kind, payload, &mut self.out, &mut self.entropy)
    }

    /// Sends a control frame. It would send a message as well, but its callers send those on a faster path.
    #[inline(never)]
    fn send_control(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        // A Close is sent however many bytes wait.
        if !matches!(message, MessageRef::Close(_)) {
            self.take_space()?;
        }
        let Self { sender, out, entropy, .. } = self;
        let out = &mut out.buffer();
        match message {
            MessageRef::Ping(data) => sender.append_control(OpCode::Ping, data, out, entropy),
            MessageRef::Pong(data) => sender.append_control(OpCode::Pong, data, out, entropy),
            MessageRef::Close(reason) => sender.append_close(reason, out, entropy),
            MessageRef::Text(text) => {
                sender.append_message(MessageKind::Text, text.as_bytes(), out, entropy)
            }
            MessageRef::Binary(data) => {
                sender.append_message(MessageKind::Binary, data, out, entropy)
            }
        }
    }

    /// Sends an owned message or control frame, as [`send`](Self::send) does. Text is not checked again, and a large payload
    /// is taken and not copied: a server shares it until it is written, and a client masks it in place if there is no other
    /// handle to it.
    ///
    /// # Errors
    /// [`SendError`]. Then nothing of the message is sent, and `message` is as it was.
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
        self.take_space()?;
        if payload.len() >= SHARE_FROM {
            return self.sender.append_shared(kind, payload, &mut self.out, &mut self.entropy);
        }
        self.sender.queue_message(kind, payload, &mut self.out, &mut self.entropy)
    }

    /// Sends a message that was encoded once for many connections. It is not compressed.
    ///
    /// # Errors
    /// [`SendError`]. Then nothing of the message is sent.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.take_space()?;
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
        self.take_space()?;
        let Self { sender, out, entropy, .. } = self;
        sender.append_fragment(kind, payload, last, &mut out.buffer(), entropy)
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2), however many bytes wait. Messages that the peer sends before its own
    /// Close are still delivered.
    ///
    /// # Errors
    /// As [`Sender::close`].
    pub fn close(&mut self, reason: CloseFrameRef<'_>) -> Result<(), SendError> {
        self.append_close(Some(reason))
    }

    #[cold]
    fn append_close(&mut self, reason: Option<CloseFrameRef<'_>>) -> Result<(), SendError> {
        self.sender.append_close(reason, &mut self.out.buffer(), &mut self.entropy)
    }

    /// Queues the answers that the connection sends by itself: a Pong, the Ping of the keepalive, or a Close. If more
    /// than the limit waits already, the peer does not read, and they wait in the sender, which keeps only the latest
    /// Pong.
    ///
    /// # Errors
    /// [`SendError::Entropy`] when an answer cannot be masked. It stays in the sender.
    #[inline]
    pub fn queue_answers(&mut self) -> Result<(), SendError> {
        if self.sender.has_transmit() && self.out.len() <= self.limit {
            self.append_answers()
        } else {
            Ok(())
        }
    }

    /// Not inlined, so that the check before it is. Most of the time there are no answers.
    #[inline(never)]
    fn append_answers(&mut self) -> Result<(), SendError> {
        self.sender.append_transmit(&mut self.out.buffer(), &mut self.entropy)
    }

    /// Whether a message is taken: nothing waits, or fewer bytes than the limit, or the next message was
    /// [reserved](Self::reserve) its place.
    #[inline]
    #[must_use]
    pub fn has_space(&self) -> bool {
        let pending = self.out.len();
        pending == 0 || pending < self.limit || self.reserved
    }

    /// Makes sure that the next message is taken, however many [answers](Self::queue_answers) are queued before it. It is for
    /// a caller that must promise this before it has the message.
    pub fn reserve(&mut self) {
        self.reserved = true;
    }

    #[inline]
    fn take_space(&mut self) -> Result<(), SendError> {
        let has_space = self.has_space();
        self.reserved = false;
        match (has_space, self.sender.may_send()) {
            (true, _) => Ok(()),
            (false, true) => Err(SendError::WriteBufferFull),
            // The caller must not wait for space: the message would be refused then, and there may never be any.
            (false, false) => Err(SendError::Closed),
        }
    }

    /// The bytes to be written next. It is empty if nothing waits. Follow with [`advance`](Self::advance).
    ///
    /// More bytes may wait behind them, see [`slices`](Self::slices).
    #[inline]
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.out.first()
    }

    /// All bytes to be written, in order, in pieces that are not empty. It is for a transport that can write several pieces at
    /// once. Follow with [`advance`](Self::advance).
    #[inline]
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.out.slices()
    }

    /// The transport has taken `len` bytes. If `len` is larger than [`pending`](Self::pending), it has taken all.
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

    /// How far the caller must end the transport: see [`Receiver::shutdown`]. While output waits, it is [`Shutdown::No`], unless
    /// the transport has ended by itself or the close timeout has expired. `receiver` is the other direction of this
    /// connection.
    #[inline]
    #[must_use]
    pub fn shutdown(&self, receiver: &Receiver) -> Shutdown {
        let is_open = self.sender.may_send() || self.pending() > 0;
        if is_open && !receiver.has_ended() { Shutdown::No } else { receiver.shutdown() }
    }

    /// Frees the queue's memory if nothing waits, and memory that the sender does not need now. Call it before the connection
    /// waits for long.
    ///
    /// With `std`, the buffer goes to a pool of this thread, for the next connection that writes.
    pub fn release(&mut self) {
        self.sender.release();
        self.out.release();
    }
}
