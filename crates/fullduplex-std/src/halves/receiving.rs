//! The link of the half that receives. It writes through the sending side that the halves share.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fullduplex::{Endpoint, Receiver};

use super::shared::{SendingSide, Shared};
use crate::engine::link::{Link, Whole};
use crate::engine::{End, Engine, FIRST_RETRY, Receiving};
use crate::guard::Guard;
use crate::sending::Sending;
use crate::socket::into_halves::IntoHalves;
use crate::socket::operations::SHORTEST;
use crate::transport::Transport;

/// The longest wait of the receiver for input, before it looks for signals of the sender: a Close that the sender has sent
/// starts the close timeout. Nothing else wakes a thread that is blocked in a read. It is well below the default of
/// that timeout, and a connection that waits costs one system call or two in that time.
pub(super) const MOST_READ: Duration = Duration::from_secs(1);

/// The handle to read from, and what is shared with the half that sends.
pub(super) struct HalfLink<S> {
    pub(super) reading: Transport<S>,
    pub(super) shared: Arc<Shared<S>>,
}

/// The half of a WebSocket that receives.
pub(super) type ReceivingSide<S> = Receiving<HalfLink<S>>;

impl<S: IntoHalves> Link for HalfLink<S> {
    type Stream = S;

    const MOST_READ: Option<Duration> = Some(MOST_READ);
    const MOST_WRITE: Option<Duration> = Some(SHORTEST);

    fn reading(&mut self) -> &mut Transport<S> {
        &mut self.reading
    }

    fn exchange(&mut self, receiver: &mut Receiver) {
        self.shared.exchange(receiver);
    }

    fn with_sending<T>(
        &mut self,
        f: impl FnOnce(&mut Sending, &mut Transport<S>) -> T,
    ) -> Option<T> {
        self.shared.try_with(|side| f(&mut side.sending, &mut side.transport))
    }

    fn end(&mut self) {
        self.shared.end();
    }
}

/// Splits a WebSocket. The sender gets a handle to what is shared.
///
/// # Errors
/// When the stream cannot be split. Then the WebSocket is dropped.
pub(super) fn split<S: IntoHalves>(
    engine: Guard<Engine<S>>,
) -> io::Result<Guard<ReceivingSide<S>>> {
    let second = engine.link.transport.stream.try_clone()?;
    let Receiving { reader, link, config, end, unreported, .. } = engine.into_inner();
    let Whole { transport, sending } = link;
    let (reading, writing) = transport.into_halves(second);
    let shared = Shared::new(sending, writing, end == End::Reported);
    let link = HalfLink { reading, shared };
    let side = Receiving { reader, link, config, end, unreported, retry: FIRST_RETRY };
    Ok(Guard::new(side, say_last))
}

/// When the receiver is dropped, the last answers are written. Its signals were left for the sender before.
fn say_last<S: IntoHalves>(side: &mut ReceivingSide<S>) {
    if !std::thread::panicking() {
        side.link.shared.try_with(SendingSide::write_briefly);
    }
}

/// Puts the two halves together again; `None` if the other half still has the sending side.
pub(super) fn join<S: IntoHalves>(mut side: ReceivingSide<S>) -> Option<Engine<S>> {
    side.link.exchange(side.reader.receiver_mut());
    let Receiving { reader, link, config, end, unreported, .. } = side;
    let HalfLink { reading, shared } = link;
    let SendingSide { sending, transport: writing, .. } = shared.into_side()?;
    let (reader, writer) = Endpoint::join(reader, sending.writer).split();
    let transport = Transport::from_halves(reading, writing);
    let link = Whole { transport, sending: Sending::new(writer) };
    Some(Receiving { reader, link, config, end, unreported, retry: FIRST_RETRY })
}
