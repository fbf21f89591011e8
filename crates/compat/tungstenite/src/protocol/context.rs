//! The connection without its stream.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use fullduplex::{Endpoint, FrameError, MessageError, MessageKind, Negotiated, Receiver, Shutdown};
use fullduplex_std::OsEntropy;

use super::frame::coding::{Data, OpCode};
use super::message::{Outgoing, fragment_kind};
use super::{CloseFrame, Message, Role, WebSocketConfig};
use crate::error::{CapacityError, Error, ProtocolError, Result};
use crate::protocol::frame::{Frame, FrameHeader};

/// A WebSocket whose stream is passed to each call.
///
/// Every method may fail with [`WouldBlock`](io::ErrorKind::WouldBlock) over a stream that does not block; nothing is lost
/// then.
#[derive(Debug)]
pub struct WebSocketContext {
    endpoint: Endpoint<OsEntropy>,
    config: WebSocketConfig,
    /// The kind of the message whose fragments are being sent.
    fragments_of: Option<MessageKind>,
    /// Whether a reply of the connection itself is queued, or written but not flushed.
    has_answer: bool,
    /// Whether the end of the connection was reported.
    terminated: bool,
    /// The origin of the connection's clock.
    began: Instant,
    /// The time of the last read, if a deadline was running and has not been checked since.
    read_at: Option<Duration>,
}

impl WebSocketContext {
    /// A connection after its opening handshake.
    ///
    /// # Panics
    /// When [`max_write_buffer_size`](WebSocketConfig#structfield.max_write_buffer_size) is not larger than
    /// [`write_buffer_size`](WebSocketConfig#structfield.write_buffer_size).
    pub fn new(role: Role, config: Option<WebSocketConfig>) -> Self {
        Self::from_partially_read(Vec::new(), role, config)
    }

