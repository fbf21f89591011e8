//! The two directions of a connection ("halves" in this file) do what the whole connection does, whenever their signals
//! arrive.

use std::time::Duration;

use fullduplex::{
    CloseCode, Config, Connection, Error, Event, Input, Negotiated, Receiver, Role, SendError,
    Sender, Signals, Timeouts,
};
use fullduplex_testkit::{Frame, ROLES, TestEntropy, frames};
use proptest::collection::vec;
use proptest::prelude::*;

/// Something that happens to a connection.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The peer sends this frame.
    Receive(Received),
    SendText,
    SendPing,
    Close(u16),
    /// The connection's answers are written.
    Write,
    /// A second goes by.
    Wait,
    EndOfInput,
    /// The signals that are on their way to this half arrive.
    ToSender,
    ToReceiver,
}

#[derive(Clone, Copy, Debug)]
enum Received {
    Text,
    Unfinished,
    Ping(u8),
    Close(u16),
    /// RSV2 is set.
    Broken,
}

fn step() -> impl Strategy<Value = Step> {
    let received = prop_oneof![
        4 => Just(Received::Text),
        1 => Just(Received::Unfinished),
        4 => any::<u8>().prop_map(Received::Ping),
        1 => (1000_u16..1003).prop_map(Received::Close),
        1 => Just(Received::Broken),
    ];
    prop_oneof![
        8 => received.prop_map(Step::Receive),
        2 => Just(Step::SendText),
        1 => Just(Step::SendPing),
        1 => (3000_u16..3003).prop_map(Step::Close),
        4 => Just(Step::Write),
        2 => Just(Step::Wait),
        1 => Just(Step::EndOfInput),
        4 => Just(Step::ToSender),
        4 => Just(Step::ToReceiver),
    ]
}

fn wire(role: Role, received: Received) -> Vec<u8> {
    let frame = match received {
        Received::Text => Frame::text("hello"),
        Received::Unfinished => Frame::text("hel").unfinished(),
        Received::Ping(id) => Frame::ping([id]),
        Received::Close(code) => Frame::close(code, "bye"),
        Received::Broken => Frame { rsv: 2, ..Frame::binary("x") },
    };
    if role == Role::Server { frame.masked().encode() } else { frame.encode() }
}

fn config() -> Config {
    let mut config = Config::new();
    config.timeouts = Timeouts::new().keepalive(Duration::from_secs(3), Duration::from_secs(3));
    config
}

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), config())
}

/// What a connection has done, whole or in halves.
#[derive(Debug, Default, PartialEq)]
struct Done {
    events: Vec<String>,
    errors: Vec<Error>,
    sent: Vec<Result<(), SendError>>,
    written: Vec<u8>,
}

/// A connection in halves, and the signals on their way between them.
struct Halves {
    receiver: Receiver,
    sender: Sender,
    to_sender: Option<Signals>,
    to_receiver: Option<Signals>,
}

fn post(mail: &mut Option<Signals>, signals: Option<Signals>) {
    match (mail, signals) {
        (Some(mail), Some(later)) => mail.merge(later),
        (mail, Some(first)) => *mail = Some(first),
        (_, None) => {}
    }
}

impl Halves {
    fn new(role: Role) -> Self {
        let (mut receiver, sender) = open(role).split();
        receiver.poll_timeout(Duration::ZERO);
        Self { receiver, sender, to_sender: None, to_receiver: None }
    }

    fn post(&mut self) {
        post(&mut self.to_sender, self.receiver.signals());
        post(&mut self.to_receiver, self.sender.signals());
    }

    fn carry_to_sender(&mut self) {
        if let Some(signals) = self.to_sender.take() {
            self.sender.handle_signals(signals);
        }
    }

    fn carry_to_receiver(&mut self) {
        if let Some(signals) = self.to_receiver.take() {
            self.receiver.handle_signals(signals);
        }
    }

    /// Exchanges signals until neither half has any.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.post();
            self.carry_to_sender();
            self.carry_to_receiver();
        }
        self.post();
        assert!(self.to_sender.is_none() && self.to_receiver.is_none(), "they have no end of it");
    }
}

