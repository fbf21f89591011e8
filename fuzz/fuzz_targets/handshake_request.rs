//! A server's handshake: any split gives the same verdict, a client accepts every acceptance, and every refusal is valid
//! HTTP.
#![no_main]

#[path = "handshake_request/answers.rs"]
mod answers;

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Key, Outcome, OwnedRequest,
    PlainRequest, Rejection, Request, RequestError, RequestParts, ServerHandshake,
};
use fullduplex::headers::Header;
use fullduplex::{EndpointConfig, Incoming, Progress, Uri};
use fullduplex_fuzz::{Answer, Bound, Measured, Mutations, Oracle, growing, in_debug, in_words};
use fullduplex_testkit::TestEntropy;
use libfuzzer_sys::fuzz_target;

/// Buffers for the request and the response; what was received is copied a few times.
const MEMORY: Bound = Bound { constant: 96 << 10, factor: 16 };

/// A request that our own client would write, changed afterwards.
#[derive(Arbitrary, Debug)]
struct Bent {
    nonce: [u8; 16],
    path: String,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    origin: Option<String>,
    mutations: Mutations,
    behind: Vec<u8>,
    /// What the server's application adds to its response.
    answer: Answer,
}

impl Bent {
    /// The bytes, unless the client refuses to write them. The server must accept whatever the client writes.
    fn encode(&self) -> Option<Vec<u8>> {
        let uri = format!("ws://fuzz.example/{}", self.path);
        let subprotocols: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut request = ClientRequest::new(Uri::parse(&uri).ok()?)
            .subprotocols(&subprotocols)
            .headers(&headers);
        request.origin = self.origin.as_deref();
        let handshake = ClientHandshake::with_fixed_key_for_tests(self.nonce);
        let mut out = vec![0; 1 << 16];
        let len = handshake.encode_request(&request, &mut out).ok()?;
        out.truncate(len);
        if self.mutations.is_empty() && len <= HeadLimits::new().max_size && headers.len() < 80 {
            if Oracle::RequestOurs.faulty() {
                out[len - 1] = b' ';
            }
            let mut handshake = ServerHandshake::default();
            let request = Oracle::RequestOurs.some(handshake.poll(&out).ok().flatten());
            let head_len = request.head_len() + usize::from(Oracle::RequestHeadLen.faulty());
            Oracle::RequestHeadLen.same(head_len, len);
            let key = request.key().filter(|_| !Oracle::RequestKey.faulty());
            Oracle::RequestKey.same(key, Some(Key::from_nonce(self.nonce)));
            let mut named: Vec<&str> = request.subprotocols().collect();
            if Oracle::RequestSubprotocols.faulty() {
                named.pop();
            }
            Oracle::RequestSubprotocols.same(named, &subprotocols[..]);
        }
        self.mutations.apply(&mut out);
        out.extend(&self.behind);
        Some(out)
    }
}

// The first byte chooses what the rest is, the second how it is cut, the third the limits.
fuzz_target!(|input: Measured<&[u8]>| input.run(MEMORY, |input| {
    run(input);
    0
}));

fn run(input: &[u8]) {
    let Some((&[kind, cut, size], rest)) = input.split_first_chunk() else { return };
    let limits = if kind & 2 == 0 {
        HeadLimits::new()
    } else {
        HeadLimits::new().max_size(4 * usize::from(size)).max_headers(usize::from(size & 15))
    };
    if kind & 1 == 0 {
        check(rest, limits, cut, None, &Answer::plain(kind >> 2));
    } else if let Ok(bent) = Bent::arbitrary(&mut Unstructured::new(rest))
        && let Some(received) = bent.encode()
    {
        check(&received, limits, cut, Some(bent.nonce), &bent.answer);
    }
}

