//! Passes input to a connection in reads of any sizes, and records the result.

use fullduplex::{Connection, Error, Event, Input, MAX_CONTROL_FRAME_LEN, MessageKind};

use crate::{Random, TestEntropy};

/// How input is split into reads.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    /// All in one read.
    Whole,
    /// In reads of this size.
    Every(usize),
    /// In two reads, split at this position.
    At(usize),
    /// In reads of random sizes, from a seed.
    Random(u64),
}

impl Split {
    /// The size of the next read when `done` bytes of `len` have been read.
    fn next(self, done: usize, len: usize, random: &mut Random) -> usize {
        let rest = len - done;
        match self {
            Self::Whole => rest,
            Self::Every(size) => size.clamp(1, rest),
            Self::At(at) if done < at => at.min(rest),
            Self::At(_) => rest,
            Self::Random(_) => 1 + random.below(rest.min(40)),
        }
    }
}

/// Something that the application has received. The chunks of a message are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A text message, and whether its end was received.
    Text(Vec<u8>, bool),
    /// A binary message, and whether its end was received.
    Binary(Vec<u8>, bool),
    /// A Ping with its payload.
    Ping(Vec<u8>),
    /// A Pong with its payload.
    Pong(Vec<u8>),
    /// A Close with code and reason.
    Close(Option<(u16, String)>),
}

impl Seen {
    /// Whether this is a whole message or a control frame, and not a message whose end was not received.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !matches!(self, Self::Text(_, false) | Self::Binary(_, false))
    }
}

/// What a connection did with its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the application has received, in order.
    pub seen: Vec<Seen>,
    /// The frames that the connection has sent by itself: Pongs, Pings and a Close.
    pub output: Vec<u8>,
    /// Why it failed, if it did.
    pub error: Option<Error>,
}

impl Outcome {
    fn fail(&mut self, error: Error, conn: &Connection) {
        assert_eq!(self.error, None, "a failure is returned once");
        assert_eq!(conn.failure(), Some(error));
        self.error = Some(error);
    }
}

/// Passes `bytes` to `conn` in reads as `split` says, and drains the connection's own frames after every event. If the peer
/// may compress, use [`drive_inflating`].
///
/// # Panics
/// When the connection breaks a promise of its interface: it leaves input unread, returns text that is not UTF-8, a chunk
/// outside of the buffer, or a first chunk inside a message.
pub fn drive(conn: &mut Connection, bytes: &[u8], split: Split) -> Outcome {
    drive_inflating(conn, bytes, split, 0, |received, _| Input::new(received))
}

/// [`drive`] for a connection with permessage-deflate. `input` must be `Input::with_scratch`; it is a parameter because that
/// function belongs to a feature, which this crate should not depend on. The scratch has `space` bytes, and is passed again
/// each time that all of it has been used.
///
/// # Panics
/// As [`drive`], and when there are gaps between the chunks in the scratch.
pub fn drive_inflating(
    conn: &mut Connection,
    bytes: &[u8],
    split: Split,
    space: usize,
    input: impl for<'b> Fn(&'b mut [u8], &'b mut [u8]) -> Input<'b>,
) -> Outcome {
    let mut outcome = Outcome { seen: Vec::new(), output: Vec::new(), error: None };
    let mut entropy = TestEntropy::new(1);
    let mut random = Random::new(if let Split::Random(seed) = split { seed } else { 0 });
    let mut scratch = vec![0; space];
    let mut done = 0;
    while done < bytes.len() {
        let size = split.next(done, bytes.len(), &mut random);
        let mut buffer = bytes[done..done + size].to_vec();
        done += size;
        let mut start = 0;
        loop {
            let first = scratch.as_ptr() as usize;
            let mut input = input(&mut buffer[start..], &mut scratch);
            let mut used = 0;
            let mut is_idle = true;
            loop {
                let event = conn.poll_event(&mut input);
                match event {
                    Ok(Some(event)) => {
                        if let Event::Text(chunk, _) | Event::Binary(chunk, _) = event {
                            match input.range_of(chunk) {
                                Some(range) => assert!(range.end <= input.consumed()),
                                None if chunk.is_empty() => {}
                                None => {
                                    assert_eq!(chunk.as_ptr() as usize, first + used, "a gap");
                                    used += chunk.len();
                                }
                            }
                        }
                        record(&mut outcome.seen, conn, event);
                    }
                    Ok(None) => break,
                    Err(error) => outcome.fail(error, conn),
                }
                is_idle = false;
                drain(conn, &mut outcome.output, &mut entropy);
            }
            assert!(input.is_empty() || used == space, "it stopped before the scratch was full");
            let consumed = input.consumed();
            start += consumed;
            // If the scratch is full, the consumed input may still bring more.
            if is_idle || used < space || space == 0 {
                assert_eq!(start, buffer.len(), "input was left although there was scratch");
                break;
            }
        }
    }
    drain(conn, &mut outcome.output, &mut entropy);
    outcome
}

