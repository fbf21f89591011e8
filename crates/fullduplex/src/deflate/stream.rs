//! Both directions of permessage-deflate on one connection.

use super::codec::{Compressor, Decompressor};
use super::params::DeflateParams;

/// What a connection with permessage-deflate keeps beyond others.
#[derive(Debug)]
pub(crate) struct DeflateStream {
    pub(crate) compressor: Compressor,
    pub(crate) decompressor: Decompressor,
    /// Messages of fewer bytes are not compressed.
    pub(crate) threshold: usize,
    /// Whether the application wants its messages compressed.
    pub(crate) enabled: bool,
    /// Whether the message that is being sent in fragments is compressed.
    pub(crate) fragmented: bool,
}

impl DeflateStream {
    pub(crate) fn new(params: &DeflateParams) -> Self {
        Self {
            compressor: Compressor::new(params.compression()),
            decompressor: Decompressor::new(params.inflation()),
            threshold: params.threshold(),
            enabled: true,
            fragmented: false,
        }
    }

    /// What was agreed on.
    pub(crate) fn params(&self) -> DeflateParams {
        let (compression, inflation) = (self.compressor.settings(), self.decompressor.settings());
        DeflateParams::new(compression, inflation, self.threshold)
    }

    /// Gives up all memory that the next message does not need.
    pub(crate) fn release(&mut self) {
        self.compressor.release();
        self.decompressor.release();
    }
}
