//! Reads what a subject sends, and records what it does.

use std::time::Duration;

use super::opening::NotOpened;
use crate::case::{Answered, Closer, Event};
use crate::side::Side;
use crate::wire::{FrameReader, Head, Inflater, MAX_MESSAGE, Params, Received, head_end};
use crate::wirelog::What;

/// What a subject has done.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether the opening handshake was completed.
    pub(super) opened: bool,
    /// Why it was not completed.
    pub(super) not_opened: Option<NotOpened>,
    pub(super) events: Vec<Event>,
    /// The total size of the recorded messages, Pings and Pongs. Echoes that were taken out do not count.
    noted_bytes: usize,
    /// The masking keys of its frames.
    keys: Vec<[u8; 4]>,
    /// Its Close.
    pub(super) close: Option<CloseFrame>,
    /// Whether the runner has sent a Close.
    pub(super) close_sent: bool,
    /// Who sent the first Close.
    pub(super) closed_first: Option<Closer>,
    /// How its direction of the TCP connection ended.
    pub(super) end: Option<What>,
    /// Whether the runner's patience has ended.
    pub(super) patience_lost: bool,
    /// Whether the runner has ended its direction of the TCP connection.
    pub(super) output_ended: bool,
    /// Whether the runner has reset the TCP connection.
    pub(super) reset: bool,
    /// When the current pause began.
    pub(super) paused_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloseFrame {
    pub(super) code: Option<u16>,
}

impl Seen {
    pub(super) const fn ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn violation(&mut self, how: Option<String>) {
        self.events.extend(how.map(Event::Violation));
    }

    pub(super) fn is_violated(&self) -> bool {
        matches!(self.events.last(), Some(Event::Violation(_)))
    }

    /// Records what the subject has sent, unless that would exceed what a subject may make the
    /// runner hold.
    fn note(&mut self, event: fn(Vec<u8>) -> Event, payload: Vec<u8>) -> Result<(), String> {
        self.noted_bytes += payload.len();
        if self.noted_bytes > MAX_EVENT_BYTES || self.events.len() >= MAX_EVENTS {
            return Err("it sends without end, and nothing has asked for it".into());
        }
        self.events.push(event(payload));
        Ok(())
    }

    /// Checks that no masking key was used twice (RFC 6455 §5.3), and records the result.
    pub(super) fn compare_keys(&mut self) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_unstable();
        self.events.push(match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Event::FreshKeys,
            Some(pair) => {
                let [a, b, c, d] = pair[0];
                let key = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
                Event::Violation(format!("it used the masking key {key} twice (RFC 6455 §5.3)"))
            }
        });
    }

    /// Whether the Pong to this Ping has been received.
    pub(super) fn has_pong(&self, ping: &[u8]) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Pong(pong) if pong == ping))
    }

    /// Replaces the Pongs to these Pings with one event, in the place of the last one.
    pub(super) fn join_pongs(&mut self, pings: &[Vec<u8>]) {
        let mut rest = pings.iter();
        let mut answered = 0;
        let mut end = None;
        for event in std::mem::take(&mut self.events) {
            let Event::Pong(payload) = &event else {
                self.events.push(event);
                continue;
            };
            // Only Pings after the last answered one can match, because Pongs come in the order of their Pings.
            match rest.clone().position(|ping| ping == payload) {
                None => self.events.push(event),
                Some(skipped) => {
                    rest.nth(skipped);
                    answered += 1;
                    end = Some(self.events.len());
                }
            }
        }
        let joined = match rest.len() {
            0 if answered == pings.len() => Answered::All,
            0 => Answered::Last,
            _ => Answered::Some,
        };
        if let Some(end) = end {
            self.events.insert(end, Event::Pongs(joined));
        }
    }

    /// Takes the last event if it is a message.
    pub(super) fn take_message(&mut self) -> Option<(bool, Vec<u8>)> {
        let (binary, payload) = match self.events.pop()? {
            Event::Text(payload) => (false, payload),
            Event::Binary(payload) => (true, payload),
            other => {
                self.events.push(other);
                return None;
            }
        };
        self.noted_bytes -= payload.len();
        Some((binary, payload))
    }
}

