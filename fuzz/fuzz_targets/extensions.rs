//! `Sec-WebSocket-Extensions` lines of all sorts, as offers and as answers: what a server accepts it may accept, its
//! answer is one that our client takes, and what a client accepts fits what it offered.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Key, Outcome, RequestError,
    ResponseError, ServerHandshake,
};
use fullduplex::headers::extensions;
use fullduplex::{DeflateConfig, DeflateParams, Uri};
use fullduplex_fuzz::{Terms, negotiate};
use libfuzzer_sys::fuzz_target;

/// The nonce of RFC 6455 §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";

// Sixteen bytes choose what both ends are configured for; the rest are the values of the lines.
fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_at_checked(16) else { return };
    let mut head = Unstructured::new(head);
    let (Ok(ours), Ok(theirs)) = (Terms::arbitrary(&mut head), Terms::arbitrary(&mut head)) else {
        return;
    };
    let (ours, theirs) = (ours.config(), theirs.config());
    // Whatever both want, they come to terms that both accept, or to none.
    let _ = negotiate(ours, theirs);

    // What no header value can have is another target's affair.
    let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    let lines: Vec<&[u8]> =
        rest.split(|byte| *byte == b'\n').filter(|line| line.iter().all(printable)).collect();
    offered(ours, &lines);
    answered(ours, &lines);
    unasked(&lines);
});

fn head(first: &str, lines: &[&[u8]], last: &str) -> Vec<u8> {
    let mut head = first.as_bytes().to_vec();
    for line in lines {
        head.extend([b"Sec-WebSocket-Extensions: ", *line, b"\r\n"].concat());
    }
    head.extend(last.as_bytes());
    head
}

/// A server that gets these lines from a client.
fn offered(config: DeflateConfig, lines: &[&[u8]]) {
    let first = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let asked = head(first, lines, "\r\n");
    let limits = HeadLimits { max_size: usize::MAX, max_headers: 60 };
    let mut handshake = ServerHandshake::new(limits);
    let request = match handshake.poll(&asked) {
        Ok(request) => request.expect("all of it"),
        Err(error) => {
            let malformed =
                lines.iter().any(|line| extensions(line).any(|element| element.is_err()));
            assert!(
                lines.len() > 50 || malformed && error == RequestError::Extensions,
                "{error:?}"
            );
            return;
        }
    };
    let mut out = [0; 512];
    let (len, negotiated) =
        request.accept(&Acceptance::new().deflate(config), &mut out).expect("there is room");
    let response = std::str::from_utf8(&out[..len]).expect("a head is ASCII");
    let answer = response.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    assert_eq!(answer.is_some(), negotiated.deflate().is_some());

    let offers: Vec<Offer> = request.extensions().filter_map(|offer| Offer::read(&offer)).collect();
    let Some((answer, params)) = answer.zip(negotiated.deflate()) else {
        assert!(!offers.iter().any(|offer| offer.can_be_accepted(&config)), "declined for nothing");
        return;
    };
    // The client's order is its preference.
    let offer = offers.iter().find(|offer| offer.can_be_accepted(&config));
    offer.expect("an offer that can be accepted").allows(answer, &params);
}

/// An offer that has nothing wrong, as the RFC's sentences have it.
#[derive(Debug, Default)]
struct Offer {
    server_fresh: bool,
    client_fresh: bool,
    server_bits: Option<u8>,
    client_bits: Option<Option<u8>>,
}

