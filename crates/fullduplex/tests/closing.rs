//! The end of a connection: the closing handshake from either side, failures and their Close, the ends of the transport,
//! and the deadlines. The peers are two connections in memory, with a virtual clock.

use std::time::Duration;

use fullduplex::{
    CloseCode, CloseFrameError, CloseFrameRef, Config, Connection, Ended, Error, Event, Fault,
    FrameError, Input, Limits, MessageError, MessageKind, Negotiated, Part, Role, SendError,
    Shutdown, Timeout, Timeouts,
};
use fullduplex_testkit::{
    Frame, LengthForm, Pair, ROLES, Seen, Side, Split, TestEntropy, drive, frames, to,
};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

fn config(timeouts: Timeouts) -> Config {
    let mut config = Config::new();
    config.timeouts = timeouts;
    config
}

fn close(conn: &mut Connection, code: CloseCode, reason: &str) -> Vec<u8> {
    let mut out = [0; 256];
    let len = conn.close(code, reason, &mut out, TestEntropy::new(5)).expect("a Close");
    out[..len].to_vec()
}

/// Lets one side of a pair close.
fn closes(pair: &mut Pair, role: Role, code: CloseCode, reason: &str) {
    let write = |conn: &mut Connection, out: &mut [u8], entropy: &mut TestEntropy| {
        conn.close(code, reason, out, entropy).expect("a Close")
    };
    match role {
        Role::Client => pair.client_sends(write),
        Role::Server => pair.server_sends(write),
    }
}

fn sends(pair: &mut Pair, role: Role, text: &str) {
    let write = |conn: &mut Connection, out: &mut [u8], entropy: &mut TestEntropy| {
        conn.send_text(text, out, entropy).expect("a frame")
    };
    match role {
        Role::Client => pair.client_sends(write),
        Role::Server => pair.server_sends(write),
    }
}

/// The side with this role, and the other side.
fn sides(pair: &Pair, role: Role) -> (&Side, &Side) {
    match role {
        Role::Client => (&pair.client, &pair.server),
        Role::Server => (&pair.server, &pair.client),
    }
}

fn text(text: &str) -> Seen {
    Seen::Text(text.into(), true)
}

fn assert_clean(pair: &Pair) {
    for side in [&pair.client, &pair.server] {
        assert!(side.conn.is_clean() && side.conn.is_closed() && side.errors.is_empty());
        assert!(!side.conn.may_send() && !side.conn.has_transmit());
        assert_eq!(side.conn.failure(), None);
        let written = frames(&side.written);
        assert_eq!(written.iter().filter(|frame| frame.opcode == 8).count(), 1);
        assert_eq!(written.last().expect("a frame").opcode, 8, "a Close is the last frame");
    }
}

#[test]
fn either_side_closes_with_code_and_reason_and_the_other_echoes_the_code() {
    for role in ROLES {
        for read_size in [1, usize::MAX] {
            let mut pair = Pair::new(Config::new());
            pair.read_size = read_size;
            closes(&mut pair, role, CloseCode::Private(4321), "genug für heute");
            assert!(!sides(&pair, role).0.conn.is_closed(), "the peer's Close is still to come");
            pair.run();
            assert_clean(&pair);
            let (closer, other) = sides(&pair, role);
            assert_eq!(other.seen, [Seen::Close(Some((4321, "genug für heute".into())))]);
            assert_eq!(closer.seen, [Seen::Close(Some((4321, String::new())))]);
            assert_eq!(
                other.conn.peer_close(),
                Some(Some(CloseFrameRef {
                    code: CloseCode::Private(4321),
                    reason: "genug für heute"
                }))
            );
        }
    }
}

#[test]
fn both_sides_close_at_once_and_each_sees_what_the_other_said() {
    for read_size in [1, 3, usize::MAX] {
        let mut pair = Pair::new(Config::new());
        pair.read_size = read_size;
        closes(&mut pair, Role::Client, CloseCode::Normal, "done");
        closes(&mut pair, Role::Server, CloseCode::Away, "restart");
        pair.run();
        assert_clean(&pair);
        assert_eq!(pair.client.seen, [Seen::Close(Some((1001, "restart".into())))]);
        assert_eq!(pair.server.seen, [Seen::Close(Some((1000, "done".into())))]);
    }
}

