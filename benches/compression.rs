//! Shared code for permessage-deflate: messages worth compressing, and two endpoints that have negotiated it.

use std::fmt::Write;

use fullduplex::handshake::{Acceptance, OwnedClientRequest};
use fullduplex::{
    Connected, Connecting, DeflateConfig, Endpoint, EndpointConfig, Incoming, NoEntropy, Progress,
};
use fullduplex_testkit::Random;

use crate::ChaChaEntropy;

/// Parameters of compression.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// From 1 for the fastest to 9 for the smallest output.
    pub level: u8,
    /// How far back a match may lie, as a power of two.
    pub window_bits: u8,
    /// How much memory the compressor uses, from 1 to 9.
    pub mem_level: u8,
}

impl Setting {
    /// zlib's default window and memory, with this level.
    #[must_use]
    pub const fn zlib(level: u8) -> Self {
        Self { level, window_bits: 15, mem_level: 8 }
    }

    /// The setting of [`DeflateConfig::new`].
    #[must_use]
    pub const fn default_of_fullduplex() -> Self {
        let DeflateConfig { level, max_window_bits, mem_level, .. } = DeflateConfig::new();
        Self { level, window_bits: max_window_bits, mem_level }
    }

    fn config(self) -> EndpointConfig {
        let deflate = DeflateConfig::new().level(self.level).mem_level(self.mem_level);
        EndpointConfig::new().deflate(deflate.max_window_bits(self.window_bits).threshold(0))
    }
}

/// A server and a client after a handshake that has negotiated permessage-deflate, with context takeover.
///
/// # Panics
/// When they do not agree on it.
#[must_use]
pub fn pair(setting: Setting) -> (Endpoint<NoEntropy>, Endpoint<ChaChaEntropy>) {
    let config = setting.config();
    let request = OwnedClientRequest::new("ws://localhost/").expect("a URI");
    let mut incoming = Incoming::new(config, NoEntropy);
    let mut connecting = Connecting::new(request, config, ChaChaEntropy::new()).expect("a request");
    let request = connecting.output().to_vec();
    connecting.advance_output(request.len());
    incoming.room()[..request.len()].copy_from_slice(&request);
    incoming.advance(request.len());
    let Ok(Progress::Done(request)) = incoming.poll() else { panic!("all of a valid request") };
    let (mut server, _) = request.accept(&Acceptance::new()).expect("a response");
    let acceptance = server.output().expect("a response").first().to_vec();
    server.writer.advance(acceptance.len());
    connecting.room()[..acceptance.len()].copy_from_slice(&acceptance);
    connecting.advance(acceptance.len());
    let Ok(Progress::Done(Connected::Open { endpoint: client, .. })) = connecting.poll() else {
        panic!("all of a valid acceptance")
    };
    (server, client)
}

/// The `number`th message, of exactly `len` bytes: JSON like that of an exchange or a chat.
#[must_use]
pub fn json(len: usize, number: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "order",
        "filled",
        "partially",
        "cancelled",
        "by",
        "the",
        "exchange",
        "market",
        "limit",
        "hello",
        "thanks",
        "see",
        "you",
        "tomorrow",
        "price",
        "moved",
    ];
    let mut random = Random::new(number as u64 + 1);
    let mut text = String::from("[");
    while text.len() < len {
        let (id, price) = (random.below(1 << 30), random.below(100_000));
        let side = ["buy", "sell"][random.below(2)];
        let _ = write!(
            text,
            "{{\"id\":{id},\"user\":\"user-{}\",\"side\":\"{side}\",\"price\":{}.{:02},\"amount\":{},\
             \"time\":\"2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z\",\"note\":\"",
            random.below(5000),
            price / 100,
            price % 100,
            random.below(1000),
            random.below(28) + 1,
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1000),
        );
        for word in 0..random.below(6) {
            let _ = write!(text, "{}{}", if word > 0 { " " } else { "" }, WORDS[random.below(16)]);
        }
        text += "\"},";
    }
    text.truncate(len);
    text.into_bytes()
}