impl Offer {
    fn read(extension: &fullduplex::headers::Extension<'_>) -> Option<Self> {
        if extension.name() != "permessage-deflate" {
            return None;
        }
        let mut offer = Self::default();
        let bits = |text: &str| {
            let number = text.parse::<u8>().ok().filter(|bits| (8..=15).contains(bits))?;
            (number.to_string() == text).then_some(number)
        };
        for param in extension.params() {
            let value = param.value.map(|value| value.to_string());
            let repeated = match (param.name, value) {
                ("server_no_context_takeover", None) => {
                    std::mem::replace(&mut offer.server_fresh, true)
                }
                ("client_no_context_takeover", None) => {
                    std::mem::replace(&mut offer.client_fresh, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    offer.server_bits.replace(bits(&value)?).is_some()
                }
                ("client_max_window_bits", None) => offer.client_bits.replace(None).is_some(),
                ("client_max_window_bits", Some(value)) => {
                    offer.client_bits.replace(Some(bits(&value)?)).is_some()
                }
                _ => return None,
            };
            if repeated {
                return None;
            }
        }
        Some(offer)
    }

    fn can_be_accepted(&self, config: &DeflateConfig) -> bool {
        config.max_peer_window_bits >= 15 || self.client_bits.is_some()
    }

    /// Whether this answer, and what the server made of it, is one that the offer allows.
    fn allows(&self, answer: &str, params: &DeflateParams) {
        let mut elements = extensions(answer.as_bytes());
        let element = elements.next().expect("one").expect("in order");
        assert!(elements.next().is_none());
        let answer = Self::read(&element).expect("an answer in order");
        assert!(answer.server_fresh || !self.server_fresh);
        assert!(answer.client_fresh || !self.client_fresh);
        assert_eq!(params.context_takeover(), !answer.server_fresh);
        assert_eq!(params.peer_context_takeover(), !answer.client_fresh);
        // "A server accepts an offer that includes it by including it, with the same or a smaller value."
        let most = self.server_bits.unwrap_or(15);
        assert!(self.server_bits.is_none() || answer.server_bits.is_some());
        assert!(answer.server_bits.unwrap_or(15) <= most);
        assert!(params.window_bits() <= answer.server_bits.unwrap_or(15));
        let told = match answer.client_bits {
            Some(bits) => {
                assert!(self.client_bits.is_some(), "the client did not allow for it");
                bits.expect("a value")
            }
            None => 15,
        };
        assert_eq!(params.peer_window_bits(), told);
    }
}

/// A client that offered `config` and gets these lines from the server.
fn answered(config: DeflateConfig, lines: &[&[u8]]) {
    let response = response(lines);
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let request = ClientRequest::new(uri).deflate(config);
    let limits = HeadLimits { max_size: usize::MAX, max_headers: 60 };
    let mut client = ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
    match client.poll(&response, &request) {
        Ok(Some(Outcome::Open { negotiated, .. })) => {
            let elements = || lines.iter().flat_map(|line| extensions(line));
            let Some(params) = negotiated.deflate() else {
                assert_eq!(elements().count(), 0);
                return;
            };
            let mut elements = elements();
            let element = elements.next().expect("an answer").expect("in order");
            assert!(elements.next().is_none(), "more than one answer");
            let answer = Offer::read(&element).expect("in order");
            assert!(answer.server_fresh || !config.peer_no_context_takeover);
            let most = config.max_peer_window_bits.clamp(8, 15);
            assert_eq!(params.peer_window_bits(), answer.server_bits.unwrap_or(15));
            assert!(params.peer_window_bits() <= most);
            assert!(params.window_bits() <= config.max_window_bits.clamp(8, 15));
            if let Some(bits) = answer.client_bits {
                assert!(config.accept_window_limit);
                assert!(params.window_bits() <= bits.expect("a value"));
            }
            assert_eq!(
                params.context_takeover(),
                !config.no_context_takeover && !answer.client_fresh
            );
            assert_eq!(params.peer_context_takeover(), !answer.server_fresh);
        }
        Err(ResponseError::Deflate(_) | ResponseError::Extension) => {}
        other => assert!(lines.len() > 50, "{other:?}"),
    }
}

/// A client that offered nothing: whatever the server names, the handshake fails.
fn unasked(lines: &[&[u8]]) {
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let mut client = ClientHandshake::with_fixed_key_for_tests(NONCE);
    let (response, request) = (response(lines), ClientRequest::new(uri));
    if let Ok(Some(Outcome::Open { negotiated, .. })) = client.poll(&response, &request) {
        assert_eq!(negotiated.deflate(), None);
        assert!(lines.iter().all(|line| extensions(line).next().is_none()));
    }
}

fn response(lines: &[&[u8]]) -> Vec<u8> {
    let accept = Key::from_nonce(NONCE).accept();
    let accept = std::str::from_utf8(&accept).expect("base64");
    let first = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    head(first, lines, &format!("Sec-WebSocket-Accept: {accept}\r\n\r\n"))
}