/// Reads the subject's half of the opening handshake and its frames.
#[derive(Debug)]
pub(super) struct Reader {
    side: Side,
    /// The bytes that have come, until the head is complete.
    head: Vec<u8>,
    frames: FrameReader,
    message: Option<Unfinished>,
    inflater: Option<Inflater>,
    /// Set after a Close or a violation: nothing more is read.
    over: bool,
    /// How many frames have been read.
    frame_count: usize,
}

#[derive(Debug)]
struct Unfinished {
    binary: bool,
    compressed: bool,
    payload: Vec<u8>,
}

/// The largest head that is read.
const MAX_HEAD: usize = 64 << 10;

/// The most frames that are read, because the key of each is kept. No case needs as many.
const MAX_FRAMES: usize = 4 << 20;

/// The most messages, Pings and Pongs that are held at a time. The next constant limits their
/// bytes.
const MAX_EVENTS: usize = 64 << 10;
const MAX_EVENT_BYTES: usize = 2 * MAX_MESSAGE;

impl Reader {
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            head: Vec::new(),
            frames: FrameReader::new(side),
            message: None,
            inflater: None,
            over: false,
            frame_count: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    /// The head, once it is complete. The error is a sentence.
    pub(super) fn take_head(&mut self) -> Option<Result<Head, String>> {
        let Some(end) = head_end(&self.head) else {
            return (self.head.len() > MAX_HEAD)
                .then(|| Err(format!("its head has more than {MAX_HEAD} bytes")));
        };
        let head = match self.side {
            Side::Server => Head::of_response(&self.head[..end]),
            Side::Client => Head::of_request(&self.head[..end]),
        };
        self.head.drain(..end);
        Some(head)
    }

    /// Whether more bytes have come after what was taken.
    pub(super) const fn has_more(&self) -> bool {
        !self.head.is_empty()
    }

    /// Decompresses messages with these parameters from now on.
    pub(super) fn inflate(&mut self, params: Params) {
        self.inflater = Some(Inflater::new(params));
    }

    /// Reads the frames that have arrived.
    pub(super) fn read(&mut self, seen: &mut Seen) {
        self.frames.feed(&std::mem::take(&mut self.head));
        while !self.over {
            match self.frames.next().and_then(|frame| match frame {
                Some(frame) => self.frame(frame, seen).map(Some),
                None => Ok(None),
            }) {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(how) => {
                    seen.violation(Some(how));
                    self.over = true;
                }
            }
        }
        if seen.close.is_some() {
            self.read_behind_close(seen);
        }
        if seen.is_violated() {
            // What comes now changes nothing, and a subject that sends without end must not fill the memory.
            self.frames.clear();
        }
    }

    /// Checks what has come after the Close.
    fn read_behind_close(&mut self, seen: &mut Seen) {
        while let Some(opcode) = self.frames.opcode().filter(|_| !seen.is_violated()) {
            // RFC 6455 §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame"; §5.5.2:
            // a Ping is answered "unless it already received a Close frame". No sentence forbids a second Close.
            if opcode != 8 {
                seen.violation(Some("it sent more after its Close (RFC 6455 §5.5.1)".into()));
                return;
            }
            match self.frames.next() {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(how) => seen.violation(Some(how)),
            }
        }
    }

