//! Counters that many connections share, and that a metrics exporter reads.

mod cause;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use cause::Cause;

/// How many threads can count without touching the same cache line. Past that they share, which is slower and no less
/// right.
const SHARDS: usize = 16;

/// Counters of connections: how many are open, what they received and sent, and why they failed.
///
/// An application has one set, or one for each kind of connection, as a `static`, gives it to the connections in their
/// [configuration](crate::WebSocketConfig::counters), and reads it with [`snapshot`](Self::snapshot):
///
/// ```
/// use fullduplex_tokio::{Counters, WebSocketConfig};
///
/// static COUNTERS: Counters = Counters::new();
///
/// let config = WebSocketConfig::new().counters(&COUNTERS);
/// # let _ = config;
/// println!("{} connections are open", COUNTERS.snapshot().open());
/// ```
///
/// A connection adds what it received whenever it waits for more or ends, and what it sent whenever it has written. So the
/// counters lag behind by no more than what a connection is busy with. Adding takes no lock, and up to 16 threads do not
/// wait for each other.
#[derive(Default)]
pub struct Counters {
    shards: [Shard; SHARDS],
    opened: AtomicU64,
    closed: AtomicU64,
    dropped: AtomicU64,
    failures: [AtomicU64; Cause::ALL.len()],
}

/// What the connections of some threads received and sent. Processors fetch two cache lines at once.
#[repr(align(128))]
#[derive(Default)]
struct Shard {
    received: AtomicFlow,
    sent: AtomicFlow,
    pings_received: AtomicU64,
    pongs_received: AtomicU64,
    pings_sent: AtomicU64,
}

#[derive(Default)]
struct AtomicFlow {
    messages: AtomicU64,
    payload_bytes: AtomicU64,
    wire_bytes: AtomicU64,
}

/// Messages and bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow {
    /// Text and binary messages. A message that is received or sent in pieces counts at its end.
    ///
    /// To export as `websocket_received_messages_total` and `websocket_sent_messages_total`, counters.
    pub messages: u64,
    /// The bytes of these messages as the application sees them: before compression when they are sent, and after
    /// decompression when they are received.
    ///
    /// To export as `websocket_received_payload_bytes_total` and `websocket_sent_payload_bytes_total`, counters.
    pub payload_bytes: u64,
    /// The bytes that were read from or written to the transport: all frames, with their headers, and compressed where
    /// they are. Neither the opening handshake nor what TLS adds is among them.
    ///
    /// To export as `websocket_received_wire_bytes_total` and `websocket_sent_wire_bytes_total`, counters.
    pub wire_bytes: u64,
}

/// What was counted until now: see [`Counters::snapshot`]. Every number only grows.
///
/// Each connection that was opened is open, or it was closed or dropped, or it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections whose opening handshake is complete. To export as `websocket_opened_total`, a counter.
    pub opened: u64,
    /// Connections that ended after the peer's Close, whichever end began the closing handshake. To export as
    /// `websocket_closed_total`, a counter.
    pub closed: u64,
    /// Connections that the application dropped, or took apart, before the peer's Close had come. To export as
    /// `websocket_dropped_total`, a counter.
    pub dropped: u64,
    /// What was received.
    pub received: Flow,
    /// What was sent. A message counts once it has been written, and what was queued together with it.
    pub sent: Flow,
    /// Pings that were received. To export as `websocket_received_pings_total`, a counter.
    pub pings_received: u64,
    /// Pongs that were received. To export as `websocket_received_pongs_total`, a counter.
    pub pongs_received: u64,
    /// Pings that the application sent, and the Pings of the keepalive, which count when they are due. To export as
    /// `websocket_sent_pings_total`, a counter.
    pub pings_sent: u64,
    failures: [u64; Cause::ALL.len()],
}

impl Flow {
    pub(crate) fn add(&mut self, more: &Self) {
        self.messages += more.messages;
        self.payload_bytes += more.payload_bytes;
        self.wire_bytes += more.wire_bytes;
    }
}

impl Counts {
    /// Connections that are open now. To export as `websocket_open`, a gauge.
    #[must_use]
    pub fn open(&self) -> u64 {
        let failed: u64 = self
            .failures()
            .filter(|(cause, _)| !cause.is_handshake())
            .map(|(_, count)| count)
            .sum();
        self.opened.saturating_sub(self.closed + self.dropped + failed)
    }

    /// How many opening handshakes and open connections have failed for this cause.
    #[must_use]
    pub fn failed(&self, cause: Cause) -> u64 {
        self.failures[cause as usize]
    }

    /// The same for each cause, also those that have not occurred. To export as `websocket_failures_total`, a counter
    /// with the label `cause`, whose value is [`Cause::name`].
    pub fn failures(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::ALL.iter().copied().zip(self.failures)
    }
}

