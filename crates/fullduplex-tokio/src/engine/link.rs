//! What receiving needs from the stream and from the sending direction. This is all that differs between a whole WebSocket
//! and one in two halves.

use std::task::{Context, Waker};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::sending::Sending;
use crate::waiters::{Side, Waiters};

/// The stream, and the sending direction, which another task may be using.
pub(crate) trait Link {
    /// The type to read from.
    type Reading: AsyncRead + Unpin;
    /// The type to write to.
    type Writing: AsyncWrite + Unpin;

    fn reading(&mut self) -> &mut Self::Reading;

    /// The receiver is about to wait with `waker`. Returns the waker to read with instead, if a sender waits for the same
    /// stream in another task.
    fn begin_wait(&mut self, waker: &Waker) -> Option<Waker>;

    /// The receiver no longer waits.
    fn end_wait(&mut self);

    /// Whether it is known that nothing waits to be written, and that messages may still be sent.
    fn is_at_rest(&self) -> bool;

    /// Uses the sending direction, with the context to poll its stream with. `None` when another task is using it: that task
    /// then wakes the receiver if it has [begun to wait](Self::begin_wait).
    fn try_with_sending<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut Self::Writing, &mut Context<'_>) -> T,
    ) -> Option<T>;

    /// As [`try_with_sending`](Self::try_with_sending), but waits until a sender has finished encoding, or a write that does
    /// not block. It is for calls that cannot be put off.
    fn with_sending<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut Self::Writing, &mut Context<'_>) -> T,
    ) -> T;

    /// Something has happened that a sender may wait for.
    fn wake_sender(&mut self);
}

/// The link of a whole WebSocket: it has both directions to itself.
pub(crate) struct Whole<S> {
    pub(crate) stream: S,
    pub(crate) sending: Sending,
    pub(crate) waiters: Waiters,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link for Whole<S> {
    type Reading = S;
    type Writing = S;

    #[inline(always)]
    fn reading(&mut self) -> &mut S {
        &mut self.stream
    }

    #[inline(always)]
    fn begin_wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.waiters.wait(Side::Reader, waker)
    }

    #[inline(always)]
    fn end_wait(&mut self) {
        self.waiters.done(Side::Reader);
    }

    #[inline(always)]
    fn is_at_rest(&self) -> bool {
        let Sending { writer, state, .. } = &self.sending;
        let sender = writer.sender();
        writer.pending() == 0
            && !state.unflushed
            && sender.may_send()
            && !sender.has_transmit()
            && !sender.has_signals()
    }

    #[inline(always)]
    fn try_with_sending<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S, &mut Context<'_>) -> T,
    ) -> Option<T> {
        Some(f(&mut self.sending, &mut self.stream, cx))
    }

    #[inline(always)]
    fn with_sending<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S, &mut Context<'_>) -> T,
    ) -> T {
        f(&mut self.sending, &mut self.stream, cx)
    }

    #[inline(always)]
    fn wake_sender(&mut self) {
        self.waiters.wake(Side::Writer);
    }
}
