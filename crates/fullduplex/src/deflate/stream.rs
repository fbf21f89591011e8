//! Both directions of permessage-deflate on one connection.

use alloc::vec::Vec;

use super::codec::{CompressError, Compressor, Decompressor, Flush};
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
    /// The last compressed payload.
    pub(crate) payload: Vec<u8>,
}

impl DeflateStream {
    pub(crate) fn new(params: &DeflateParams) -> Self {
        Self {
            compressor: Compressor::new(params.compression()),
            decompressor: Decompressor::new(params.inflation()),
            threshold: params.threshold(),
            enabled: true,
            fragmented: false,
            payload: Vec::new(),
        }
    }

    /// Whether a message of `len` bytes is to be compressed.
    pub(crate) fn compresses(&self, len: usize) -> bool {
        self.enabled && len >= self.threshold
    }

    /// Compresses the next piece of a message and returns the frame's payload.
    pub(crate) fn compress(&mut self, piece: &[u8], flush: Flush) -> Result<&[u8], CompressError> {
        self.payload.clear();
        self.compressor.compress(piece, flush, &mut self.payload)?;
        Ok(&self.payload)
    }

    /// Gives up all memory that the next message does not need.
    pub(crate) fn release(&mut self) {
        self.compressor.release();
        self.decompressor.release();
        self.payload = Vec::new();
    }
}
