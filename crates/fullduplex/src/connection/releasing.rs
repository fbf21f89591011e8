//! Memory that a connection gives up before it waits for long.

use crate::connection::{Connection, ReceivingHalf, SendingHalf};
use crate::control_payload::ControlPayload;

impl<R, S> Connection<R, S> {
    #[inline]
    fn release_pong(&mut self) {
        if self.pong.has_memory() && !self.pong_queued {
            self.pong = ControlPayload::EMPTY;
        }
    }
}

impl Connection {
    /// Gives up memory that no later message could need, for a connection that is about to wait for long: that
    /// of the last control frame, and of compressor and decompressor where no context is taken over (RFC 7692
    /// §7.1.1). `DeflateConfig` tells how much they have.
    #[inline]
    pub fn release(&mut self) {
        self.release_pong();
        self.release_control();
        #[cfg(feature = "deflate")]
        {
            self.release_decompressor();
            self.release_compressor();
        }
    }
}

impl ReceivingHalf {
    /// [`Connection::release`] for what this half has.
    #[inline]
    pub fn release(&mut self) {
        self.release_control();
        #[cfg(feature = "deflate")]
        self.release_decompressor();
    }
}

impl SendingHalf {
    /// [`Connection::release`] for what this half has.
    #[inline]
    pub fn release(&mut self) {
        self.release_pong();
        #[cfg(feature = "deflate")]
        self.release_compressor();
    }
}
