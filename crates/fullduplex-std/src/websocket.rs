//! The blocking WebSocket: runs [`Endpoint`]'s loop over a stream.

use std::io::{self, IoSlice, Read, Write};
use std::net;

use fullduplex::{
    Chunk, CloseCode, CloseFrame, Endpoint, EndpointConfig, Message, MessageKind, Negotiated, Role,
    SendError, Shutdown, Timeout,
};

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::transport::{Transport, is_gone};

/// How many pieces are given to the stream at once: large messages are two each.
const MAX_PIECES: usize = 16;

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    /// The connection failed; the cause was told. The transport may still have to be ended.
    Failed,
    /// The end was told.
    Told,
}

/// A WebSocket over a blocking stream `S`.
///
/// [`read`](Self::read) returns messages and control frames; Pings and Closes are answered by themselves.
/// [`send`](Self::send) writes at once, [`feed`](Self::feed) waits for a [`flush`](Self::flush), and a
/// `read` that is about to wait flushes first: a loop of `read` and `feed` needs one write for all the
/// messages that one read brought.
///
/// Deadlines (handshake, close, keepalive, idle) are kept exactly over `TcpStream`, `UnixStream` and this crate's TLS
/// streams, however little at a time the peer sends or reads: their read and write timeouts belong to the WebSocket
/// then. With TLS, a byte counts when its whole record has arrived. Over any other stream deadlines are looked at
/// whenever the stream returns; rustls's `StreamOwned` over a bare `TcpStream` returns in time when the peer is silent.
/// Over a non-blocking stream every method may fail with [`WouldBlock`](io::ErrorKind::WouldBlock); nothing is lost by
/// it. After a failure, our last frames may then still have to be written: go on reading until
/// [`Error::AlreadyClosed`].
pub struct WebSocket<S> {
    transport: Transport<S>,
    endpoint: Endpoint<OsEntropy>,
    config: Box<EndpointConfig>,
    /// Whether the last write was blocked, or wrote only a part.
    blocked: bool,
    end: End,
}