#[test]
fn what_the_peer_had_under_way_is_delivered_after_our_own_close() {
    for role in ROLES {
        let mut pair = Pair::new(Config::new());
        sends(&mut pair, role.peer(), "under way");
        closes(&mut pair, role, CloseCode::Normal, "");
        sends(&mut pair, role.peer(), "later, for it has not seen our Close yet");
        pair.run();
        assert_clean(&pair);
        let (closer, _) = sides(&pair, role);
        assert_eq!(
            closer.seen,
            [
                text("under way"),
                text("later, for it has not seen our Close yet"),
                Seen::Close(Some((1000, String::new())))
            ]
        );
    }
}

#[test]
fn a_message_in_fragments_goes_on_after_our_own_close() {
    for role in ROLES {
        let mut conn = open(role);
        drive(&mut conn, &to(role, Frame::text("Hel").unfinished()), Split::Whole);
        close(&mut conn, CloseCode::Normal, "");
        let rest = [to(role, Frame::ping("?")), to(role, Frame::continuation("lo"))].concat();
        let mut input = rest;
        let mut input = Input::new(&mut input);
        let mut events = Vec::new();
        while let Some(event) = conn.poll_event(&mut input).unwrap() {
            events.push(event);
        }
        assert_eq!(events, [Event::Ping, Event::Text(b"lo", Part::Last)]);
        assert!(!conn.has_transmit(), "no Pong after our Close");
    }
}

#[test]
fn a_ping_after_our_own_close_is_seen_but_not_answered() {
    for role in ROLES {
        let mut conn = open(role);
        close(&mut conn, CloseCode::Normal, "");
        let outcome = drive(&mut conn, &to(role, Frame::ping("p")), Split::Whole);
        assert_eq!((outcome.seen, outcome.output), (vec![Seen::Ping(b"p".into())], vec![]));
    }
}

#[test]
fn nothing_is_delivered_after_the_peers_close() {
    for role in ROLES {
        let wire = [
            to(role, Frame::text("before")),
            to(role, Frame::close(1000, "")),
            to(role, Frame::text("after")),
            to(role, Frame::ping("after")),
            to(role, Frame::close(1001, "")),
            vec![0xff; 20],
        ]
        .concat();
        for split in [Split::Whole, Split::Every(1)] {
            let mut conn = open(role);
            let outcome = drive(&mut conn, &wire, split);
            assert_eq!(outcome.seen, [text("before"), Seen::Close(Some((1000, String::new())))]);
            assert_eq!(outcome.error, None);
            assert_eq!(frames(&outcome.output).len(), 1);
            assert!(conn.is_clean());
        }
    }
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    for role in ROLES {
        let mut conn = open(role);
        let outcome = drive(&mut conn, &to(role, Frame::new(8, [])), Split::Every(1));
        assert_eq!(outcome.seen, [Seen::Close(None)]);
        let answer = frames(&outcome.output);
        assert_eq!((answer.len(), answer[0].opcode, answer[0].payload.len()), (1, 8, 0));
        assert_eq!(conn.peer_close(), Some(None));
        assert!(conn.is_clean());
    }
}

#[test]
fn our_own_close_is_told_once_it_is_written() {
    for role in ROLES {
        let mut conn = open(role);
        assert_eq!(conn.sent_close(), None);
        close(&mut conn, CloseCode::Away, "bye");
        assert_eq!(conn.sent_close(), Some(Some(CloseCode::Away)));
        drive(&mut conn, &to(role, Frame::close(1000, "")), Split::Whole);
        assert_eq!(conn.sent_close(), Some(Some(CloseCode::Away)));

        for (received, answer) in
            [(Frame::new(8, []), None), (Frame::close(4000, "bye"), Some(CloseCode::Private(4000)))]
        {
            let mut conn = open(role);
            let mut bytes = to(role, received);
            let event = conn.poll_event(&mut Input::new(&mut bytes));
            assert_eq!((event, conn.sent_close()), (Ok(Some(Event::Close)), None));
            conn.poll_transmit(&mut [0; 64], TestEntropy::new(1)).unwrap();
            assert_eq!(conn.sent_close(), Some(answer));
        }

        let mut conn = open(role);
        assert!(conn.handle_eof().is_err());
        assert_eq!(conn.sent_close(), None);
    }
}

