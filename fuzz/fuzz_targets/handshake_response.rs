//! A client's handshake: any split gives the same verdict, and a response that is in order opens.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::Uri;
use fullduplex::handshake::{
    ClientHandshake, ClientRequest, HeadError, HeadLimits, Key, Outcome, ResponseError,
};
use fullduplex_fuzz::{Mutations, growing};
use libfuzzer_sys::fuzz_target;

/// The nonce of RFC 6455 §1.3, so that its example is a seed.
const NONCE: [u8; 16] = *b"the sample nonce";

/// What the client offers.
const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// A response that opens, changed afterwards.
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

// The first byte chooses what the rest is, the second how it is cut.
fuzz_target!(|input: &[u8]| {
    let Some((&[kind, cut, size], rest)) = input.split_first_chunk() else { return };
    let limits = if kind & 2 == 0 {
        HeadLimits::DEFAULT
    } else {
        HeadLimits { max_size: 4 * usize::from(size), max_headers: usize::from(size & 15) }
    };
    if kind & 1 == 0 {
        check(rest, limits, cut);
    } else if let Ok(bent) = Bent::arbitrary(&mut Unstructured::new(rest)) {
        let (received, head) = bent.encode();
        let opened = check(&received, limits, cut);
        if head.is_some() && kind & 2 == 0 {
            assert_eq!(opened, head, "a response that is in order");
        }
    }
});

/// Checks one response; returns how long its heads were if it opens.
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
    assert_eq!(verdict, split_verdict);

    // Who may rewrite what was received sees the same, or what has no folded line any more.
    let mut own = received.to_vec();
    let unfolded = ClientHandshake::with_fixed_key_for_tests(NONCE)
        .with_limits(limits)
        .poll_unfolding(&mut own, &request)
        .map(|outcome| outcome.map(|outcome| format!("{outcome:?}")));
    if verdict == Err(HeadError::FoldedLine.into()) {
        let again = ClientHandshake::with_fixed_key_for_tests(NONCE)
            .with_limits(limits)
            .poll(&own, &request);
        assert_eq!(again.map(|outcome| outcome.map(|outcome| format!("{outcome:?}"))), unfolded);
        assert_ne!(unfolded, Err(HeadError::FoldedLine.into()));
    } else {
        let verdict = verdict.map(|outcome| outcome.map(|outcome| format!("{outcome:?}")));
        assert_eq!((verdict, &own[..]), (unfolded, received));
    }

    match verdict {
        Ok(None) => {
            assert!(received.len() < limits.max_size || received.is_empty());
            assert_eq!(whole.handle_eof(), split.handle_eof());
            None
        }
        Ok(Some(Outcome::Open { response, .. })) => {
            assert_eq!(response.status(), 101);
            assert!(response.head_len() <= received.len());
            assert_eq!(response.headers().get("sec-websocket-accept"), Some(accept().as_slice()));
            assert!(response.subprotocol().is_none_or(|chosen| SUBPROTOCOLS.contains(&chosen)));
            assert_eq!(response.into_owned().as_response(), response);
            Some(response.head_len())
        }
        Ok(Some(Outcome::Refused(response))) => {
            assert!(response.status() >= 200);
            assert!(response.head_len() <= received.len());
            assert_eq!(response.into_owned().as_response(), response);
            None
        }
        Err(error) => {
            assert_eq!(whole.poll(received, &request), Err::<Option<Outcome<'_>>, _>(error));
            assert_eq!(whole.handle_eof(), error, "an error stays");
            let _: ResponseError = error;
            None
        }
    }
}

fn accept() -> [u8; 28] {
    Key::from_nonce(NONCE).accept()
}
