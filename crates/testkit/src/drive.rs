//! Feeds a connection with input that is split anywhere, and records the result.

use fullduplex::{Connection, Error, Event, Input, MAX_CONTROL_FRAME_LEN, MessageKind};

use crate::{Random, TestEntropy};

/// How input is split into reads.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    /// All in one read.
    Whole,
    /// In reads of this size.
    Every(usize),
    /// In two reads, split here.
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

/// Something that the application has received, with the chunks of a message joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A text message; `false` until its end was received.
    Text(Vec<u8>, bool),
    /// A binary message; `false` until its end was received.
    Binary(Vec<u8>, bool),
    /// A Ping with its payload.
    Ping(Vec<u8>),
    /// A Pong with its payload.
    Pong(Vec<u8>),
    /// A Close with code and reason.
    Close(Option<(u16, String)>),
}

impl Seen {
    /// Whether this is all of a message or a control frame, not the beginning of a message whose end
    /// has not come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !matches!(self, Self::Text(_, false) | Self::Binary(_, false))
    }
}

/// The result of feeding a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the application has received, in order.
    pub seen: Vec<Seen>,
    /// What the connection has written by itself.
    pub output: Vec<u8>,
    /// Why it failed, if it did.
    pub error: Option<Error>,
}

impl Outcome {
    fn fail(&mut self, error: Error, conn: &Connection) {
        assert_eq!(self.error, None, "a failure is told once");
        assert_eq!(conn.failure(), Some(error));
        self.error = Some(error);
    }
}

/// Feeds `bytes` to `conn`, cut as `split` says, and drains its answers after every event.
///
/// # Panics
/// When the connection breaks a promise of its interface: an event without input consumed, text that
/// could not be UTF-8, a chunk outside of the buffer, a first chunk where one is in progress. Where the peer may compress,
/// there is [`drive_inflating`].
pub fn drive(conn: &mut Connection, bytes: &[u8], split: Split) -> Outcome {
    drive_inflating(conn, bytes, split, 0, |received, _| Input::new(received))
}

/// [`drive`] where permessage-deflate was negotiated: `input` is `Input::with_scratch`, and is given scratch of `room` bytes,
/// anew each time that all of it has been used. (That function has a feature, which this crate should not depend on.)
///
/// # Panics
/// As [`drive`], and when chunks in the scratch leave gaps.
pub fn drive_inflating(
    conn: &mut Connection,
    bytes: &[u8],
    split: Split,
    room: usize,
    input: impl for<'b> Fn(&'b mut [u8], &'b mut [u8]) -> Input<'b>,
) -> Outcome {
    let mut outcome = Outcome { seen: Vec::new(), output: Vec::new(), error: None };
    let mut entropy = TestEntropy::new(1);
    let mut random = Random::new(if let Split::Random(seed) = split { seed } else { 0 });
    let mut scratch = vec![0; room];
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
            assert!(input.is_empty() || used == room, "asked for more with input left");
            let consumed = input.consumed();
            start += consumed;
            // There may be more to come of what was consumed.
            if is_idle || used < room || room == 0 {
                assert_eq!(start, buffer.len(), "more room changes nothing");
                break;
            }
        }
    }
    drain(conn, &mut outcome.output, &mut entropy);
    outcome
}

fn drain(conn: &mut Connection, output: &mut Vec<u8>, entropy: &mut TestEntropy) {
    let mut out = [0; MAX_CONTROL_FRAME_LEN];
    while let Some(bytes) = conn.poll_transmit(&mut out, &mut *entropy).expect("room and entropy") {
        output.extend_from_slice(bytes);
    }
}

/// Adds an event to what was seen before, joining chunks. A message stands where it ended, after the
/// control frames that came between its fragments; an unfinished one stands last.
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
            let reason = conn.peer_close().expect("a Close came");
            let reason = reason.map(|close| (close.code.to_u16(), close.reason.to_owned()));
            record_control(seen, Seen::Close(reason));
        }
    }
}

/// Adds a chunk to what was seen; `first` begins a message.
///
/// # Panics
/// When the chunks of a message are not one first, any number in the middle and one last, all of one kind, or are
/// no text.
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

/// Adds a control frame, before the message that is unfinished, if one is.
pub fn record_control(seen: &mut Vec<Seen>, control: Seen) {
    let unfinished = seen.last().is_some_and(|last| !last.is_whole());
    seen.insert(seen.len() - usize::from(unfinished), control);
}
