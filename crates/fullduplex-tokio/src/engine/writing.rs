//! The side that writes: it takes messages, writes them and closes, and reads on while a write is blocked.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fullduplex::{
    CloseFrame, CloseScan, Ended, Message, MessageKind, PreparedMessage, Role, Signals, Timeout,
    Writer,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::{End, Engine};
use crate::config::{DEFAULT_READ_AHEAD_SIZE, WebSocketConfig};
use crate::engine::link::Whole;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result, is_reset};
use crate::sending::{Written, broken_pipe};
use crate::waiters::Side;
use crate::watch::Watch;

/// The state of a call that closes the connection and waits for the closing handshake.
#[derive(Debug)]
pub(crate) struct Closing {
    /// The content of our Close; `None` once the closing handshake has begun.
    frame: Option<Option<CloseFrame>>,
    scan: CloseScan,
    /// Whether more came before the peer's Close than the receive buffer may hold, so that all of it is given up.
    gives_up: bool,
}

impl Closing {
    pub(crate) fn new(frame: Option<CloseFrame>) -> Self {
        Self { frame: Some(frame), scan: CloseScan::new(), gives_up: false }
    }
}

/// What it holds.
impl<S> Engine<S> {
    pub(crate) fn stream(&self) -> &S {
        &self.link.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.link.stream
    }

    pub(crate) fn into_stream(mut self) -> S {
        self.show();
        self.link.stream
    }

    /// Reports to the watch what the receiver knows.
    pub(super) fn show(&mut self) {
        self.link.sending.watch.heard(&mut self.tally);
        self.link.sending.watch.see(self.reader.receiver());
    }

    pub(crate) fn config(&self) -> WebSocketConfig {
        let config = self.config.as_deref().copied().unwrap_or_default();
        #[cfg(feature = "counters")]
        let config = WebSocketConfig { counters: self.link.sending.watch.counters(), ..config };
        config
    }

    pub(crate) fn watch(&mut self) -> &mut Watch {
        &mut self.link.sending.watch
    }

    pub(crate) fn writer(&self) -> &Writer<OsEntropy> {
        &self.link.sending.writer
    }

    pub(crate) fn writer_mut(&mut self) -> &mut Writer<OsEntropy> {
        &mut self.link.sending.writer
    }

    /// Bytes that were taken and have not been written.
    pub(crate) fn pending(&self) -> usize {
        self.writer().pending()
    }

    pub(crate) fn can_send(&self) -> bool {
        // A lent text message may not have been UTF-8, and the sender does not know of that failure yet.
        self.end == End::No && self.reader.receiver().may_send() && self.link.sending.can_send()
    }

    /// # Errors
    /// Why nothing can be sent any more.
    #[inline]
    fn check_sendable(&mut self) -> Result<()> {
        // A lent text message was not UTF-8. The sender does not know of that failure yet.
        if self.reader.receiver().has_signals() {
            self.link.sending.pass_signals(self.reader.receiver_mut());
        }
        if self.end == End::No { self.link.sending.check_sendable() } else { Err(self.why_over()) }
    }

    /// The error for a call on a connection that is over.
    #[cold]
    fn why_over(&self) -> Error {
        self.link.sending.why_over()
    }

    /// Takes a message, after the caller has seen that the write buffer has space. The message may be larger than that
    /// space: the limit and one message bound what waits to be written.
    ///
    /// # Errors
    /// [`Error::WriteBufferFull`] when the write buffer is full; otherwise the reason why the message must not be sent.
    pub(crate) fn start_send(&mut self, mut message: Message) -> Result<()> {
        self.check_sendable()?;
        if !self.writer().has_space() {
            return Err(Error::WriteBufferFull(Box::new(message)));
        }
        self.take(&mut message)
    }

    /// Takes a message, after [`poll_ready`](Self::poll_ready) has returned that it may.
    #[inline]
    fn take(&mut self, message: &mut Message) -> Result<()> {
        self.link.sending.send_message(message)?;
        if message.is_close() {
            self.closing_begins();
        }
        Ok(())
    }

    /// Our Close was queued. This starts the close timeout, so a waiting receiver must be woken.
    #[cold]
    fn closing_begins(&mut self) {
        let receiver = self.reader.receiver_mut();
        Signals::exchange(receiver, self.link.sending.writer.sender_mut());
        // The timeout begins now, however late the next call comes.
        receiver.poll_timeout(self.clock.elapsed());
        self.link.waiters.wake(Side::Reader);
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
        if self.link.sending.has_much_to_write() {
            return self.poll_room(cx);
        }
        Poll::Ready(Ok(()))
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
            // The message is not moved, because the payload of most messages is copied.
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
        Poll::Ready(Ok(self.link.sending.send_prepared(message)?))
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
        Poll::Ready(Ok(self.link.sending.send_fragment(kind, payload, last)?))
    }