/// Calls every function that sends. Returns the error of each.
fn try_every_send(conn: &mut Connection) -> Vec<Option<SendError>> {
    let mut out = [0; 512];
    let mut entropy = TestEntropy::new(3);
    let e = &mut entropy;
    vec![
        conn.send_text("a", &mut out, &mut *e).err(),
        conn.send_binary(b"a", &mut out, &mut *e).err(),
        conn.send_fragment(MessageKind::Text, b"a", true, &mut out, &mut *e).err(),
        conn.send_ping(b"a", &mut out, &mut *e).err(),
        conn.send_pong(b"a", &mut out, &mut *e).err(),
        conn.mask_text(&mut b"a".to_owned(), &mut *e).err(),
        conn.mask_binary(&mut b"a".to_owned(), &mut *e).err(),
        conn.text_header("a").err(),
        conn.binary_header(1).err(),
        conn.close(CloseCode::Normal, "", &mut out, e).err(),
    ]
}

#[test]
fn nothing_can_be_sent_once_a_close_went_either_way_or_the_connection_failed() {
    let refused = vec![Some(SendError::Closed); 10];
    for role in ROLES {
        let mut conn = open(role);
        close(&mut conn, CloseCode::Normal, "");
        assert_eq!(try_every_send(&mut conn), refused, "after our Close");
        drive(&mut conn, &to(role, Frame::close(1000, "")), Split::Whole);
        assert_eq!(try_every_send(&mut conn), refused, "after both");

        let mut conn = open(role);
        let mut received = to(role, Frame::close(1000, ""));
        let event = conn.poll_event(&mut Input::new(&mut received));
        assert_eq!(event, Ok(Some(Event::Close)));
        assert_eq!(try_every_send(&mut conn), refused, "before the answer went out");

        let mut conn = open(role);
        drive(&mut conn, &[0xff], Split::Whole);
        assert_eq!(try_every_send(&mut conn), refused, "after a failure");

        let mut conn = open(role);
        assert!(conn.handle_eof().is_err());
        assert_eq!(try_every_send(&mut conn), refused, "after the end of input");
    }
}

#[test]
fn a_peer_that_never_answers_our_close_is_given_up_after_the_close_timeout() {
    for role in ROLES {
        let mut pair = Pair::new(Config::new());
        pair.run();
        pair.pass(s(7), true);
        closes(&mut pair, role, CloseCode::Normal, "");
        pair.pass(Duration::from_millis(4999), false);
        assert!(!sides(&pair, role).0.conn.is_closed());
        pair.pass(Duration::from_millis(1), false);
        let (closer, _) = sides(&pair, role);
        assert_eq!(closer.errors, [Error::Timeout(Timeout::Close)]);
        assert_eq!(closer.conn.failure(), Some(Error::Timeout(Timeout::Close)));
        assert!(closer.conn.is_closed() && !closer.conn.is_clean() && !closer.conn.has_transmit());
    }
}

#[test]
fn the_close_timeout_is_configurable_and_no_failure_once_both_closes_are_through() {
    let mut timeouts = Timeouts::new();
    timeouts.close_timeout = s(1);
    let mut pair = Pair::new(config(timeouts));
    closes(&mut pair, Role::Client, CloseCode::Normal, "");
    pair.run();
    pair.pass(s(100), false);
    assert_clean(&pair);

    let mut pair = Pair::new(config(timeouts));
    closes(&mut pair, Role::Client, CloseCode::Normal, "");
    pair.pass(s(1), false);
    assert_eq!(pair.client.errors, [Error::Timeout(Timeout::Close)]);
}

