//! Receiving through each of the interfaces.

use std::hint::black_box;

use fullduplex::{
    Config, Connection, Endpoint, EndpointConfig, Event, Input, Message, MessageRef, Negotiated,
    NoEntropy, Reader, Role,
};
use fullduplex_benches::{Content, READ_SIZE, Traffic};

use crate::{at_site, digest};

/// Receives `count` messages, or bytes for `bytes`. Returns `None` if there is no such interface.
pub(crate) fn run(
    way: &str,
    masked: bool,
    content: Content,
    len: usize,
    count: u64,
) -> Option<u64> {
    let traffic = Traffic::new(content, len, masked);
    let site = content as usize;
    let role = if masked { Role::Server } else { Role::Client };
    let conn = Connection::new(role, Negotiated::without_extensions(), Config::new());
    Some(match way {
        "copy" => copies(traffic, count),
        "event" => at_site!(site, events(conn, traffic, count)),
        "lent" => at_site!(site, lent(conn, traffic, count)),
        "owned" => at_site!(site, owned(conn, traffic, count)),
        "owned_buf" => at_site!(site, owned_buf(conn, traffic, count)),
        "endpoint" => at_site!(site, endpoint(role, traffic, count)),
        "bytes" => at_site!(site, each_byte(conn, traffic, count)),
        _ => return None,
    })
}

/// The start value of a site's sum: its number, so that no two copies are the same code.
#[inline(always)]
fn start<const SITE: u64>() -> u64 {
    black_box(SITE)
}

/// Only the reads, to be subtracted.
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

/// `Connection::poll_event`, with a branch for each kind of message.
#[inline(never)]
fn events<const SITE: u64>(mut conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut buffer = vec![0; READ_SIZE];
    let (mut sum, mut messages) = (start::<SITE>(), 0);
    loop {
        let len = traffic.read(&mut buffer);
        let mut input = Input::new(&mut buffer[..len]);
        while let Some(event) = conn.poll_event(&mut input).expect("valid frames") {
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

/// `Reader::poll`, with text as `&str`.
#[inline(never)]
fn lent<const SITE: u64>(conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut reader = Reader::new(conn.split().0);
    let (mut sum, mut messages) = (start::<SITE>(), 0);
    loop {
        let len = traffic.read(reader.room());
        reader.advance(len);
        while let Some(message) = reader.poll().expect("valid frames") {
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

/// `Reader::poll_owned`.
#[inline(never)]
fn owned<const SITE: u64>(conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut reader = Reader::new(conn.split().0);
    let (mut sum, mut messages) = (start::<SITE>(), 0);
    loop {
        let len = traffic.read(reader.room());
        reader.advance(len);
        while let Some(message) = reader.poll_owned().expect("valid frames") {
            sum += digest_of(&message);
            messages += 1;
            if messages == count {
                return sum;
            }
        }
    }
}

/// `Reader::poll_owned`, with a transport that reads into uninitialised memory.
#[inline(never)]
fn owned_buf<const SITE: u64>(conn: Connection, mut traffic: Traffic, count: u64) -> u64 {
    let mut reader = Reader::new(conn.split().0);
    let (mut sum, mut messages) = (start::<SITE>(), 0);
    loop {
        let len = traffic.read_buf(reader.room_buf());
        reader.advance(len);
        while let Some(message) = reader.poll_owned().expect("valid frames") {
            sum += digest_of(&message);
            messages += 1;
            if messages == count {
                return sum;
            }
        }
    }
}

/// `Endpoint::poll_owned`, as an adapter calls it.
#[inline(never)]
fn endpoint<const SITE: u64>(role: Role, mut traffic: Traffic, count: u64) -> u64 {
    let (negotiated, config) = (Negotiated::without_extensions(), EndpointConfig::new());
    let mut endpoint = Endpoint::open(role, negotiated, &[], &config, NoEntropy);
    let (mut sum, mut messages) = (start::<SITE>(), 0);
    loop {
        let len = traffic.read(endpoint.reader.room());
        endpoint.reader.advance(len);
        while let Some(message) = endpoint.poll_owned().expect("valid frames") {
            sum += digest_of(&message);
            messages += 1;
            if messages == count {
                return sum;
            }
        }
    }
}

#[inline(always)]
fn digest_of(message: &Message) -> u64 {
    match message {
        Message::Text(text) => digest(text.as_bytes()),
        Message::Binary(payload) => digest(payload),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => 0,
    }
}

/// `Connection::poll_event`, one byte per read. `count` is a number of bytes, not of messages.
#[inline(never)]
fn each_byte<const SITE: u64>(mut conn: Connection, traffic: Traffic, count: u64) -> u64 {
    let mut sum = start::<SITE>();
    for byte in traffic.wire().iter().cycle().take(count as usize) {
        let mut read = [*byte];
        let mut input = Input::new(&mut read);
        while let Some(event) = conn.poll_event(&mut input).expect("valid frames") {
            match event {
                Event::Text(chunk, _) | Event::Binary(chunk, _) => sum += digest(chunk),
                _ => return 0,
            }
        }
    }
    sum
}
