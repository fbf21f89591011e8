//! The sending direction of a connection and of its stream. The receiving direction uses it as well: it writes answers, and
//! ends the stream.

#[cfg(feature = "counters")]
mod seen;
pub(crate) mod write_state;

use std::io;
use std::task::{Context, Poll, Waker, ready};

use fullduplex::{
    CloseCode, CloseFrameRef, Message, MessageKind, MessageRef, PreparedMessage, Receiver,
    SendError, Shutdown, Signals, Writer,
};
use tokio::io::AsyncWrite;

use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::sending::write_state::{Progress, WriteState};
use crate::watch::Watch;

/// What is queued, and how far the stream has taken it.
pub(crate) struct Sending {
    pub(crate) writer: Writer<OsEntropy>,
    pub(crate) state: WriteState,
    pub(crate) write_buffer_size: usize,
    /// Whether the receiver no longer waits for anything. Then what is pending is not written.
    pub(crate) ended: bool,
    pub(crate) watch: Watch,
}

/// The result of an attempt to write.
pub(crate) struct Written {
    pub(crate) result: Poll<Result<()>>,
    /// How far to end the stream.
    pub(crate) shutdown: Shutdown,
    /// Whether the sending direction of the stream has been ended.
    pub(crate) is_shut: bool,
    /// Whether something has happened that a waiting sender may wait for: it must be woken.
    pub(crate) wakes_sender: bool,
}

