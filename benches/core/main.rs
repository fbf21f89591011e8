//! Times in memory, layer by layer: header, mask, UTF-8, receiving, sending, the handshake.

mod handshake;
mod header;
mod kernels;
mod receive;
mod send;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fullduplex::{Config, Connection, Negotiated, Role};

/// The payload sizes.
const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

fn connection(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

/// The throughput of `count` messages of `len` bytes each.
fn messages(count: usize, len: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: count as u64, bytes: (count * len) as u64 }
}

criterion_group! {
    name = layers;
    // Short, because there are many: all of them together take about three minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(15);
    targets = header::all, kernels::all, receive::all, send::all, handshake::all
}
criterion_main!(layers);
