//! Servers in memory that do what a test says, right or wrong, and how the cases of sections X and T judge them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fullduplex_conformance::{
    Behavior, BehaviorClose, Options, Outcome, Side, Subject, Transport, cases, run_in_memory,
};

/// What a server does after its opening handshake, and when.
#[derive(Clone)]
enum Does {
    /// It sends this after this number of writes of the runner.
    Sends(usize, Vec<u8>),
    /// The same, and it then ends the TCP connection.
    Ends(usize, Vec<u8>),
    /// It sends this and ends the TCP connection once the runner has ended its direction.
    EndsAtEnd(Vec<u8>),
}

struct Server {
    plan: Vec<Does>,
    /// The number of writes of the runner, without the request.
    writes: usize,
    request: Option<Vec<u8>>,
    answered: bool,
    end_of_input: bool,
}

impl Subject for Server {
    fn receive(&mut self, bytes: &[u8]) {
        if self.request.is_some() {
            self.writes += 1;
        }
        self.request.get_or_insert_with(|| bytes.to_vec());
    }

    fn end_of_input(&mut self) {
        self.end_of_input = true;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        if let (Some(request), false) = (&self.request, self.answered) {
            self.answered = true;
            out.extend(response(request));
        }
        while let Some(next) = self.plan.first() {
            let (now, bytes, ends) = match next {
                Does::Sends(writes, bytes) => (self.writes >= *writes, bytes, false),
                Does::Ends(writes, bytes) => (self.writes >= *writes, bytes, true),
                Does::EndsAtEnd(bytes) => (self.end_of_input, bytes, true),
            };
            if !now {
                break;
            }
            out.extend(bytes);
            if ends {
                return Transport::Closed;
            }
            self.plan.remove(0);
        }
        Transport::Open
    }
}

/// The response that opens the connection (RFC 6455 §4.2.2).
fn response(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.expect("a key").as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.digest().bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

fn outcome(id: &str, plan: &[Does]) -> Outcome {
    let cases = cases::all();
    let case = cases.iter().find(|case| case.id.to_string() == id).expect("a case");
    let mut server = Server {
        plan: plan.to_vec(),
        writes: 0,
        request: None,
        answered: false,
        end_of_input: false,
    };
    run_in_memory(case, Side::Server, &Options::default(), &mut server)
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

fn close(code: u16) -> Vec<u8> {
    frame(8, &code.to_be_bytes())
}

fn pongs(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| frame(10, format!("{number:04}").as_bytes())).collect()
}

/// The verdicts on the behaviour and on the end of the connection.
fn verdicts(outcome: &Outcome) -> (Behavior, BehaviorClose) {
    (outcome.behavior, outcome.behavior_close)
}

#[test]
fn a_long_length_may_be_refused_or_taken_and_not_be_passed_over() {
    let refused = outcome("X.1.1", &[Does::Ends(1, close(1002))]);
    assert_eq!(verdicts(&refused), (Behavior::Ok, BehaviorClose::Ok));
    let taken = outcome("X.1.1", &[Does::Sends(1, frame(1, b"Hello")), Does::Ends(2, close(1000))]);
    assert_eq!(verdicts(&taken), (Behavior::NonStrict, BehaviorClose::Ok));
    assert_eq!(taken.duration, Duration::ZERO, "the runner waits for nothing");
    let passed_over = outcome("X.1.1", &[Does::Ends(2, close(1000))]);
    assert_eq!(verdicts(&passed_over), (Behavior::Failed, BehaviorClose::Failed));
}

#[test]
fn a_fault_that_was_not_found_costs_no_patience() {
    let echoes =
        outcome("X.1.19", &[Does::Sends(1, frame(1, b"Hello")), Does::Ends(2, close(1000))]);
    assert_eq!(verdicts(&echoes), (Behavior::Failed, BehaviorClose::Failed));
    assert_eq!(echoes.duration, Duration::ZERO);
}

#[test]
fn pings_may_be_answered_all_or_the_last_alone_and_in_order() {
    let answers = |numbers: Vec<u32>| {
        outcome("X.1.68", &[Does::Sends(1, pongs(numbers)), Does::Ends(2, close(1000))])
    };
    assert_eq!(answers((0..1000).collect()).behavior, Behavior::Ok);
    assert_eq!(answers(vec![999]).behavior, Behavior::Ok);
    assert_eq!(answers(vec![5, 7, 999]).behavior, Behavior::Ok);
    assert_eq!(answers(vec![7, 5, 999]).behavior, Behavior::Failed, "out of order");
    assert_eq!(answers(vec![5, 7]).behavior, Behavior::Failed, "the last one is not answered");
    let cut_off = outcome("X.1.68", &[Does::Ends(1, pongs(0..60))]);
    assert_eq!(verdicts(&cut_off), (Behavior::NonStrict, BehaviorClose::Ok));
}

#[test]
fn a_server_that_waits_for_the_answer_to_its_close_is_not_strict() {
    let waits = outcome("T.3.4", &[Does::Sends(1, close(1002))]);
    assert_eq!(verdicts(&waits), (Behavior::NonStrict, BehaviorClose::FailedByClient));
    assert_eq!(waits.duration, Duration::from_secs(1));
    let reads_on = outcome(
        "T.3.5",
        &[
            Does::Sends(1, Vec::new()),
            Does::Sends(2, frame(10, b"Hello")),
            Does::Ends(3, close(1002)),
        ],
    );
    assert_eq!(reads_on.behavior, Behavior::Failed);
}

#[test]
fn a_message_that_never_was_whole_must_not_come_back() {
    let ends = outcome("T.2.13", &[Does::EndsAtEnd(Vec::new())]);
    assert_eq!(verdicts(&ends), (Behavior::Ok, BehaviorClose::Ok));
    let delivers = outcome("T.2.13", &[Does::EndsAtEnd(frame(1, b"Hello"))]);
    assert_eq!(delivers.behavior, Behavior::Failed);
    let stays = outcome("T.2.13", &[]);
    assert_eq!(stays.behavior, Behavior::NonStrict, "no RFC says when a server has to end it");
}

#[test]
fn a_server_has_to_end_the_tcp_connection_first() {
    let soon = outcome("T.3.1", &[Does::Ends(1, close(1000))]);
    assert_eq!(verdicts(&soon), (Behavior::Ok, BehaviorClose::Ok));
    let never = outcome("T.3.1", &[Does::Sends(1, close(1000))]);
    assert_eq!(verdicts(&never), (Behavior::NonStrict, BehaviorClose::FailedByClient));
}

#[test]
fn a_close_that_is_cut_or_masked_wrongly_is_a_fault_and_no_close() {
    for id in ["X.1.18", "X.1.23", "X.1.35", "X.1.65"] {
        let found = outcome(id, &[Does::Ends(1, close(1002))]);
        assert_eq!(verdicts(&found), (Behavior::Ok, BehaviorClose::Ok), "{id}");
        let taken = outcome(id, &[Does::Ends(1, close(1000))]);
        assert_eq!(taken.behavior_close, BehaviorClose::WrongCode, "{id}");
    }
}
