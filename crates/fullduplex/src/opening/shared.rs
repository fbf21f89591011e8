//! What both ends of an opening handshake need: where the peer's head is read into, and how long it may take.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::BufMut;

use crate::buffers;
use crate::connection::Expected;
use crate::endpoint::EndpointConfig;
use crate::error::Error;
use crate::keepalive::Timeout;
use crate::reader::room::ReadBuffer;

/// How far a step of an opening handshake has come.
#[derive(Debug)]
#[must_use = "it says whether the handshake goes on"]
pub enum Progress<H, T> {
    /// More input is needed: read into the room of this handshake, and poll it again.
    Waiting(H),
    /// The result of the step.
    Done(T),
}

/// An opening handshake that waits for the peer's head.
#[derive(Debug)]
pub(super) struct Opening<E> {
    pub(super) buffer: ReadBuffer,
    pub(super) deadline: Deadline,
    pub(super) config: EndpointConfig,
    pub(super) entropy: E,
}

impl<E> Opening<E> {
    pub(super) fn new(config: EndpointConfig, entropy: E) -> Self {
        let deadline = config.handshake_timeout.map_or(Deadline::Never, Deadline::After);
        Self { buffer: ReadBuffer::new(), deadline, config, entropy }
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.room(Expected::default())
    }

    pub(super) fn room_buf(&mut self) -> impl BufMut {
        self.buffer.room_buf(Expected::default())
    }
}

/// A deadline that is set without a look at the clock. Its time begins with the first `now`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    Never,
    After(Duration),
    At(Duration),
}

impl Deadline {
    /// The instant of the deadline, if there is one. If its time has not begun, it begins `now`.
    pub(super) fn instant(&mut self, now: Duration) -> Option<Duration> {
        if let Self::After(wait) = *self {
            *self = Self::At(now.saturating_add(wait));
        }
        if let Self::At(instant) = *self { Some(instant) } else { None }
    }

    /// # Errors
    /// [`Error::Timeout`] with `timeout` if the deadline has come.
    pub(super) fn check(&mut self, now: Duration, timeout: Timeout) -> Result<(), Error> {
        match self.instant(now) {
            Some(instant) if instant <= now => Err(timeout.into()),
            _ => Ok(()),
        }
    }
}

/// Runs `write` on a buffer that grows until it is large enough; `Err(Ok(needed))` asks for more.
pub(super) fn encode<T>(
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Result<usize, T>>,
) -> Result<Vec<u8>, T> {
    let mut out = buffers::take_output_buffer();
    out.resize(512, 0);
    loop {
        match write(&mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(Ok(needed)) => out.resize(needed.max(out.len() + 1), 0),
            Err(Err(error)) => return Err(error),
        }
    }
}
