//! Sending binary messages, one frame each.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use fullduplex::{Endpoint, EndpointConfig, Entropy, MessageRef, Negotiated, NoEntropy, Role};
use fullduplex_benches::{ChaChaEntropy, Content};

use crate::{SIZES, connection, messages};

pub(crate) fn all(criterion: &mut Criterion) {
    each_way(criterion, "plain", Role::Server, || NoEntropy);
    each_way(criterion, "masked", Role::Client, ChaChaEntropy::new);
}

fn each_way<E: Entropy>(
    criterion: &mut Criterion,
    direction: &str,
    role: Role,
    entropy: impl Fn() -> E,
) {
    let mut group = criterion.benchmark_group(format!("send/{direction}"));
    for len in SIZES {
        let mut payload = Content::Binary.payload(len);
        let (mut conn, mut entropy_of_conn) = (connection(role), entropy());
        group.throughput(messages(1, len));

        // `Connection::send_binary`: into the caller's buffer.
        let mut out = vec![0; len + 14];
        group.bench_function(BenchmarkId::new("buffer", len), |bencher| {
            bencher.iter(|| {
                let payload = black_box(&payload);
                let len = conn.send_binary(payload, &mut out, &mut entropy_of_conn).unwrap();
                black_box(&out[..len]).len()
            });
        });
        // `Connection::mask_binary`: the payload stays where it is.
        group.bench_function(BenchmarkId::new("in-place", len), |bencher| {
            bencher.iter(|| conn.mask_binary(black_box(&mut payload), &mut entropy_of_conn));
        });
        // `Endpoint::send`, and a write that takes everything.
        let (negotiated, config) = (Negotiated::without_extensions(), EndpointConfig::new());
        let mut endpoint = Endpoint::open(role, negotiated, &[], &config, entropy());
        group.bench_function(BenchmarkId::new("endpoint", len), |bencher| {
            bencher.iter(|| {
                endpoint.writer.send(MessageRef::Binary(black_box(&payload))).unwrap();
                let len = black_box(endpoint.output().unwrap().first()).len();
                endpoint.writer.advance(len);
                len
            });
        });
    }
    group.finish();
}
