//! A server's handshake: any split gives the same verdict, a yes is one that a client takes, a no is HTTP.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::Uri;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Key, Outcome, Request, RequestError,
    ServerHandshake,
};
use fullduplex_fuzz::{Mutations, growing};
use libfuzzer_sys::fuzz_target;

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
}

impl Bent {
    /// The bytes, if the client lets them go; whatever it writes, the server has to accept.
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
        if self.mutations.is_empty() && len <= HeadLimits::DEFAULT.max_size && headers.len() < 80 {
            let request = ServerHandshake::default().poll(&out);
            let request = request.expect("what our client writes is valid").expect("and whole");
            assert_eq!(request.head_len(), len);
            assert_eq!(request.key(), Some(Key::from_nonce(self.nonce)));
            assert!(request.subprotocols().eq(subprotocols.iter().copied()));
        }
        self.mutations.apply(&mut out);
        out.extend(&self.behind);
        Some(out)
    }
}

// The first byte chooses what the rest is, the second how it is cut.
fuzz_target!(|input: &[u8]| {
    let Some((&[kind, cut, size], rest)) = input.split_first_chunk() else { return };
    let limits = if kind & 2 == 0 {
        HeadLimits::DEFAULT
    } else {
        HeadLimits { max_size: 4 * usize::from(size), max_headers: usize::from(size & 15) }
    };
    if kind & 1 == 0 {
        check(rest, limits, cut, None);
    } else if let Ok(bent) = Bent::arbitrary(&mut Unstructured::new(rest))
        && let Some(received) = bent.encode()
    {
        check(&received, limits, cut, Some(bent.nonce));
    }
});

fn check(received: &[u8], limits: HeadLimits, cut: u8, nonce: Option<[u8; 16]>) {
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
    assert_eq!(verdict, split_verdict);

    match verdict {
        Ok(None) => {
            assert!(received.len() < limits.max_size || received.is_empty());
            assert_eq!(whole.handle_eof(), split.handle_eof());
        }
        Ok(Some(request)) => accepted(&request, received, nonce),
        Err(error) => {
            assert_eq!(whole.poll(received), Err(error), "an error stays");
            refused(error);
        }
    }
}

/// A request that is in order: its answer is HTTP, and a client that had sent it would take it.
fn accepted(request: &Request<'_>, received: &[u8], nonce: Option<[u8; 16]>) {
    assert!(request.head_len() <= received.len());
    assert!(request.path().starts_with('/'));
    assert_eq!(request.into_owned().as_request(), *request);
    let _ = (request.is_same_origin(), request.origin_allowed(&["https://fuzz.example"]));
    assert!(request.extensions().count() <= received.len());

    let chosen = request.subprotocols().last();
    let mut out = vec![0; 512 + chosen.map_or(0, str::len)];
    let acceptance = Acceptance::new().subprotocol(chosen);
    let (len, _) = request.accept(&acceptance, &mut out).expect("there is room");
    let mut slots = [httparse::EMPTY_HEADER; 8];
    let mut response = httparse::Response::new(&mut slots);
    assert_eq!(response.parse(&out[..len]), Ok(httparse::Status::Complete(len)));
    assert_eq!(response.code, Some(101));

    if let Some(nonce) = nonce.filter(|nonce| request.key() == Some(Key::from_nonce(*nonce))) {
        let offers: Vec<&str> = chosen.into_iter().collect();
        let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
        let sent = ClientRequest::new(uri).subprotocols(&offers);
        let mut client = ClientHandshake::with_fixed_key_for_tests(nonce);
        match client.poll(&out[..len], &sent) {
            Ok(Some(Outcome::Open { response, .. })) => {
                assert_eq!(response.head_len(), len);
                assert_eq!(response.subprotocol(), chosen);
            }
            other => panic!("our client does not take our server's response: {other:?}"),
        }
    }
}

/// A request that is not in order: what is said to it is HTTP with the error's status, and whole.
fn refused(error: RequestError) {
    let mut out = [0; 400];
    let len = error.encode_response(&mut out).expect("400 bytes are enough");
    let mut slots = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut slots);
    let head = match response.parse(&out[..len]) {
        Ok(httparse::Status::Complete(head)) => head,
        other => panic!("not HTTP: {other:?}"),
    };
    assert_eq!(response.code, Some(error.status()));
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .expect("a length");
    assert_eq!(length.value, (len - head).to_string().as_bytes());
}
