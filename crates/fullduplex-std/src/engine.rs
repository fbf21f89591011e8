//! The loop of this adapter: deliver, write, end or wait. It runs over a [`Link`]: the link of a whole WebSocket, or the
//! link of the half that receives. The public types are thin wrappers around it.

pub(crate) mod link;

use std::io::{self, Read, Write};
use std::net;
use std::time::Duration;

use fullduplex::{Chunk, Endpoint, EndpointConfig, Message, Reader, Receiver, Shutdown};

use crate::engine::link::{Link, Whole};
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::sending::{Sending, Step};
use crate::sync::sleep;
use crate::transport::{Deadlines, Transport, is_gone};

/// The first wait for input while output is left that the other half may write. Each later wait is twice as long, up to
/// [`Link::MOST_READ`]. This is long enough to distinguish the end of a wait from a stream that does not block.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(50);

/// How often the receiver checks whether the sending direction is free, or its stream takes something, when it can do
/// nothing else. This happens only at the end of a connection.
const PAUSE: Duration = Duration::from_millis(10);

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    No,
    /// The connection failed; the cause was returned to the application. The transport may still have to be ended.
    Failed,
    /// The end was returned to the application.
    Reported,
}

/// The result of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything was written, or nothing more can be. The value says how far to end the transport.
    All(Shutdown),
    /// Output is left, which the other half may be writing.
    InPart,
}

/// The receiving direction, and the link to the stream and to the sending direction.
pub(crate) struct Receiving<L> {
    pub(crate) reader: Reader,
    pub(crate) link: L,
    pub(crate) config: Box<EndpointConfig>,
    pub(crate) end: End,
    /// A failure that the next call of `read` returns: the call in which it happened returned the peer's Close.
    pub(crate) unreported: Option<fullduplex::Error>,
    /// The next wait for input while output is left.
    pub(crate) retry: Duration,
}

/// A whole WebSocket.
pub(crate) type Engine<S> = Receiving<Whole<S>>;

impl<L> Receiving<L> {
    /// Whether messages can be read: the peer's Close has not come, and the connection has not failed.
    pub(crate) fn can_read(&self) -> bool {
        self.end == End::No && !self.has_peer_close()
    }

    /// What is known of the connection.
    pub(crate) fn receiver(&self) -> &Receiver {
        self.reader.receiver()
    }

    fn has_peer_close(&self) -> bool {
        self.reader.receiver().peer_close().is_some()
    }
}

impl<S: Read + Write + 'static> Engine<S> {
    pub(crate) fn new(
        transport: Transport<S>,
        mut endpoint: Endpoint<OsEntropy>,
        config: EndpointConfig,
    ) -> Self {
        // The first timeout of the connection begins now.
        endpoint.poll_timeout(transport.elapsed());
        let (reader, writer) = endpoint.split();
        let link = Whole { transport, sending: Sending::new(writer) };
        let config = Box::new(config);
        Self { reader, link, config, end: End::No, unreported: None, retry: FIRST_RETRY }
    }

    /// The engine in a guard, which sends a Close when it is dropped.
    pub(crate) fn guarded(self) -> Guard<Self> {
        Guard::new(self, |engine| {
            if engine.end != End::Reported {
                let Whole { transport, sending } = &mut engine.link;
                // If an answer cannot be masked, it is not sent.
                let _ = sending.hear(engine.reader.receiver_mut());
                sending.say_goodbye(transport);
            }
        })
    }
}

