//! Runs one case for a number of messages, without I/O, to have its instructions counted: see
//! `README.md`.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use fullduplex::handshake::{Answer, HeadLimits, ServerHandshake};
use fullduplex::{
    Config, Connection, Entropy, Event, Input, Message, MessageRef, Negotiated, NoEntropy, Reader,
    Role,
};
use fullduplex_benches::{CHROMIUM_REQUEST, ChaChaEntropy, Content, READ_SIZE, Traffic};

/// What is done for each message.
#[derive(Clone, Copy)]
enum Way {
    /// Only the reads that bring it, for subtraction.
    Copy,
    /// `Connection::poll_event`, told apart by the kind of message.
    Event,
    /// `Reader::poll`: text comes as `&str`.
    Lent,
    /// `Reader::poll_owned`.
    Owned,
    /// `Connection::poll_event`, each byte a read of its own; counted are bytes, not messages.
    EachByte,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [case, count] = arguments.as_slice() else { return usage() };
    let Ok(count) = count.parse::<u64>() else { return usage() };
    match run(case, count) {
        Some(digest) => {
            println!("{case} {count} {digest}");
            ExitCode::SUCCESS
        }
        None => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: count CASE N\n\
         cases: [copy|event|lent|owned|bytes]-[masked|plain]-[binary|ascii|mixed]-SIZE\n       \
         send-[masked|plain]-SIZE, handshake"
    );
    ExitCode::FAILURE
}

/// Runs `case` for `count` messages and returns a digest of what it received or wrote.
fn run(case: &str, count: u64) -> Option<u64> {
    let words: Vec<&str> = case.split('-').collect();
    let masked = |word: &str| match word {
        "masked" => Some(true),
        "plain" => Some(false),
        _ => None,
    };
    match words.as_slice() {
        ["handshake"] => Some(handshakes(count)),
        ["send", direction, len] => {
            let payload = Content::Binary.payload(len.parse().ok()?);
            Some(if masked(direction)? {
                send_masked(&payload, count)
            } else {
                send_plain(&payload, count)
            })
        }
        [way, direction, content, len] => {
            let way = match *way {
                "copy" => Way::Copy,
                "event" => Way::Event,
                "lent" => Way::Lent,
                "owned" => Way::Owned,
                "bytes" => Way::EachByte,
                _ => return None,
            };
            let content = match *content {
                "binary" => Content::Binary,
                "ascii" => Content::Ascii,
                "mixed" => Content::Mixed,
                _ => return None,
            };
            let masked = masked(direction)?;
            let traffic = Traffic::new(content, len.parse().ok()?, masked);
            let role = if masked { Role::Server } else { Role::Client };
            let conn = Connection::new(role, Negotiated::without_extensions(), Config::new());
            Some(match way {
                Way::Copy => copies(traffic, count),
                Way::Event => events(conn, traffic, count),
                Way::Lent => lent(conn, traffic, count),
                Way::Owned => owned(conn, traffic, count),
                Way::EachByte => each_byte(conn, traffic, count),
            })
        }
        _ => None,
    }
}

/// What every case does with a payload: enough that none of it can be left out.
#[inline(always)]
fn digest(payload: &[u8]) -> u64 {
    payload.len() as u64 + u64::from(payload.last().copied().unwrap_or_default())
}

#[inline(never)]
fn copies(mut traffic: Traffic, count: u64) -> u64 {
    let mut buffer = vec![0; READ_SIZE];
    let mut bytes = 0;
    let wanted = count * (traffic.wire().len() / traffic.messages) as u64;
    while bytes < wanted {
        bytes += black_box(&mut traffic).read(black_box(&mut buffer)) as u64;
    }
    bytes
}

#[inline(never)]
fn events(mut conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut buffer = vec![0; READ_SIZE];
    let (mut sum, mut messages) = (0, 0);
    loop {
        let len = traffic.read(&mut buffer);
        let mut input = Input::new(&mut buffer[..len]);
        // As an adapter does: the clock is asked once for a read.
        let now = black_box(Duration::from_secs(1));
        while let Some(event) = conn.poll_event(&mut input, now).expect("valid frames") {
            let part = match event {
                Event::Text(chunk, part) => {
                    sum += digest(chunk);
                    part
                }
                Event::Binary(chunk, part) => {
                    sum += digest(chunk);
                    part
                }
                _ => return 0,
            };
            messages += u64::from(part.is_last());
            if messages == count {
                return sum;
            }
        }
    }
}

#[inline(never)]
fn lent(mut conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut reader = Reader::new();
    let (mut sum, mut messages) = (0, 0);
    loop {
        let len = traffic.read(reader.room(&conn));
        reader.advance(len);
        let now = black_box(Duration::from_secs(1));
        while let Some(message) = reader.poll(&mut conn, now).expect("valid frames") {
            sum += match message {
                MessageRef::Text(text) => digest(text.as_bytes()),
                MessageRef::Binary(payload) => digest(payload),
                MessageRef::Ping(_) | MessageRef::Pong(_) | MessageRef::Close(_) => return 0,
            };
            messages += 1;
            if messages == count {
                return sum;
            }
        }
    }
}

#[inline(never)]
fn owned(mut conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut reader = Reader::new();
    let (mut sum, mut messages) = (0, 0);
    loop {
        let len = traffic.read(reader.room(&conn));
        reader.advance(len);
        let now = black_box(Duration::from_secs(1));
        while let Some(message) = reader.poll_owned(&mut conn, now).expect("valid frames") {
            sum += match &message {
                Message::Text(text) => digest(text.as_bytes()),
                Message::Binary(payload) => digest(payload),
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return 0,
            };
            messages += 1;
            if messages == count {
                return sum;
            }
        }
    }
}

#[inline(never)]
fn each_byte(mut conn: Connection, traffic: Traffic, count: u64) -> u64 {
    let mut sum = 0;
    for byte in traffic.wire().iter().cycle().take(count as usize) {
        let mut read = [*byte];
        let mut input = Input::new(&mut read);
        let now = black_box(Duration::from_secs(1));
        while let Some(event) = conn.poll_event(&mut input, now).expect("valid frames") {
            match event {
                Event::Text(chunk, _) | Event::Binary(chunk, _) => sum += digest(chunk),
                _ => return 0,
            }
        }
    }
    sum
}

#[inline(never)]
fn send_plain(payload: &[u8], count: u64) -> u64 {
    send(Role::Server, payload, count, NoEntropy)
}

#[inline(never)]
fn send_masked(payload: &[u8], count: u64) -> u64 {
    send(Role::Client, payload, count, ChaChaEntropy::new())
}

#[inline(always)]
fn send(role: Role, payload: &[u8], count: u64, mut entropy: impl Entropy) -> u64 {
    let mut conn = Connection::new(role, Negotiated::without_extensions(), Config::new());
    let mut out = vec![0; payload.len() + 14];
    let mut sum = 0;
    for _ in 0..count {
        let len = conn.send_binary(black_box(payload), &mut out, &mut entropy).expect("room");
        sum += digest(black_box(&out[..len]));
    }
    sum
}

#[inline(never)]
fn handshakes(count: u64) -> u64 {
    let mut out = [0; 256];
    let mut sum = 0;
    for _ in 0..count {
        let mut handshake = ServerHandshake::new(HeadLimits::DEFAULT);
        let request = handshake.poll(black_box(CHROMIUM_REQUEST)).expect("a valid request");
        let request = request.expect("a whole request");
        let (len, _) = request.accept(&Answer::new(), &mut out).expect("room");
        sum += digest(black_box(&out[..len]));
    }
    sum
}
