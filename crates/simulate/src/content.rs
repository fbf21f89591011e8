//! Payloads. The payload of a message is computed from its number, so that it need not be stored.

use std::ops::Range;
use std::sync::LazyLock;

use crate::plan::Kind;

/// The largest payload of a message.
pub(crate) const MOST: usize = 150_000;

const TABLE: usize = 1 << 19;

/// Random characters of one to four bytes.
static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = String::with_capacity(TABLE + 4);
    while text.len() < TABLE {
        text.push(['a', 'b', 'c', ' ', 'é', '€', '😀'][random.usize(..7)]);
    }
    text.into_bytes()
});

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = fastrand::Rng::with_seed(2);
    (0..TABLE).map(|_| random.u8(..)).collect()
});

/// The payload of a message, of unlimited length: the message takes a prefix of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    table: &'static [u8],
    start: usize,
    kind: Kind,
}

impl Content {
    /// The payload of the message with this number.
    pub(crate) fn of(kind: Kind, seed: u64, number: u64) -> Self {
        let hash = (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
            .rotate_left(31)
            .wrapping_mul(0x94d0_49bb_1331_11eb);
        let table: &'static [u8] =
            if kind == Kind::Binary && number.is_multiple_of(2) { &NOISE } else { &TEXT };
        let start = (hash >> 20) as usize % (TABLE - MOST - 4);
        let mut content = Self { table, start, kind };
        if kind == Kind::Text {
            content.start = content.boundary(0) + start;
        }
        content
    }

    /// The first character boundary at `at` or after it.
    fn boundary(&self, at: usize) -> usize {
        let from = &self.table[self.start + at..];
        at + from.iter().position(|byte| byte & 0xc0 != 0x80).unwrap_or(0)
    }

    /// The length of the shortest message with at least `len` bytes that ends at a character
    /// boundary.
    pub(crate) fn end(&self, len: usize) -> usize {
        if self.kind == Kind::Text { self.boundary(len) } else { len }
    }

    /// A part of the payload.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &'static [u8] {
        &self.table[self.start + range.start..self.start + range.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_messages_differ() {
        for number in 0..2000 {
            let text = Content::of(Kind::Text, 7, number);
            let end = text.end(number as usize);
            assert!(std::str::from_utf8(text.bytes(0..end)).is_ok());
            let next = Content::of(Kind::Text, 7, number + 1);
            assert_ne!(text.bytes(0..40), next.bytes(0..40));
        }
    }
}
