//! Work on every byte: masking, and checking that text is UTF-8.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use fullduplex::{NoEntropy, Role, apply_mask};
use fullduplex_benches::Content;

use crate::{SIZES, connection};

pub(crate) fn all(criterion: &mut Criterion) {
    mask(criterion);
    utf8(criterion);
}

/// `apply_mask`, on a payload that begins at a cache line and on one that begins after a header.
fn mask(criterion: &mut Criterion) {
    const LINE: usize = 64;
    let mut group = criterion.benchmark_group("mask");
    for len in SIZES {
        let mut buffer = vec![0; len + 2 * LINE];
        let aligned = buffer.as_ptr().align_offset(LINE);
        group.throughput(Throughput::Bytes(len as u64));
        for (name, start) in [("aligned", aligned), ("unaligned", aligned + 6)] {
            let payload = &mut buffer[start..start + len];
            group.bench_function(BenchmarkId::new(name, len), |bencher| {
                bencher.iter(|| apply_mask(black_box(&mut *payload), [0x37, 0xfa, 0x21, 0x3d], 0));
            });
        }
    }
    group.finish();
}

/// `Connection::mask_text` of a server, which only checks the text because a server does not mask.
fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    let mut conn = connection(Role::Server);
    for (content, len) in [Content::Ascii, Content::Mixed].into_iter().flat_map(each_size) {
        let mut text = content.payload(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new(content.name(), len), |bencher| {
            bencher.iter(|| conn.mask_text(black_box(&mut text), NoEntropy).unwrap());
        });
    }
    group.finish();
}

fn each_size(content: Content) -> impl Iterator<Item = (Content, usize)> {
    SIZES.into_iter().map(move |len| (content, len))
}
