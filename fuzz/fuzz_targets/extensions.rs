//! Arbitrary `Sec-WebSocket-Extensions` lines, as offers and as responses: a server accepts only what it may accept, our
//! client accepts the server's response, and a client accepts only what fits its offer.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Key, Outcome, RequestError,
    ResponseError, ServerHandshake,
};
use fullduplex::headers::extensions;
use fullduplex::{DeflateConfig, DeflateParams, Uri};
use fullduplex_fuzz::{Bound, Measured, Oracle, Terms, negotiate};
use libfuzzer_sys::fuzz_target;

/// The lines, the heads that they are put into, and offers that were read.
const MEMORY: Bound = Bound { constant: 16 << 10, factor: 32 };

/// The nonce of RFC 6455 §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";

// Sixteen bytes configure both ends. The rest are the values of the lines.
fuzz_target!(|input: Measured<&[u8]>| input.run(MEMORY, |input| {
    run(input);
    0
}));

fn run(input: &[u8]) {
    let Some((head, rest)) = input.split_at_checked(16) else { return };
    let mut head = Unstructured::new(head);
    let (Ok(ours), Ok(theirs)) = (Terms::arbitrary(&mut head), Terms::arbitrary(&mut head)) else {
        return;
    };
    let (ours, theirs) = (ours.config(), theirs.config());
    // With any two configurations, both ends negotiate the same parameters or none.
    let _ = negotiate(ours, theirs);

    // Other targets test the bytes that no header value can have.
    let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    let lines: Vec<&[u8]> =
        rest.split(|byte| *byte == b'\n').filter(|line| line.iter().all(printable)).collect();
    offered(ours, &lines);
    answered(ours, &lines);
    unasked(&lines);
}

fn head(first: &str, lines: &[&[u8]], last: &str) -> Vec<u8> {
    let mut head = first.as_bytes().to_vec();
    for line in lines {
        head.extend([b"Sec-WebSocket-Extensions: ", *line, b"\r\n"].concat());
    }
    head.extend(last.as_bytes());
    head
}

/// Checks a server that receives these lines from a client.
fn offered(config: DeflateConfig, lines: &[&[u8]]) {
    let first = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let asked = head(first, lines, "\r\n");
    let limits = HeadLimits::new().max_size(usize::MAX).max_headers(60);
    let mut handshake = ServerHandshake::new(limits);
    let request = match handshake.poll(&asked) {
        Ok(request) => {
            let request = request.filter(|_| !Oracle::ExtensionsTaken.faulty());
            Oracle::ExtensionsTaken.some(request)
        }
        Err(error) => {
            let malformed =
                lines.iter().any(|line| extensions(line).any(|element| element.is_err()));
            let malformed = malformed && !Oracle::ExtensionsRefused.faulty();
            Oracle::ExtensionsRefused.holds(
                lines.len() > 50 || malformed && error == RequestError::Extensions,
                format_args!("{error:?}"),
            );
            return;
        }
    };
    let mut out = [0; 512];
    let room = if Oracle::ExtensionsAccepted.faulty() { 16 } else { out.len() };
    let acceptance = Acceptance::new().deflate(config);
    let (len, negotiated) =
        Oracle::ExtensionsAccepted.ok(request.accept(&acceptance, &mut out[..room]));
    out[0] |= 0x80 * u8::from(Oracle::ExtensionsAscii.faulty());
    let response = Oracle::ExtensionsAscii.ok(std::str::from_utf8(&out[..len]));
    let answer = response.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let said = answer.filter(|_| !Oracle::ExtensionsSaid.faulty());
    Oracle::ExtensionsSaid.same(said.is_some(), negotiated.deflate().is_some());

    let offers: Vec<Offer> = request.extensions().filter_map(|offer| Offer::read(&offer)).collect();
    // The client lists its offers in the order of its preference.
    let offer = offers.iter().find(|offer| offer.can_be_accepted(&config));
    let answered =
        answer.zip(negotiated.deflate()).filter(|_| !Oracle::ExtensionsNotDeclined.faulty());
    let Some((answer, params)) = answered else {
        Oracle::ExtensionsNotDeclined.holds(offer.is_none(), "declined for nothing");
        return;
    };
    let offer = offer.filter(|_| !Oracle::ExtensionsOffered.faulty());
    Oracle::ExtensionsOffered.some(offer).allows(answer, &params);
}

/// A valid offer, by the sentences of the RFC.
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

    /// Checks that the offer allows this response and the parameters that the server has negotiated.
    fn allows(&self, answer: &str, params: &DeflateParams) {
        let answer = if Oracle::OfferAnswer.faulty() { "x-other" } else { answer };
        let elements: Vec<_> = extensions(answer.as_bytes()).collect();
        let answer = match &elements[..] {
            [Ok(only)] => Self::read(only),
            _ => None,
        };
        let answer = Oracle::OfferAnswer.some(answer);

        let server_fresh = answer.server_fresh && !Oracle::OfferServerFresh.faulty();
        Oracle::OfferServerFresh.holds(server_fresh || !self.server_fresh, "not granted");
        let client_fresh = answer.client_fresh && !Oracle::OfferClientFresh.faulty();
        Oracle::OfferClientFresh.holds(client_fresh || !self.client_fresh, "not granted");
        let takeover = params.context_takeover() ^ Oracle::OfferTakeover.faulty();
        Oracle::OfferTakeover.same(takeover, !answer.server_fresh);
        let takeover = params.peer_context_takeover() ^ Oracle::OfferPeerTakeover.faulty();
        Oracle::OfferPeerTakeover.same(takeover, !answer.client_fresh);

        // A server that accepts "server_max_window_bits" must respond with it, with the same or a smaller value (RFC 7692
        // §7.1.2.1).
        let server_bits = answer.server_bits.filter(|_| !Oracle::OfferServerBits.faulty());
        let allowed = self.server_bits.is_none_or(|most| server_bits.is_some_and(|it| it <= most));
        Oracle::OfferServerBits.holds(allowed, format_args!("{server_bits:?}"));
        let bits = params.window_bits() + 8 * u8::from(Oracle::OfferWindow.faulty());
        Oracle::OfferWindow.holds(bits <= answer.server_bits.unwrap_or(15), bits);
        let asked = self.client_bits.is_some() && !Oracle::OfferClientBits.faulty();
        let told = answer.client_bits.map(Option::unwrap_or_default);
        Oracle::OfferClientBits.holds(told.is_none() || asked, "the client did not allow for it");
        let bits = params.peer_window_bits() + u8::from(Oracle::OfferPeerWindow.faulty());
        Oracle::OfferPeerWindow.same(bits, told.unwrap_or(15));
    }
}

