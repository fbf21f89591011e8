//! Every method of a connection in any order: nothing panics, and what was written is what a peer takes.
#![no_main]

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use fullduplex::{
    CloseCode, Config, Connection, Entropy, EntropyError, Event, Input as Received, MessageKind,
    Role,
};
use fullduplex_fuzz::{End, SmallLimits, Step, Traffic, close_code, connection, scaled};
use fullduplex_testkit::{Frame, Outcome, Seen, Split, drive, frames};
use libfuzzer_sys::fuzz_target;

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
    /// What the call has to do with: mostly enough room and entropy, sometimes not.
    means: u8,
}

impl Operation {
    fn has_entropy(&self) -> bool {
        !matches!(self.means, 160..=191)
    }

    /// How large the output buffer is; `None` is large enough.
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

/// As derived, but with one byte for the choice in place of four, and the calls that lead further more
/// often: so a fuzzer finds its way to sequences that mean something.
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

/// The connection, what it wrote, and what of it were messages.
struct Subject {
    conn: Connection,
    role: Role,
    keys: Keys,
    now: Duration,
    wire: Vec<u8>,
    /// Messages that were sent to their end.
    sent: Vec<Seen>,
    unfinished: Option<(bool, Vec<u8>)>,
    failures: usize,
}

fuzz_target!(|input: Input| {
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
    };
    for operation in input.operations.iter().take(100) {
        subject.run(operation);
    }
    subject.check();
});

impl Subject {
    fn run(&mut self, operation: &Operation) {
        self.keys.works = operation.has_entropy();
        let mut out = vec![0xee; operation.room().unwrap_or(8 << 10)];
        let (conn, keys) = (&mut self.conn, &mut self.keys);
        match &operation.call {
            Call::SendText(text) => {
                if let Ok(len) = conn.send_text(text, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.sent.push(Seen::Text(text.as_bytes().to_vec(), true));
                }
            }
            Call::SendBinary(unit, scale) => {
                let payload = scaled(unit, *scale);
                if operation.room().is_none() {
                    out.resize(payload.len() + 14, 0xee);
                }
                if let Ok(len) = conn.send_binary(&payload, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    self.sent.push(Seen::Binary(payload, true));
                }
            }
            Call::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                if let Ok(len) = conn.send_fragment(kind, payload, *last, &mut out, keys) {
                    self.wire.extend(&out[..len]);
                    let (was_text, data) = self.unfinished.get_or_insert((*text, Vec::new()));
                    assert_eq!(was_text, text, "a fragment of another kind");
                    data.extend(payload);
                    if *last && let Some((text, data)) = self.unfinished.take() {
                        self.sent.push(message(text, data));
                    }
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
                match conn.mask_text(&mut masked, keys) {
                    Ok(header) => self.with_header(&header, true, plain, &masked),
                    Err(_) => assert_eq!(&masked, plain, "what is refused is left alone"),
                }
            }
            Call::MaskBinary(plain) => {
                let mut masked = plain.clone();
                match conn.mask_binary(&mut masked, keys) {
                    Ok(header) => self.with_header(&header, false, plain, &masked),
                    Err(_) => assert_eq!(&masked, plain, "what is refused is left alone"),
                }
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
                    assert_eq!(self.conn.sent_close(), Some(Some(code)));
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
                    self.wire.extend(bytes);
                }
            }
            Call::TransmitAll => {
                let mut rounds = 0;
                while let Ok(Some(bytes)) = conn.poll_transmit(&mut out, &mut *keys) {
                    self.wire.extend(bytes);
                    rounds += 1;
                    assert!(rounds <= 3, "a Pong, a Ping and a Close at most");
                }
            }
            Call::Wait => _ = self.conn.poll_timeout(self.now),
            Call::Timeout(millis) => {
                self.now += Duration::from_millis(u64::from(*millis) * 8);
                self.failures += usize::from(self.conn.handle_timeout(self.now).is_err());
            }
            Call::End { reset } => {
                let ended = if *reset { self.conn.handle_reset() } else { self.conn.handle_eof() };
                self.failures += usize::from(ended.is_err());
            }
        }
    }

    fn with_header(&mut self, header: &[u8], text: bool, plain: &[u8], on_wire: &[u8]) {
        self.wire.extend(header);
        self.wire.extend(on_wire);
        self.sent.push(message(text, plain.to_vec()));
    }

    fn receive(&mut self, mut bytes: Vec<u8>) {
        let mut input = Received::new(&mut bytes);
        loop {
            match self.conn.poll_event(&mut input) {
                Ok(Some(event)) => {
                    assert_eq!(self.conn.failure(), None, "something delivered after a failure");
                    if matches!(event, Event::Ping | Event::Pong) {
                        assert!(self.conn.control_payload().len() <= 125);
                    }
                }
                Ok(None) => break,
                Err(_) => self.failures += 1,
            }
        }
        assert!(input.is_empty());
    }

    /// Everything that was written, as a peer sees it.
    fn check(mut self) {
        assert!(self.failures <= 1, "a failure is told once");
        assert_eq!(self.failures == 1, self.conn.failure().is_some());

        let written = frames(&self.wire);
        let mut keys: Vec<_> = written.iter().filter_map(|frame| frame.mask).collect();
        let masked = if self.role == Role::Client { written.len() } else { 0 };
        assert_eq!(keys.len(), masked, "a client masks every frame, a server none");
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), masked, "a key was used twice");
        if let Some(at) = written.iter().position(|frame: &Frame| frame.opcode == 8) {
            assert_eq!(at + 1, written.len(), "something was written after the Close");
            assert!(self.conn.sent_close().is_some());
        } else {
            assert_eq!(self.conn.sent_close(), None);
        }

        let mut peer = connection(self.role.peer(), Config::new());
        let Outcome { mut seen, error, .. } = drive(&mut peer, &self.wire, Split::Whole);
        assert_eq!(error, None, "a peer finds fault with what was written");
        if let Some((text, data)) = self.unfinished.filter(|(_, data)| !data.is_empty()) {
            self.sent.push(message(text, data));
            for seen in &mut seen {
                if let Seen::Text(_, whole) | Seen::Binary(_, whole) = seen {
                    *whole = true;
                }
            }
        }
        seen.retain(|seen| matches!(seen, Seen::Text(..) | Seen::Binary(..)));
        assert_eq!(seen, self.sent);
    }
}

fn message(text: bool, data: Vec<u8>) -> Seen {
    if text { Seen::Text(data, true) } else { Seen::Binary(data, true) }
}