#[test]
fn nothing_is_left_to_be_written_of_a_connection_that_was_lost() {
    for role in ROLES {
        let mut conn = open(role);
        let mut ping = to(role, Frame::ping("ping"));
        assert_eq!(conn.poll_event(&mut Input::new(&mut ping)), Ok(Some(Event::Ping)));
        assert!(conn.has_transmit());
        conn.handle_reset().unwrap_err();
        // The peer is not there to read the Pong.
        assert!(conn.is_closed() && !conn.has_transmit());
        assert_eq!(conn.poll_transmit(&mut [0; 256], TestEntropy::new(1)), Ok(None));
    }
}

#[test]
fn ends_of_input_are_told_apart() {
    type Prepare = fn(Role, &mut Connection);
    fn feed(role: Role, conn: &mut Connection, frame: Frame, cut: usize) {
        let bytes = to(role, frame);
        drive(conn, &bytes[..bytes.len() - cut], Split::Whole);
    }
    let cases: [(&str, Prepare, Option<Ended>); 11] = [
        ("before anything came", |_, _| {}, Some(Ended::WithoutClose)),
        (
            "after a message",
            |role, conn| feed(role, conn, Frame::text("whole"), 0),
            Some(Ended::WithoutClose),
        ),
        (
            "after one byte of a header",
            |role, conn| {
                let frame = to(role, Frame::text("whole"));
                drive(conn, &frame[..1], Split::Whole);
            },
            Some(Ended::InsideMessage),
        ),
        (
            "inside a payload",
            |role, conn| feed(role, conn, Frame::text("whole"), 1),
            Some(Ended::InsideMessage),
        ),
        (
            "between two fragments",
            |role, conn| feed(role, conn, Frame::text("half").unfinished(), 0),
            Some(Ended::InsideMessage),
        ),
        (
            "inside a Ping",
            |role, conn| feed(role, conn, Frame::ping("ping"), 1),
            Some(Ended::InsideMessage),
        ),
        (
            "inside the peer's Close",
            |role, conn| feed(role, conn, Frame::close(1000, "bye"), 1),
            Some(Ended::InsideMessage),
        ),
        (
            "after our own Close",
            |_, conn| drop(close(conn, CloseCode::Normal, "")),
            Some(Ended::WithoutClose),
        ),
        ("after both Closes", |role, conn| feed(role, conn, Frame::close(1000, ""), 0), None),
        (
            "after the peer's Close, before our answer went out",
            |role, conn| {
                let mut bytes = to(role, Frame::close(1000, ""));
                conn.poll_event(&mut Input::new(&mut bytes)).unwrap();
            },
            None,
        ),
        (
            "after a failure",
            |_, conn| {
                drive(conn, &[0xff], Split::Whole);
            },
            None,
        ),
    ];
    for role in ROLES {
        for (when, prepare, expected) in cases {
            let mut conn = open(role);
            prepare(role, &mut conn);
            let before = (conn.failure(), conn.is_clean());
            let expected = expected.map(Error::Ended);
            assert_eq!(conn.handle_eof().err(), expected, "{when}");
            assert_eq!(conn.failure(), expected.or(before.0), "{when}");
            assert_eq!(conn.is_clean(), before.1, "{when}");
            assert_eq!(conn.handle_eof(), Ok(()), "told once: {when}");
            assert_eq!(conn.handle_reset(), Ok(()), "told once: {when}");
            let after = drive(&mut conn, &to(role, Frame::text("after")), Split::Whole);
            assert_eq!((after.seen, after.error), (vec![], None), "{when}");

            let mut conn = open(role);
            prepare(role, &mut conn);
            let reset = expected.map(|_| Error::Ended(Ended::Reset));
            assert_eq!(conn.handle_reset().err(), reset, "{when}, reset");
        }
    }
}

/// What causes a failure.
enum Cause {
    /// These bytes, as they are.
    Bytes(Vec<u8>),
    /// These frames, masked if the receiver is a server.
    Frames(Vec<Frame>),
}

struct Failure {
    error: Error,
    code: u16,
    roles: &'static [Role],
    cause: Cause,
}

fn limited(role: Role) -> Connection {
    let mut config = Config::new();
    config.limits = Limits::new();
    config.limits.max_frame_size = 1000;
    config.limits.max_message_size = 1500;
    config.limits.max_fragments = 3;
    Connection::new(role, Negotiated::without_extensions(), config)
}

