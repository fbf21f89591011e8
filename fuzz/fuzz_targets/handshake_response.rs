//! A client's handshake: any split gives the same verdict, and a valid response opens the WebSocket.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::handshake::{
    ClientHandshake, ClientRequest, HeadError, HeadLimits, Key, Outcome, OwnedResponse, Response,
    ResponseError,
};
use fullduplex::{Refused, Uri};
use fullduplex_fuzz::{Bound, Measured, Mutations, Oracle, growing, in_debug, in_words};
use libfuzzer_sys::fuzz_target;

/// What was received is copied a few times, and printed for a comparison.
const MEMORY: Bound = Bound { constant: 16 << 10, factor: 16 };

/// The nonce of RFC 6455 §1.3, so that its example is a seed.
const NONCE: [u8; 16] = *b"the sample nonce";

/// What the client offers.
const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// A response that opens the WebSocket, changed afterwards.
#[derive(Arbitrary, Debug)]
struct Bent {
    interim: Vec<u8>,
    subprotocol: Option<bool>,
    headers: Vec<(u8, u8)>,
    swapped: bool,
    mutations: Mutations,
    behind: Vec<u8>,
}

impl Bent {
    /// The bytes, and where the head ends if nothing was changed.
    fn encode(&self) -> (Vec<u8>, Option<usize>) {
        let mut out = Vec::new();
        for status in self.interim.iter().take(4) {
            // Every interim status but 101.
            let status = if *status == 1 { 100 } else { 100 + u16::from(status % 100) };
            let status = if status == 101 { 102 } else { status };
            out.extend(format!("HTTP/1.1 {status} Wait\r\nX: y\r\n\r\n").as_bytes());
        }
        out.extend(b"HTTP/1.1 101 Switching Protocols\r\n");
        let (first, second) = ("Upgrade: websocket\r\n", "Connection: keep-alive, Upgrade\r\n");
        let lines = if self.swapped { [second, first] } else { [first, second] };
        out.extend(lines.concat().as_bytes());
        for (name, value) in self.headers.iter().take(20) {
            out.extend(format!("X-{name}: {}\r\n", value.escape_ascii()).as_bytes());
        }
        out.extend(b"Sec-WebSocket-Accept: ");
        out.extend(Key::from_nonce(NONCE).accept());
        out.extend(b"\r\n");
        if let Some(which) = self.subprotocol {
            let chosen = SUBPROTOCOLS[usize::from(which)];
            out.extend(format!("Sec-WebSocket-Protocol: {chosen}\r\n").as_bytes());
        }
        out.extend(b"\r\n");
        let head = self.mutations.is_empty().then_some(out.len());
        self.mutations.apply(&mut out);
        out.extend(&self.behind);
        (out, head)
    }
}

// The first byte chooses what the rest is, the second how it is cut, the third the limits.
fuzz_target!(|input: Measured<&[u8]>| input.run(MEMORY, run));

/// Returns how many bytes were made of the input.
fn run(input: &&[u8]) -> usize {
    let Some((&[kind, cut, size], rest)) = input.split_first_chunk() else { return 0 };
    let limits = if kind & 2 == 0 {
        HeadLimits::new()
    } else {
        HeadLimits::new().max_size(4 * usize::from(size)).max_headers(usize::from(size & 15))
    };
    if kind & 1 == 0 {
        check(rest, limits, cut);
        0
    } else if let Ok(bent) = Bent::arbitrary(&mut Unstructured::new(rest)) {
        let (received, head) = bent.encode();
        let mut opened = check(&received, limits, cut);
        if head.is_some() && kind & 2 == 0 {
            opened = opened.filter(|_| !Oracle::ResponseOpens.faulty());
            Oracle::ResponseOpens.same(opened, head);
        }
        received.len()
    } else {
        0
    }
}

