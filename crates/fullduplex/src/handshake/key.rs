//! `Sec-WebSocket-Key`, and the `Sec-WebSocket-Accept` that replies to it (RFC 6455 §4.1 and §4.2.2).

use core::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1_smol::Sha1;

use crate::entropy::{Entropy, EntropyError};

/// The length of a key in characters: 16 bytes in base64.
pub const KEY_LEN: usize = 24;

/// The length of an accept value in characters: a SHA-1 hash, 20 bytes, in base64.
pub const ACCEPT_LEN: usize = 28;

/// The GUID that is appended to the key before it is hashed (RFC 6455 §1.3).
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Decodes keys as RFC 4648 §3.5 permits: the unused bits of the last character need not be zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A valid `Sec-WebSocket-Key`: 24 characters that decode to 16 bytes (RFC 6455 §4.2.1, item 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; KEY_LEN]);

impl Key {
    /// Draws a fresh nonce: "16-byte value that has been selected randomly and base64-encoded"
    /// (RFC 6455 §4.1, item 7).
    ///
    /// # Errors
    /// [`EntropyError`] when `entropy` has no bits to give.
    pub fn random<E: Entropy + ?Sized>(entropy: &mut E) -> Result<Self, EntropyError> {
        let mut nonce = [0; 16];
        for word in nonce.chunks_exact_mut(4) {
            word.copy_from_slice(&entropy.next_u32()?.to_le_bytes());
        }
        Ok(Self::from_nonce(nonce))
    }

    /// The key for `nonce`.
    #[must_use]
    pub fn from_nonce(nonce: [u8; 16]) -> Self {
        Self(encode(&nonce))
    }

    /// Reads a key from a header value. Returns `None` if it is not 24 characters of base64 that decode to 16 bytes.
    /// The key keeps the characters as they were sent, because they are what is hashed.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = <[u8; KEY_LEN]>::try_from(value).ok()?;
        // The decoder needs space for whole groups of four characters.
        let mut nonce = [0; 18];
        let length = LENIENT.decode_slice(text, &mut nonce).ok()?;
        // "which when decoded has a length of 16 bytes"
        (length == 16).then_some(Self(text))
    }

    /// The characters of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The `Sec-WebSocket-Accept` value, which proves that the server has read this key (RFC 6455 §4.2.2, item 5.4).
    #[must_use]
    pub fn accept(&self) -> [u8; ACCEPT_LEN] {
        let mut input = [0; KEY_LEN + GUID.len()];
        let (key, guid) = input.split_at_mut(KEY_LEN);
        key.copy_from_slice(&self.0);
        guid.copy_from_slice(GUID);
        let mut hash = Sha1::new();
        hash.update(&input);
        encode(&hash.digest().bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

/// Base64 of an input whose encoded length is known to be `N`.
fn encode<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    let written = STANDARD.encode_slice(bytes, &mut text);
    debug_assert_eq!(written.ok(), Some(N));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::NoEntropy;

    struct Counter(u32);

    impl Entropy for Counter {
        fn next_u32(&mut self) -> Result<u32, EntropyError> {
            self.0 += 1;
            Ok(self.0)
        }
    }

    #[test]
    fn the_sample_key_of_the_rfc_gives_the_sample_accept() {
        let key = Key::from_nonce(*b"the sample nonce");
        assert_eq!(key.as_bytes(), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&key.accept(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_with_trailing_bits_is_hashed_as_it_came() {
        let key = Key::parse(b"dGhlIHNhbXBsZSBub25jZR==").unwrap();
        assert_eq!(&key.accept(), b"Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI=");
    }

    #[test]
    fn keys_of_another_length_or_alphabet_are_refused() {
        for bad in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "eHh4eHh4eHh4eHh4eHh4",
            "eHh4eHh4eHh4eHh4eHh4eHg=",
            "eHh4eHh4eHh4eHh4eHh4eHh4",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25jZQ=A",
            "dGhlIHNhbXBsZSBub2=jZQ==",
            "dGhlIHNhbXBs ZSBub25jZQ=",
            "dGhlIHNhbXBs_SBub25jZQ==",
        ] {
            assert_eq!(Key::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_random_key_is_drawn_from_the_entropy_and_valid() {
        let mut entropy = Counter(0);
        let key = Key::random(&mut entropy).unwrap();
        assert_eq!(entropy.0, 4);
        assert_eq!(Key::parse(key.as_bytes()), Some(key));
        assert_ne!(Key::random(&mut entropy).unwrap(), key);
        assert_eq!(Key::random(&mut NoEntropy), Err(EntropyError));
    }
}