/// Every failure that the peer's bytes can cause, with its close code.
fn failures() -> Vec<Failure> {
    use CloseFrameError as C;
    use FrameError as F;
    use MessageError as M;
    let unfinished = |payload: &[u8]| Frame::binary(payload).unfinished();
    let more = |payload: &[u8]| Frame::continuation(payload).unfinished();
    let in_form = |frame: Frame, form| Cause::Bytes(frame.encode_as(form));
    let both = |error: Error, code, frames| Failure {
        error,
        code,
        roles: &ROLES,
        cause: Cause::Frames(frames),
    };
    let mut failures = vec![
        both(F::FragmentedControl.into(), 1002, vec![Frame::ping("").unfinished()]),
        both(F::ControlTooLong.into(), 1002, vec![Frame::ping([0; 126])]),
        both(F::TooLarge.into(), 1009, vec![Frame::binary([0; 1001])]),
        both(M::UnexpectedContinuation.into(), 1002, vec![Frame::continuation("x")]),
        both(M::Interleaved.into(), 1002, vec![unfinished(b"x"), Frame::text("y")]),
        both(M::InvalidUtf8.into(), 1007, vec![Frame::text([0xff])]),
        both(M::InvalidUtf8.into(), 1007, vec![Frame::text([0xe2, 0x82])]),
        both(M::TooLarge.into(), 1009, vec![unfinished(&[0; 1000]), more(&[0; 501])]),
        both(
            M::TooManyFragments.into(),
            1008,
            vec![unfinished(b""), more(b""), more(b""), Frame::continuation("")],
        ),
        both(C::TruncatedCode.into(), 1002, vec![Frame::new(8, [3])]),
        both(C::Reason.into(), 1007, vec![Frame::new(8, [3, 232, 0xff])]),
        Failure {
            error: F::Unmasked.into(),
            code: 1002,
            roles: &[Role::Server],
            cause: Cause::Bytes(Frame::text("x").encode()),
        },
        Failure {
            error: F::Masked.into(),
            code: 1002,
            roles: &[Role::Client],
            cause: Cause::Bytes(Frame::text("x").masked().encode()),
        },
    ];
    for rsv in 1..8 {
        let frame = Frame { rsv, ..Frame::text("x") };
        failures.push(both(F::ReservedBits.into(), 1002, vec![frame]));
    }
    for opcode in (3..8).chain(11..16) {
        let frame = Frame::new(opcode, "x");
        failures.push(both(F::ReservedOpCode(opcode).into(), 1002, vec![frame]));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        failures.push(both(C::Code(code).into(), 1002, vec![Frame::close(code, "")]));
    }
    for role in ROLES {
        let roles: &'static [Role] =
            if role == Role::Server { &[Role::Server] } else { &[Role::Client] };
        let masked = |frame: Frame| if role == Role::Server { frame.masked() } else { frame };
        let mut add = |error: F, cause| {
            failures.push(Failure { error: error.into(), code: 1002, roles, cause });
        };
        for (len, form) in
            [(125, LengthForm::Two), (125, LengthForm::Eight), (500, LengthForm::Eight)]
        {
            add(F::LengthNotMinimal, in_form(masked(Frame::binary(vec![0; len])), form));
        }
        let mut overflow = masked(Frame::binary("")).encode_as(LengthForm::Eight);
        overflow[2] = 0x80;
        add(F::LengthOverflow, Cause::Bytes(overflow));
    }
    failures
}

impl Failure {
    fn bytes(&self, role: Role) -> Vec<u8> {
        match &self.cause {
            Cause::Bytes(bytes) => bytes.clone(),
            Cause::Frames(frames) => {
                frames.iter().flat_map(|frame| to(role, frame.clone())).collect()
            }
        }
    }
}

/// A frame of each kind. After a failure, none of them may be delivered or answered.
fn all_kinds(role: Role) -> Vec<u8> {
    [
        to(role, Frame::text("after")),
        to(role, Frame::ping("after")),
        to(role, Frame::close(1000, "after")),
    ]
    .concat()
}