impl Sending {
    /// Passes signals between both directions, writes what is pending, and ends the sending direction of the stream if
    /// its time has come.
    pub(crate) fn poll_serve<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        receiver: &mut Receiver,
        cx: &mut Context<'_>,
    ) -> Written {
        let mut wakes_sender = receiver.has_signals() || receiver.has_ended() != self.ended;
        self.ended = receiver.has_ended();
        Signals::exchange(receiver, self.writer.sender_mut());
        let result = self.poll_write_out(stream, cx);
        // Our Close may have been written.
        Signals::exchange(receiver, self.writer.sender_mut());
        let shutdown = self.writer.shutdown(receiver);
        if shutdown != Shutdown::No {
            self.state.shut(stream, cx);
            // The peer was too slow for what is pending: nothing is written behind the end of the stream.
            self.state.unwritable |= self.writer.pending() > 0;
        }
        let progress = self.state.take_progress();
        if progress == Progress::Resumed {
            receiver.handle_write_progress();
        }
        // The transport need not tell the sender what this call has found out.
        wakes_sender |= progress != Progress::None || matches!(result, Poll::Ready(Err(_)));
        Written { result, shutdown, is_shut: self.state.is_shut(), wakes_sender }
    }

    /// Passes signals between both directions, and queues the answers. If an answer cannot be masked, it stays queued,
    /// and the next write returns the error.
    pub(crate) fn pass_signals(&mut self, receiver: &mut Receiver) {
        Signals::exchange(receiver, self.writer.sender_mut());
        let _ = self.writer.queue_answers();
        // Our answer to a Close may have been queued.
        Signals::exchange(receiver, self.writer.sender_mut());
    }

    /// Writes what is pending, and flushes the stream.
    #[inline]
    pub(crate) fn poll_write_out<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        loop {
            // There may be more answers to queue once there is space for them.
            self.writer.queue_answers().map_err(|error| self.failed(error))?;
            if self.state.is_idle(&self.writer) {
                return Poll::Ready(Ok(()));
            }
            let pending = if Watch::ON { self.writer.pending() } else { 0 };
            let written = self.state.poll_write(stream, &mut self.writer, cx);
            if Watch::ON {
                self.watch.wrote(pending - self.writer.pending(), self.writer.pending());
            }
            ready!(written).map_err(|error| self.failed(error))?;
        }
    }

    /// Nothing more can be written, for this reason.
    #[cold]
    fn failed(&mut self, error: impl Into<Error>) -> Error {
        let error = error.into();
        self.watch.note(&error);
        error
    }

    /// [`poll_write_out`](Self::poll_write_out) until all is written, or until the write is blocked and `enough` says that
    /// it may wait.
    ///
    /// # Errors
    /// When what is pending cannot be written any more.
    pub(crate) fn poll_write_enough<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        enough: impl Fn(&Self) -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if self.is_over() && self.writer.pending() > 0 {
            return Poll::Ready(Err(self.why_over()));
        }
        match self.poll_write_out(stream, cx) {
            Poll::Ready(Ok(())) if self.state.unwritable && self.writer.pending() > 0 => {
                Poll::Ready(Err(broken_pipe()))
            }
            Poll::Pending if enough(self) => Poll::Ready(Ok(())),
            other => other,
        }
    }

    /// Whether so much is pending that some of it should be written before more is taken.
    #[inline]
    pub(crate) fn has_much_to_write(&self) -> bool {
        let pending = self.writer.pending();
        pending > 0 && (pending >= self.write_buffer_size || !self.writer.has_space())
    }

    /// Whether messages can be sent: neither was a Close sent or received nor has the connection failed.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        self.writer.sender().may_send() && !self.state.unwritable && !self.ended
    }

    /// # Errors
    /// Why nothing can be sent any more.
    #[inline]
    pub(crate) fn check_sendable(&self) -> Result<()> {
        if self.can_send() { Ok(()) } else { self.check_sendable_slow() }
    }

    #[cold]
    fn check_sendable_slow(&self) -> Result<()> {
        if self.writer.sender().is_closed() || self.is_over() {
            return Err(self.why_over());
        }
        if self.state.unwritable { Err(broken_pipe()) } else { Ok(()) }
    }

    /// Whether the connection has failed, or its end has come. Then what is pending no longer matters.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.writer.sender().has_failed()
    }

    /// The error for a call on a connection that is over.
    pub(crate) fn why_over(&self) -> Error {
        if self.writer.sender().is_clean() { Error::ConnectionClosed } else { Error::AlreadyClosed }
    }

    /// Begins the closing handshake with `reason`, or code 1000.
    ///
    /// # Errors
    /// For a code or reason that must not be sent.
    pub(crate) fn close(&mut self, reason: Option<CloseFrameRef<'_>>) -> Result<()> {
        let normal = CloseFrameRef { code: CloseCode::Normal, reason: "" };
        let reason = reason.unwrap_or(normal);
        self.writer.close(reason)?;
        self.watch.closes(Some(reason));
        Ok(())
    }

    /// The connection is dropped: writes what is pending and a Close with 1001, as far as the stream takes that at once.
    pub(crate) fn say_goodbye<W: AsyncWrite + Unpin>(&mut self, stream: &mut W) {
        if self.state.unwritable || std::thread::panicking() {
            return;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        let away = CloseFrameRef { code: CloseCode::Away, reason: "" };
        // A connection that is closing has said so already.
        let _ = self.writer.close(away);
        if let Poll::Ready(Ok(())) = self.poll_write_out(stream, cx) {
            self.state.shut(stream, cx);
        }
    }
}

/// What the application sends: as the functions of [`Writer`], and seen by the watch.
impl Sending {
    #[inline]
    pub(crate) fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        #[cfg(feature = "counters")]
        if self.watch.is_on() {
            return self.send_seen(message);
        }
        self.writer.send(message)
    }

    #[inline]
    pub(crate) fn send_message(&mut self, message: &mut Message) -> Result<(), SendError> {
        #[cfg(feature = "counters")]
        if self.watch.is_on() {
            return self.send_message_seen(message);
        }
        self.writer.send_message(message)
    }

    pub(crate) fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.writer.send_prepared(message)?;
        self.watch.sent_fragment(message.payload().len(), true);
        Ok(())
    }

    pub(crate) fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), SendError> {
        self.writer.send_fragment(kind, payload, last)?;
        self.watch.sent_fragment(payload.len(), last);
        Ok(())
    }
}

/// The error for a stream to which nothing more can be written.
pub(crate) fn broken_pipe() -> Error {
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}