fn drain(conn: &mut Connection, output: &mut Vec<u8>, entropy: &mut TestEntropy) {
    let mut out = [0; MAX_CONTROL_FRAME_LEN];
    while let Some(bytes) = conn.poll_transmit(&mut out, &mut *entropy).expect("space and entropy")
    {
        output.extend_from_slice(bytes);
    }
}

/// Adds an event to `seen`, and joins the chunks of a message. A message comes after the control frames between its
/// fragments. An unfinished message is always the last.
pub(crate) fn record(seen: &mut Vec<Seen>, conn: &Connection, event: Event<'_>) {
    match event {
        Event::Text(chunk, part) => {
            record_chunk(seen, MessageKind::Text, chunk, part.is_first(), part.is_last());
        }
        Event::Binary(chunk, part) => {
            record_chunk(seen, MessageKind::Binary, chunk, part.is_first(), part.is_last());
        }
        Event::Ping => record_control(seen, Seen::Ping(conn.control_payload().to_vec())),
        Event::Pong => record_control(seen, Seen::Pong(conn.control_payload().to_vec())),
        Event::Close => {
            let reason = conn.peer_close().expect("a Close was received");
            let reason = reason.map(|close| (close.code.to_u16(), close.reason.to_owned()));
            record_control(seen, Seen::Close(reason));
        }
    }
}

/// Adds a chunk to `seen`. If it is the first of its message, it begins a new message.
///
/// # Panics
/// When a message has no first chunk or more than one, chunks of both kinds, or text that is not UTF-8.
pub fn record_chunk(
    seen: &mut Vec<Seen>,
    kind: MessageKind,
    chunk: &[u8],
    first: bool,
    last: bool,
) {
    let unfinished = seen.last().is_some_and(|last| !last.is_whole());
    assert_eq!(first, !unfinished, "a message begins with its first chunk, and with no other");
    if first {
        seen.push(match kind {
            MessageKind::Text => Seen::Text(Vec::new(), false),
            MessageKind::Binary => Seen::Binary(Vec::new(), false),
        });
    }
    match (kind, seen.last_mut()) {
        (MessageKind::Text, Some(Seen::Text(data, whole)))
        | (MessageKind::Binary, Some(Seen::Binary(data, whole))) => {
            data.extend_from_slice(chunk);
            *whole = last;
            if last && kind == MessageKind::Text {
                std::str::from_utf8(data).expect("a text message is UTF-8");
            }
        }
        _ => panic!("all chunks of a message are of its kind"),
    }
}

/// Adds a control frame to `seen`, before the unfinished message if there is one.
pub fn record_control(seen: &mut Vec<Seen>, control: Seen) {
    let unfinished = seen.last().is_some_and(|last| !last.is_whole());
    seen.insert(seen.len() - usize::from(unfinished), control);
}
