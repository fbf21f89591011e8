//! A server and a client that accept every opening handshake. Each case that expects a refusal notices this.

use fullduplex_conformance::{
    Behavior, Case, Expect, Options, Side, Subject, Transport, cases, run_in_memory,
};

/// An echo endpoint that checks nothing in the head of the other end, and nothing in short frames.
struct Naive {
    side: Side,
    input: Vec<u8>,
    output: Vec<u8>,
    open: bool,
    closed: bool,
}

impl Naive {
    fn new(side: Side) -> Self {
        let output = match side {
            Side::Server => Vec::new(),
            Side::Client => b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                              Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                .to_vec(),
        };
        Self { side, input: Vec::new(), output, open: false, closed: false }
    }

    fn open(&mut self) {
        let end = self.input.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else { return };
        let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
        self.input.drain(..end + 4);
        self.open = true;
        if self.side == Side::Server {
            let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap_or_default();
            let key = key.split(['\r', '\n']).next().unwrap_or_default();
            self.output.extend(
                format!(
                    "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                    accept_value(key)
                )
                .bytes(),
            );
        }
    }

    /// Sends back each frame, until a Close.
    fn echo(&mut self) {
        while let [first, second, ..] = self.input[..] {
            let (masked, len) = (second & 0x80 != 0, usize::from(second & 0x7f));
            let begin = if masked { 6 } else { 2 };
            if self.input.len() < begin + len {
                return;
            }
            let frame: Vec<u8> = self.input.drain(..begin + len).collect();
            let payload = frame[begin..].iter().zip(0..).map(|(byte, at): (_, usize)| {
                if masked { byte ^ frame[2 + at % 4] } else { *byte }
            });
            let mask: &[u8] = if self.side == Side::Client { &[0; 4] } else { &[] };
            let bit = if self.side == Side::Client { 0x80 } else { 0 };
            // A Ping becomes a Pong.
            self.output.push(if first & 15 == 9 { first + 1 } else { first });
            self.output.push(bit | len as u8);
            self.output.extend_from_slice(mask);
            self.output.extend(payload);
            self.closed = first & 15 == 8;
        }
    }
}

fn accept_value(key: &str) -> String {
    use base64::Engine;
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(hash.digest().bytes())
}

impl Subject for Naive {
    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        if !self.open {
            self.open();
        }
        if self.open {
            self.echo();
        }
    }

    fn end_of_input(&mut self) {
        self.closed = true;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        out.append(&mut self.output);
        if self.closed { Transport::Closed } else { Transport::Open }
    }
}

/// The cases of sections H and N in which the verdict on the naive endpoint is not as `right` says.
fn surprises(side: Side, right: impl Fn(&Case, &Expect, bool) -> bool) -> Vec<String> {
    let handshakes = |case: &&Case| matches!(&*case.id.section(), "H" | "N") && case.is_for(side);
    let all = cases::all();
    let wrong = all.iter().filter(handshakes).filter_map(|case| {
        let script = case.script(side, Default::default());
        let outcome = run_in_memory(case, side, &Options::default(), &mut Naive::new(side));
        let surprising = !right(case, &script.expect, outcome.is_ok());
        let behavior = outcome.behavior;
        surprising.then(|| format!("{side} {} {behavior}: {}", case.id, outcome.observed))
    });
    wrong.collect()
}

#[test]
fn whoever_takes_everything_fails_where_a_refusal_is_wanted() {
    for side in [Side::Server, Side::Client] {
        // In such a case there is no empty line, so even this endpoint does not open the
        // connection.
        let incomplete = |case: &Case, side| {
            let opening = case.script(side, Default::default()).opening;
            opening.instead.is_some_and(|bytes| !bytes.windows(4).any(|four| four == b"\r\n\r\n"))
        };
        let wrong = surprises(side, |case, expect, ok| match expect {
            Expect::Refusal(_) => ok == incomplete(case, side),
            _ => true,
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// A client that sends its request, and then nothing, whatever it receives.
struct Idle(Naive);

impl Subject for Idle {
    fn receive(&mut self, _: &[u8]) {}

    fn end_of_input(&mut self) {}

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        self.0.transmit(out)
    }
}

#[test]
fn a_client_that_does_nothing_has_not_refused() {
    let handshakes = |case: &&Case| matches!(&*case.id.section(), "H" | "N");
    let all = cases::all();
    for case in all.iter().filter(handshakes).filter(|case| case.is_for(Side::Client)) {
        let mut idle = Idle(Naive::new(Side::Client));
        let outcome = run_in_memory(case, Side::Client, &Options::default(), &mut idle);
        let informational = outcome.behavior == Behavior::Informational;
        assert!(informational || !outcome.is_ok(), "{}: {}", case.id, outcome.observed);
    }
}

#[test]
fn a_client_that_uses_a_masking_key_twice_is_told_which() {
    let all = cases::all();
    let case = all.iter().find(|case| case.id.to_string() == "X.1.76").expect("the case");
    let mut naive = Naive::new(Side::Client);
    let outcome = run_in_memory(case, Side::Client, &Options::default(), &mut naive);
    assert_eq!(outcome.behavior, Behavior::Failed);
    assert!(outcome.observed.contains("the masking key 00000000 twice"), "{}", outcome.observed);
}