    /// Writes everything that was taken, and flushes the stream.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_writing(cx, false)
    }

    /// [`poll_flush`](Self::poll_flush) until `deadline` by the connection's clock, of an opening handshake.
    ///
    /// # Errors
    /// [`Error::Protocol`] after that.
    pub(crate) fn poll_flush_until(
        &mut self,
        deadline: Option<Duration>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        match (self.poll_flush(cx), deadline) {
            (Poll::Pending, Some(deadline)) => {
                ready!(self.poll_instant(deadline, cx));
                Poll::Ready(Err(Timeout::Handshake.into()))
            }
            (flushed, _) => flushed,
        }
    }

    /// Writes until all is written, or, if the caller needs only room, until the write is blocked and there is room.
    /// Reads while the write is blocked, because the peer may not read until we do.
    #[inline(never)]
    fn poll_writing(&mut self, cx: &mut Context<'_>, room_is_enough: bool) -> Poll<Result<()>> {
        let both = self.link.waiters.wait(Side::Writer, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        let done = loop {
            if self.end != End::No && self.pending() > 0 {
                break Err(self.why_over());
            }
            let written = self.serve(cx);
            match written.result {
                Poll::Ready(Ok(())) if self.cannot_write() => break Err(broken_pipe()),
                Poll::Ready(done) => break done,
                Poll::Pending if room_is_enough && self.writer().has_space() => break Ok(()),
                Poll::Pending => {}
            }
            let listens = self.poll_read_ahead(cx);
            match self.poll_blocked(listens, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(timeout)) => break Err(timeout),
                Poll::Pending => return Poll::Pending,
            }
        };
        if let Err(error) = &done {
            self.watch().note(error);
        }
        self.link.waiters.done(Side::Writer);
        if self.end != End::No || !self.writer().sender().may_send() {
            self.link.waiters.wake(Side::Reader);
        }
        Poll::Ready(done)
    }

    /// Reads input into the receive buffer for the reader, as long as there is room. The input is not decoded yet: a
    /// Close or a fault takes effect when everything before it has been received. Returns whether the transport has been
    /// asked for more.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> bool {
        let read_ahead_size = self.read_ahead_size();
        while self.input_end.is_none() {
            let Some(mut room) = self.reader.room_ahead(read_ahead_size) else {
                return false;
            };
            let read = pin!(self.link.stream.read_buf(&mut room)).poll(cx);
            drop(room);
            let Poll::Ready(read) = read else { break };
            match read {
                Ok(len) if len > 0 => {
                    self.took_input(len);
                    self.reader.receiver_mut().handle_unread_input();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                ended => self.input_end = Some(Box::new(ended.map(drop))),
            }
            self.link.waiters.wake(Side::Reader);
        }
        self.release(cx);
        true
    }

    fn read_ahead_size(&self) -> usize {
        self.config.as_ref().map_or(DEFAULT_READ_AHEAD_SIZE, |config| config.read_ahead_size)
    }

    /// Waits for the next deadline while a write is blocked. Ready when there is more to write.
    ///
    /// # Errors
    /// [`Error::Protocol`]: a timeout has expired. The connection fails later, when the reader has delivered what
    /// was received before.
    fn poll_blocked(&mut self, listens: bool, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !listens {
            // We are not reading, so we cannot tell that the peer is silent.
            self.reader.receiver_mut().handle_unread_input();
        }
        if !self.has_timeout() {
            self.timer.clear();
            return Poll::Pending;
        }
        ready!(self.poll_due(cx));
        let now = self.clock.elapsed();
        match self.expired(now) {
            Some(timeout) => Poll::Ready(Err(timeout.into())),
            None => Poll::Ready(Ok(self.handle_timeout(now)?)),
        }
    }

    /// Begins the closing handshake with what `frame` holds, unless it has begun.
    ///
    /// # Errors
    /// For a code or reason that must not be sent.
    pub(crate) fn begin_close(&mut self, frame: &mut Option<Option<CloseFrame>>) -> Result<()> {
        if let Some(close) = frame.take()
            && self.can_send()
        {
            let begun = self.link.sending.close(close.as_ref().map(CloseFrame::as_frame_ref));
            self.closing_begins();
            begun?;
        }
        Ok(())
    }

    /// Begins the closing handshake, unless it has begun, and writes it.
    ///
    /// # Errors
    /// When the code or reason must not be sent; otherwise as [`poll_flush`](Self::poll_flush).
    pub(crate) fn poll_begin_close(
        &mut self,
        frame: &mut Option<Option<CloseFrame>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.begin_close(frame)?;
        if self.end == End::No || self.pending() > 0 {
            ready!(self.poll_flush(cx))?;
        }
        self.serve(cx);
        Poll::Ready(Ok(()))
    }

    /// Begins the closing handshake, writes what is pending, and waits for the peer's Close. What comes before that stays
    /// in the receive buffer for the reader; if there is no room for it, all of it is given up.
    ///
    /// # Errors
    /// When the code or reason must not be sent; [`Error::Protocol`] when the peer does not close in time; otherwise the
    /// reason why the connection fails.
    pub(crate) fn poll_close(
        &mut self,
        closing: &mut Closing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.begin_close(&mut closing.frame)?;
        let both = self.link.waiters.wait(Side::Writer, cx.waker());
        let cx = &mut Context::from_waker(both.as_ref().unwrap_or(cx.waker()));
        let closed = loop {
            match ready!(self.poll_closed(closing, cx)) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => {
                    self.watch().note(&error);
                    break Err(error);
                }
            }
        };
        self.drained = false;
        self.link.waiters.done(Side::Writer);
        self.serve(cx);
        self.link.waiters.wake(Side::Reader);
        Poll::Ready(closed)
    }

    /// One round of [`poll_close`](Self::poll_close): writes and reads. Whether the closing handshake is over.
    fn poll_closed(&mut self, closing: &mut Closing, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        if self.end != End::No && self.pending() > 0 {
            return Poll::Ready(Err(self.why_over()));
        }
        let written = self.serve(cx).result?;
        if self.cannot_write() {
            return Poll::Ready(Err(broken_pipe()));
        }
        if let Some(closed) = self.closed() {
            // What is pending is written before the end.
            return match (closed, written) {
                (Ok(()), Poll::Pending) => self.poll_blocked(true, cx).map_ok(|()| false),
                (closed, _) => Poll::Ready(closed.map(|()| true)),
            };
        }
        if self.reader.receiver().peer_close().is_some() {
            // Only our output is left. The end of input may come now, and must not cut it off.
            return match written {
                Poll::Pending => self.poll_blocked(true, cx).map_ok(|()| false),
                Poll::Ready(()) => Poll::Ready(Ok(false)),
            };
        }
        if closing.gives_up {
            return self.poll_give_up(cx).map_ok(|()| false);
        }
        let listens = self.poll_read_ahead(cx);
        match self.reader.find_close(&mut closing.scan) {
            Ok(true) if written.is_pending() => {
                closing.scan = CloseScan::new();
                self.poll_blocked(true, cx).map_ok(|()| false)
            }
            Ok(true) => {
                self.watch().found_close();
                // "the server MUST close the TCP connection immediately" (§7.1.1): we have
                // nothing more to send.
                if self.reader.receiver().role() == Role::Server {
                    let Whole { stream, sending, .. } = &mut self.link;
                    sending.state.shut(stream, cx);
                }
                Poll::Ready(Ok(true))
            }
            Ok(false) if self.input_end.is_some() => {
                Poll::Ready(Err(self.cut_off(closing.scan.ended())))
            }
            Ok(false) if listens => self.poll_blocked(listens, cx).map_ok(|()| false),
            Ok(false) => {
                closing.gives_up = true;
                Poll::Ready(Ok(false))
            }
            Err(error) => {
                // If messages precede the fault, the reader finds it after it has delivered them.
                if self.reader.receiver().failure().is_some() {
                    self.fail(cx);
                }
                Poll::Ready(Err(error.into()))
            }
        }
    }

    /// How the closing handshake has ended, if it has.
    fn closed(&self) -> Option<Result<()>> {
        let receiver = self.reader.receiver();
        if let Some(failure) = receiver.failure() {
            return Some(Err(failure.into()));
        }
        (self.end != End::No || receiver.is_closed()).then_some(Ok(()))
    }

    /// Gives up what was received and not delivered, including an incomplete message, and reads on. Ready when a read
    /// or a deadline has changed something.
    fn poll_give_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let chunk = self.reader.poll_chunk();
            self.link.sending.pass_signals(self.reader.receiver_mut());
            match chunk {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.fail(cx);
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
        if self.reader.receiver().is_closed() {
            return Poll::Ready(Ok(()));
        }
        // A peer that keeps us busy must not make us miss the deadline.
        if let Some(timeout) = self.expired(self.clock.elapsed()) {
            return Poll::Ready(Err(timeout.into()));
        }
        let read = match self.input_end.take() {
            Some(end) => Poll::Ready(self.read_ended(end.map(|()| 0), cx)),
            None => self.poll_fill(cx),
        };
        match read {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => {
                self.fail(cx);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                self.release(cx);
                self.poll_blocked(true, cx)
            }
        }
    }

    /// The error for an end of input that came before the peer's Close: `ended`, unless the transport has failed.
    fn cut_off(&self, ended: Ended) -> Error {
        match self.input_end.as_deref() {
            Some(end) if is_reset(end, self.link.sending.state.unwritable) => Ended::Reset.into(),
            // This is a copy. The reader returns the error itself, after what was received before it.
            Some(Err(error)) => match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code).into(),
                None => io::Error::new(error.kind(), error.to_string()).into(),
            },
            _ => ended.into(),
        }
    }

    /// Passes signals between both directions, and writes what is pending.
    fn serve(&mut self, cx: &mut Context<'_>) -> Written {
        let Self { reader, link: Whole { stream, sending, .. }, .. } = self;
        sending.poll_serve(stream, reader.receiver_mut(), cx)
    }

    /// The timeout that has expired at `now`, if any.
    fn expired(&mut self, now: Duration) -> Option<Timeout> {
        if self.has_timeout() { self.reader.receiver_mut().expired(now) } else { None }
    }

    /// Whether something is pending and a write has failed.
    fn cannot_write(&self) -> bool {
        self.link.sending.state.unwritable && self.pending() > 0
    }
}
