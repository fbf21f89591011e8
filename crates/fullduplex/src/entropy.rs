//! Randomness as an input: masking keys and the handshake nonce come from the caller.

use core::fmt;

/// A source of unpredictable bits, supplied by the caller (RFC 6455 §5.3 and §10.3).
///
/// A masking key must not be predictable to the peer's scripts, so what stands behind this should be
/// a cryptographically secure generator seeded by the operating system. Only clients draw from it;
/// a server passes [`NoEntropy`].
pub trait Entropy {
    /// Returns 32 fresh bits.
    ///
    /// # Errors
    /// [`EntropyError`] when no unpredictable bits can be had; nothing is sent then.
    fn next_u32(&mut self) -> Result<u32, EntropyError>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    #[inline]
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        (**self).next_u32()
    }
}

/// The entropy of a server, which masks nothing: every draw fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEntropy;

impl Entropy for NoEntropy {
    #[inline]
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Err(EntropyError)
    }
}

/// The caller's [`Entropy`] had no bits to give, so no frame was masked and nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entropy source failed, so no masking key could be drawn")
    }
}

impl core::error::Error for EntropyError {}