    fn frame(&mut self, frame: Received, seen: &mut Seen) -> Result<(), String> {
        seen.keys.extend(frame.key);
        self.frame_count += 1;
        if self.frame_count > MAX_FRAMES {
            return Err("it sends without end, and nothing has asked for it".into());
        }
        let compressed = frame.rsv == 4 && matches!(frame.opcode, 1 | 2) && self.inflater.is_some();
        if frame.rsv != 0 && !compressed {
            return Err(format!(
                "it sent a frame with opcode {} and the reserved bits {:03b} (RFC 6455 §5.2)",
                frame.opcode, frame.rsv
            ));
        }
        match frame.opcode {
            8 => {
                self.over = true;
                let (code, fault) = close(&frame.payload);
                seen.close = Some(CloseFrame { code });
                return fault.map_or(Ok(()), Err);
            }
            9 => seen.note(Event::Ping, frame.payload)?,
            10 => seen.note(Event::Pong, frame.payload)?,
            0 => {
                let Some(mut message) = self.message.take() else {
                    return Err(
                        "it sent a continuation frame with nothing to continue (RFC 6455 §5.4)"
                            .into(),
                    );
                };
                message.payload.extend(frame.payload);
                if message.payload.len() > MAX_MESSAGE {
                    return Err(format!(
                        "it sent a message of more than {MAX_MESSAGE} bytes, which it was never sent"
                    ));
                }
                self.part(message, frame.fin, seen)?;
            }
            opcode => {
                if self.message.is_some() {
                    return Err("it began a message inside of another one (RFC 6455 §5.4)".into());
                }
                let message =
                    Unfinished { binary: opcode == 2, compressed, payload: frame.payload };
                self.part(message, frame.fin, seen)?;
            }
        }
        Ok(())
    }

    fn part(&mut self, message: Unfinished, fin: bool, seen: &mut Seen) -> Result<(), String> {
        if !fin {
            self.message = Some(message);
            return Ok(());
        }
        let payload = match &mut self.inflater {
            Some(inflater) if message.compressed => inflater.message(&message.payload)?,
            _ => message.payload,
        };
        if !message.binary && std::str::from_utf8(&payload).is_err() {
            return Err("it sent a text message that is not UTF-8 (RFC 6455 §5.6)".into());
        }
        seen.note(if message.binary { Event::Binary } else { Event::Text }, payload)
    }
}

/// Reads the body of a Close (RFC 6455 §5.5.1): its code, and a sentence that describes its fault,
/// if it has one.
fn close(body: &[u8]) -> (Option<u16>, Option<String>) {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        let fault = "it sent a Close with a body of one byte (RFC 6455 §5.5.1)";
        return (None, (!body.is_empty()).then(|| fault.into()));
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 §7.4.1 and §7.4.2; 1012 to 1014 are in IANA's registry.
    let fault = if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        Some(format!("it sent a Close with code {code}, which must not be sent (RFC 6455 §7.4)"))
    } else if std::str::from_utf8(reason).is_err() {
        Some("it sent a Close with a reason that is not UTF-8 (RFC 6455 §5.5.1)".into())
    } else {
        None
    };
    (Some(code), fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_of(bytes: &[u8]) -> Seen {
        let (mut reader, mut seen) = (Reader::new(Side::Server), Seen::default());
        reader.feed(bytes);
        reader.read(&mut seen);
        seen
    }

    #[test]
    fn behind_a_close_only_another_close_is_no_fault() {
        let close = [0x88, 2, 0x03, 0xea];
        assert!(!seen_of(&[&close[..], &[0x88, 0]].concat()).is_violated());
        assert!(seen_of(&[&close[..], &[0x81, 2, b'h']].concat()).is_violated());
        assert!(seen_of(&[&close[..], &[0x8a, 2, b'h', b'i']].concat()).is_violated());
        assert!(seen_of(&[&close[..], &[0x88, 0, 0x80, 0]].concat()).is_violated());
        assert!(seen_of(&[&close[..], &[0x88, 126, 0, 126]].concat()).is_violated());
    }

    #[test]
    fn what_is_sent_without_end_is_not_held() {
        let large = [&[0x82, 127][..], &(MAX_MESSAGE as u64 + 1).to_be_bytes()].concat();
        assert!(seen_of(&large).is_violated());
        let pings = [0x89, 0].repeat(MAX_EVENTS + 1);
        let (mut reader, mut seen) = (Reader::new(Side::Server), Seen::default());
        reader.feed(&pings);
        reader.read(&mut seen);
        assert!(seen.is_violated());
        assert!(seen.events.len() <= MAX_EVENTS + 1);
        for _ in 0..100 {
            reader.feed(&[0; 1 << 16]);
            reader.read(&mut seen);
        }
        assert!(reader.head.is_empty() && reader.frames.opcode().is_none());
    }
}
