//! Calls every method of a connection in any order: nothing panics, and a peer accepts what was written.
#![no_main]

#[path = "operations/said.rs"]
mod said;

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::{
    CloseCode, Config, Connection, Entropy, EntropyError, Error, Event, FrameError,
    Input as Received, MessageKind, Role,
};
use fullduplex_fuzz::{
    Bound, End, Measured, Oracle, SmallLimits, Step, Traffic, close_code, connection, scaled,
};
use fullduplex_testkit::{Frame, Outcome, Seen, Split, drive, frames};
use libfuzzer_sys::fuzz_target;
use said::Said;

/// What was written, the messages in it, and what a peer sees of it; a buffer for each call.
const MEMORY: Bound = Bound { constant: 24 << 10, factor: 10 };

#[derive(Arbitrary, Debug)]
struct Input {
    end: End,
    limits: Option<SmallLimits>,
    keepalive: Option<(u8, u8)>,
    idle: Option<u8>,
    operations: Vec<Operation>,
}

#[derive(Arbitrary, Debug)]
struct Operation {
    call: Call,
    /// The space and the entropy that the call has: mostly enough, sometimes not.
    means: u8,
}

impl Operation {
    fn has_entropy(&self) -> bool {
        !matches!(self.means, 160..=191)
    }

    /// Whether the frame is appended to a vector, and not written into a buffer.
    fn appends(&self) -> bool {
        self.room().is_none() && self.means % 2 == 1
    }

    /// The size of the output buffer; `None` if it is large enough.
    fn room(&self) -> Option<usize> {
        match self.means {
            0..=191 => None,
            192.. => Some(usize::from(self.means - 192) * 4),
        }
    }
}

#[derive(Debug)]
enum Call {
    SendText(String),
    SendBinary(Vec<u8>, u8),
    Fragment { text: bool, payload: Vec<u8>, last: bool },
    TextHeader(String),
    BinaryHeader(Vec<u8>),
    MaskText(Vec<u8>),
    MaskBinary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close { code: u16, valid: bool, reason: String },
    Receive(Vec<u8>),
    ReceiveFrames([u8; 4], Vec<Step>),
    Transmit,
    TransmitAll,
    Wait,
    Timeout(u16),
    End { reset: bool },
}

/// As a derived implementation, but one byte chooses the call and not four, and calls that lead further are chosen more
/// often. So a fuzzer finds sequences with a meaning.
impl<'a> Arbitrary<'a> for Call {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u8::arbitrary(u)? % 24 {
            0 => Self::SendText(u.arbitrary()?),
            1 => Self::SendBinary(u.arbitrary()?, u.arbitrary()?),
            2 | 3 => {
                let (text, last) = (u.arbitrary()?, u.arbitrary()?);
                Self::Fragment { text, payload: u.arbitrary()?, last }
            }
            4 => Self::TextHeader(u.arbitrary()?),
            5 => Self::BinaryHeader(u.arbitrary()?),
            6 => Self::MaskText(u.arbitrary()?),
            7 => Self::MaskBinary(u.arbitrary()?),
            8 => Self::Ping(u.arbitrary()?),
            9 => Self::Pong(u.arbitrary()?),
            10 => {
                Self::Close { code: u.arbitrary()?, valid: u.arbitrary()?, reason: u.arbitrary()? }
            }
            11 => Self::Receive(u.arbitrary()?),
            12 | 13 => Self::ReceiveFrames(u.arbitrary()?, u.arbitrary()?),
            14..=16 => Self::ReceiveFrames([1; 4], vec![Step::Control(u.arbitrary()?)]),
            17 => Self::ReceiveFrames([1; 4], vec![Step::Data(u.arbitrary()?)]),
            18 | 19 => Self::Transmit,
            20 => Self::TransmitAll,
            21 => Self::Wait,
            22 => Self::Timeout(u.arbitrary()?),
            _ => Self::End { reset: u.arbitrary()? },
        })
    }
}

/// Keys that are all different, as long as there is entropy.
struct Keys {
    next: u32,
    works: bool,
}

impl Entropy for Keys {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        if !self.works {
            return Err(EntropyError);
        }
        self.next += 1;
        Ok(self.next)
    }
}