    /// As [`new`](Self::new), with bytes that were read after the handshake.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn from_partially_read(part: Vec<u8>, role: Role, config: Option<WebSocketConfig>) -> Self {
        let config = config.unwrap_or_default();
        let negotiated = Negotiated::without_extensions();
        let endpoint = Endpoint::open(role.into(), negotiated, &part, &config.to_core(), OsEntropy);
        Self::open(endpoint, config)
    }

    pub(crate) fn open(endpoint: Endpoint<OsEntropy>, config: WebSocketConfig) -> Self {
        config.assert_valid();
        let began = Instant::now();
        Self {
            endpoint,
            config,
            fragments_of: None,
            has_answer: false,
            terminated: false,
            began,
            read_at: None,
        }
    }

    /// Changes the configuration of the write buffer. The limits for what is received stay as they were when the
    /// connection began.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn set_config(&mut self, set_func: impl FnOnce(&mut WebSocketConfig)) {
        set_func(&mut self.config);
        self.config.assert_valid();
    }

    /// The configuration.
    pub fn get_config(&self) -> &WebSocketConfig {
        &self.config
    }

    /// Whether messages can be read: the peer's Close has not come.
    pub fn can_read(&self) -> bool {
        let receiver = self.endpoint.reader.receiver();
        !self.terminated && receiver.peer_close().is_none() && receiver.failure().is_none()
    }

    /// Whether messages can be written: no Close was sent or received.
    pub fn can_write(&self) -> bool {
        !self.terminated && self.endpoint.writer.sender().may_send() && self.can_read()
    }

    /// The next message or control frame. Replies to Pings and Closes are sent; the queue is written before the stream is
    /// read, and a write that would block does not stop the read.
    ///
    /// # Errors
    /// [`Error::ConnectionClosed`] once at a clean end, then [`Error::AlreadyClosed`]. [`Error::Protocol`],
    /// [`Error::Capacity`] and [`Error::Utf8`] when the connection fails: the peer was told with a Close. [`Error::Io`] when
    /// the stream fails.
    pub fn read<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<Message> {
        self.check_not_terminated()?;
        loop {
            match self.endpoint.poll_owned() {
                Ok(Some(message)) => {
                    if message.is_ping() || message.is_close() {
                        self.has_answer = true;
                    }
                    if message.is_close() {
                        // The program may never read again. What cannot be written now is written by the next call.
                        let _ = self.write_and_flush(stream);
                    }
                    return Ok(message.into());
                }
                Ok(None) => {}
                Err(error) => return Err(self.fail(error, stream)),
            }
            // All bytes of the last read have been decoded, so they count as a sign of life. A peer that keeps us busy must
            // not make us miss a deadline.
            if let Some(read_at) = self.read_at.take() {
                self.handle_timeout(read_at, stream)?;
            }
            match self.flush_queue(stream) {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The peer no longer reads. What it has sent can still be read.
                Err(Error::Io(error)) if is_gone(error.kind()) => {}
                other => other?,
            }
            self.check_over()?;
            self.fill(stream)?;
        }
    }

    /// Queues a message. [`flush`](Self::flush) writes it, or [`read`](Self::read) before it reads from the stream, or this
    /// method when more than [`write_buffer_size`](WebSocketConfig#structfield.write_buffer_size) bytes wait.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] after the end, [`ProtocolError::SendAfterClosing`] after a Close;
    /// [`Error::WriteBufferFull`] with the message when too much waits to be written. [`Error::Io`] when the stream fails:
    /// after [`WouldBlock`](io::ErrorKind::WouldBlock) the message is queued, and must not be written again.
    pub fn write<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
        message: Message,
    ) -> Result<()> {
        self.check_not_terminated()?;
        if !self.can_write() {
            return Err(ProtocolError::SendAfterClosing.into());
        }
        let message = match message {
            Message::Close(frame) => return self.close(stream, frame),
            message => self.check_room(message)?,
        };
        self.queue(message)?;
        if self.has_answer {
            return self.flush(stream);
        }
        if self.endpoint.writer.pending() > self.config.write_buffer_size {
            self.write_out(stream)?;
        }
        Ok(())
    }

    /// Writes the queue, and flushes the stream.
    ///
    /// # Errors
    /// [`Error::Io`]. On a server [`Error::ConnectionClosed`] when the closing handshake is complete: it ends the connection
    /// first.
    pub fn flush<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<()> {
        self.write_and_flush(stream)?;
        self.check_over()
    }

    /// Starts the closing handshake unless it has started, and writes the queue. Continue to read until
    /// [`Error::ConnectionClosed`].
    ///
    /// # Errors
    /// [`ProtocolError::InvalidCloseSequence`] for a code that must not be sent, [`ProtocolError::ControlFrameTooBig`] for
    /// a reason of more than 123 bytes; otherwise as [`flush`](Self::flush).
    pub fn close<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
        code: Option<CloseFrame>,
    ) -> Result<()> {
        if self.can_write() {
            self.queue(Message::Close(code))?;
        }
        self.flush(stream)
    }

    /// Returns a message that would make the queue too long to the caller, as a frame.
    fn check_room(&self, message: Message) -> Result<Message> {
        let payload = match &message {
            Message::Frame(frame) => frame.payload().len(),
            message => message.len(),
        };
        let is_client = self.endpoint.role() == fullduplex::Role::Client;
        let header = FrameHeader { mask: is_client.then_some([0; 4]), ..FrameHeader::default() };
        let len = header.len(payload as u64).saturating_add(payload);
        let pending = self.endpoint.writer.pending();
        if pending.saturating_add(len) <= self.config.max_write_buffer_size {
            return Ok(message);
        }
        let frame = match message {
            Message::Text(text) => Frame::message(text, OpCode::Data(Data::Text), true),
            Message::Binary(data) => Frame::message(data, OpCode::Data(Data::Binary), true),
            Message::Ping(data) => Frame::ping(data),
            Message::Pong(data) => Frame::pong(data),
            Message::Close(frame) => Frame::close(frame),
            Message::Frame(frame) => frame,
        };
        Err(Error::WriteBufferFull(Message::Frame(frame).into()))
    }

    fn queue(&mut self, message: Message) -> Result<()> {
        let writer = &mut self.endpoint.writer;
        // `check_room` has enforced the program's limit. The core's limit is for replies of the connection itself: a peer
        // that does not read must not fill our memory with them.
        writer.reserve();
        let sent = match Outgoing::new(message)? {
            Outgoing::Message(mut message) => writer.send_message(&mut message),
            Outgoing::Fragment(kind, payload, is_last) => {
                let kind = fragment_kind(self.fragments_of, kind)?;
                let sent = writer.send_fragment(kind, &payload, is_last);
                if sent.is_ok() {
                    self.fragments_of = if is_last { None } else { Some(kind) };
                }
                sent
            }
        };
        Ok(sent?)
    }

    /// Handles a failure of the connection: the Close for the peer is written as far as the stream
    /// takes it.
    fn fail<Stream: Write>(&mut self, error: fullduplex::Error, stream: &mut Stream) -> Error {
        let _ = self.write_and_flush(stream);
        self.terminated = true;
        let receiver = self.endpoint.reader.receiver();
        limit_error(error, receiver, &self.config).unwrap_or_else(|| error.into())
    }

    /// Reads once from the stream.
    fn fill<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<()> {
        match stream.read(self.endpoint.reader.room()) {
            Ok(0) => {
                self.terminated = true;
                self.endpoint.handle_eof()?;
                Err(Error::ConnectionClosed)
            }
            Ok(len) => {
                self.endpoint.reader.advance(len);
                // Most connections have no deadline, and need no clock.
                self.read_at = self.endpoint.has_timeout().then(|| self.began.elapsed());
                Ok(())
            }
            // After the peer's Close nothing can be lost, however the stream ends: TLS without close_notify is such an end.
            Err(error) if !self.can_read() && is_end(error.kind()) => {
                self.terminated = true;
                Err(Error::ConnectionClosed)
            }
            Err(error) => {
                // Nothing has arrived, so the peer is silent.
                if is_wait(error.kind()) {
                    let queued = self.endpoint.writer.pending();
                    self.handle_timeout(self.began.elapsed(), stream)?;
                    if self.endpoint.output()?.pending() > queued {
                        // A Ping was due. If it cannot be written now, the next call writes it.
                        let _ = self.write_and_flush(stream);
                    }
                    self.endpoint.release();
                }
                Err(error.into())
            }
        }
    }

    /// Handles the deadlines that have expired at `now`.
    fn handle_timeout<Stream: Write>(&mut self, now: Duration, stream: &mut Stream) -> Result<()> {
        if let Err(error) = self.endpoint.handle_timeout(now) {
            return Err(self.fail(error, stream));
        }
        // After both Closes, the peer has had enough time to end the stream.
        if self.endpoint.shutdown() == Shutdown::Both && !self.can_read() {
            self.terminated = true;
            return Err(Error::ConnectionClosed);
        }
        Ok(())
    }

    /// Writes and flushes the queue, unless it is empty.
    fn flush_queue<Stream: Write>(&mut self, stream: &mut Stream) -> Result<()> {
        let pending = self.endpoint.output().map(|writer| writer.pending())?;
        if pending > 0 || self.has_answer { self.write_and_flush(stream) } else { Ok(()) }
    }

    pub(crate) fn write_and_flush<Stream: Write>(&mut self, stream: &mut Stream) -> Result<()> {
        self.write_out(stream)?;
        stream.flush()?;
        self.has_answer = false;
        Ok(())
    }

    fn write_out<Stream: Write>(&mut self, stream: &mut Stream) -> Result<()> {
        loop {
            // More replies can be queued once there is space for them.
            let writer = self.endpoint.output()?;
            if writer.pending() == 0 {
                return Ok(());
            }
            match stream.write(writer.first()) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
                Ok(len) => writer.advance(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Output that waits for long must not keep the receive buffers alive that its
                    // payloads lie in.
                    writer.copy_payloads();
                    return Err(error.into());
                }
            }
        }
    }

    fn check_not_terminated(&self) -> Result<()> {
        if self.terminated { Err(Error::AlreadyClosed) } else { Ok(()) }
    }

    /// "The underlying TCP connection, in most normal cases, SHOULD be closed first by the server" (RFC 6455 §7.1.1): once
    /// both Closes have been sent, a server does not wait for the peer.
    fn check_over(&mut self) -> Result<()> {
        let is_over = self.endpoint.role() == fullduplex::Role::Server
            && self.endpoint.reader.receiver().peer_close().is_some()
            && self.endpoint.writer.pending() == 0
            && !self.endpoint.writer.sender().has_transmit();
        if is_over {
            self.terminated = true;
            return Err(Error::ConnectionClosed);
        }
        Ok(())
    }
}

