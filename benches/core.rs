//! Time per message and bytes per second, in memory: receiving, sending, the handshake.
//!
//! Unmasking happens in place, so each pass copies the traffic anew from where it is kept, as a read would;
//! the lines `copy` measure nothing but that copy, to be subtracted.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use criterion::{criterion_group, criterion_main};
use fullduplex::handshake::{Answer, HeadLimits, ServerHandshake};
use fullduplex::{
    Config, Connection, Entropy, Event, Input, Message, MessageRef, Negotiated, NoEntropy, Reader,
    Role,
};
use fullduplex_benches::{CHROMIUM_REQUEST, ChaChaEntropy, Content, READ_SIZE, Traffic};

const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// The instant that every call is told.
const NOW: Duration = Duration::from_secs(1);

fn connection(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

/// The receiver of this traffic.
fn receiver(masked: bool) -> Connection {
    connection(if masked { Role::Server } else { Role::Client })
}

/// Runs `bench` for every size, with the throughput of one pass over its traffic.
fn sizes(
    criterion: &mut Criterion,
    name: &str,
    content: Content,
    masked: bool,
    bench: impl Fn(&mut BenchmarkGroup<'_, WallTime>, BenchmarkId, Traffic),
) {
    let direction = if masked { "masked" } else { "plain" };
    let mut group = criterion.benchmark_group(format!("{name}/{direction}/{}", content.name()));
    for len in SIZES {
        let traffic = Traffic::new(content, len, masked);
        let messages = traffic.messages as u64;
        group.throughput(Throughput::ElementsAndBytes {
            elements: messages,
            bytes: messages * len as u64,
        });
        bench(&mut group, BenchmarkId::from_parameter(len), traffic);
    }
    group.finish();
}

/// The reads alone.
fn copy(criterion: &mut Criterion) {
    for masked in [true, false] {
        sizes(criterion, "copy", Content::Binary, masked, |group, id, mut traffic| {
            let mut buffer = vec![0; READ_SIZE];
            let len = traffic.wire().len();
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut read = 0;
                    while read < len {
                        read += black_box(&mut traffic).read(black_box(&mut buffer));
                    }
                });
            });
        });
    }
}

/// `Connection::poll_event`: chunks where they lie in the read.
fn receive(criterion: &mut Criterion) {
    for masked in [true, false] {
        for content in [Content::Binary, Content::Ascii, Content::Mixed] {
            sizes(criterion, "receive", content, masked, |group, id, mut traffic| {
                let mut conn = receiver(masked);
                let mut buffer = vec![0; READ_SIZE];
                let expected = traffic.messages;
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        let mut messages = 0;
                        while messages < expected {
                            let len = traffic.read(&mut buffer);
                            let mut input = Input::new(&mut buffer[..len]);
                            while let Some(event) = conn.poll_event(&mut input, NOW).unwrap() {
                                if let Event::Text(chunk, part) | Event::Binary(chunk, part) = event
                                {
                                    black_box(chunk);
                                    messages += usize::from(part.is_last());
                                }
                            }
                        }
                        messages
                    });
                });
            });
        }
    }
}

/// `Reader::poll`: whole messages, lent; text as `&str`.
fn lent(criterion: &mut Criterion) {
    for content in [Content::Binary, Content::Ascii, Content::Mixed] {
        sizes(criterion, "lent", content, true, |group, id, mut traffic| {
            let (mut conn, mut reader) = (receiver(true), Reader::new());
            let expected = traffic.messages;
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut messages = 0;
                    while messages < expected {
                        let len = traffic.read(reader.room(&conn));
                        reader.advance(len);
                        while let Some(message) = reader.poll(&mut conn, NOW).unwrap() {
                            match message {
                                MessageRef::Text(text) => drop(black_box(text)),
                                MessageRef::Binary(data) => drop(black_box(data)),
                                _ => {}
                            }
                            messages += 1;
                        }
                    }
                    messages
                });
            });
        });
    }
}

/// `Reader::poll_owned`: whole messages, given away.
fn owned(criterion: &mut Criterion) {
    for content in [Content::Binary, Content::Ascii, Content::Mixed] {
        sizes(criterion, "owned", content, true, |group, id, mut traffic| {
            let (mut conn, mut reader) = (receiver(true), Reader::new());
            let expected = traffic.messages;
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut messages = 0;
                    while messages < expected {
                        let len = traffic.read(reader.room(&conn));
                        reader.advance(len);
                        while let Some(message) = reader.poll_owned(&mut conn, NOW).unwrap() {
                            drop::<Message>(black_box(message));
                            messages += 1;
                        }
                    }
                    messages
                });
            });
        });
    }
}

/// Whole messages into the caller's buffer.
fn send(criterion: &mut Criterion) {
    send_as(criterion, "plain", Role::Server, NoEntropy);
    send_as(criterion, "masked", Role::Client, ChaChaEntropy::new());
}

fn send_as(criterion: &mut Criterion, direction: &str, role: Role, mut entropy: impl Entropy) {
    let mut conn = connection(role);
    let mut group = criterion.benchmark_group(format!("send/{direction}/binary"));
    for len in SIZES {
        let payload = Content::Binary.payload(len);
        let mut out = vec![0; len + 14];
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: len as u64 });
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| {
            bencher.iter(|| {
                let len = conn.send_binary(black_box(&payload), &mut out, &mut entropy).unwrap();
                black_box(&out[..len]).len()
            });
        });
    }
    group.finish();
}

/// A browser's request, and the answer to it.
fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    group.throughput(Throughput::ElementsAndBytes {
        elements: 1,
        bytes: CHROMIUM_REQUEST.len() as u64,
    });
    let mut out = [0; 256];
    group.bench_function("chromium", |bencher| {
        bencher.iter(|| {
            let mut handshake = ServerHandshake::new(HeadLimits::DEFAULT);
            let request = handshake.poll(black_box(CHROMIUM_REQUEST)).unwrap().unwrap();
            let (len, _) = request.accept(&Answer::new(), &mut out).unwrap();
            black_box(&out[..len]).len()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = copy, receive, lent, owned, send, handshake
}
criterion_main!(benches);
