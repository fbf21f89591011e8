//! What receiving needs from the stream and from the sending direction. This is all that differs between a whole WebSocket
//! and one in two halves.

use std::io::{Read, Write};
use std::time::Duration;

use fullduplex::Receiver;

use crate::sending::Sending;
use crate::transport::Transport;

/// The stream, and the sending direction, which the other half may be using.
pub(crate) trait Link {
    type Stream: Read + Write + 'static;

    /// The longest wait for input, if the receiver must look for signals of the other half now and then.
    const MOST_READ: Option<Duration>;

    /// The longest wait in a blocked write, if the other half may want to write. After it, the receiver goes on with
    /// something else.
    const MOST_WRITE: Option<Duration>;

    /// The transport to read from.
    fn reading(&mut self) -> &mut Transport<Self::Stream>;

    /// Puts the receiver's signals where the sending direction will look for them, and passes the sending direction's
    /// signals to the receiver.
    fn exchange(&mut self, receiver: &mut Receiver);

    /// Uses the sending direction, with the transport to write to. `None` when the other half is using it. That half then
    /// handles the signals that [`exchange`](Self::exchange) has left.
    fn with_sending<T>(
        &mut self,
        f: impl FnOnce(&mut Sending, &mut Transport<Self::Stream>) -> T,
    ) -> Option<T>;

    /// The connection is over, and the receiver no longer waits for anything.
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

    /// Nothing to do: both directions exchange their signals whenever something is written.
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