/// Runs a step. For a whole connection, `$receiver` and `$sender` are the same.
macro_rules! run {
    ($step:expr, $receiver:expr, $sender:expr, $role:expr, $now:expr, $entropy:expr, $done:expr) => {{
        let (now, done): (Duration, &mut Done) = ($now, $done);
        let mut out = [0; 300];
        match $step {
            Step::Receive(received) => {
                let mut bytes = wire($role, received);
                let mut input = Input::new(&mut bytes);
                loop {
                    match $receiver.poll_event(&mut input) {
                        Ok(None) => break,
                        Ok(Some(event)) => {
                            let control = match event {
                                Event::Ping => $receiver.control_payload(),
                                _ => &[],
                            };
                            done.events.push(format!("{event:?} {control:?}"));
                        }
                        Err(error) => done.errors.push(error),
                    }
                }
            }
            Step::SendText => {
                let sent = $sender.send_text("mine", &mut out, &mut $entropy);
                done.written.extend(&out[..*sent.as_ref().unwrap_or(&0)]);
                done.sent.push(sent.map(drop));
            }
            Step::SendPing => {
                let sent = $sender.send_ping(b"mine", &mut out, &mut $entropy);
                done.written.extend(&out[..*sent.as_ref().unwrap_or(&0)]);
                done.sent.push(sent.map(drop));
            }
            Step::Close(code) => {
                let code = CloseCode::from_u16(code);
                let sent = $sender.close(code, "done", &mut out, &mut $entropy);
                done.written.extend(&out[..*sent.as_ref().unwrap_or(&0)]);
                done.sent.push(sent.map(drop));
            }
            Step::Write => {
                while let Some(bytes) = $sender.poll_transmit(&mut out, &mut $entropy).unwrap() {
                    done.written.extend_from_slice(bytes);
                }
            }
            Step::Wait => done.errors.extend($receiver.handle_timeout(now).err()),
            Step::EndOfInput => done.errors.extend($receiver.handle_eof().err()),
            Step::ToSender | Step::ToReceiver => {}
        }
        // A caller does this before every wait, so that the connection knows when the step has happened.
        $receiver.poll_timeout(now);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn halves_that_are_told_at_once_do_what_the_whole_does(
        steps in vec(step(), 0..40),
        client in any::<bool>(),
    ) {
        let role = ROLES[usize::from(client)];
        let (mut whole, mut halves) = (open(role), Halves::new(role));
        let (mut first, mut second) = (TestEntropy::new(1), TestEntropy::new(1));
        let (mut by_whole, mut by_halves) = (Done::default(), Done::default());
        for (seconds, step) in steps.into_iter().enumerate() {
            let now = Duration::from_secs(seconds as u64);
            run!(step, whole, whole, role, now, first, &mut by_whole);
            run!(step, halves.receiver, halves.sender, role, now, second, &mut by_halves);
            halves.settle();
            prop_assert_eq!(&by_whole, &by_halves, "after {:?}", step);
            prop_assert_eq!(whole.is_closed(), halves.receiver.is_closed());
            prop_assert_eq!(whole.is_closed(), halves.sender.is_closed());
            prop_assert_eq!(whole.is_clean(), halves.receiver.is_clean());
            prop_assert_eq!(whole.may_send(), halves.sender.may_send());
            prop_assert_eq!(whole.sent_close(), halves.receiver.sent_close());
            prop_assert_eq!(whole.sent_close(), halves.sender.sent_close());
            prop_assert_eq!(whole.failure(), halves.receiver.failure());
            prop_assert_eq!(whole.failure().is_some(), halves.sender.has_failed());
            prop_assert_eq!(whole.poll_timeout(now), halves.receiver.poll_timeout(now));
        }
    }

    #[test]
    fn halves_that_hear_of_each_other_late_come_to_the_same_end(
        steps in vec(step(), 0..60),
        client in any::<bool>(),
    ) {
        let role = ROLES[usize::from(client)];
        let mut halves = Halves::new(role);
        let mut entropy = TestEntropy::new(1);
        let mut done = Done::default();
        let mut now = Duration::ZERO;
        for step in steps {
            now += Duration::from_secs(1);
            run!(step, halves.receiver, halves.sender, role, now, entropy, &mut done);
            halves.post();
            match step {
                Step::ToSender => halves.carry_to_sender(),
                Step::ToReceiver => halves.carry_to_receiver(),
                _ => {}
            }
        }
        halves.settle();
        run!(Step::Write, halves.receiver, halves.sender, role, now, entropy, &mut done);
        halves.settle();
        let (receiver, sender) = (&halves.receiver, &halves.sender);
        prop_assert_eq!(receiver.is_closed(), sender.is_closed());
        prop_assert_eq!(receiver.is_clean(), sender.is_clean());
        prop_assert_eq!(receiver.sent_close(), sender.sent_close());
        prop_assert_eq!(receiver.failure().is_some(), sender.has_failed());
        prop_assert_eq!(receiver.may_send(), sender.may_send());
        prop_assert!(!sender.has_transmit());
        prop_assert!(done.errors.len() <= 1);
        if receiver.peer_close().is_some() {
            prop_assert!(receiver.is_closed());
        }

        let written = frames(&done.written);
        let closes = written.iter().filter(|frame| frame.opcode == 8).count();
        prop_assert_eq!(closes, usize::from(sender.sent_close().is_some()));
        if closes == 1 {
            prop_assert_eq!(written.last().map(|frame| frame.opcode), Some(8), "the Close is last");
        }

        let (closed, clean) = (receiver.is_closed(), receiver.is_clean());
        let joined = Connection::join(halves.receiver, halves.sender);
        prop_assert_eq!((joined.is_closed(), joined.is_clean()), (closed, clean));
    }
}

#[test]
fn of_pings_that_wait_for_the_sender_the_latest_is_answered() {
    for role in ROLES {
        let mut halves = Halves::new(role);
        let mut done = Done::default();
        let mut entropy = TestEntropy::new(1);
        for id in [1, 2, 3] {
            let ping = Step::Receive(Received::Ping(id));
            run!(ping, halves.receiver, halves.sender, role, Duration::ZERO, entropy, &mut done);
            halves.post();
        }
        halves.carry_to_sender();
        run!(Step::Write, halves.receiver, halves.sender, role, Duration::ZERO, entropy, &mut done);
        let pongs: Vec<_> = frames(&done.written).into_iter().map(|pong| pong.payload).collect();
        assert_eq!(pongs, [[3]]);
    }
}

#[test]
fn a_connection_that_was_joined_goes_on() {
    for role in ROLES {
        let mut halves = Halves::new(role);
        let mut done = Done::default();
        let mut entropy = TestEntropy::new(1);
        let now = Duration::from_secs(1);
        let steps = [Received::Unfinished, Received::Ping(9)].map(Step::Receive);
        for step in steps {
            run!(step, halves.receiver, halves.sender, role, now, entropy, &mut done);
        }
        let mut conn = Connection::join(halves.receiver, halves.sender);
        assert!(conn.has_transmit(), "the Pong is still to be written");
        for step in [Step::Write, Step::Receive(Received::Text)] {
            run!(step, conn, conn, role, now, entropy, &mut done);
        }
        assert_eq!(frames(&done.written).len(), 1);
        assert_eq!(done.errors.len(), 1, "text within a text");
        assert_eq!(conn.failure(), Some(done.errors[0]));
    }
}

#[test]
fn halves_can_be_used_by_two_threads() {
    fn movable<T: Send + Sync + 'static>() {}
    movable::<(Receiver, Sender, Signals)>();
}

#[test]
fn what_is_merged_has_all_that_was_to_be_told() {
    for role in ROLES {
        for ping_first in [false, true] {
            let mut halves = Halves::new(role);
            let mut done = Done::default();
            let mut entropy = TestEntropy::new(1);
            let mut steps = [(Step::Receive(Received::Ping(7)), 1), (Step::Wait, 4)];
            if ping_first {
                steps = [(Step::Wait, 3), (Step::Receive(Received::Ping(7)), 4)];
            }
            for (step, at) in steps.into_iter().chain([(Step::Receive(Received::Text), 5)]) {
                let now = Duration::from_secs(at);
                run!(step, halves.receiver, halves.sender, role, now, entropy, &mut done);
                halves.post();
            }
            let now = Duration::from_secs(5);
            halves.settle();
            run!(Step::Write, halves.receiver, halves.sender, role, now, entropy, &mut done);
            let opcodes: Vec<_> = frames(&done.written).iter().map(|frame| frame.opcode).collect();
            assert_eq!(opcodes, [10, 9], "a Pong and a Ping");
        }
    }
}

#[test]
fn joined_directions_know_what_was_told_and_never_heard() {
    for role in ROLES {
        let (mut receiver, sender) = open(role).split();
        let mut close = wire(role, Received::Close(1000));
        assert_eq!(receiver.poll_event(&mut Input::new(&mut close)), Ok(Some(Event::Close)));
        assert!(receiver.signals().is_some(), "and it is lost");
        let joined = Connection::join(receiver, sender);
        assert!(!joined.may_send());
        assert!(joined.has_transmit(), "the answer");
    }
}
