//! The sending direction of permessage-deflate on one connection.

use super::codec::Compressor;
use super::params::DeflateParams;

/// The state of a connection that compresses its messages.
#[derive(Debug)]
pub(crate) struct Compressing {
    pub(crate) compressor: Compressor,
    /// Messages with fewer bytes than this are not compressed.
    pub(crate) threshold: usize,
    /// Whether the application wants its messages compressed.
    pub(crate) enabled: bool,
    /// Whether the message that is being sent in fragments is compressed.
    pub(crate) fragmented: bool,
}

impl Compressing {
    pub(crate) fn new(params: &DeflateParams) -> Self {
        Self {
            compressor: Compressor::new(params.compression()),
            threshold: params.threshold(),
            enabled: true,
            fragmented: false,
        }
    }
}
