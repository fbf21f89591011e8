//! The memory that endpoints hold, by a counting allocator: it must stay within the documented bound, and all of it be
//! freed.

use std::mem;

use fullduplex::{Endpoint, EndpointConfig, MessageRef, Negotiated, NoEntropy, Role};

use crate::plan::{Kept, Settings, Setup, keep};

const KIB: usize = 1 << 10;

/// The most that one read adds to a message: a buffer of 64 KiB, and what is read after a large payload.
const READ: usize = 72 * KIB;

/// The connection itself, the state of its compression, and the payloads of control frames.
const STATE: usize = 4 * KIB;

/// The memory of a connection that compresses and decompresses, as `DeflateConfig` documents it, with the largest settings.
const DEFLATE: usize = 428 * KIB;

/// An unused buffer for inflated data is freed if it is at least this large.
const INFLATED: usize = 128 * KIB;

/// The memory that the pools of a thread hold: four receive buffers and four output buffers of 64
/// KiB.
const POOLS: usize = 8 * 64 * KIB;

/// The memory that its pools for compression hold: four compressors, four decompressors and four
/// buffers.
const DEFLATE_POOLS: usize = 4 * (DEFLATE + INFLATED);

/// Counts allocated memory.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The bytes that are held now, and the most since the last check.
    now: i64,
    peak: i64,
}

impl Held {
    /// Runs something whose memory counts as the endpoints'.
    pub(crate) fn count<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let mut result = None;
        let info = allocation_counter::measure(|| result = Some(f()));
        self.peak = self.peak.max(self.now + i64::try_from(info.bytes_max).unwrap_or(i64::MAX));
        self.now += info.bytes_current;
        match result {
            Some(result) => result,
            None => unreachable!("`measure` has run it"),
        }
    }

    /// # Errors
    /// When more is held than `bound`, or was since the last call.
    pub(crate) fn check(&mut self, bound: usize) -> Kept {
        let (now, peak) = (self.now, mem::take(&mut self.peak));
        // While a buffer grows, the old one and the new one exist side by side.
        let most = (bound + bound / 2) as i64;
        keep!(now <= bound as i64, Memory, "{now} bytes are held, and {bound} is the bound");
        keep!(peak <= most, Memory, "{peak} bytes were held at once, and {most} is the bound");
        Ok(())
    }

    /// Empties the pools, and checks that everything has been freed.
    ///
    /// # Errors
    /// When something is still held.
    pub(crate) fn check_freed(&mut self) -> Kept {
        self.count(empty_pools);
        let now = self.now;
        keep!(now == 0, Memory, "{now} bytes are held when everything has been dropped");
        Ok(())
    }
}

/// Runs something whose memory does not count as the endpoints'.
pub(crate) fn uncounted<T>(f: impl FnOnce() -> T) -> T {
    let mut result = None;
    allocation_counter::opt_out(|| result = Some(f()));
    match result {
        Some(result) => result,
        None => unreachable!("`opt_out` has run it"),
    }
}

/// How much one end may hold if the largest message that it receives has `inbound` bytes, and the largest that it sends has
/// `outbound`.
pub(crate) fn bound_of(
    setup: &Setup,
    settings: &Settings,
    inbound: usize,
    outbound: usize,
) -> usize {
    let inbound = inbound.min(settings.max_message as usize);
    // A buffer is at most twice as large as its content.
    let receives = 2 * (inbound + READ).max(settings.read_ahead as usize);
    let sends = 2 * (settings.max_write_buffer as usize + outbound + STATE);
    let inflates = if setup.deflate.is_some() { DEFLATE + 2 * (inbound + INFLATED) } else { 0 };
    STATE + receives + sends + inflates
}

/// How much the pools may hold.
pub(crate) fn bound_of_pools(setup: &Setup) -> usize {
    POOLS + if setup.deflate.is_some() { DEFLATE_POOLS } else { 0 }
}

/// Whether all pools that a run has used can be emptied.
pub(crate) fn can_empty_pools(setup: &Setup) -> bool {
    setup.deflate.is_none_or(|deflate| deflate.client_takeover && deflate.server_takeover)
}

/// Takes the buffers out of this thread's pools, and makes sure that they do not come back.
fn empty_pools() {
    let open = |unread: &[u8]| {
        let negotiated = Negotiated::without_extensions();
        Endpoint::open(Role::Server, negotiated, unread, &EndpointConfig::new(), NoEntropy)
    };
    let mut endpoints = Vec::new();
    let mut messages = Vec::new();
    for size in [4 * KIB, 64 * KIB] {
        // A message that shares a buffer keeps it out of the pool.
        let mut unread = vec![0; size];
        unread[..7].copy_from_slice(&[0x82, 0x81, 0, 0, 0, 0, 7]);
        for _ in 0..4 {
            let mut endpoint = open(&unread);
            messages.push(endpoint.poll_owned());
            endpoints.push(endpoint);
        }
    }
    // An output buffer that has grown is not pooled.
    let large = vec![0; 70 * KIB];
    for endpoint in endpoints.iter_mut().take(4) {
        let sent = endpoint.writer.send(MessageRef::Binary(&large));
        debug_assert!(sent.is_ok());
    }
    drop(endpoints);
    drop(messages);
}