/// Checks one response. Returns how long its heads were, if it opens the WebSocket.
fn check(received: &[u8], limits: HeadLimits, cut: u8) -> Option<usize> {
    let uri = Uri::parse("ws://server.example.com/chat").expect("a valid URI");
    let request = ClientRequest::new(uri).subprotocols(&SUBPROTOCOLS);

    let mut whole = ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
    let verdict = whole.poll(received, &request);

    let mut split = ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
    let mut split_verdict = Ok(None);
    for arrived in growing(received.len(), cut) {
        split_verdict = split.poll(&received[..arrived], &request);
        if !matches!(split_verdict, Ok(None)) {
            break;
        }
    }
    if Oracle::ResponseSplit.faulty() {
        split_verdict = Ok(None);
    }
    Oracle::ResponseSplit.same(&verdict, &split_verdict);

    unfolded(&verdict, received, limits, &request);
    match verdict {
        Ok(None) => {
            let excess = limits.max_size * usize::from(Oracle::ResponseWaits.faulty());
            let len = received.len();
            Oracle::ResponseWaits.holds(len + excess < limits.max_size || len == 0, len);
            if Oracle::ResponseEnd.faulty() {
                let _ = split.poll(b"\0\r\n\r\n", &request);
            }
            Oracle::ResponseEnd.same(whole.handle_eof(), split.handle_eof());
            None
        }
        Ok(Some(Outcome::Open { response, .. })) => {
            opens(&response);
            owned(&response, received.len());
            Some(response.head_len())
        }
        Ok(Some(Outcome::Refused(response))) => {
            let status = response.status() - 200 * u16::from(Oracle::ResponseRefused.faulty());
            Oracle::ResponseRefused.holds(status >= 200, status);
            let body = received[response.head_len()..].to_vec();
            in_words(&Refused { response: response.into_owned(), body }, 1_500);
            owned(&response, received.len());
            None
        }
        Err(error) => {
            in_words(&error, 300);
            let again = if Oracle::ResponseErrorStays.faulty() {
                whole = ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
                whole.poll(b"", &request)
            } else {
                whole.poll(received, &request)
            };
            Oracle::ResponseErrorStays.same(again, Err::<Option<Outcome<'_>>, _>(error));
            if Oracle::ResponseErrorAtEnd.faulty() {
                whole = ClientHandshake::with_fixed_key_for_tests(NONCE);
            }
            Oracle::ResponseErrorAtEnd.same(whole.handle_eof(), error);
            None
        }
    }
}

/// Checks a caller that can rewrite what it has received. It comes to the same verdict, unless there is a folded line. Then
/// it comes to the verdict on the unfolded head.
fn unfolded(
    verdict: &Result<Option<Outcome<'_>>, ResponseError>,
    received: &[u8],
    limits: HeadLimits,
    request: &ClientRequest<'_>,
) {
    let handshake = || ClientHandshake::with_fixed_key_for_tests(NONCE).with_limits(limits);
    let shown = |verdict: &Result<Option<Outcome<'_>>, ResponseError>| format!("{verdict:?}");
    let mut own = received.to_vec();
    let mut unfolded = shown(&handshake().poll_unfolding(&mut own, request));
    let folded = Err(HeadError::FoldedLine.into());
    if *verdict == folded {
        if Oracle::ResponseUnfolds.faulty() {
            unfolded = shown(&folded);
        }
        Oracle::ResponseUnfolds.holds(unfolded != shown(&folded), &unfolded);
        if Oracle::ResponseUnfolded.faulty() {
            own = received.to_vec();
        }
        Oracle::ResponseUnfolded.same(shown(&handshake().poll(&own, request)), unfolded);
    } else {
        if Oracle::ResponseUnchanged.faulty() {
            own.reverse();
        }
        Oracle::ResponseUnchanged.same(&own[..], received);
        if Oracle::ResponseUnfoldedVerdict.faulty() {
            unfolded.clear();
        }
        Oracle::ResponseUnfoldedVerdict.same(shown(verdict), unfolded);
    }
}

fn opens(response: &Response<'_>) {
    let status = response.status() + u16::from(Oracle::ResponseStatus.faulty());
    Oracle::ResponseStatus.same(status, 101);
    let field = response.headers().get("sec-websocket-accept");
    let field = field.filter(|_| !Oracle::ResponseAccept.faulty());
    Oracle::ResponseAccept.same(field, Some(accept().as_slice()));
    let chosen = response.subprotocol();
    let chosen = if Oracle::ResponseSubprotocol.faulty() { Some("unasked") } else { chosen };
    Oracle::ResponseSubprotocol
        .holds(chosen.is_none_or(|chosen| SUBPROTOCOLS.contains(&chosen)), chosen.unwrap_or(""));
}

fn owned(response: &Response<'_>, received: usize) {
    in_debug(response, received);
    let excess = received * usize::from(Oracle::ResponseHeadWithin.faulty());
    let head_len = response.head_len() + excess;
    Oracle::ResponseHeadWithin.holds(head_len <= received, head_len);
    let mut owned = response.into_owned();
    if Oracle::ResponseOwned.faulty() {
        owned = another();
    }
    Oracle::ResponseOwned.same(owned.as_response(), *response);
}

/// A response that no server has sent.
fn another() -> OwnedResponse {
    let uri = Uri::parse("ws://another.example/").expect("a valid URI");
    let mut handshake = ClientHandshake::with_fixed_key_for_tests(NONCE);
    let response = b"HTTP/1.1 418 Another\r\nContent-Length: 0\r\n\r\n";
    match handshake.poll(response, &ClientRequest::new(uri)) {
        Ok(Some(Outcome::Refused(response))) => response.into_owned(),
        other => unreachable!("{other:?}"),
    }
}

fn accept() -> [u8; 28] {
    Key::from_nonce(NONCE).accept()
}
