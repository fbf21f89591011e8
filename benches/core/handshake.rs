//! The opening handshake: the response to a browser's request, and the check of a server's
//! response.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fullduplex::Uri;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, ServerHandshake,
};
use fullduplex_benches::{CHROMIUM_REQUEST, SERVER_RESPONSE};

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let mut out = [0; 256];
    group.throughput(Throughput::Bytes(CHROMIUM_REQUEST.len() as u64));
    group.bench_function("server", |bencher| {
        bencher.iter(|| {
            let mut handshake = ServerHandshake::new(HeadLimits::new());
            let request = handshake.poll(black_box(CHROMIUM_REQUEST)).unwrap().unwrap();
            let (len, _) = request.accept(&Acceptance::new(), &mut out).unwrap();
            black_box(&out[..len]).len()
        });
    });
    group.bench_function("server, byte by byte", |bencher| {
        bencher.iter(|| {
            let mut handshake = ServerHandshake::new(HeadLimits::new());
            for len in 1..CHROMIUM_REQUEST.len() {
                assert!(handshake.poll(black_box(&CHROMIUM_REQUEST[..len])).unwrap().is_none());
            }
            handshake.poll(black_box(CHROMIUM_REQUEST)).unwrap().unwrap().head_len()
        });
    });
    group.throughput(Throughput::Bytes(SERVER_RESPONSE.len() as u64));
    group.bench_function("client", |bencher| {
        bencher.iter(|| {
            let request = ClientRequest::new(Uri::parse(black_box("ws://localhost/chat")).unwrap());
            let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
            let len = handshake.encode_request(&request, &mut out).unwrap();
            black_box(&out[..len]);
            handshake.poll(black_box(SERVER_RESPONSE), &request).unwrap().is_some()
        });
    });
    group.finish();
}
