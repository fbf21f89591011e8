//! The writer's side: taking messages, writing them, closing; and reading on while that is blocked.

use std::io;
use std::task::{Context, Poll, ready};

use fullduplex::{
    CloseCode, CloseFrame, CloseReason, Message, MessageKind, PreparedMessage, Shutdown,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{End, Engine};
use crate::error::{Error, Result};
use crate::waiters::Side;

impl<S> Engine<S> {
    /// Takes a message; the caller has seen that there is room. It may be larger than that: what waits to be
    /// written is bounded by the limit and one message.
    ///
    /// # Errors
    /// [`Error::WriteBufferFull`] when there is no room at all; why it must not be sent.
    pub(crate) fn start_send(&mut self, mut message: Message) -> Result<()> {
        self.check_sendable()?;
        if !self.endpoint.has_room() {
            return Err(Error::WriteBufferFull(Box::new(message)));
        }
        self.take(&mut message)
    }

    /// Takes a message where [`poll_ready`](Self::poll_ready) has seen that it may.
    #[inline]
    fn take(&mut self, message: &mut Message) -> Result<()> {
        self.endpoint.send_message(message, self.last_read.clock)?;
        if message.is_close() {
            // Now there is a deadline, which whoever waits does not know.
            self.waiters.wake(Side::Reader);
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// Waits until a message can be taken; writes when enough is pending.
    ///
    /// # Errors
    /// Why none can be taken any more.
    #[inline]
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.check_sendable()?;
        if self.has_much_to_write() {
            return self.poll_room(cx);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether so much is pending that some of it is to be written before more is taken.
    #[inline]
    pub(super) fn has_much_to_write(&self) -> bool {
        let pending = self.endpoint.pending_output();
        pending > 0 && (pending >= self.write_buffer_size || !self.endpoint.has_room())
    }

    #[inline(never)]
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_writing(cx, true)
    }

    /// Takes the message, once there is room; ready at once when it was taken before.
    ///
    /// # Errors
    /// Why it must not be sent; why none can be taken any more.
    #[inline]
    pub(crate) fn poll_feed(
        &mut self,
        message: &mut Option<Message>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if let Some(present) = message {
            ready!(self.poll_ready(cx))?;
            // Without moving it: most of what is sent is copied.
            let taken = self.take(present);
            *message = None;
            taken?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes a message that was encoded for many connections, once there is room.
    ///
    /// # Errors
    /// Why it must not be sent; why none can be taken any more.
    pub(crate) fn poll_prepared(
        &mut self,
        message: &PreparedMessage,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        ready!(self.poll_ready(cx))?;
        Poll::Ready(Ok(self.endpoint.send_prepared(message)?))
    }

    /// Takes a fragment of a message, once there is room.
    ///
    /// # Errors
    /// Why it must not be sent; why none can be taken any more.
    pub(crate) fn poll_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        ready!(self.poll_ready(cx))?;
        Poll::Ready(Ok(self.endpoint.send_fragment(kind, payload, last)?))
    }

    /// Writes everything that was taken, and flushes the stream.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_writing(cx, false)
    }

    /// Writes until all is written, or until it is blocked and `enough` says that it may wait. Reads while it
    /// is blocked, for the peer may read only after it was read from.
    #[inline(never)]
    fn poll_writing(&mut self, cx: &mut Context<'_>, room_is_enough: bool) -> Poll<Result<()>> {
        let both = self.waiters.wait(Side::Writer, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        let done = loop {
            if self.end != End::No && self.pending() > 0 {
                break Err(self.ended());
            }
            match self.poll_write_rest(cx) {
                Poll::Ready(Ok(())) if self.outlet.unwritable && self.pending() > 0 => {
                    break Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
                }
                Poll::Ready(done) => break done,
                Poll::Pending if room_is_enough && self.endpoint.has_room() => break Ok(()),
                Poll::Pending => {}
            }
            match self.poll_read_ahead(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Pending => {
                    self.outlet.written = false;
                    return Poll::Pending;
                }
            }
        };
        self.waiters.done(Side::Writer);
        self.outlet.written = false;
        if self.end != End::No || self.endpoint.shutdown() != Shutdown::No {
            self.waiters.wake(Side::Reader);
        }
        Poll::Ready(done)
    }

    /// Receives messages and keeps them for the reader, as many as may be kept; then waits for the next
    /// deadline. Ready when something has happened that a writer should look at.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Err(error) = self.check_deadlines(cx) {
            return Poll::Ready(Err(self.tell_both(error)));
        }
        while self.may_read_ahead() {
            match self.keep_next() {
                Ok(true) if self.is_read_to_the_end() => return Poll::Ready(Ok(())),
                Ok(true) => {}
                Ok(false) => match self.poll_fill(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.fail(cx);
                        return Poll::Ready(Err(self.tell_both(error)));
                    }
                    Poll::Pending => {
                        self.endpoint.release();
                        break;
                    }
                },
                Err(error) => {
                    self.fail(cx);
                    return Poll::Ready(Err(self.tell_both(error.into())));
                }
            }
        }
        match ready!(self.poll_timer(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => {
                self.fail(cx);
                Poll::Ready(Err(self.tell_both(error)))
            }
        }
    }

    /// Keeps the next message for the reader, if there is one, or a piece if that is what he receives.
    fn keep_next(&mut self) -> Result<bool, fullduplex::Error> {
        if self.endpoint.is_within_message() {
            let chunk = self.endpoint.poll_chunk(&mut self.last_read)?;
            let found = chunk.is_some();
            if let Some(chunk) = chunk {
                self.aside.keep_chunk(chunk);
                self.waiters.wake(Side::Reader);
            }
            return Ok(found);
        }
        let message = self.next_owned()?;
        let found = message.is_some();
        if let Some(message) = message {
            self.keep(Ok(message));
        }
        Ok(found)
    }

    /// Not inlined, for it is only asked while the reader does not ask.
    #[inline(never)]
    fn next_owned(&mut self) -> Result<Option<Message>, fullduplex::Error> {
        self.endpoint.poll_owned(&mut self.last_read)
    }

    /// A failure that the writer has found is the reader's as well.
    fn tell_both(&mut self, error: Error) -> Error {
        let copy = match &error {
            Error::Io(error) => Error::Io(error.kind().into()),
            Error::Timeout(timeout) => Error::Timeout(*timeout),
            Error::Protocol(error) => Error::Protocol(error.clone()),
            Error::Capacity(error) => Error::Capacity(*error),
            Error::Utf8(text) => Error::Utf8(text.clone()),
            _ => Error::AlreadyClosed,
        };
        self.keep(Err(error));
        copy
    }

    /// Begins the closing handshake with what `frame` holds; then waits until both Closes
    /// are through. Messages that come meanwhile are kept for the reader.
    ///
    /// # Errors
    /// For a code or reason that must not be sent; [`Error::Timeout`] when the peer does not close in time;
    /// why the connection fails.
    pub(crate) fn poll_close(
        &mut self,
        frame: &mut Option<Option<CloseFrame>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        if let Some(close) = frame {
            if !self.may_send() {
                // It is closing or over already.
                *frame = None;
            } else {
                let normal = CloseReason { code: CloseCode::Normal, reason: "" };
                let reason = close.as_ref().map_or(normal, CloseFrame::as_reason);
                let begun = self.endpoint.close(reason, self.now());
                *frame = None;
                // Now there is a deadline, which whoever waits does not know.
                self.waiters.wake(Side::Reader);
                begun?;
            }
        }
        loop {
            if self.end == End::No || self.pending() > 0 {
                ready!(self.poll_flush(cx))?;
            }
            let Some(connection) = self.endpoint.connection() else { break };
            if let Some(failure) = connection.failure() {
                return Poll::Ready(Err(failure.into()));
            }
            if self.end != End::No || connection.is_closed() {
                break;
            }
            let both = self.waiters.wait(Side::Writer, cx.waker());
            let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
            ready!(self.poll_read_ahead(cx))?;
        }
        self.waiters.done(Side::Writer);
        if self.endpoint.shutdown() != Shutdown::No {
            self.shut(cx);
        }
        self.waiters.wake(Side::Reader);
        Poll::Ready(Ok(()))
    }

    /// Tells the peer what can be told without waiting: what is pending, and that we are gone.
    pub(super) fn farewell(&mut self) {
        let nothing_to_say = self.end == End::No && self.endpoint.connection().is_none();
        if self.end == End::Told
            || nothing_to_say
            || self.outlet.unwritable
            || std::thread::panicking()
        {
            return;
        }
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        let away = CloseReason { code: CloseCode::Away, reason: "" };
        // A connection that is closing has said so already.
        let _ = self.endpoint.close(away, self.now());
        if let Poll::Ready(Ok(())) = self.poll_write_rest(cx) {
            self.shut(cx);
        }
    }

    /// The opening handshake or the connection failed: sees to it that the last words arrive, within the
    /// deadline for closing.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.fail(cx);
        while self.end == End::Failed {
            // What comes after a failure is not kept.
            let _ = self.next_owned();
            let _ = ready!(self.poll_input(cx));
        }
        Poll::Ready(())
    }
}
