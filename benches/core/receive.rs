//! Receiving through each of the interfaces.
//!
//! Unmasking happens in place, so each pass copies the traffic again, as a read would. The lines `copy` measure only that
//! copy, to be subtracted.

use criterion::{BenchmarkId, Criterion};
use fullduplex::{
    Endpoint, EndpointConfig, Event, Input, MessageRef, Negotiated, NoEntropy, Reader, Role,
};
use fullduplex_benches::Content::{self, Ascii, Binary, Mixed};
use fullduplex_benches::{READ_SIZE, Traffic};
use std::hint::black_box;

use crate::{SIZES, connection, messages};

/// One pass over the traffic.
type Pass = Box<dyn FnMut() -> usize>;

/// Makes a pass from traffic, a role, and the largest size of a read.
type Way = fn(Traffic, Role, usize) -> Pass;

/// The groups: their names, interfaces, directions (masked or not), and contents.
const GROUPS: [(&str, Way, &[bool], &[Content]); 5] = [
    ("copy", copy, &[true, false], &[Binary]),
    ("event", event, &[true, false], &[Binary, Ascii, Mixed]),
    ("lent", lent, &[true], &[Binary, Ascii, Mixed]),
    ("owned", owned, &[true], &[Binary, Ascii, Mixed]),
    ("endpoint", endpoint, &[true, false], &[Binary]),
];

/// The size of reads for frames that arrive in pieces.
const PIECE: usize = 4 << 10;

pub(crate) fn all(criterion: &mut Criterion) {
    for (name, way, directions, contents) in GROUPS {
        for (masked, content) in directions
            .iter()
            .flat_map(|masked| contents.iter().map(move |content| (*masked, *content)))
        {
            group(criterion, name, way, masked, content, &SIZES, READ_SIZE);
        }
    }
    let large = &SIZES[3..];
    for content in [Binary, Mixed] {
        group(criterion, "event-pieces", event, true, content, large, PIECE);
        group(criterion, "lent-pieces", lent, true, content, large, PIECE);
    }
}

fn group(
    criterion: &mut Criterion,
    name: &str,
    way: Way,
    masked: bool,
    content: Content,
    sizes: &[usize],
    read_size: usize,
) {
    let (direction, role) = if masked { ("masked", Role::Server) } else { ("plain", Role::Client) };
    let name = format!("receive/{name}/{direction}/{}", content.name());
    let mut group = criterion.benchmark_group(name);
    for len in sizes {
        let traffic = Traffic::new(content, *len, masked);
        group.throughput(messages(traffic.messages, *len));
        let mut pass = way(traffic, role, read_size);
        group.bench_function(BenchmarkId::from_parameter(len), |bencher| bencher.iter(&mut pass));
    }
    group.finish();
}

/// Only the reads.
fn copy(mut traffic: Traffic, _: Role, read_size: usize) -> Pass {
    let mut buffer = vec![0; read_size];
    let len = traffic.wire().len();
    Box::new(move || {
        let mut read = 0;
        while read < len {
            read += black_box(&mut traffic).read(black_box(&mut buffer));
        }
        read
    })
}

/// `Connection::poll_event`: chunks that stay in the read buffer.
fn event(mut traffic: Traffic, role: Role, read_size: usize) -> Pass {
    let mut conn = connection(role);
    let mut buffer = vec![0; read_size];
    Box::new(move || {
        let mut messages = 0;
        while messages < traffic.messages {
            let len = traffic.read(&mut buffer);
            let mut input = Input::new(&mut buffer[..len]);
            while let Some(event) = conn.poll_event(&mut input).unwrap() {
                if let Event::Text(chunk, part) | Event::Binary(chunk, part) = event {
                    black_box(chunk);
                    messages += usize::from(part.is_last());
                }
            }
        }
        messages
    })
}

/// `Reader::poll`: whole messages, lent, text as `&str`.
fn lent(mut traffic: Traffic, role: Role, read_size: usize) -> Pass {
    let mut reader = Reader::new(connection(role).split().0);
    Box::new(move || {
        let mut messages = 0;
        while messages < traffic.messages {
            let room = reader.room();
            let len = room.len().min(read_size);
            let len = traffic.read(&mut room[..len]);
            reader.advance(len);
            while let Some(message) = reader.poll().unwrap() {
                black_box::<MessageRef<'_>>(message);
                messages += 1;
            }
        }
        messages
    })
}

/// `Reader::poll_owned`: whole messages, owned.
fn owned(mut traffic: Traffic, role: Role, read_size: usize) -> Pass {
    let mut reader = Reader::new(connection(role).split().0);
    Box::new(move || {
        let mut messages = 0;
        while messages < traffic.messages {
            let room = reader.room();
            let len = room.len().min(read_size);
            let len = traffic.read(&mut room[..len]);
            reader.advance(len);
            while let Some(message) = reader.poll_owned().unwrap() {
                drop(black_box(message));
                messages += 1;
            }
        }
        messages
    })
}

/// `Endpoint::poll_owned`, as an adapter calls it.
fn endpoint(mut traffic: Traffic, role: Role, read_size: usize) -> Pass {
    let (negotiated, config) = (Negotiated::without_extensions(), EndpointConfig::new());
    let mut endpoint = Endpoint::open(role, negotiated, &[], &config, NoEntropy);
    Box::new(move || {
        let mut messages = 0;
        while messages < traffic.messages {
            let room = endpoint.reader.room();
            let len = room.len().min(read_size);
            let len = traffic.read(&mut room[..len]);
            endpoint.reader.advance(len);
            while let Some(message) = endpoint.poll_owned().unwrap() {
                drop(black_box(message));
                messages += 1;
            }
        }
        messages
    })
}
