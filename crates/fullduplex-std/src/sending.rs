//! The sending direction of a connection and of its stream. The receiving direction uses it as well: it writes answers, and
//! ends the stream.

use std::io::{self, IoSlice, Read, Write};
use std::net;
use std::time::Duration;

use fullduplex::{CloseCode, CloseFrameRef, Receiver, Shutdown, Signals, Writer};

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::socket::operations::is_end_of_wait;
use crate::transport::{Deadlines, Transport};

/// How many pieces are given to the stream at once: large messages are two each.
const MAX_PIECES: usize = 16;

/// How long the drop of an open WebSocket may take to write: a few of the shortest waits, for a peer that takes little at a
/// time.
const GOODBYE: Duration = Duration::from_millis(5);

/// What is queued, and how far the stream has taken it.
pub(crate) struct Sending {
    pub(crate) writer: Writer<OsEntropy>,
    /// Whether the last write was blocked, or wrote only a part.
    blocked: bool,
}

/// The result of one attempt to write.
pub(crate) enum Step {
    /// Everything was written, or nothing more can be. The value says how far to end the stream.
    Done(Shutdown),
    /// Bytes were written, and there may be more.
    Wrote,
    /// The wait has ended before the stream took anything, or it was interrupted.
    Waited,
}

/// What one write has done.
pub(crate) enum Wrote {
    /// Nothing was pending, and the stream was flushed.
    Flushed,
    Bytes {
        /// Whether an earlier write, or this one, had been blocked: the peer reads.
        went_on: bool,
    },
}

impl Sending {
    pub(crate) fn new(writer: Writer<OsEntropy>) -> Self {
        Self { writer, blocked: false }
    }

    /// Passes signals between both directions, and writes once. The wait ends with the next deadline, or after `most`.
    ///
    /// # Errors
    /// [`Error::Protocol`] when a deadline has come; [`Error::Io`] when the stream has failed, and with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when it does not block.
    pub(crate) fn step<S: Read + Write + 'static>(
        &mut self,
        transport: &mut Transport<S>,
        receiver: &mut Receiver,
        most: Option<Duration>,
    ) -> Result<Step> {
        self.hear(receiver)?;
        let shutdown = self.writer.shutdown(receiver);
        if transport.unwritable {
            return Ok(Step::Done(shutdown));
        }
        let is_over = shutdown == Shutdown::Both;
        transport.limit_wait(&mut Deadlines { receiver, is_over }, most)?;
        let step = match self.write_once(&mut transport.stream) {
            Ok(Wrote::Flushed) => return Ok(Step::Done(self.writer.shutdown(receiver))),
            Ok(Wrote::Bytes { went_on }) => {
                if went_on {
                    note_progress(receiver, most.is_some() || transport.would_block);
                }
                // A peer that reads a little at a time must not put off the end of a connection. In an open connection,
                // where the deadlines are about silence, a peer that reads is not silent.
                if self.writer.pending() > 0 && !self.writer.sender().may_send() {
                    receiver.handle_timeout(transport.elapsed())?;
                }
                Step::Wrote
            }
            Err(error) => {
                transport.write_failed(error, &mut Deadlines { receiver, is_over })?;
                Step::Waited
            }
        };
        Signals::exchange(receiver, self.writer.sender_mut());
        // What was written is flushed before the stream is ended. We do not wait for output that cannot be written any more.
        let goes_on = self.writer.pending() == 0 && matches!(step, Step::Wrote);
        match self.writer.shutdown(receiver) {
            Shutdown::Both if !goes_on => Ok(Step::Done(Shutdown::Both)),
            _ => Ok(step),
        }
    }

    /// Passes signals between both directions, and queues the answers.
    ///
    /// # Errors
    /// When an answer cannot be masked; it stays queued.
    pub(crate) fn hear(&mut self, receiver: &mut Receiver) -> Result<()> {
        Signals::exchange(receiver, self.writer.sender_mut());
        self.writer.queue_answers()?;
        // Our answer to a Close may have been queued. The receiver must know of it.
        Signals::exchange(receiver, self.writer.sender_mut());
        Ok(())
    }

    /// Writes once, or flushes the stream if nothing is pending.
    pub(crate) fn write_once(&mut self, stream: &mut impl Write) -> io::Result<Wrote> {
        let (pending, first) = (self.writer.pending(), self.writer.first());
        if first.is_empty() {
            stream.flush()?;
            return Ok(Wrote::Flushed);
        }
        let first_len = first.len();
        let mut offered = first_len;
        let written = if offered < pending {
            let mut pieces = [IoSlice::new(&[]); MAX_PIECES];
            let mut count = 0;
            offered = 0;
            for (piece, chunk) in pieces.iter_mut().zip(self.writer.slices()) {
                *piece = IoSlice::new(chunk);
                offered += chunk.len();
                count += 1;
            }
            stream.write_vectored(&pieces[..count])
        } else {
            stream.write(first)
        };
        match written {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => {
                self.writer.advance(len);
                // A stream without vectored writes takes the first piece alone, which says nothing.
                let blocked = len < offered && len != first_len;
                let went_on = std::mem::replace(&mut self.blocked, blocked) || blocked;
                Ok(Wrote::Bytes { went_on })
            }
            Err(error) => {
                if is_end_of_wait(&error) {
                    self.blocked = true;
                    self.writer.copy_payloads();
                }
                Err(error)
            }
        }
    }

    /// The connection is dropped: writes what is pending and a Close with 1001, as far as the stream takes that at once,
    /// and ends the sending direction. Nothing is written to a stream whose writes cannot be limited, because a write might
    /// block for ever.
    pub(crate) fn say_goodbye<S: Read + Write + 'static>(&mut self, transport: &mut Transport<S>) {
        if transport.unwritable || std::thread::panicking() || !transport.bound_shortly() {
            return;
        }
        // "1001 indicates that an endpoint is "going away"" (RFC 6455 §7.4.1). A connection that is closing has already sent
        // or queued a Close.
        let _ = self.writer.close(CloseFrameRef { code: CloseCode::Away, reason: "" });
        if self.writer.queue_answers().is_err() {
            return;
        }
        let begun = transport.elapsed();
        loop {
            match self.write_once(&mut transport.stream) {
                Ok(Wrote::Flushed) => return transport.end(net::Shutdown::Write),
                Ok(Wrote::Bytes { .. }) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
            if transport.elapsed() - begun > GOODBYE {
                return;
            }
        }
    }
}

/// A blocked write has made progress, so the peer reads. `listens` is whether we have read meanwhile. If not, we cannot
/// tell that the peer was silent.
fn note_progress(receiver: &mut Receiver, listens: bool) {
    if listens {
        receiver.handle_write_progress();
    } else {
        receiver.handle_unread_input();
    }
}

/// The error for a stream to which nothing more can be written.
pub(crate) fn broken_pipe() -> Error {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}
