//! Heads of HTTP with small changes, and their arrival in pieces.

use arbitrary::Arbitrary;
use fullduplex_testkit::Random;

/// Changes to bytes that were valid.
#[derive(Arbitrary, Clone, Debug, Default)]
pub struct Mutations(Vec<Mutation>);

#[derive(Arbitrary, Clone, Debug)]
enum Mutation {
    Replace(u16, u8),
    Insert(u16, Vec<u8>),
    Remove(u16, u8),
    SwapCase(u16),
}

impl Mutations {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes at most eight changes.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        for mutation in self.0.iter().take(8) {
            let place = |at: u16| usize::from(at) % (bytes.len() + 1);
            match mutation {
                Mutation::Replace(at, byte) => {
                    let at = place(*at);
                    bytes.splice(at..(at + 1).min(bytes.len()), [*byte]);
                }
                Mutation::Insert(at, more) => {
                    let at = place(*at);
                    bytes.splice(at..at, more.iter().copied());
                }
                Mutation::Remove(at, len) => {
                    let at = place(*at);
                    let end = (at + usize::from(*len)).min(bytes.len());
                    bytes.drain(at..end);
                }
                Mutation::SwapCase(at) => {
                    let at = place(*at);
                    if let Some(byte) = bytes.get_mut(at).filter(|byte| byte.is_ascii_alphabetic())
                    {
                        *byte ^= 0x20;
                    }
                }
            }
        }
    }
}

/// How many bytes have arrived after each read: first 0, at last `len`. With the seed 0, each read returns one byte.
pub fn growing(len: usize, seed: u8) -> impl Iterator<Item = usize> {
    let mut random = Random::new(u64::from(seed));
    let mut arrived = 0;
    std::iter::once(0).chain(std::iter::from_fn(move || {
        let rest = len - arrived;
        if rest == 0 {
            return None;
        }
        arrived += if seed == 0 { 1 } else { 1 + random.below(rest) };
        Some(arrived)
    }))
}
