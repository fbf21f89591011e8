//! Puts whole messages into the queue of a [`Writer`](crate::Writer), on a short path for small messages, which most are, and
//! on another one for all others.

use crate::connection::sender::Sender;
use crate::entropy::{Entropy, EntropyError};
use crate::event::MessageKind;
use crate::frame::encoder::{self, FrameKind};
use crate::frame::header::MAX_FRAME_HEADER_LEN;
use crate::message::outbound::SendError;
use crate::outgoing::Outgoing;
use crate::role::Role;

/// From this size on, a payload that is copied is appended, because space for it would have to be filled with zeros first.
const APPEND_FROM: usize = 8 << 10;

impl Sender {
    /// Queues a whole message.
    pub(crate) fn queue_message(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Outgoing,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let frame = self.whole(kind)?;
        #[cfg(feature = "deflate")]
        if self.compresses(payload.len()) {
            return self.append_compressed(frame, payload, &mut out.buffer(), entropy);
        }
        // A first message is appended as well. Some connections send no more than that between two waits, so that zeros
        // would be in vain.
        if payload.len() >= APPEND_FROM || out.is_blank() {
            let out = &mut out.buffer();
            return self.outbound.append_message(frame, payload, out, entropy);
        }
        let space = out.space(MAX_FRAME_HEADER_LEN + payload.len());
        let len = self.outbound.frame(frame, payload, space, entropy)?;
        out.fill(len);
        Ok(())
    }

    /// Whether this side masks its frames (RFC 6455 §5.1).
    #[inline(always)]
    pub(crate) fn is_client(&self) -> bool {
        self.role() == Role::Client
    }

    /// [`queue_message`](Self::queue_message) of a server for a small message, if there is space for it already and nothing
    /// is in the way. If not, it returns `None` and changes nothing.
    #[inline(always)]
    pub(crate) fn queue_small(
        &self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Outgoing,
    ) -> Option<()> {
        let frame = self.uncompressed(kind, payload)?;
        let len = encoder::small_frame(frame, payload, out.free_space()?)?;
        out.fill(len);
        Some(())
    }

    /// [`queue_small`](Self::queue_small) of a client. If no key could be drawn, it returns the error, so that no second key
    /// is asked for.
    #[inline(always)]
    pub(crate) fn queue_small_masked(
        &self,
        kind: MessageKind,
        payload: &[u8],
        out: &mut Outgoing,
        entropy: &mut impl Entropy,
    ) -> Option<Result<(), EntropyError>> {
        let frame = self.uncompressed(kind, payload)?;
        let len = match encoder::small_masked_frame(frame, payload, out.free_space()?, entropy)? {
            Ok(len) => len,
            Err(error) => return Some(Err(error)),
        };
        out.fill(len);
        Some(Ok(()))
    }

    /// The frame of a whole message, if it may be sent and need not be compressed.
    #[inline(always)]
    fn uncompressed(&self, kind: MessageKind, payload: &[u8]) -> Option<FrameKind> {
        #[cfg(feature = "deflate")]
        if self.compresses(payload.len()) {
            return None;
        }
        #[cfg(not(feature = "deflate"))]
        let _ = payload;
        self.whole(kind).ok()
    }
}
