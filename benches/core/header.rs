//! Decoding and encoding the frame header.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use fullduplex::{FrameHeader, MAX_FRAME_HEADER_LEN, OpCode};

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// Headers of every length, by the payload length and the key that they encode.
const FORMS: [(u64, Option<[u8; 4]>); 6] =
    [(125, None), (125, MASK), (1 << 10, None), (1 << 10, MASK), (1 << 20, None), (1 << 20, MASK)];

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    for (payload_len, mask) in FORMS {
        let header = FrameHeader { fin: true, rsv: 0, opcode: OpCode::Binary, mask, payload_len };
        let direction = if mask.is_some() { "masked" } else { "plain" };
        let mut bytes = [0; MAX_FRAME_HEADER_LEN];
        header.encode(&mut bytes);
        group.bench_function(BenchmarkId::new(format!("decode/{direction}"), payload_len), |it| {
            it.iter(|| FrameHeader::decode(black_box(&bytes)));
        });
        group.bench_function(BenchmarkId::new(format!("encode/{direction}"), payload_len), |it| {
            it.iter(|| black_box(&header).encode(black_box(&mut bytes)));
        });
    }
    group.finish();
}
