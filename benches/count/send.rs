//! Sending: each message becomes one frame, which is then removed from the output.

use std::hint::black_box;

use fullduplex::{
    Config, Connection, Endpoint, EndpointConfig, Entropy, Message, Negotiated, NoEntropy, Role,
};
use fullduplex_benches::{ChaChaEntropy, Content};

use crate::{at_site, digest};

/// Sends `count` messages. Returns `None` if there is no such interface.
pub(crate) fn run(
    way: &str,
    masked: bool,
    content: Content,
    len: usize,
    count: u64,
) -> Option<u64> {
    let payload = content.payload(len);
    let site = content as usize;
    Some(match (way, masked) {
        ("send", true) => at_site!(site, send_masked(content, &payload, count)),
        ("send", false) => at_site!(site, send_plain(content, &payload, count)),
        ("feed", true) => at_site!(site, feed_masked(content, payload, count)),
        ("feed", false) => at_site!(site, feed_plain(content, payload, count)),
        _ => return None,
    })
}

#[inline(never)]
fn send_plain<const SITE: u64>(content: Content, payload: &[u8], count: u64) -> u64 {
    send(Role::Server, content, payload, count, NoEntropy) + black_box(SITE)
}

#[inline(never)]
fn send_masked<const SITE: u64>(content: Content, payload: &[u8], count: u64) -> u64 {
    send(Role::Client, content, payload, count, ChaChaEntropy::new()) + black_box(SITE)
}

/// `Connection::send_binary` and `send_text`, into the caller's buffer.
#[inline(always)]
fn send(
    role: Role,
    content: Content,
    payload: &[u8],
    count: u64,
    mut entropy: impl Entropy,
) -> u64 {
    let mut conn = Connection::new(role, Negotiated::without_extensions(), Config::new());
    let mut out = vec![0; payload.len() + 14];
    let mut sum = 0;
    let text = match content {
        Content::Binary => None,
        Content::Ascii | Content::Mixed => Some(str::from_utf8(payload).expect("text")),
    };
    for _ in 0..count {
        let len = match text {
            None => conn.send_binary(black_box(payload), &mut out, &mut entropy),
            Some(text) => conn.send_text(black_box(text), &mut out, &mut entropy),
        };
        sum += digest(black_box(&out[..len.expect("room")]));
    }
    sum
}

#[inline(never)]
fn feed_plain<const SITE: u64>(content: Content, payload: Vec<u8>, count: u64) -> u64 {
    feed(Role::Server, content, payload, count, NoEntropy) + black_box(SITE)
}

#[inline(never)]
fn feed_masked<const SITE: u64>(content: Content, payload: Vec<u8>, count: u64) -> u64 {
    feed(Role::Client, content, payload, count, ChaChaEntropy::new()) + black_box(SITE)
}

/// `Endpoint::send_message`, and a write that takes everything, as in an adapter.
#[inline(always)]
fn feed(role: Role, content: Content, payload: Vec<u8>, count: u64, entropy: impl Entropy) -> u64 {
    let (negotiated, config) = (Negotiated::without_extensions(), EndpointConfig::new());
    let mut endpoint = Endpoint::open(role, negotiated, &[], &config, entropy);
    let message: Message = match content {
        Content::Binary => payload.into(),
        Content::Ascii | Content::Mixed => String::from_utf8(payload).expect("text").into(),
    };
    let mut sum = 0;
    for _ in 0..count {
        endpoint.writer.send_message(black_box(&mut message.clone())).expect("room");
        // As in an adapter, there is usually one piece.
        let pending = endpoint.writer.pending();
        let first = endpoint.output().expect("nothing to be masked").first();
        if first.len() == pending {
            sum += digest(black_box(first));
        } else {
            let chunks = endpoint.writer.slices();
            sum += chunks.map(|chunk| digest(black_box(chunk))).sum::<u64>();
        }
        endpoint.writer.advance(pending);
    }
    sum
}