#[test]
fn every_failure_queues_exactly_one_close_with_the_right_code_and_then_silence() {
    for failure in failures() {
        for role in failure.roles.iter().copied() {
            let wire =
                [to(role, Frame::text("before")), failure.bytes(role), all_kinds(role)].concat();
            for split in [Split::Whole, Split::Every(1)] {
                let mut conn = limited(role);
                let outcome = drive(&mut conn, &wire, split);
                assert_eq!(outcome.error, Some(failure.error));
                assert_eq!(conn.failure(), Some(failure.error));
                assert_eq!(failure.error.close_code(), Some(CloseCode::from(failure.code)));
                assert_eq!(failure.error.fault(), Fault::Peer);
                assert_eq!(outcome.seen[0], text("before"));
                assert!(outcome.seen[1..].iter().all(|seen| !seen.is_whole()), "{outcome:?}");
                let close = frames(&outcome.output);
                assert_eq!(close.len(), 1, "{:?}", failure.error);
                assert_eq!((close[0].opcode, close[0].fin, close[0].rsv), (8, true, 0));
                assert_eq!(close[0].payload, failure.code.to_be_bytes(), "{:?}", failure.error);
                assert!(conn.is_closed() && !conn.is_clean() && !conn.may_send());
                assert_eq!(conn.peer_close(), None, "{:?}", failure.error);
                assert_eq!(conn.sent_close(), Some(failure.error.close_code()));

                let later = drive(&mut conn, &all_kinds(role), split);
                assert_eq!((later.seen, later.output, later.error), (vec![], vec![], None));
                assert_eq!(conn.handle_eof(), Ok(()));
                assert_eq!(conn.failure(), Some(failure.error), "the cause is kept");
            }
        }
    }
}

#[test]
fn a_failure_after_our_own_close_sends_no_second_one() {
    for failure in failures() {
        for role in failure.roles.iter().copied() {
            let mut conn = limited(role);
            close(&mut conn, CloseCode::Normal, "");
            let outcome = drive(&mut conn, &failure.bytes(role), Split::Whole);
            assert_eq!((outcome.error, outcome.output), (Some(failure.error), vec![]));
            assert!(conn.is_closed() && !conn.is_clean());
        }
    }
}

/// A new variant of an error must be added here, and to the table of failures.
#[test]
fn the_table_of_failures_has_every_error_that_the_peer_can_cause() {
    fn name(error: Error) -> &'static str {
        match error {
            Error::Frame(error) => match error {
                FrameError::ReservedBits => "reserved bits",
                FrameError::ReservedOpCode(_) => "reserved opcode",
                FrameError::FragmentedControl => "fragmented control",
                FrameError::ControlTooLong => "control too long",
                FrameError::Unmasked => "unmasked",
                FrameError::Masked => "masked",
                FrameError::LengthNotMinimal => "length not minimal",
                FrameError::LengthOverflow => "length overflow",
                FrameError::TooLarge => "frame too large",
                other => panic!("a new error: {other}"),
            },
            Error::Message(error) => match error {
                MessageError::UnexpectedContinuation => "continuation",
                MessageError::Interleaved => "interleaved",
                MessageError::InvalidUtf8 => "text",
                MessageError::TooLarge => "message too large",
                MessageError::TooManyFragments => "fragments",
                other => panic!("not by the peer's bytes: {other}"),
            },
            Error::CloseFrame(error) => match error {
                CloseFrameError::TruncatedCode => "half a code",
                CloseFrameError::Code(_) => "code",
                CloseFrameError::Reason => "reason",
                other => panic!("a new error: {other}"),
            },
            other => panic!("not by the peer's bytes: {other}"),
        }
    }
    let names: std::collections::BTreeSet<&str> =
        failures().iter().map(|failure| name(failure.error)).collect();
    assert_eq!(names.len(), 17);
}