impl<S> std::fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<S: Read + Write + 'static> WebSocket<S> {
    pub(crate) fn new(
        transport: Transport<S>,
        mut endpoint: Endpoint<OsEntropy>,
        config: EndpointConfig,
    ) -> Self {
        // Its first waiting time begins now.
        endpoint.poll_timeout(transport.elapsed());
        Self { transport, endpoint, config: Box::new(config), blocked: false, end: End::No }
    }

    /// A WebSocket over a stream on which something else has done the opening handshake.
    #[must_use]
    pub fn from_raw_socket(stream: S, role: Role, config: EndpointConfig) -> Self {
        Self::from_partially_read(stream, Vec::new(), role, config)
    }

    /// As [`from_raw_socket`](Self::from_raw_socket), with bytes that were read after the handshake.
    #[must_use]
    pub fn from_partially_read(
        stream: S,
        part: Vec<u8>,
        role: Role,
        config: EndpointConfig,
    ) -> Self {
        let negotiated = Negotiated::without_extensions();
        let endpoint = Endpoint::open(role, negotiated, &part, &config, OsEntropy);
        Self::new(Transport::new(stream), endpoint, config)
    }

    /// The next message or control frame; waits for it, and writes what is pending first.
    ///
    /// After the peer's [`Message::Close`] the answer has been sent; the next call returns
    /// [`Error::ConnectionClosed`]. After [`close`](Self::close), go on reading until then: the peer may
    /// have messages under way.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the connection fails: the peer was told with a Close. [`Error::Io`] when the
    /// transport does. [`Error::ConnectionClosed`] once at a clean end, [`Error::AlreadyClosed`] after any
    /// end.
    pub fn read(&mut self) -> Result<Message> {
        if self.end == End::Told {
            return Err(Error::AlreadyClosed);
        }
        loop {
            match self.endpoint.poll_owned() {
                Ok(Some(message)) => {
                    if message.is_close() {
                        // Nothing follows, so an application may never read again. What cannot be
                        // written now is written by the next call.
                        let _ = self.write_out();
                    }
                    return Ok(message);
                }
                Ok(None) => self.wait()?,
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// The next piece of a message, as it arrives, or a control frame: a message of any size is received without
    /// ever being held whole. Who calls [`read`](Self::read) in the middle of a message gives up the rest of it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_chunk(&mut self) -> Result<Chunk> {
        if self.end == End::Told {
            return Err(Error::AlreadyClosed);
        }
        loop {
            match self.endpoint.poll_chunk() {
                Ok(Some(chunk)) => {
                    if matches!(chunk, Chunk::Control(Message::Close(_))) {
                        // As in `read`.
                        let _ = self.write_out();
                    }
                    return Ok(chunk);
                }
                Ok(None) => self.wait()?,
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Sends a message: [`feed`](Self::feed), then [`flush`](Self::flush).
    ///
    /// # Errors
    /// As the two. When `flush` fails, the message is on its way nevertheless and must not be sent again.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        self.feed(message)?;
        self.flush()
    }

    /// Puts a message into the write buffer; written by [`flush`](Self::flush), or before
    /// [`read`](Self::read) waits.
    ///
    /// A [`Message::Close`] begins the closing handshake.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent; nothing of it is then. [`Error::WriteBufferFull`] when the
    /// buffer is full and the stream would block; else as [`flush`](Self::flush).
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<()> {
        let mut message = message.into();
        self.check_open()?;
        match self.endpoint.writer.send_message(&mut message) {
            Err(SendError::WriteBufferFull) => {}
            other => return Ok(other?),
        }
        match self.flush() {
            // What has been written may have made room enough.
            Err(error) if error.would_block() => {}
            other => other?,
        }
        match self.endpoint.writer.send_message(&mut message) {
            Err(SendError::WriteBufferFull) => Err(Error::WriteBufferFull(Box::new(message))),
            other => Ok(other?),
        }
    }

    /// Puts the next fragment of a message into the write buffer: the first call begins the message, `last`
    /// ends it. Text may be cut anywhere, but must be UTF-8 when joined.
    ///
    /// # Errors
    /// [`Error::Send`] when it must not be sent or the buffer is full; nothing of it is sent then.
    pub fn feed_fragment(&mut self, kind: MessageKind, payload: &[u8], last: bool) -> Result<()> {
        self.check_open()?;
        match self.endpoint.writer.send_fragment(kind, payload, last) {
            Err(SendError::WriteBufferFull) => {}
            other => return Ok(other?),
        }
        self.flush()?;
        Ok(self.endpoint.writer.send_fragment(kind, payload, last)?)
    }

    /// Whether the messages that follow are to be compressed, where permessage-deflate was negotiated: on at
    /// first.
    #[cfg(feature = "deflate")]
    pub fn set_compression(&mut self, on: bool) {
        self.endpoint.writer.sender_mut().set_compression(on);
    }

    /// What was agreed on about permessage-deflate; `None` where it is not in use.
    #[cfg(feature = "deflate")]
    pub fn deflate(&self) -> Option<fullduplex::DeflateParams> {
        self.endpoint.deflate()
    }

    /// Gives up what memory the buffers hold beyond what is in them: for a connection that is about to wait for
    /// long. It does not do so by itself: whether a wait is long shows only afterwards.
    pub fn release(&mut self) {
        self.endpoint.release();
    }

    /// Writes everything that is pending, and flushes the stream.
    ///
    /// # Errors
    /// [`Error::Io`]: after [`WouldBlock`](io::ErrorKind::WouldBlock) what was not written stays pending;
    /// after any other nothing can be sent any more, but what the peer has sent can still be read.
    /// [`Error::Protocol`] when the peer reads too slowly for a deadline.
    pub fn flush(&mut self) -> Result<()> {
        if self.end == End::Told {
            return Err(Error::AlreadyClosed);
        }
        self.check_writable()?;
        self.write_out()?;
        // Given up: the wait for the end of the connection is over.
        if self.endpoint.writer.pending() > 0 { Err(Timeout::Close.into()) } else { Ok(()) }
    }

    /// Begins the closing handshake with `frame`, or code 1000, and writes it. Does nothing when the
    /// connection is closing already.
    ///
    /// Go on [reading](Self::read) until [`Error::ConnectionClosed`].
    ///
    /// # Errors
    /// [`Error::Send`] for a code or reason that must not be sent; else as [`flush`](Self::flush).
    pub fn close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        let frame = frame.unwrap_or_else(|| CloseFrame::new(CloseCode::Normal));
        match self.feed(Message::Close(Some(frame))) {
            Err(Error::AlreadyClosed) => return Ok(()),
            Err(Error::Send(SendError::Closed)) => {}
            other => other?,
        }
        self.flush()
    }

    /// Whether messages can be read: neither has the peer's Close come nor the connection failed.
    #[must_use]
    pub fn can_read(&self) -> bool {
        self.end == End::No && !self.has_peer_close()
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn can_write(&self) -> bool {
        self.end == End::No
            && !self.transport.unwritable
            && self.endpoint.writer.sender().may_send()
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.transport.stream
    }

    /// The stream, to be changed. Reading from it or writing to it breaks the connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.transport.stream
    }

    /// The configuration.
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// The state of the connection as its receiving direction knows it: whether it closed cleanly, with which code, why it
    /// failed.
    pub fn receiver(&self) -> &fullduplex::Receiver {
        self.endpoint.reader.receiver()
    }

    /// The state of its sending direction: our own Close.
    pub fn sender(&self) -> &fullduplex::Sender {
        self.endpoint.writer.sender()
    }

    /// Returns the stream, and removes the timeouts that the WebSocket has set on it. What was received and not read is
    /// lost, and so is what was not flushed.
    pub fn into_inner(self) -> S {
        self.transport.into_stream()
    }
}

/// The loop's parts.
impl<S: Read + Write + 'static> WebSocket<S> {
    fn check_open(&self) -> Result<()> {
        if self.end == End::No { self.check_writable() } else { Err(Error::AlreadyClosed) }
    }

    fn check_writable(&self) -> Result<()> {
        let error = || io::Error::from(io::ErrorKind::BrokenPipe).into();
        if self.transport.unwritable { Err(error()) } else { Ok(()) }
    }

    fn has_peer_close(&self) -> bool {
        self.receiver().peer_close().is_some()
    }

    /// Writes what is pending, ends the transport if its time has come, else waits for input.
    fn wait(&mut self) -> Result<()> {
        // A peer that keeps us busy must not make us miss a deadline. What was read has been looked at by
        // now and counts as a sign of life, so it is dated first; how long that took us does not count.
        if let Some(read_at) = self.transport.unchecked.take() {
            self.endpoint.poll_timeout(self.transport.elapsed());
            self.endpoint.handle_timeout(read_at).map_err(|error| self.fail(error))?;
        }
        match self.write_out() {
            // After the peer's Close only the end of input can come. It must not cut off our output, for a peer that
            // has ended its own direction may still read.
            Err(error) if error.would_block() && self.end == End::No && self.has_peer_close() => {
                return Err(error);
            }
            // The peer may have to be read before it reads.
            Err(error) if error.would_block() && self.end == End::No => {}
            // It reads no more; what it has sent is still to be delivered.
            Err(Error::Io(error)) if is_gone(error.kind()) => {}
            other => other.map_err(|error| self.give_up(error))?,
        }
        match self.endpoint.shutdown() {
            Shutdown::No if self.end == End::No => self.fill(),
            Shutdown::No | Shutdown::Write => {
                self.linger()?;
                self.end = End::Told;
                Err(Error::AlreadyClosed)
            }
            Shutdown::Both => {
                self.shut(net::Shutdown::Both);
                let told = std::mem::replace(&mut self.end, End::Told);
                Err(if told == End::No { Error::ConnectionClosed } else { Error::AlreadyClosed })
            }
        }
    }

    /// Writes what is pending and flushes the stream; gives up once nothing is waited for any more.
    fn write_out(&mut self) -> Result<()> {
        while !self.transport.unwritable {
            self.arm()?;
            let writer = self.endpoint.output()?;
            let (pending, first) = (writer.pending(), writer.first());
            let (done, mut offered) = (first.is_empty(), first.len());
            let stream = &mut self.transport.stream;
            let written = if done {
                stream.flush().map(|()| 0)
            } else if offered < pending {
                let mut pieces = [IoSlice::new(&[]); MAX_PIECES];
                let mut count = 0;
                offered = 0;
                for (piece, chunk) in pieces.iter_mut().zip(writer.chunks()) {
                    *piece = IoSlice::new(chunk);
                    offered += chunk.len();
                    count += 1;
                }
                stream.write_vectored(&pieces[..count])
            } else {
                stream.write(first)
            };
            let interrupted = match written {
                Ok(0) if done => break,
                Ok(0) => Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(len) => {
                    self.endpoint.writer.advance(len);
                    if self.blocked || len < offered {
                        self.write_goes_on();
                    }
                    self.blocked = len < offered;
                    if len == pending {
                        continue;
                    }
                    self.check_end()
                }
                Err(error) => {
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                        self.blocked = true;
                        self.endpoint.writer.copy_payloads();
                    }
                    self.interrupted(error)
                }
            };
            if let Err(error) = interrupted {
                self.transport.unwritable |= matches!(error, Error::Io(_)) && !error.would_block();
                return Err(error);
            }
            if self.endpoint.shutdown() == Shutdown::Both {
                break;
            }
        }
        Ok(())
    }

    /// A write that was blocked has gone on, so the peer reads. Over a blocking stream we have not read meanwhile, so
    /// we cannot tell that the peer was silent.
    fn write_goes_on(&mut self) {
        let receiver = self.endpoint.reader.receiver_mut();
        if self.transport.would_block {
            receiver.handle_write_progress();
        } else {
            receiver.handle_unread_input();
        }
    }

    /// A peer that reads a little at a time must not put off the end of a connection. In an open connection, where the deadlines are about silence, a peer that reads is not silent.
    fn check_end(&mut self) -> Result<()> {
        if self.endpoint.writer.sender().may_send() {
            return Ok(());
        }
        let now = self.transport.elapsed();
        self.endpoint.handle_timeout(now).map_err(|error| self.fail(error))
    }

    /// One read from the stream.
    fn fill(&mut self) -> Result<()> {
        self.arm()?;
        let ended = match self.transport.stream.read(self.endpoint.reader.room()) {
            // A reset that a write was told of comes as an end of input here.
            Ok(0) if self.transport.unwritable => self.endpoint.handle_reset(),
            Ok(0) => self.endpoint.handle_eof(),
            Ok(len) => {
                self.endpoint.reader.advance(len);
                self.transport.unchecked =
                    self.endpoint.has_timeout().then(|| self.transport.elapsed());
                return Ok(());
            }
            Err(error) if is_gone(error.kind()) => self.endpoint.handle_reset(),
            Err(error) => return self.interrupted(error).map_err(|error| self.give_up(error)),
        };
        ended.map_err(|error| self.fail(error))
    }

    /// Bounds the next read or write by the next deadline.
    fn arm(&mut self) -> Result<()> {
        Ok(self.transport.arm(&mut self.endpoint)?)
    }

    /// See [`Transport::interrupted`]; the connection fails if a deadline has come.
    fn interrupted(&mut self, error: io::Error) -> Result<()> {
        match self.transport.interrupted(error, &mut self.endpoint) {
            Err(Error::Protocol(error)) => Err(self.fail(error)),
            other => other,
        }
    }

    /// The connection has failed: writes what there is to say and ends the sending direction.
    fn fail(&mut self, error: fullduplex::Error) -> Error {
        if self.end == End::No {
            self.end = End::Failed;
            // The failure is the error to tell. A Close that cannot be written now is written by the next `read`, if
            // ever.
            if self.write_out().is_ok() {
                let _ = self.linger();
            }
        }
        error.into()
    }

    /// Takes note of an error that leaves the stream of no use.
    fn give_up(&mut self, error: Error) -> Error {
        if matches!(error, Error::Io(_)) && !error.would_block() {
            self.end = End::Told;
        }
        error
    }

    /// Ends the sending direction and reads on for a while, so that what was sent last is not thrown away
    /// with input that nobody has read.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) alone: to be called again.
    fn linger(&mut self) -> Result<()> {
        let how = match self.endpoint.shutdown() {
            Shutdown::Write => net::Shutdown::Write,
            Shutdown::No | Shutdown::Both => net::Shutdown::Both,
        };
        self.shut(how);
        while self.transport.is_known() && self.endpoint.shutdown() == Shutdown::Write {
            if self.arm().is_err() {
                break;
            }
            match self.transport.stream.read(self.endpoint.reader.room()) {
                Ok(0) => {
                    let _ = self.endpoint.handle_eof();
                }
                // What comes after the end is not kept.
                Ok(_) => {}
                Err(error) => match self.interrupted(error) {
                    Err(error) if error.would_block() => return Err(error),
                    Err(_) => break,
                    Ok(()) => {}
                },
            }
            let _ = self.endpoint.handle_timeout(self.transport.elapsed());
        }
        Ok(())
    }

    fn shut(&mut self, how: net::Shutdown) {
        self.transport.shut(how, &mut self.endpoint);
    }
}