fn check(received: &[u8], limits: HeadLimits, cut: u8, nonce: Option<[u8; 16]>, answer: &Answer) {
    let mut whole = ServerHandshake::new(limits);
    let verdict = whole.poll(received);

    let mut split = ServerHandshake::new(limits);
    let mut split_verdict = Ok(None);
    for arrived in growing(received.len(), cut) {
        split_verdict = split.poll(&received[..arrived]);
        if !matches!(split_verdict, Ok(None)) {
            break;
        }
    }
    if Oracle::RequestSplit.faulty() {
        split_verdict = Ok(None);
    }
    Oracle::RequestSplit.same(&verdict, &split_verdict);

    let mut said = said_by_incoming(received, limits, cut, answer);
    if Oracle::RequestIncoming.faulty() {
        said = None;
    }
    Oracle::RequestIncoming.same(said, response_to(&verdict, &whole, received, answer));

    match verdict {
        Ok(None) => {
            let excess = limits.max_size * usize::from(Oracle::RequestWaits.faulty());
            let len = received.len();
            Oracle::RequestWaits.holds(len + excess < limits.max_size || len == 0, len);
            if Oracle::RequestEnd.faulty() {
                let _ = split.poll(b"\0\r\n\r\n");
            }
            Oracle::RequestEnd.same(whole.handle_eof(), split.handle_eof());
        }
        Ok(Some(request)) => {
            in_debug(&request, received.len());
            accepted(&request, received, nonce);
            answers::check(&request, answer);
        }
        Err(error) => {
            in_words(&error, 300);
            if let Some(request) = whole.plain_request(received) {
                in_debug(&request, received.len());
                answers::plain(&request, answer);
            }
            if Oracle::RequestErrorStays.faulty() {
                whole = ServerHandshake::new(limits);
            }
            let again = if Oracle::RequestErrorStays.faulty() { b"" } else { received };
            Oracle::RequestErrorStays.same(whole.poll(again), Err(error));
            refused(error);
        }
    }
}

/// The response to a request, if the request is whole.
fn response_to(
    verdict: &Result<Option<Request<'_>>, RequestError>,
    handshake: &ServerHandshake,
    received: &[u8],
    answer: &Answer,
) -> Option<Vec<u8>> {
    let mut out = vec![0; answer.room()];
    let len = match (verdict, handshake.plain_request(received)) {
        (Ok(request), _) => {
            request.as_ref()?.accept(&Acceptance::new(), &mut out).map(|(len, _)| len).ok()
        }
        (Err(_), Some(plain)) => {
            let written = plain.encode_response(&answer.rejection().as_rejection(), &mut out);
            written.or_else(|_| Rejection::new(500).encode(&mut out)).ok()
        }
        (Err(error), None) => error.encode_response(&mut out).ok(),
    };
    out.truncate(len?);
    Some(out)
}

/// The response of an [`Incoming`], with reads of the size that `cut` says.
fn said_by_incoming(
    mut received: &[u8],
    limits: HeadLimits,
    cut: u8,
    answer: &Answer,
) -> Option<Vec<u8>> {
    let mut config = EndpointConfig::new();
    config.head_limits = limits;
    let mut incoming = Incoming::new(config, TestEntropy::new(1));
    loop {
        let mut respond = |_: &PlainRequest<'_>| Some(answer.rejection());
        incoming = match incoming.poll_or(&mut respond) {
            Ok(Progress::Waiting(incoming)) => incoming,
            Ok(Progress::Done(request)) => {
                let (mut endpoint, _) = request.accept(&Acceptance::new()).ok()?;
                return Some(endpoint.output().ok()?.first().to_vec());
            }
            Err(refused) => {
                let is_told = answers::told(refused.error, answer);
                Oracle::RequestTold.holds(is_told && !Oracle::RequestTold.faulty(), refused.error);
                return Some(refused.refusal.output().to_vec());
            }
        };
        if received.is_empty() {
            return None;
        }
        let room = incoming.room();
        let len = room.len().min(received.len()).min(1 + 8 * usize::from(cut));
        room[..len].copy_from_slice(&received[..len]);
        received = &received[len..];
        incoming.advance(len);
    }
}

