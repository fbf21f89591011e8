//! permessage-deflate (RFC 7692): its negotiation, and the codec over one of two backends.

mod backend;
mod codec;
mod compressing;
#[cfg(any(test, not(feature = "std")))]
mod miniz;
mod params;
#[cfg(feature = "std")]
mod zlib;

pub use codec::InflateError;
pub(crate) use codec::{CompressError, Decompressor, Finished};
pub(crate) use compressing::Compressing;
pub(crate) use params::DeflateResponse;
pub use params::{DeflateChoice, DeflateConfig, DeflateParams, NegotiationError};
