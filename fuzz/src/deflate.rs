//! permessage-deflate: arbitrary parameters, a handshake that negotiates them, and a check of what is written under them.

use arbitrary::Arbitrary;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex::{DeflateConfig, DeflateParams, Negotiated, Uri};
use fullduplex_testkit::{Frame, StrictInflate, frames};

use crate::Oracle;

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
    /// The configuration. The core replaces numbers that are out of range.
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

/// Runs an opening handshake between a client and a server with these configurations. Returns what each has negotiated. The
/// client must accept the response, whatever it is.
#[must_use]
pub fn negotiate(client: DeflateConfig, server: DeflateConfig) -> (Negotiated, Negotiated) {
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let request = ClientRequest::new(uri).deflate(client);
    let mut handshake = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let (mut asked, mut answered) = ([0; 1024], [0; 1024]);
    let mut len = handshake.encode_request(&request, &mut asked).expect("room");
    len -= usize::from(Oracle::NegotiateAsked.faulty());
    let mut serving = ServerHandshake::new(HeadLimits::new());
    let received = Oracle::NegotiateAsked.some(serving.poll(&asked[..len]).ok().flatten());
    let acceptance = Acceptance::new().deflate(server);
    let (len, by_server) = received.accept(&acceptance, &mut answered).expect("room");
    if Oracle::NegotiateOpens.faulty() {
        answered[9..12].copy_from_slice(b"404");
    }
    let opened = match handshake.poll(&answered[..len], &request) {
        Ok(Some(Outcome::Open { negotiated, .. })) => Ok(negotiated),
        other => Err(other),
    };
    let by_client = Oracle::NegotiateOpens.ok(opened);
    fit(by_client.deflate(), by_server.deflate());
    (by_client, by_server)
}

/// Checks that both ends have negotiated the same: neither sends what the other does not expect.
fn fit(client: Option<DeflateParams>, server: Option<DeflateParams>) {
    let server = server.filter(|_| !Oracle::NegotiateBoth.faulty());
    Oracle::NegotiateBoth.same(client.is_some(), server.is_some());
    let (Some(client), Some(server)) = (client, server) else { return };
    for (from, to) in [(client, server), (server, client)] {
        let sends = from.window_bits() + u8::from(Oracle::NegotiateWindows.faulty());
        Oracle::NegotiateWindows.holds(
            (8..=to.peer_window_bits()).contains(&sends) && to.peer_window_bits() <= 15,
            format_args!("{from:?} to {to:?}"),
        );
        let keeps = from.context_takeover() ^ Oracle::NegotiateTakeover.faulty();
        Oracle::NegotiateTakeover.same(keeps, to.peer_context_takeover());
    }
}

/// Decodes frames with a decoder that allows nothing beyond `params`. Returns the whole messages.
#[must_use]
pub fn read_strictly(wire: &[u8], params: Option<DeflateParams>) -> Vec<(bool, Vec<u8>)> {
    let most = params.map_or(8, |params| params.window_bits());
    let mut strict = StrictInflate::new(if Oracle::StrictWindow.faulty() { 0 } else { most });
    let mut messages = Vec::new();
    let mut pending: Option<(bool, bool, Vec<u8>)> = None;
    for mut frame in frames(wire) {
        bend(&mut frame);
        if frame.opcode >= 8 {
            Oracle::StrictControl.same(frame.rsv, 0);
            continue;
        }
        let compressed = frame.rsv != 0;
        match &mut pending {
            Some((.., payload)) => {
                Oracle::StrictContinuation.same((frame.opcode, compressed), (0, false));
                payload.extend(frame.payload);
            }
            None => {
                Oracle::StrictFirst.holds(
                    frame.opcode != 0 && matches!(frame.rsv, 0 | 4),
                    format_args!("{frame:?}"),
                );
                let agreed = params.is_some() && !Oracle::StrictAgreed.faulty();
                Oracle::StrictAgreed.holds(!compressed || agreed, "RSV1");
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
                payload = Oracle::StrictWindow.judges(|| strict.message(&payload));
            }
            messages.push((text, payload));
        }
    }
    messages
}

/// Puts in the faults of single frames.
fn bend(frame: &mut Frame) {
    let bent = match frame.opcode {
        0 => Oracle::StrictContinuation.faulty(),
        1..=7 => Oracle::StrictFirst.faulty(),
        _ => Oracle::StrictControl.faulty(),
    };
    if bent {
        frame.rsv = 2;
    }
}