#[test]
fn failures_of_time_and_transport_have_their_codes_too() {
    for (error, code) in [
        (Error::Timeout(Timeout::Pong), Some(1011)),
        (Error::Timeout(Timeout::Idle), Some(1001)),
        (Error::Timeout(Timeout::Close), None),
        (Error::Timeout(Timeout::Handshake), None),
        (Error::Ended(Ended::WithoutClose), None),
        (Error::Ended(Ended::InsideMessage), None),
        (Error::Ended(Ended::InsideHandshake), None),
        (Error::Ended(Ended::Reset), None),
    ] {
        assert_eq!(error.close_code(), code.map(CloseCode::from_u16), "{error}");
        assert_eq!(error.fault(), Fault::Transport);
    }
}

#[test]
fn a_silent_pair_with_keepalive_lives_on_by_pings_and_pongs() {
    let mut pair = Pair::new(config(Timeouts::new().keepalive(s(20), s(10))));
    pair.run();
    pair.pass(s(600), true);
    for side in [&pair.client, &pair.server] {
        assert!(side.errors.is_empty() && side.conn.may_send());
        // Each Ping shows the other side that its peer is alive, so both ping at the same instants.
        let written = frames(&side.written);
        let pings = written.iter().filter(|frame| frame.opcode == 9).count();
        let pongs = written.iter().filter(|frame| frame.opcode == 10).count();
        assert_eq!((pings, pongs, written.len()), (30, 30, 60));
    }
}

#[test]
fn bytes_from_the_peer_put_off_the_ping() {
    let mut pair = Pair::new(config(Timeouts::new().keepalive(s(20), s(10))));
    pair.run();
    for _ in 0..100 {
        sends(&mut pair, Role::Client, "to the server");
        sends(&mut pair, Role::Server, "to the client");
        pair.run();
        pair.pass(s(19), true);
    }
    for side in [&pair.client, &pair.server] {
        assert!(frames(&side.written).iter().all(|frame| frame.opcode == 1));
    }
}

#[test]
fn an_unanswered_ping_fails_the_connection_with_1011() {
    let mut pair = Pair::new(config(Timeouts::new().keepalive(s(20), s(10))));
    pair.run();
    pair.pass(Duration::from_millis(29_999), false);
    assert!(pair.client.errors.is_empty() && pair.client.conn.may_send());
    pair.pass(Duration::from_millis(1), false);
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.errors, [Error::Timeout(Timeout::Pong)]);
        let mut out = [0; 256];
        let mut written = Vec::new();
        while let Some(frame) = side.conn.poll_transmit(&mut out, &mut side.entropy).unwrap() {
            written.extend_from_slice(frame);
        }
        let written = frames(&written);
        let last = written.last().expect("a Close");
        assert_eq!((last.opcode, &last.payload[..]), (8, &1011_u16.to_be_bytes()[..]));
        assert!(side.conn.is_closed());
    }
}

#[test]
fn silence_beyond_the_idle_timeout_fails_the_connection_with_1001() {
    let mut timeouts = Timeouts::new();
    timeouts.idle_timeout = Some(s(60));
    let mut pair = Pair::new(config(timeouts));
    pair.run();
    pair.pass(s(59), true);
    sends(&mut pair, Role::Client, "only the server hears this");
    pair.run();
    pair.pass(s(1), true);
    assert_eq!(pair.client.errors, [Error::Timeout(Timeout::Idle)]);
    // The client's Close has reached the server, and the server has answered it. The client receives nothing more.
    assert_eq!(
        pair.server.seen,
        [text("only the server hears this"), Seen::Close(Some((1001, String::new())))]
    );
    assert!(pair.server.conn.is_clean() && pair.server.errors.is_empty());
    assert!(pair.client.conn.is_closed() && !pair.client.conn.is_clean());
}

