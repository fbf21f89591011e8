//! permessage-deflate: arbitrary parameters, a handshake that settles them, and what has to hold for whatever is
//! written under them.

use arbitrary::Arbitrary;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex::{DeflateConfig, DeflateParams, Negotiated, Uri};
use fullduplex_testkit::{StrictInflate, frames};

/// The parameters of one end.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Terms {
    level: u8,
    mem_level: u8,
    window_bits: u8,
    peer_window_bits: u8,
    no_takeover: bool,
    no_peer_takeover: bool,
    fixed_window: bool,
    threshold: u8,
}

impl Terms {
    /// As a configuration; numbers out of range are brought into it by the core.
    #[must_use]
    pub fn config(self) -> DeflateConfig {
        DeflateConfig::new()
            .level(self.level % 12)
            .mem_level(self.mem_level % 12)
            .max_window_bits(self.window_bits % 18)
            .max_peer_window_bits(self.peer_window_bits % 18)
            .no_context_takeover(self.no_takeover)
            .peer_no_context_takeover(self.no_peer_takeover)
            .accept_window_limit(!self.fixed_window)
            .threshold(match self.threshold {
                255 => usize::MAX,
                bytes => usize::from(bytes / 2),
            })
    }
}

/// Runs an opening handshake between a client and a server with these configurations; returns what each took
/// from it. The client accepts whatever the server answers.
#[must_use]
pub fn negotiate(client: DeflateConfig, server: DeflateConfig) -> (Negotiated, Negotiated) {
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let request = ClientRequest::new(uri).deflate(client);
    let mut handshake = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let (mut asked, mut answered) = ([0; 1024], [0; 1024]);
    let len = handshake.encode_request(&request, &mut asked).expect("room");
    let mut serving = ServerHandshake::new(HeadLimits::DEFAULT);
    let received = serving.poll(&asked[..len]).expect("a request").expect("all of it");
    let acceptance = Acceptance::new().deflate(server);
    let (len, by_server) = received.accept(&acceptance, &mut answered).expect("a response");
    match handshake.poll(&answered[..len], &request) {
        Ok(Some(Outcome::Open { negotiated, .. })) => {
            fit(negotiated.deflate(), by_server.deflate());
            (negotiated, by_server)
        }
        other => panic!("our client does not take our server's response: {other:?}"),
    }
}

/// Whether what both ends took from a handshake fits: each sends no more than the other expects.
///
/// # Panics
/// When it does not.
pub fn fit(client: Option<DeflateParams>, server: Option<DeflateParams>) {
    let (Some(client), Some(server)) = (client, server) else {
        assert_eq!(client, server);
        return;
    };
    for (from, to) in [(client, server), (server, client)] {
        assert!(from.window_bits() <= to.peer_window_bits());
        assert_eq!(from.context_takeover(), to.peer_context_takeover());
        assert!((8..=15).contains(&from.window_bits()));
    }
}

/// Reads frames with a decoder that allows for nothing beyond `params`, and returns the messages that are whole.
///
/// # Panics
/// When a payload goes beyond what was agreed on, or a reserved bit is set where it must not be.
#[must_use]
pub fn read_strictly(wire: &[u8], params: Option<DeflateParams>) -> Vec<(bool, Vec<u8>)> {
    let mut strict = StrictInflate::new(params.map_or(8, |params| params.window_bits()));
    let mut messages = Vec::new();
    let mut pending: Option<(bool, bool, Vec<u8>)> = None;
    for frame in frames(wire) {
        if frame.opcode >= 8 {
            assert_eq!(frame.rsv, 0);
            continue;
        }
        let compressed = frame.rsv != 0;
        match &mut pending {
            Some((.., payload)) => {
                assert!(frame.opcode == 0 && !compressed);
                payload.extend(frame.payload);
            }
            None => {
                assert!(frame.opcode != 0 && matches!(frame.rsv, 0 | 4));
                assert!(!compressed || params.is_some());
                pending = Some((frame.opcode == 1, compressed, frame.payload));
            }
        }
        if frame.fin
            && let Some((text, compressed, mut payload)) = pending.take()
        {
            if compressed {
                if !params.is_some_and(|params| params.context_takeover()) {
                    strict.forget();
                }
                payload = strict.message(&payload);
            }
            messages.push((text, payload));
        }
    }
    messages
}
