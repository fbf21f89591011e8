//! A connection driven by any split of its input, and what came of it.

use std::time::Duration;

use fullduplex::{Connection, Error, Event, Input, MAX_CONTROL_FRAME_LEN};

use crate::{Random, TestEntropy};

/// How input is cut into reads.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    /// All in one read.
    Whole,
    /// In reads of this size.
    Every(usize),
    /// In two reads, cut here.
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

/// Something that the application saw, with the chunks of a message joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A text message; `false` while its end has not come.
    Text(Vec<u8>, bool),
    /// A binary message; `false` while its end has not come.
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

/// What came of driving a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the application saw, in order.
    pub seen: Vec<Seen>,
    /// What the connection wrote of its own accord.
    pub output: Vec<u8>,
    /// Why it failed, if it did.
    pub error: Option<Error>,
}

/// Feeds `bytes` to `conn`, cut as `split` says, and drains its answers after every event.
///
/// # Panics
/// When the connection breaks a promise of its interface: an event without input consumed, text that
/// could not be UTF-8, a chunk outside of the buffer, a first chunk where one is in progress.
pub fn drive(conn: &mut Connection, bytes: &[u8], split: Split) -> Outcome {
    let mut outcome = Outcome { seen: Vec::new(), output: Vec::new(), error: None };
    let mut entropy = TestEntropy::new(1);
    let mut random = Random::new(if let Split::Random(seed) = split { seed } else { 0 });
    let mut done = 0;
    while done < bytes.len() {
        let size = split.next(done, bytes.len(), &mut random);
        let mut buffer = bytes[done..done + size].to_vec();
        done += size;
        let mut input = Input::new(&mut buffer);
        loop {
            let event = conn.poll_event(&mut input, Duration::ZERO);
            match event {
                Ok(Some(event)) => {
                    if let Event::Text(chunk, _) | Event::Binary(chunk, _) = event {
                        let range = input.range_of(chunk).expect("a chunk lies in the buffer");
                        assert!(range.end <= input.consumed());
                    }
                    record(&mut outcome.seen, conn, event);
                }
                Ok(None) => {
                    assert!(input.is_empty(), "asked for more with input left");
                    break;
                }
                Err(error) => {
                    assert_eq!(outcome.error, None, "a failure is told once");
                    assert_eq!(conn.failure(), Some(error));
                    outcome.error = Some(error);
                }
            }
            drain(conn, &mut outcome.output, &mut entropy);
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
        Event::Text(chunk, part) | Event::Binary(chunk, part) => {
            let text = matches!(event, Event::Text(..));
            let (was_text, data, whole) = match seen.last_mut() {
                Some(Seen::Text(data, whole @ false)) => (true, data, whole),
                Some(Seen::Binary(data, whole @ false)) => (false, data, whole),
                _ => {
                    assert!(part.is_first(), "a message begins with its first chunk");
                    let (data, whole) = (chunk.to_vec(), part.is_last());
                    if text && whole {
                        std::str::from_utf8(&data).expect("a text message is UTF-8");
                    }
                    seen.push(if text {
                        Seen::Text(data, whole)
                    } else {
                        Seen::Binary(data, whole)
                    });
                    return;
                }
            };
            assert!(!part.is_first() && was_text == text, "chunks of one message");
            data.extend_from_slice(chunk);
            *whole = part.is_last();
            if text && *whole {
                std::str::from_utf8(data).expect("a text message is UTF-8");
            }
        }
        Event::Ping => between(seen, Seen::Ping(conn.control_payload().to_vec())),
        Event::Pong => between(seen, Seen::Pong(conn.control_payload().to_vec())),
        Event::Close => {
            let reason = conn.peer_close().expect("a Close came");
            let reason = reason.map(|close| (close.code.to_u16(), close.reason.to_owned()));
            between(seen, Seen::Close(reason));
        }
    }
}

/// Adds a control frame, before the message that is unfinished, if one is.
fn between(seen: &mut Vec<Seen>, control: Seen) {
    let unfinished = seen.last().is_some_and(|last| !last.is_whole());
    seen.insert(seen.len() - usize::from(unfinished), control);
}