/// The error for a message or a frame that is too large, with its size.
pub fn limit_error(
    error: fullduplex::Error,
    receiver: &Receiver,
    config: &WebSocketConfig,
) -> Option<Error> {
    let limit = |bytes: Option<usize>| bytes.unwrap_or(usize::MAX);
    let (size, max_size) = match error {
        fullduplex::Error::Message(MessageError::TooLarge) => {
            let announced = usize::try_from(receiver.message_size()).unwrap_or(usize::MAX);
            let max_size = limit(config.max_message_size);
            // For a compressed message, only the compressed size is announced.
            (announced.max(max_size.saturating_add(1)), max_size)
        }
        // The core does not store the size of the frame.
        fullduplex::Error::Frame(FrameError::TooLarge) => {
            let max_size = limit(config.max_frame_size);
            (max_size.saturating_add(1), max_size)
        }
        _ => return None,
    };
    Some(CapacityError::MessageTooLong { size, max_size }.into())
}

/// Whether an error says that nothing has arrived yet: the stream does not block, or has a timeout.
fn is_wait(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Whether nothing more can be read after an error.
fn is_end(kind: io::ErrorKind) -> bool {
    !is_wait(kind) && kind != io::ErrorKind::Interrupted
}

/// Whether an error says that the peer is gone.
fn is_gone(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
