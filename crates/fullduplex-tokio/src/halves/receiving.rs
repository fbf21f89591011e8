//! The link of the half that receives. It writes through the sending side that the halves share.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Waker};

use fullduplex::Endpoint;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::engine::link::{Link, Whole};
use crate::engine::{Engine, Receiving};
use crate::halves::shared::{SendingSide, Shared};
use crate::into_halves::IntoHalves;
use crate::sending::Sending;
use crate::waiters::{Side, Waiters};

/// The half of the stream to read from, and what is shared with the half that sends.
pub(super) struct HalfLink<S: IntoHalves> {
    pub(super) reading: S::ReadHalf,
    pub(super) shared: Arc<Shared<S::WriteHalf>>,
}

/// The half of a WebSocket that receives.
pub(super) type ReceivingSide<S> = Receiving<HalfLink<S>>;

impl<S: IntoHalves> Link for HalfLink<S> {
    type Reading = S::ReadHalf;
    type Writing = S::WriteHalf;

    #[inline(always)]
    fn reading(&mut self) -> &mut S::ReadHalf {
        &mut self.reading
    }

    /// Reading has its own half of the stream, and only the receiving task polls it.
    fn begin_wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.shared.register(Side::Reader, waker);
        None
    }

    fn end_wait(&mut self) {}

    /// Only the lock of the sending side would show whether it is at rest.
    #[inline(always)]
    fn is_at_rest(&self) -> bool {
        false
    }

    #[inline]
    fn try_with_sending<T>(
        &mut self,
        _: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S::WriteHalf, &mut Context<'_>) -> T,
    ) -> Option<T> {
        self.shared.try_with(Side::Reader, |side, cx| f(&mut side.sending, &mut side.stream, cx))
    }

    fn with_sending<T>(
        &mut self,
        _: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S::WriteHalf, &mut Context<'_>) -> T,
    ) -> T {
        self.shared.with(Side::Reader, |side, cx| f(&mut side.sending, &mut side.stream, cx))
    }

    fn wake_sender(&mut self) {
        self.shared.wake(Side::Writer);
    }
}

/// Takes a WebSocket apart.
pub(super) fn split<S: IntoHalves>(engine: Engine<S>) -> Box<ReceivingSide<S>> {
    let Ok(side) = engine.relink(|reader, Whole { stream, sending, .. }| {
        let (reading, stream) = stream.into_halves();
        let shared = Shared::new(SendingSide { stream, sending });
        Ok::<_, Infallible>((reader, HalfLink { reading, shared }))
    });
    side
}

/// When the receiver is dropped, it passes its last signals to the sender, and the last answers are written.
pub(super) fn on_drop<S: IntoHalves>(side: &mut Box<ReceivingSide<S>>) {
    let Receiving { reader, link, tally, .. } = &mut **side;
    link.shared.with(Side::Reader, |side, cx| {
        side.sending.watch.heard(tally);
        side.sending.watch.see(reader.receiver());
        if !std::thread::panicking() {
            side.sending.pass_signals(reader.receiver_mut());
            // The sender writes what cannot be written now.
            let _ = side.sending.poll_write_out(&mut side.stream, cx);
        }
    });
    link.shared.wake(Side::Writer);
}

/// The other half still exists, or belongs to another stream.
pub(super) struct NoPair;

/// Puts the two halves together again.
pub(super) fn join<S>(side: ReceivingSide<S>) -> Result<Box<Engine<S>>, NoPair>
where
    S: IntoHalves + AsyncRead + AsyncWrite + Unpin,
{
    side.relink(|reader, HalfLink { reading, shared }| {
        let SendingSide { stream, sending, .. } = shared.into_sending().ok_or(NoPair)?;
        let stream = S::from_halves(reading, stream).ok_or(NoPair)?;
        let Sending { writer, state, write_buffer_size, ended, watch } = sending;
        let Endpoint { reader, writer, .. } = Endpoint::join(reader, writer);
        let sending = Sending { writer, state, write_buffer_size, ended, watch };
        Ok((reader, Whole { stream, sending, waiters: Waiters::default() }))
    })
}
