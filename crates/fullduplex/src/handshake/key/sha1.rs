//! SHA-1 (RFC 3174) of the 60 bytes that a `Sec-WebSocket-Accept` is made from, and of nothing else. With their padding
//! they fill two blocks, and of the second one every bit is known before.
//!
//! It proves that the server has read the key, and protects no secret: what is known against SHA-1 does not matter.

/// The length of what is hashed.
pub(super) const LENGTH: usize = 60;

/// A block as the rounds take it: W(t) + K(t), of sixteen words of the message and those that are made of them (§6.1,
/// step b).
type Schedule = [u32; 80];

/// K(t), for twenty rounds each (§5).
const CONSTANTS: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/// "Before processing any blocks, the H's are initialized" (§6.1).
const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// The first bit behind the message is 1 (§4, step a); it has room in the first block, and the length has none.
const FIRST_PADDING: u32 = 1 << 31;

/// The second block: zeros, and the length of the message in bits (§4, steps b and c).
const SECOND: Schedule = {
    let mut words = [0; 16];
    words[15] = 8 * LENGTH as u32;
    schedule(words)
};

/// The hash of `message`.
pub(super) fn hash(message: &[u8; LENGTH]) -> [u8; 20] {
    let mut words = [FIRST_PADDING; 16];
    for (word, bytes) in words.iter_mut().zip(message.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let state = compress(compress(INITIAL, &schedule(words)), &SECOND);
    let mut hash = [0; 20];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

/// "For t = 16 to 79 let W(t) = S^1(W(t-3) XOR W(t-8) XOR W(t-14) XOR W(t-16))."
const fn schedule(words: [u32; 16]) -> Schedule {
    let mut all = [0; 80];
    let (first, _) = all.split_at_mut(16);
    first.copy_from_slice(&words);
    let mut t = 16;
    while t < 80 {
        all[t] = (all[t - 3] ^ all[t - 8] ^ all[t - 14] ^ all[t - 16]).rotate_left(1);
        t += 1;
    }
    t = 0;
    while t < 80 {
        all[t] = all[t].wrapping_add(CONSTANTS[t / 20]);
        t += 1;
    }
    all
}

/// Steps c to e of §6.1.
fn compress(state: [u32; 5], words: &Schedule) -> [u32; 5] {
    let [first, second, third, fourth] = quarters(words);
    // The functions of §5, by an operation less each.
    let choose = |b: u32, c: u32, d: u32| d ^ (b & (c ^ d));
    let parity = |b: u32, c: u32, d: u32| b ^ c ^ d;
    let majority = |b: u32, c: u32, d: u32| (b & c) | (d & (b | c));
    let after = rounds(state, first, choose);
    let after = rounds(after, second, parity);
    let after = rounds(after, third, majority);
    let after = rounds(after, fourth, parity);
    core::array::from_fn(|i| state[i].wrapping_add(after[i]))
}

/// The words of the four kinds of rounds.
fn quarters(words: &Schedule) -> [&[u32]; 4] {
    let (first, rest) = words.split_at(20);
    let (second, rest) = rest.split_at(20);
    let (third, fourth) = rest.split_at(20);
    [first, second, third, fourth]
}

/// "TEMP = S^5(A) + f(t;B,C,D) + E + W(t) + K(t); E = D; D = C; C = S^30(B); B = A; A = TEMP."
#[inline(always)]
fn rounds(
    [mut a, mut b, mut c, mut d, mut e]: [u32; 5],
    words: &[u32],
    f: impl Fn(u32, u32, u32) -> u32,
) -> [u32; 5] {
    for word in words {
        let sum = a.rotate_left(5).wrapping_add(f(b, c, d)).wrapping_add(e).wrapping_add(*word);
        (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
    }
    [a, b, c, d, e]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_another_implementation() {
        let mut message = [0; LENGTH];
        for seed in 0..200u32 {
            for (at, byte) in message.iter_mut().enumerate() {
                *byte = (seed.wrapping_mul(0x9e37_79b9) >> (at % 24)) as u8 ^ at as u8;
            }
            assert_eq!(hash(&message), sha1_smol::Sha1::from(message).digest().bytes());
        }
    }
}
