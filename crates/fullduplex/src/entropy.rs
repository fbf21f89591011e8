//! Randomness as an input. Masking keys and the nonce of the opening handshake come from the caller.

use core::fmt;

/// A source of unpredictable bits, supplied by the caller (RFC 6455 §5.3 and §10.3).
///
/// Scripts must not be able to predict a masking key. So an implementation should be a cryptographically secure
/// generator that is seeded by the operating system. Only clients need entropy; a server passes [`NoEntropy`].
pub trait Entropy {
    /// Returns 32 fresh bits.
    ///
    /// # Errors
    /// [`EntropyError`] when there are no unpredictable bits. Nothing is sent then.
    fn next_u32(&mut self) -> Result<u32, EntropyError>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    #[inline]
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        (**self).next_u32()
    }
}

/// The entropy of a server, which masks nothing. Every draw fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEntropy;

impl Entropy for NoEntropy {
    #[inline]
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Err(EntropyError)
    }
}

/// The caller's [`Entropy`] has failed, so no frame was masked, and nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entropy source failed, so no masking key could be drawn")
    }
}

impl core::error::Error for EntropyError {}
