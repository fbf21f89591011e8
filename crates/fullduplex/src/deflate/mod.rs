//! permessage-deflate (RFC 7692): what is negotiated, and the codec over one of two backends.

mod backend;
mod codec;
#[cfg(any(test, not(feature = "std")))]
mod miniz;
mod params;
mod stream;
#[cfg(feature = "std")]
mod zlib;

pub use codec::InflateError;
pub(crate) use codec::{CompressError, Finished, Flush};
pub(crate) use params::DeflateAnswer;
pub use params::{DeflateConfig, DeflateParams, NegotiationError};
pub(crate) use stream::DeflateStream;
