//! permessage-deflate (RFC 7692): what is negotiated, and the codec over one of two backends.

mod backend;
mod codec;
#[cfg(any(test, not(feature = "std")))]
mod miniz;
mod params;
#[cfg(feature = "std")]
mod pool;
mod stream;
#[cfg(feature = "std")]
mod zlib;

pub use codec::InflateError;
pub(crate) use codec::{CompressError, Finished, Flush};
pub use params::{DeflateConfig, DeflateParams, NegotiationError};
#[cfg(feature = "std")]
pub(crate) use pool::{Pool, put, take};
pub(crate) use stream::DeflateStream;