impl Counters {
    /// Counters at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            shards: [const { Shard::new() }; SHARDS],
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: [const { AtomicU64::new(0) }; Cause::ALL.len()],
        }
    }

    /// What was counted until now. Each number by itself is exact; while connections are busy, one may be a little ahead
    /// of another.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        // The ends first, so that there is no end whose opening is missing.
        let failures = std::array::from_fn(|at| load(&self.failures[at]));
        let (closed, dropped) = (load(&self.closed), load(&self.dropped));
        let sum = |of: fn(&Shard) -> &AtomicU64| self.shards.iter().map(|it| load(of(it))).sum();
        let flow = |of: fn(&Shard) -> &AtomicFlow| Flow {
            messages: self.shards.iter().map(|shard| load(&of(shard).messages)).sum(),
            payload_bytes: self.shards.iter().map(|shard| load(&of(shard).payload_bytes)).sum(),
            wire_bytes: self.shards.iter().map(|shard| load(&of(shard).wire_bytes)).sum(),
        };
        Counts {
            opened: load(&self.opened),
            closed,
            dropped,
            received: flow(|shard| &shard.received),
            sent: flow(|shard| &shard.sent),
            pings_received: sum(|shard| &shard.pings_received),
            pongs_received: sum(|shard| &shard.pongs_received),
            pings_sent: sum(|shard| &shard.pings_sent),
            failures,
        }
    }

    /// A connection was opened.
    pub(crate) fn add_opened(&self) {
        add(&self.opened, 1);
    }

    /// A connection was closed.
    pub(crate) fn add_closed(&self) {
        add(&self.closed, 1);
    }

    /// A connection was dropped.
    pub(crate) fn add_dropped(&self) {
        add(&self.dropped, 1);
    }

    /// An opening handshake or a connection failed.
    pub(crate) fn add_failure(&self, cause: Cause) {
        add(&self.failures[cause as usize], 1);
    }

    /// Something was received.
    pub(crate) fn add_received(&self, flow: &Flow, pings: u64, pongs: u64) {
        let shard = self.shard();
        shard.received.add(flow);
        add(&shard.pings_received, pings);
        add(&shard.pongs_received, pongs);
    }

    /// Something was sent.
    pub(crate) fn add_sent(&self, flow: &Flow) {
        self.shard().sent.add(flow);
    }

    /// Pings were sent.
    pub(crate) fn add_pings_sent(&self, pings: u64) {
        if pings > 0 {
            add(&self.shard().pings_sent, pings);
        }
    }

    /// The shard of this thread.
    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static SHARD: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        }
        // A thread that is ending has lost its shard.
        &self.shards[SHARD.try_with(|&at| at).unwrap_or(0)]
    }
}

impl Shard {
    const fn new() -> Self {
        Self {
            received: AtomicFlow::new(),
            sent: AtomicFlow::new(),
            pings_received: AtomicU64::new(0),
            pongs_received: AtomicU64::new(0),
            pings_sent: AtomicU64::new(0),
        }
    }
}

impl AtomicFlow {
    const fn new() -> Self {
        Self {
            messages: AtomicU64::new(0),
            payload_bytes: AtomicU64::new(0),
            wire_bytes: AtomicU64::new(0),
        }
    }

    fn add(&self, flow: &Flow) {
        add(&self.messages, flow.messages);
        add(&self.payload_bytes, flow.payload_bytes);
        add(&self.wire_bytes, flow.wire_bytes);
    }
}

/// An atomic addition takes as long as some twenty others, so zero is not added. It is released, so that a snapshot which has
/// seen an end sees the opening before it.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Release);
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Acquire)
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

/// A set of counters is equal to itself alone.
impl PartialEq for Counters {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Counters {}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_many_threads_count_adds_up() {
        static COUNTERS: Counters = Counters::new();
        let flow = Flow { messages: 1, payload_bytes: 10, wire_bytes: 12 };
        let count = || {
            for _ in 0..1000 {
                COUNTERS.add_received(&flow, 1, 2);
                COUNTERS.add_sent(&flow);
                COUNTERS.add_pings_sent(3);
            }
        };
        thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(count);
            }
        });
        let all = 2000 * SHARDS as u64;
        let sum = Flow { messages: all, payload_bytes: 10 * all, wire_bytes: 12 * all };
        let counts = COUNTERS.snapshot();
        assert_eq!((counts.received, counts.sent), (sum, sum));
        let control = (counts.pings_received, counts.pongs_received, counts.pings_sent);
        assert_eq!(control, (all, 2 * all, 3 * all));
    }

    #[test]
    fn open_are_those_that_were_opened_and_have_not_ended() {
        let counters = Counters::new();
        for _ in 0..5 {
            counters.add_opened();
        }
        counters.add_closed();
        counters.add_dropped();
        counters.add_failure(Cause::Reset);
        counters.add_failure(Cause::Rejected);
        let counts = counters.snapshot();
        assert_eq!((counts.open(), counts.failed(Cause::Reset)), (2, 1));
        assert_eq!(counts.failures().map(|(_, count)| count).sum::<u64>(), 2);
    }
}