/// Checks a client that has offered `config` and receives these lines from the server.
fn answered(config: DeflateConfig, lines: &[&[u8]]) {
    let response = response(lines);
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let request = ClientRequest::new(uri).deflate(config);
    let limits = HeadLimits::new().max_size(usize::MAX).max_headers(60);
    let mut client = ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
    match client.poll(&response, &request) {
        Ok(Some(Outcome::Open { negotiated, .. })) => {
            let elements = || lines.iter().flat_map(|line| extensions(line));
            let Some(params) = negotiated.deflate() else {
                let count = elements().count() + usize::from(Oracle::AnswerNone.faulty());
                Oracle::AnswerNone.same(count, 0);
                return;
            };
            let mut elements = Vec::from_iter(elements());
            if Oracle::AnswerOne.faulty() {
                elements.clear();
            }
            let answer = match &elements[..] {
                [Ok(only)] => Offer::read(only),
                _ => None,
            };
            Oracle::AnswerOne.some(answer).fits(&config, &params);
        }
        other => {
            let expected =
                matches!(other, Err(ResponseError::Deflate(_) | ResponseError::Extension))
                    && !Oracle::AnswerRefused.faulty();
            Oracle::AnswerRefused.holds(expected || lines.len() > 50, format_args!("{other:?}"));
        }
    }
}

impl Offer {
    /// Checks that a client that has offered `config` may accept `self` as the response, and has negotiated `params` with
    /// it.
    fn fits(&self, config: &DeflateConfig, params: &DeflateParams) {
        let server_fresh = self.server_fresh && !Oracle::AnswerFresh.faulty();
        Oracle::AnswerFresh.holds(server_fresh || !config.peer_no_context_takeover, "not granted");
        let bits = params.peer_window_bits() + u8::from(Oracle::AnswerPeerBits.faulty());
        Oracle::AnswerPeerBits.same(bits, self.server_bits.unwrap_or(15));
        let most = config.max_peer_window_bits.clamp(8, 15);
        let bits = params.peer_window_bits() + 8 * u8::from(Oracle::AnswerPeerWindow.faulty());
        Oracle::AnswerPeerWindow.holds(bits <= most, bits);
        let most = config.max_window_bits.clamp(8, 15);
        let bits = params.window_bits() + 8 * u8::from(Oracle::AnswerWindow.faulty());
        Oracle::AnswerWindow.holds(bits <= most, bits);
        if let Some(told) = self.client_bits {
            let allowed = config.accept_window_limit && !Oracle::AnswerLimitAllowed.faulty();
            Oracle::AnswerLimitAllowed.holds(allowed, "the client did not allow for it");
            let bits = params.window_bits() + 8 * u8::from(Oracle::AnswerLimit.faulty());
            Oracle::AnswerLimit.holds(told.is_some_and(|told| bits <= told), bits);
        }
        let takeover = params.context_takeover() ^ Oracle::AnswerTakeover.faulty();
        Oracle::AnswerTakeover.same(takeover, !config.no_context_takeover && !self.client_fresh);
        let takeover = params.peer_context_takeover() ^ Oracle::AnswerPeerTakeover.faulty();
        Oracle::AnswerPeerTakeover.same(takeover, !self.server_fresh);
    }
}

/// Checks a client that has offered nothing: if the response names an extension, the handshake fails.
fn unasked(lines: &[&[u8]]) {
    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let mut client = ClientHandshake::with_fixed_key_for_tests(NONCE);
    let (response, request) = (response(lines), ClientRequest::new(uri));
    if let Ok(Some(Outcome::Open { negotiated, .. })) = client.poll(&response, &request) {
        let mut agreed = negotiated;
        if Oracle::UnaskedNothing.faulty() {
            agreed = negotiate(DeflateConfig::new(), DeflateConfig::new()).0;
        }
        Oracle::UnaskedNothing.same(agreed.deflate(), None);
        let named = lines.iter().flat_map(|line| extensions(line)).count();
        let named = named + usize::from(Oracle::UnaskedNone.faulty());
        Oracle::UnaskedNone.same(named, 0);
    }
}

fn response(lines: &[&[u8]]) -> Vec<u8> {
    let accept = Key::from_nonce(NONCE).accept();
    let accept = std::str::from_utf8(&accept).expect("base64");
    let first = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    head(first, lines, &format!("Sec-WebSocket-Accept: {accept}\r\n\r\n"))
}