impl<L: Link> Receiving<L> {
    /// The next message or control frame.
    pub(crate) fn read(&mut self) -> Result<Message> {
        self.check_unread()?;
        loop {
            match self.reader.poll_owned() {
                Ok(Some(message)) => {
                    if !matches!(message, Message::Text(_) | Message::Binary(_)) {
                        self.answer(message.is_close());
                    }
                    return Ok(message);
                }
                Ok(None) => self.wait()?,
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// The next piece of a message, or a control frame.
    pub(crate) fn read_chunk(&mut self) -> Result<Chunk> {
        self.check_unread()?;
        loop {
            match self.reader.poll_chunk() {
                Ok(Some(chunk)) => {
                    if let Chunk::Control(message) = &chunk {
                        self.answer(message.is_close());
                    }
                    return Ok(chunk);
                }
                Ok(None) => self.wait()?,
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// # Errors
    /// The failure that no call has returned; [`Error::AlreadyClosed`] when there is nothing more to return.
    fn check_unread(&mut self) -> Result<()> {
        match self.unreported.take() {
            Some(failure) => Err(failure.into()),
            None if self.end == End::Reported => Err(Error::AlreadyClosed),
            None => Ok(()),
        }
    }

    /// A control frame was received. Its answer is queued before the application gets the frame. If it cannot be masked, it
    /// stays queued, and the next write returns the error.
    #[cold]
    fn answer(&mut self, is_close: bool) {
        if is_close {
            // Nothing follows, so an application may never read again. What cannot be written now is written by the next
            // call, which also returns the failure if there is one: this call returns the Close.
            if let Err(Error::Protocol(failure)) = self.write_out() {
                self.unreported = Some(failure);
            }
        } else {
            let receiver = self.reader.receiver_mut();
            self.link.exchange(receiver);
            let _ = self.link.with_sending(|sending, _| sending.hear(receiver));
        }
    }

    /// Writes what is pending, ends the transport if its time has come, else waits for input.
    fn wait(&mut self) -> Result<()> {
        self.link.exchange(self.reader.receiver_mut());
        // A peer that keeps us busy must not make us miss a deadline. The input of the last read has been decoded by now and
        // counts as a sign of life, so it gets its time first. The time that we took to decode it does not count.
        if let Some(read_at) = self.link.reading().unchecked.take() {
            let now = self.link.reading().elapsed();
            self.reader.receiver_mut().poll_timeout(now);
            self.handle_timeout(read_at)?;
        }
        // After the peer's Close, only the end of input can come. It must not cut off our output, because a peer that has
        // ended its own direction may still read.
        let ends = self.end != End::No || self.has_peer_close();
        let written = match self.write_out() {
            // The peer may not read until we do.
            Err(error) if error.would_block() && !ends => Written::InPart,
            // The peer no longer reads, but what it has sent must still be delivered.
            Err(Error::Io(error)) if is_gone(error.kind()) => self.write_out()?,
            other => other.map_err(|error| self.give_up(error))?,
        };
        match written {
            Written::InPart if ends => self.pause(),
            Written::InPart => {
                let most = L::MOST_READ.map(|most| self.retry.min(most));
                self.retry = self.retry.saturating_mul(2);
                self.fill(most)
            }
            Written::All(Shutdown::No) if self.end == End::No => {
                self.retry = FIRST_RETRY;
                self.fill(L::MOST_READ)
            }
            Written::All(how @ (Shutdown::No | Shutdown::Write)) => {
                self.end_transport(how)?;
                self.over();
                Err(Error::AlreadyClosed)
            }
            Written::All(Shutdown::Both) => {
                self.shut(net::Shutdown::Both);
                let before = self.end;
                self.over();
                Err(if before == End::No { Error::ConnectionClosed } else { Error::AlreadyClosed })
            }
        }
    }

    /// Writes what is pending and flushes the stream. It gives up once the receiver no longer waits for anything.
    pub(crate) fn write_out(&mut self) -> Result<Written> {
        loop {
            let Self { reader, link, .. } = self;
            let receiver = reader.receiver_mut();
            link.exchange(receiver);
            let step = link.with_sending(|sending, transport| {
                sending.step(transport, receiver, L::MOST_WRITE)
            });
            match step {
                Some(Ok(Step::Done(shutdown))) => return Ok(Written::All(shutdown)),
                Some(Ok(Step::Wrote)) => self.retry = FIRST_RETRY,
                Some(Ok(Step::Waited)) if L::MOST_WRITE.is_none() => {}
                Some(Err(Error::Protocol(error))) => return Err(self.fail(error)),
                Some(Err(error)) => return Err(error),
                Some(Ok(Step::Waited)) | None if self.reader.receiver().has_ended() => {
                    return Ok(Written::All(Shutdown::Both));
                }
                Some(Ok(Step::Waited)) | None => return Ok(Written::InPart),
            }
        }
    }

    /// Leaves the sending direction to the sender for a moment.
    fn pause(&mut self) -> Result<()> {
        if self.link.reading().would_block {
            return Err(io::Error::from(io::ErrorKind::WouldBlock).into());
        }
        sleep(PAUSE);
        self.link.exchange(self.reader.receiver_mut());
        let now = self.link.reading().elapsed();
        self.handle_timeout(now)
    }

    /// One read from the stream, which waits for `most` at most.
    fn fill(&mut self, most: Option<Duration>) -> Result<()> {
        self.deadlines(|deadlines, transport| transport.limit_wait(deadlines, most))?;
        let ended = match self.link.reading().stream.read(self.reader.room()) {
            // A reset that a write was told of comes as an end of input here.
            Ok(0) if self.is_unwritable() => self.reader.receiver_mut().handle_reset(),
            Ok(0) => self.reader.receiver_mut().handle_eof(),
            Ok(len) => {
                self.reader.advance(len);
                let has_timeout = self.reader.receiver().has_timeout();
                let transport = self.link.reading();
                transport.unchecked = has_timeout.then(|| transport.elapsed());
                return Ok(());
            }
            Err(error) if is_gone(error.kind()) => self.reader.receiver_mut().handle_reset(),
            Err(error) => match self.interrupted(error) {
                // After the peer's Close nothing can be lost, however the stream ends.
                Err(error) if error.is_fatal() && self.has_peer_close() => {
                    self.reader.receiver_mut().handle_reset()
                }
                other => return other.map_err(|error| self.give_up(error)),
            },
        };
        ended.map_err(|error| self.fail(error))
    }

    /// Whether a write has failed. While the other half is writing, this is not known, and a reset that it was told of is an
    /// end without a Close.
    fn is_unwritable(&mut self) -> bool {
        self.link.with_sending(|_, transport| transport.unwritable).unwrap_or(false)
    }

    /// A read has failed, see [`Transport::interrupted`]; the connection fails if a deadline has come.
    fn interrupted(&mut self, error: io::Error) -> Result<()> {
        // The sender may have seen that the peer reads.
        self.link.exchange(self.reader.receiver_mut());
        match self.deadlines(|deadlines, transport| transport.interrupted(error, deadlines)) {
            Err(Error::Protocol(error)) => Err(self.fail(error)),
            other => other,
        }
    }

    /// Does what is due at `now`; the connection fails if a timeout has expired.
    fn handle_timeout(&mut self, now: Duration) -> Result<()> {
        self.reader.receiver_mut().handle_timeout(now).map_err(|error| self.fail(error))
    }

    fn deadlines<T>(
        &mut self,
        f: impl FnOnce(&mut Deadlines<'_>, &mut Transport<L::Stream>) -> T,
    ) -> T {
        let receiver = self.reader.receiver_mut();
        f(&mut Deadlines { receiver, is_over: false }, self.link.reading())
    }

    /// The connection has failed: writes what is pending, with our Close, and ends the sending direction.
    fn fail(&mut self, error: fullduplex::Error) -> Error {
        if self.end == End::No {
            self.end = End::Failed;
            // The failure is the error to return. If our Close cannot be written now, the next `read` writes it, if there is
            // one.
            loop {
                match self.write_out() {
                    Ok(Written::All(how)) => {
                        if self.end_transport(how).is_ok() {
                            // The stream has ended, so nothing may be written any more.
                            self.over();
                        }
                        break;
                    }
                    Ok(Written::InPart) if self.pause().is_ok() => {}
                    Ok(Written::InPart) | Err(_) => break,
                }
            }
        }
        error.into()
    }

    /// Notes an error after which the stream cannot be used any more.
    fn give_up(&mut self, error: Error) -> Error {
        if error.is_fatal() {
            self.over();
        }
        error
    }

    /// There is nothing more to wait for.
    fn over(&mut self) {
        self.end = End::Reported;
        self.link.end();
    }

    /// Ends the transport, or only its sending direction. In the second case, this reads until the peer ends its own
    /// direction, because a system may throw away what was sent last if a socket with unread input is closed.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) alone. Then it must be called again.
    fn end_transport(&mut self, how: Shutdown) -> Result<()> {
        if how != Shutdown::Write {
            self.shut(net::Shutdown::Both);
            return Ok(());
        }
        self.shut(net::Shutdown::Write);
        // A message that cannot be completed any more may have been large.
        self.reader.release();
        while !self.reader.receiver().has_ended() && self.link.reading().is_known() {
            if self.deadlines(|deadlines, transport| transport.limit_wait(deadlines, None)).is_err()
            {
                break;
            }
            match self.link.reading().stream.read(self.reader.room()) {
                Ok(0) => drop(self.reader.receiver_mut().handle_eof()),
                // What comes after the end is not kept.
                Ok(_) => {}
                Err(error) => match self.interrupted(error) {
                    Err(error) if error.would_block() => return Err(error),
                    Err(_) => break,
                    Ok(()) => {}
                },
            }
            let now = self.link.reading().elapsed();
            // The failure has been returned, and the loop ends with the connection.
            let _ = self.reader.receiver_mut().handle_timeout(now);
        }
        Ok(())
    }

    fn shut(&mut self, how: net::Shutdown) {
        let Self { reader, link, .. } = self;
        let is_over = how == net::Shutdown::Both;
        let receiver = reader.receiver_mut();
        if is_over {
            // This comes first, so that a sender which is blocked in a write knows why its write fails.
            link.end();
        }
        link.reading().shut(how, &mut Deadlines { receiver, is_over });
    }
}