/// The connection, what it has written, and the messages in it.
struct Subject {
    conn: Connection,
    role: Role,
    keys: Keys,
    now: Duration,
    wire: Vec<u8>,
    /// The messages that were sent completely.
    sent: Vec<Seen>,
    unfinished: Option<(bool, Vec<u8>)>,
    failures: usize,
    /// What the target has seen of its closing.
    closing: said::Seen,
    /// How many bytes it has received, and how many it was asked to send.
    moved: usize,
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, run));

/// Returns how many bytes were received and written.
fn run(input: &Input) -> usize {
    let role = input.end.role();
    let mut config = input.limits.map_or(Config::new(), SmallLimits::config);
    if let Some((interval, wait)) = input.keepalive {
        config.timeouts = config
            .timeouts
            .keepalive(Duration::from_secs(interval.into()), Duration::from_secs(wait.into()));
    }
    config.timeouts.idle_timeout = input.idle.map(|idle| Duration::from_secs(idle.into()));
    let mut subject = Subject {
        conn: connection(role, config),
        role,
        keys: Keys { next: 0, works: true },
        now: Duration::ZERO,
        wire: Vec::new(),
        sent: Vec::new(),
        unfinished: None,
        failures: 0,
        closing: said::Seen::default(),
        moved: 0,
    };
    let mut before = Said::by(&subject.conn);
    for operation in input.operations.iter().take(100) {
        subject.run(operation);
        subject.closing.failed = subject.failures > 0;
        let said = Said::by(&subject.conn);
        said.check(subject.closing, &before);
        before = said;
    }
    subject.check()
}

