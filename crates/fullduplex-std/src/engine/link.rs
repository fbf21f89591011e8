//! What receiving needs of the stream and of the sending direction: all that differs between a whole WebSocket and one in
//! two halves.

use std::io::{Read, Write};
use std::time::Duration;

use fullduplex::Receiver;

use crate::sending::Sending;
use crate::transport::Transport;

/// The stream, and the sending direction, which may be in use elsewhere just now.
pub(crate) trait Link {
    type Stream: Read + Write + 'static;

    /// The longest wait for input, where the receiver has to look for something else now and then.
    const MOST_READ: Option<Duration>;

    /// The longest wait for room to write, where somebody else may want to write. Then the receiver goes on with something
    /// else.
    const MOST_WRITE: Option<Duration>;

    /// What is read from.
    fn reading(&mut self) -> &mut Transport<Self::Stream>;

    /// Leaves what the sending direction has to hear where it is found, and lets the receiver hear what was left for it.
    fn exchange(&mut self, receiver: &mut Receiver);

    /// Uses the sending direction, with what is written to. `None` when it is in use elsewhere, where everything is seen to
    /// that was left by [`exchange`](Self::exchange).
    fn with_sending<T>(
        &mut self,
        f: impl FnOnce(&mut Sending, &mut Transport<Self::Stream>) -> T,
    ) -> Option<T>;

    /// The connection is over: nothing is waited for any more.
    fn end(&mut self);
}

/// The link of a whole WebSocket: it has both directions to itself.
pub(crate) struct Whole<S> {
    pub(crate) transport: Transport<S>,
    pub(crate) sending: Sending,
}

impl<S: Read + Write + 'static> Link for Whole<S> {
    type Stream = S;

    const MOST_READ: Option<Duration> = None;
    const MOST_WRITE: Option<Duration> = None;

    #[inline]
    fn reading(&mut self) -> &mut Transport<S> {
        &mut self.transport
    }

    /// Both are at hand whenever something is written.
    #[inline]
    fn exchange(&mut self, _: &mut Receiver) {}

    #[inline]
    fn with_sending<T>(
        &mut self,
        f: impl FnOnce(&mut Sending, &mut Transport<S>) -> T,
    ) -> Option<T> {
        Some(f(&mut self.sending, &mut self.transport))
    }

    fn end(&mut self) {}
}
