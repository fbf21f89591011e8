//! The link of the half that receives. It writes through the sending side that the halves share.

use std::sync::Arc;
use std::task::{Context, Waker};

use crate::engine::link::{Link, Whole};
use crate::engine::{Engine, Receiving};
use crate::halves::shared::{SendingSide, Shared};
use crate::into_halves::IntoHalves;
use crate::sending::Sending;
use crate::waiters::Side;
use crate::watch::Watch;

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
    fn with_sending<T>(
        &mut self,
        _: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S::WriteHalf, &mut Context<'_>) -> T,
    ) -> Option<T> {
        self.shared.with(Side::Reader, |side, cx| f(&mut side.sending, &mut side.stream, cx))
    }

    fn with_sending_now<T>(
        &mut self,
        _: &mut Context<'_>,
        f: impl FnOnce(&mut Sending, &mut S::WriteHalf, &mut Context<'_>) -> T,
    ) -> T {
        self.shared.wait_with(Side::Reader, |side, cx| f(&mut side.sending, &mut side.stream, cx))
    }

    fn wake_sender(&mut self) {
        self.shared.wake(Side::Writer);
    }
}

/// Takes a WebSocket apart.
pub(super) fn split<S: IntoHalves>(
    engine: Engine<S>,
) -> (Box<ReceivingSide<S>>, Arc<Shared<S::WriteHalf>>) {
    let (parts, Whole { stream, sending, .. }) = engine.into_parts();
    let (reading, writing) = stream.into_halves();
    let shared = Shared::new(SendingSide::new(writing, sending));
    let link = HalfLink { reading, shared: Arc::clone(&shared) };
    (Receiving::from_parts(parts, link, on_drop), shared)
}

/// When the receiver is dropped, it passes its last signals to the sender, and the last answers are written.
fn on_drop<S: IntoHalves>(side: &mut ReceivingSide<S>) {
    let Receiving { reader, link, tally, .. } = side;
    if Watch::ON {
        link.shared.wait_with(Side::Reader, |side, _| {
            side.sending.watch.heard(tally);
            side.sending.watch.see(reader.receiver());
        });
    }
    if std::thread::panicking() {
        return;
    }
    link.shared.wait_with(Side::Reader, |side, cx| {
        side.sending.hear(reader.receiver_mut());
        // The sender writes what cannot be written now.
        let _ = side.sending.poll_write_out(&mut side.stream, cx);
    });
    link.shared.wake(Side::Writer);
}

/// Puts the two halves together again. `None` if the other half still exists, or belongs to another stream.
pub(super) fn join<S>(side: ReceivingSide<S>) -> Option<Box<Engine<S>>>
where
    S: IntoHalves + tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut parts, HalfLink { reading, shared }) = side.into_parts();
    let SendingSide { stream, sending, .. } = shared.into_sending()?;
    let Sending { writer, state, write_buffer_size, ended, watch } = sending;
    let stream = S::from_halves(reading, stream)?;
    let joined = fullduplex::Endpoint::join(parts.reader, writer);
    parts.reader = joined.reader;
    let sending = Sending { writer: joined.writer, state, write_buffer_size, ended, watch };
    Some(Engine::from_whole(parts, stream, sending))
}