impl Subject {
    fn run(&mut self, operation: &Operation) {
        self.keys.works = operation.has_entropy();
        if operation.appends() && self.append(&operation.call) {
            return;
        }
        let mut out = vec![0xee; operation.room().unwrap_or(8 << 10)];
        let (conn, keys) = (&mut self.conn, &mut self.keys);
        match &operation.call {
            Call::SendText(text) => {
                if let Ok(len) = conn.send_text(text, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.note(&operation.call);
                }
            }
            Call::SendBinary(unit, scale) => {
                let payload = scaled(unit, *scale);
                self.moved += payload.len();
                if operation.room().is_none() {
                    out.resize(payload.len() + 14, 0xee);
                }
                if let Ok(len) = conn.send_binary(&payload, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.note(&operation.call);
                }
            }
            Call::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                if let Ok(len) = conn.send_fragment(kind, payload, *last, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.note(&operation.call);
                }
            }
            Call::TextHeader(text) => {
                if let Ok(header) = conn.text_header(text) {
                    self.with_header(&header, true, text.as_bytes(), text.as_bytes());
                }
            }
            Call::BinaryHeader(payload) => {
                if let Ok(header) = conn.binary_header(payload.len()) {
                    self.with_header(&header, false, payload, payload);
                }
            }
            Call::MaskText(plain) => {
                let mut masked = plain.clone();
                let header = conn.mask_text(&mut masked, keys);
                self.masked(header.as_deref().ok(), true, plain, masked);
            }
            Call::MaskBinary(plain) => {
                let mut masked = plain.clone();
                let header = conn.mask_binary(&mut masked, keys);
                self.masked(header.as_deref().ok(), false, plain, masked);
            }
            Call::Ping(payload) => {
                if let Ok(len) = conn.send_ping(payload, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                }
            }
            Call::Pong(payload) => {
                if let Ok(len) = conn.send_pong(payload, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                }
            }
            Call::Close { code, valid, reason } => {
                let code = CloseCode::from_u16(if *valid { close_code(*code) } else { *code });
                if let Ok(len) = conn.close(code, reason, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.closing.wrote_close = true;
                    let sent = self.conn.sent_close().filter(|_| !Oracle::OperationsClose.faulty());
                    Oracle::OperationsClose.same(sent, Some(Some(code)));
                }
            }
            Call::Receive(bytes) => self.receive(bytes.clone()),
            Call::ReceiveFrames(key, steps) => {
                let key = (self.role == Role::Server).then_some(*key);
                let traffic = Traffic::new(&steps[..steps.len().min(8)], key);
                self.receive(traffic.wire);
            }
            Call::Transmit => {
                if let Ok(Some(bytes)) = conn.poll_transmit(&mut out, keys) {
                    self.closing.wrote_close |= is_close(bytes);
                    self.wire.extend(bytes);
                }
            }
            Call::TransmitAll => {
                let mut rounds = 0;
                while let Ok(Some(bytes)) = conn.poll_transmit(&mut out, &mut *keys) {
                    self.closing.wrote_close |= is_close(bytes);
                    self.wire.extend(bytes);
                    rounds += if Oracle::OperationsTransmits.faulty() { 4 } else { 1 };
                    // A Pong, a Ping and a Close.
                    Oracle::OperationsTransmits.holds(rounds <= 3, rounds);
                }
            }
            Call::Wait => self.wait(operation.means),
            Call::Timeout(millis) => {
                self.now += Duration::from_millis(u64::from(*millis) * 8);
                let failed = said::time_out(&mut self.conn, self.now, &mut self.closing);
                self.failures += usize::from(failed);
            }
            Call::End { reset } => {
                let ended = if *reset { self.conn.handle_reset() } else { self.conn.handle_eof() };
                self.failures += usize::from(ended.is_err());
                self.closing.ended = true;
            }
        }
    }

    /// Does nothing, or something that does not change what the connection says, and then waits.
    fn wait(&mut self, means: u8) {
        match means % 4 {
            0 => {}
            1 => said::split_and_join(&mut self.conn),
            2 => self.conn.release(),
            _ => {
                self.conn.handle_unread_input();
                self.conn.handle_write_progress();
            }
        }
        said::wait(&mut self.conn, self.now);
    }

    /// Sends by appending to what was written. Returns whether this call can append.
    fn append(&mut self, call: &Call) -> bool {
        let before = self.wire.len();
        let Self { conn, wire, keys, .. } = self;
        let sent = match call {
            Call::SendText(text) => conn.append_text(text, wire, keys),
            Call::SendBinary(unit, scale) => {
                let payload = scaled(unit, *scale);
                self.moved += payload.len();
                conn.append_binary(&payload, wire, keys)
            }
            Call::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                conn.append_fragment(kind, payload, *last, wire, keys)
            }
            _ => return false,
        };
        if sent.is_ok() {
            self.note(call);
        } else {
            if Oracle::OperationsAppend.faulty() {
                self.wire.push(0);
            }
            Oracle::OperationsAppend.same(self.wire.len(), before);
        }
        true
    }

    /// Notes that a message, or a fragment, was sent.
    fn note(&mut self, call: &Call) {
        match call {
            Call::SendText(text) => self.sent.push(message(true, text.as_bytes().to_vec())),
            Call::SendBinary(unit, scale) => {
                self.sent.push(message(false, scaled(unit, *scale)));
            }
            Call::Fragment { text, payload, last } => {
                let (was_text, data) = self.unfinished.get_or_insert((*text, Vec::new()));
                let was_text = *was_text ^ Oracle::OperationsFragments.faulty();
                Oracle::OperationsFragments.same(was_text, *text);
                data.extend(payload);
                if *last && let Some((text, data)) = self.unfinished.take() {
                    self.sent.push(message(text, data));
                }
            }
            _ => {}
        }
    }

    /// Checks a payload that was masked in place, or refused and left alone.
    fn masked(&mut self, header: Option<&[u8]>, text: bool, plain: &[u8], mut masked: Vec<u8>) {
        if let Some(header) = header {
            return self.with_header(header, text, plain, &masked);
        }
        if Oracle::OperationsRefused.faulty() {
            masked.reverse();
        }
        Oracle::OperationsRefused.same(&masked[..], plain);
    }

    fn with_header(&mut self, header: &[u8], text: bool, plain: &[u8], on_wire: &[u8]) {
        self.wire.extend(header);
        self.wire.extend(on_wire);
        self.sent.push(message(text, plain.to_vec()));
    }

    fn receive(&mut self, mut bytes: Vec<u8>) {
        self.moved += bytes.len();
        let mut input = Received::new(&mut bytes);
        loop {
            match self.conn.poll_event(&mut input) {
                Ok(Some(event)) => {
                    let is_control = matches!(event, Event::Ping | Event::Pong);
                    let mut failure = self.conn.failure();
                    if Oracle::OperationsAfterFailure.faulty() {
                        failure = Some(Error::Frame(FrameError::ReservedBits));
                    }
                    Oracle::OperationsAfterFailure.same(failure, None);
                    if is_control {
                        let excess = 125 * usize::from(Oracle::OperationsControl.faulty());
                        let len = self.conn.control_payload().len() + excess;
                        Oracle::OperationsControl.holds(len <= 125, len);
                    }
                    self.closing.got_close |= event == Event::Close;
                    if Oracle::OperationsInput.faulty() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(_) => self.failures += 1,
            }
        }
        Oracle::OperationsInput.holds(input.is_empty(), "input is left");
    }

    /// Checks everything that was written, as a peer sees it. Returns how many bytes were moved.
    fn check(mut self) -> usize {
        let moved = self.moved + self.wire.len();
        self.failures *= 1 + usize::from(Oracle::OperationsFailOnce.faulty());
        Oracle::OperationsFailOnce.holds(self.failures <= 1, self.failures);
        let failure = self.conn.failure().filter(|_| !Oracle::OperationsCause.faulty());
        Oracle::OperationsCause.same(self.failures == 1, failure.is_some());
        self.check_frames();
        self.check_messages();
        moved
    }

    fn check_frames(&self) {
        let mut written = frames(&self.wire);
        bend(&mut written);
        let mut keys: Vec<_> = written.iter().filter_map(|frame| frame.mask).collect();
        let masked = if self.role == Role::Client { written.len() } else { 0 };
        // A client masks every frame, a server none.
        Oracle::OperationsMasked.same(keys.len(), masked);
        keys.sort_unstable();
        keys.dedup();
        Oracle::OperationsKeys.same(keys.len(), masked);
        let close = written.iter().position(|frame: &Frame| frame.opcode == 8);
        Oracle::OperationsCloseLast
            .holds(close.is_none_or(|at| at + 1 == written.len()), format_args!("{written:?}"));
        let said = self.conn.sent_close().is_some() ^ Oracle::OperationsCloseSaid.faulty();
        Oracle::OperationsCloseSaid.same(said, close.is_some());
    }

    fn check_messages(mut self) {
        if let Some(first) = self.wire.first_mut() {
            *first ^= 0x10 * u8::from(Oracle::OperationsValid.faulty());
        }
        let mut peer = connection(self.role.peer(), Config::new());
        let Outcome { mut seen, error, .. } = drive(&mut peer, &self.wire, Split::Whole);
        Oracle::OperationsValid.same(error, None);
        if let Some((text, data)) = self.unfinished.filter(|(_, data)| !data.is_empty()) {
            self.sent.push(message(text, data));
            for seen in &mut seen {
                if let Seen::Text(_, whole) | Seen::Binary(_, whole) = seen {
                    *whole = true;
                }
            }
        }
        seen.retain(|seen| matches!(seen, Seen::Text(..) | Seen::Binary(..)));
        if Oracle::OperationsMessages.faulty() {
            seen.pop();
        }
        Oracle::OperationsMessages.same(seen, self.sent);
    }
}

/// Whether a frame is a Close.
fn is_close(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 0x0f == 8)
}

/// Puts in the faults of what was written.
fn bend(written: &mut Vec<Frame>) {
    if Oracle::OperationsMasked.faulty()
        && let Some(last) = written.last_mut()
    {
        last.mask = if last.mask.is_some() { None } else { Some([0; 4]) };
    }
    if Oracle::OperationsKeys.faulty()
        && let [.., before, last] = &mut written[..]
    {
        last.mask = before.mask;
    }
    if Oracle::OperationsCloseLast.faulty()
        && let Some(at) = written.iter().position(|frame| frame.opcode == 8)
    {
        written.insert(at, Frame::new(8, []).masked());
        written[at].mask = written[at + 1].mask.map(|_| [0xff; 4]);
    }
}

fn message(text: bool, data: Vec<u8>) -> Seen {
    if text { Seen::Text(data, true) } else { Seen::Binary(data, true) }
}