/// A caller that sleeps until [`Connection::poll_timeout`] must not spin.
#[test]
fn a_deadline_that_was_kept_does_not_come_again() {
    type Prepare = fn(Role, &mut Connection);
    let cases: [(&str, Prepare); 6] = [
        ("open", |_, _| {}),
        ("our Close went out", |_, conn| drop(close(conn, CloseCode::Normal, ""))),
        ("the peer's Close came, our answer was never drained", |role, conn| {
            let mut bytes = to(role, Frame::close(1000, ""));
            conn.poll_event(&mut Input::new(&mut bytes)).unwrap();
        }),
        ("both Closes are through", |role, conn| {
            drive(conn, &to(role, Frame::close(1000, "")), Split::Whole);
        }),
        ("failed", |_, conn| {
            drive(conn, &[0xff], Split::Whole);
        }),
        ("the transport ended", |_, conn| {
            assert!(conn.handle_eof().is_err());
        }),
    ];
    for role in ROLES {
        for (when, prepare) in cases {
            let mut timeouts = Timeouts::new().keepalive(s(20), s(10));
            timeouts.idle_timeout = Some(s(60));
            let mut conn =
                Connection::new(role, Negotiated::without_extensions(), config(timeouts));
            drive(&mut conn, &to(role, Frame::text("hello")), Split::Whole);
            prepare(role, &mut conn);
            let mut last = None;
            while let Some(at) = conn.poll_timeout(last.unwrap_or_default()) {
                assert!(last < Some(at), "{role:?}, {when}: {last:?}, then {at:?}");
                let _ = conn.handle_timeout(at);
                last = Some(at);
            }
            assert!(conn.is_closed(), "{role:?}, {when}");
        }
    }
}

#[test]
fn a_failure_that_is_still_to_be_told_comes_before_messages_even_behind_our_own_close() {
    for role in ROLES {
        let mut conn = open(role);
        let mut wire = to(role, Frame::text(*b"a\xff, and more"));
        wire.extend(to(role, Frame::binary([7; 8])));
        let mut input = Input::new(&mut wire);
        assert_eq!(conn.poll_event(&mut input), Ok(Some(Event::Text(b"a", Part::First))));
        close(&mut conn, CloseCode::Normal, "");
        assert_eq!(conn.poll_event(&mut input), Err(MessageError::InvalidUtf8.into()));
        assert_eq!(conn.poll_event(&mut input), Ok(None));
    }
}

#[cfg(feature = "alloc")]
#[test]
fn however_the_peers_close_is_polled_the_connection_is_closed_once_it_is_answered() {
    use fullduplex::{Endpoint, EndpointConfig, NoEntropy};

    for way in 0..5 {
        let negotiated = Negotiated::without_extensions();
        let config = EndpointConfig::new();
        let mut server = Endpoint::open(Role::Server, negotiated, &[], &config, NoEntropy);
        let close = to(Role::Server, Frame::close(1000, "bye"));
        server.reader.room()[..close.len()].copy_from_slice(&close);
        server.reader.advance(close.len());
        match way {
            0 => assert!(server.poll().unwrap().is_some()),
            1 => assert!(server.poll_owned().unwrap().is_some()),
            2 => assert!(server.poll_chunk().unwrap().is_some()),
            3 => assert!(server.reader.poll_owned().unwrap().is_some()),
            _ => assert_eq!(server.find(), Ok(true)),
        }
        let answer = server.output().unwrap().first().len();
        assert_eq!(answer, 4, "way {way}");
        server.writer.advance(answer);
        assert!(server.reader.receiver().is_clean(), "way {way}");
        assert_eq!(server.shutdown(), Shutdown::Both, "way {way}");
    }
}

/// Only `shutdown` and the deadline tell a caller of `Connection` when to drop the transport.
#[test]
fn when_the_close_timeout_has_expired_the_transport_is_not_waited_for() {
    for fails in [false, true] {
        let mut client = open(Role::Client);
        close(&mut client, CloseCode::Normal, "");
        let frame = if fails { Frame::new(3, *b"reserved") } else { Frame::close(1000, "") };
        let outcome = client.poll_event(&mut Input::new(&mut frame.encode())).map(drop);
        assert_eq!(outcome.is_err(), fails);
        let waits = if fails { Shutdown::Write } else { Shutdown::No };
        assert_eq!((client.is_closed(), client.shutdown()), (true, waits));
        let deadline = client.poll_timeout(s(1)).unwrap();
        client.handle_timeout(deadline - Duration::from_millis(1)).unwrap();
        assert_eq!(client.shutdown(), waits);
        client.handle_timeout(deadline).unwrap();
        assert_eq!((client.shutdown(), client.poll_timeout(s(60))), (Shutdown::Both, None));
    }
}