/// Checks a valid request: its response is valid HTTP, and the client that has sent it accepts the response.
fn accepted(request: &Request<'_>, received: &[u8], nonce: Option<[u8; 16]>) {
    let excess = received.len() * usize::from(Oracle::RequestHeadWithin.faulty());
    let head_len = request.head_len() + excess;
    Oracle::RequestHeadWithin.holds(head_len <= received.len(), head_len);
    let path = if Oracle::RequestPath.faulty() { "" } else { request.path() };
    Oracle::RequestPath.holds(path.starts_with('/'), path);
    let owned = if Oracle::RequestOwned.faulty() { another() } else { request.into_owned() };
    Oracle::RequestOwned.same(owned.as_request(), *request);
    let _ = (request.is_same_origin(), request.origin_allowed(&["https://fuzz.example"]));
    let excess = received.len() * usize::from(Oracle::RequestExtensions.faulty());
    let count = request.extensions().count() + excess;
    Oracle::RequestExtensions.holds(count < received.len(), count);

    parts(request);

    let chosen = request.subprotocols().last();
    let mut out = vec![0; 512 + chosen.map_or(0, str::len)];
    let acceptance = Acceptance::new().subprotocol(if Oracle::RequestAccepted.faulty() {
        Some("unasked")
    } else {
        chosen
    });
    let (len, _) = Oracle::RequestAccepted.ok(request.accept(&acceptance, &mut out));
    if Oracle::RequestAcceptedByHttp.faulty() {
        out[0] = b' ';
    }
    let mut slots = [httparse::EMPTY_HEADER; 8];
    let mut response = httparse::Response::new(&mut slots);
    Oracle::RequestAcceptedByHttp
        .same(response.parse(&out[..len]), Ok(httparse::Status::Complete(len)));
    let code = response.code.filter(|_| !Oracle::RequestAcceptedStatus.faulty());
    Oracle::RequestAcceptedStatus.same(code, Some(101));

    if let Some(nonce) = nonce.filter(|nonce| request.key() == Some(Key::from_nonce(*nonce))) {
        let offers: Vec<&str> = chosen.into_iter().collect();
        let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
        let sent = ClientRequest::new(uri).subprotocols(&offers);
        let mut client = ClientHandshake::with_fixed_key_for_tests(nonce);
        if Oracle::RequestOpens.faulty() {
            out[9..12].copy_from_slice(b"404");
        }
        let opened = match client.poll(&out[..len], &sent) {
            Ok(Some(Outcome::Open { response, .. })) => Ok(response),
            other => Err(other),
        };
        let response = Oracle::RequestOpens.ok(opened);
        let head_len = response.head_len() - usize::from(Oracle::RequestResponseLen.faulty());
        Oracle::RequestResponseLen.same(head_len, len);
        let named = response.subprotocol().filter(|_| !Oracle::RequestChosen.faulty());
        Oracle::RequestChosen.same(named, chosen);
    }
}

/// Checks that a request from the parts that another library has parsed is the same.
fn parts(request: &Request<'_>) {
    let mut headers: Vec<Header<'_>> = request.headers().iter().collect();
    if Oracle::RequestPartsAsk.faulty() {
        headers.clear();
    }
    let target = if Oracle::RequestPartsRead.faulty() { "/another" } else { request.target() };
    let version = if Oracle::RequestParts.faulty() { (1, 0) } else { (1, 1) };
    let parts = RequestParts { method: "GET", target, version, headers: &headers };
    Oracle::RequestPartsAsk.holds(parts.asks_for_websocket(), format_args!("{parts:?}"));
    let again = Oracle::RequestParts.ok(parts.check());
    let read = |it: &Request<'_>| {
        let (host, origin) = (it.host().to_owned(), it.origin().map(str::to_owned));
        (it.path().to_owned(), it.query().map(str::to_owned), host, origin, it.key())
    };
    Oracle::RequestPartsRead.same(read(&again), read(request));
}

/// A request that no client has sent.
fn another() -> OwnedRequest {
    let head = b"GET /another HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut handshake = ServerHandshake::default();
    handshake.poll(head).expect("a valid request").expect("all of it").into_owned()
}

/// Checks the response to an invalid request: it is complete HTTP, with the status of the error.
fn refused(error: RequestError) {
    let mut out = [0; 400];
    // 400 bytes are enough.
    let room = if Oracle::RequestRefusal.faulty() { 20 } else { out.len() };
    let len = Oracle::RequestRefusal.ok(error.encode_response(&mut out[..room]));
    if Oracle::RequestRefusedByHttp.faulty() {
        out[0] = b' ';
    }
    let mut slots = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut slots);
    let parsed = match response.parse(&out[..len]) {
        Ok(httparse::Status::Complete(head)) => Ok(head),
        other => Err(other),
    };
    let head = Oracle::RequestRefusedByHttp.ok(parsed);
    let code = response.code.filter(|_| !Oracle::RequestRefusedStatus.faulty());
    Oracle::RequestRefusedStatus.same(code, Some(error.status()));
    let length = response.headers.iter().find(|header| {
        header.name.eq_ignore_ascii_case("content-length") && !Oracle::RequestRefusedLength.faulty()
    });
    let length = length.map(|header| header.value.to_vec());
    // A response to HEAD has no body, although its length is announced (RFC 9110 §9.3.2).
    let body = format!("{error}\n").len();
    let sent = if error == RequestError::HeadMethod { 0 } else { body };
    Oracle::RequestRefusedLength
        .same((length, len - head), (Some(body.to_string().into_bytes()), sent));
}
