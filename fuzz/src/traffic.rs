//! What a peer might send: frames on the wire, and what a receiver must see in them.

use arbitrary::Arbitrary;
use fullduplex_testkit::{Frame, LengthForm, Seen};

/// A little more than a length of 16 bits can hold.
const LARGE: usize = 66_000;

/// Repeats `unit` as `scale` says: mostly once, sometimes to a few thousand bytes, rarely to more than a length of 16 bits
/// can hold. So a fuzzer reaches every form of the length and stays fast.
#[must_use]
pub fn scaled(unit: &[u8], scale: u8) -> Vec<u8> {
    let len = unit.len().max(1);
    unit.repeat(match scale {
        0..=191 => 1,
        192..=253 => usize::from(scale - 190).min(4_000 / len + 1),
        254.. => LARGE / len + 1,
    })
}

/// A Ping or Pong.
#[derive(Arbitrary, Clone, Debug)]
pub struct Control {
    pong: bool,
    payload: Vec<u8>,
}

/// A data message in any number of fragments, with control frames in between.
#[derive(Arbitrary, Clone, Debug)]
pub struct Data {
    content: Content,
    /// How often the payload is repeated: see [`scaled`].
    scale: u8,
    /// Where it is cut into fragments, and the control frame that is sent there.
    cuts: Vec<(u16, Option<Control>)>,
}

#[derive(Arbitrary, Clone, Debug)]
enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Data {
    /// Whether it is text, and the payload.
    #[must_use]
    pub fn payload(&self) -> (bool, Vec<u8>) {
        let (text, unit) = match &self.content {
            Content::Text(text) => (true, text.as_bytes()),
            Content::Binary(data) => (false, data.as_slice()),
        };
        (text, scaled(unit, self.scale))
    }
}

/// One thing that a peer sends.
#[derive(Arbitrary, Clone, Debug)]
pub enum Step {
    /// A valid message.
    Data(Data),
    /// A valid Ping or Pong.
    Control(Control),
    /// A valid Close.
    Close(Option<(u16, String)>),
    /// A frame that may break any rule.
    Wild {
        /// FIN, reserved bits and opcode.
        first: u8,
        /// The masking key, if there is one.
        mask: Option<[u8; 4]>,
        /// How the length is written: 7, 16 or 64 bits.
        form: u8,
        /// The payload.
        payload: Vec<u8>,
    },
}

/// Bytes on the wire, and what the receiver must see if they are valid.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The bytes.
    pub wire: Vec<u8>,
    /// What the receiver must see; without meaning unless `valid`.
    pub expected: Vec<Seen>,
    /// Whether no step was [`Step::Wild`].
    pub valid: bool,
}

impl Traffic {
    /// Writes `steps` as frames. They are masked with keys that follow from `keys`, or unmasked if that is `None`.
    #[must_use]
    pub fn new(steps: &[Step], keys: Option<[u8; 4]>) -> Self {
        let mut writer = Writer { keys, traffic: Self { valid: true, ..Self::default() } };
        for step in steps {
            writer.step(step);
        }
        // The receiver ignores everything after a Close.
        let expected = &mut writer.traffic.expected;
        if let Some(close) = expected.iter().position(|seen| matches!(seen, Seen::Close(_))) {
            expected.truncate(close + 1);
        }
        writer.traffic
    }
}

struct Writer {
    keys: Option<[u8; 4]>,
    traffic: Traffic,
}

impl Writer {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Data(data) => self.data(data),
            Step::Control(control) => self.control(control),
            Step::Close(reason) => {
                let reason = reason.as_ref().map(|(code, reason)| {
                    let end = reason.floor_char_boundary(123);
                    (close_code(*code), reason[..end].to_owned())
                });
                self.frame(match &reason {
                    Some((code, reason)) => Frame::close(*code, reason),
                    None => Frame::new(8, []),
                });
                self.traffic.expected.push(Seen::Close(reason));
            }
            Step::Wild { first, mask, form, payload } => {
                self.traffic.valid = false;
                let frame = Frame {
                    fin: first & 0x80 != 0,
                    rsv: first >> 4 & 7,
                    opcode: first & 0x0f,
                    mask: *mask,
                    payload: payload.clone(),
                };
                let form = match form % 3 {
                    0 => LengthForm::Shortest,
                    1 => LengthForm::Two,
                    _ => LengthForm::Eight,
                };
                self.traffic.wire.extend(frame.encode_as(form));
            }
        }
    }

    fn data(&mut self, data: &Data) {
        let (text, payload) = data.payload();
        let mut cuts: Vec<(usize, &Option<Control>)> = data
            .cuts
            .iter()
            .map(|(at, control)| (usize::from(*at) % (payload.len() + 1), control))
            .collect();
        cuts.sort_by_key(|(at, _)| *at);
        let mut opcode = if text { 1 } else { 2 };
        let mut from = 0;
        for (at, control) in cuts {
            self.frame(Frame::new(opcode, &payload[from..at]).unfinished());
            (opcode, from) = (0, at);
            if let Some(control) = control {
                self.control(control);
            }
        }
        self.frame(Frame::new(opcode, &payload[from..]));
        self.traffic.expected.push(if text {
            Seen::Text(payload, true)
        } else {
            Seen::Binary(payload, true)
        });
    }

    fn control(&mut self, control: &Control) {
        let payload = &control.payload[..control.payload.len().min(125)];
        self.frame(if control.pong { Frame::pong(payload) } else { Frame::ping(payload) });
        let payload = payload.to_vec();
        self.traffic.expected.push(if control.pong {
            Seen::Pong(payload)
        } else {
            Seen::Ping(payload)
        });
    }

    fn frame(&mut self, frame: Frame) {
        self.traffic.wire.extend(Frame { mask: self.keys, ..frame }.encode());
        // Another key for the next frame.
        if let Some(key) = &mut self.keys {
            *key = u32::from_le_bytes(*key).wrapping_mul(0x9e37_79b1).to_le_bytes();
        }
    }
}

/// A close code that may be sent, made from any number.
#[must_use]
pub fn close_code(number: u16) -> u16 {
    match number {
        1000..=1003 | 1007..=1014 | 3000..=4999 => number,
        other => 3000 + other % 2000,
    }
}
