//! Takes what a contender receives, and checks that it is what was sent.

use std::hint::black_box;

use fullduplex_testkit::frames;

use fullduplex_benches::Content;

use crate::case::Case;

/// Takes every message that a contender has received.
///
/// The same code runs in the first, untimed round, where all bytes go into the digest, and in the timed rounds, where they
/// are only counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Payload bytes received.
    pub(crate) bytes: u64,
    /// Messages received.
    pub(crate) messages: u64,
    digest: Option<Digest>,
}

impl Tally {
    /// A tally that computes a digest of what it gets.
    pub(crate) fn proving() -> Self {
        Self { digest: Some(Digest::default()), ..Self::default() }
    }

    /// A whole text message.
    #[inline(always)]
    pub(crate) fn text(&mut self, payload: &[u8]) {
        self.chunk(payload);
        self.end(true);
    }

    /// A whole binary message.
    #[inline(always)]
    pub(crate) fn binary(&mut self, payload: &[u8]) {
        self.chunk(payload);
        self.end(false);
    }

    /// A piece of a message.
    #[inline(always)]
    pub(crate) fn chunk(&mut self, payload: &[u8]) {
        // The compiler must produce the whole payload, because it cannot know what reads it.
        let payload = black_box(payload);
        self.bytes += payload.len() as u64;
        if let Some(digest) = &mut self.digest {
            digest.chunk(payload);
        }
    }

    /// The message is complete.
    #[inline(always)]
    pub(crate) fn end(&mut self, is_text: bool) {
        self.messages += 1;
        if let Some(digest) = &mut self.digest {
            digest.end(is_text);
        }
    }

    /// The digest, if one was computed.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.digest.as_ref().map(|digest| digest.0)
    }
}

/// FNV-1a over payloads, kinds and ends of messages.
#[derive(Debug)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    #[cold]
    #[inline(never)]
    fn chunk(&mut self, payload: &[u8]) {
        for byte in payload {
            self.word(u64::from(*byte));
        }
    }

    #[cold]
    #[inline(never)]
    fn end(&mut self, is_text: bool) {
        self.word(0x100 + u64::from(is_text));
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3);
    }
}

/// The digest of the case's messages, each of them once.
pub(crate) fn expected(case: Case, payloads: &[Vec<u8>]) -> u64 {
    let mut digest = Digest::default();
    for payload in payloads {
        digest.chunk(payload);
        digest.end(case.kind.content() != Content::Binary);
    }
    digest.0
}

/// The digest of the messages in `wire`, which a contender has written.
///
/// # Errors
/// A sentence when they are not what this end of a connection must write.
pub(crate) fn of_written(case: Case, wire: &[u8]) -> Result<u64, String> {
    let mut digest = Digest::default();
    let (mut keys, mut masked) = (std::collections::HashSet::new(), 0);
    for frame in frames(wire) {
        if frame.mask.is_some() != case.kind.is_masked() {
            return Err("a frame with the wrong mask bit was written".into());
        }
        if let Some(key) = frame.mask {
            masked += 1;
            keys.insert(key);
        }
        digest.chunk(&frame.payload);
        if frame.fin {
            digest.end(frame.opcode == 1);
        }
    }
    // Among so few keys out of 2^32, hardly any occurs twice.
    if keys.len() + 2 < masked {
        return Err("frames were masked with the same key".into());
    }
    Ok(digest.0)
}
