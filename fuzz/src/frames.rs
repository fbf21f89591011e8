//! Arbitrary bytes for an open connection.

use fullduplex::{CloseScan, Config, Error, Fault, FrameError, Reader, Role};
use fullduplex_testkit::{Frame, Outcome, Seen, Split, drive, frames as parse};

use crate::{Bound, Measured, Oracle, SmallLimits, connection, in_words};

/// The reads, the events and the answers are copied, some of them twice.
const MEMORY: Bound = Bound { constant: 16 << 10, factor: 16 };

/// Passes arbitrary bytes to a connection in `role`, and checks what every connection promises.
///
/// The first eight bytes choose: six of them the limits, one whether the limits apply, and one how the input is split. The
/// connection receives the rest.
pub fn frames(role: Role, input: &Measured<&[u8]>) {
    input.run(MEMORY, |input| {
        let Some((&[a, b, c, d, e, f, limited, cut], wire)) = input.split_first_chunk() else {
            return 0;
        };
        let limits = SmallLimits {
            frame: u16::from_le_bytes([a, b]) % 1024,
            message: u16::from_le_bytes([c, d]) % 1024,
            fragments: e ^ f,
        };
        let config = if limited & 1 == 1 { limits.config() } else { Config::new() };
        let split = match cut {
            0 => Split::Whole,
            1..=63 => Split::Every(usize::from(cut)),
            64..=127 => Split::At(usize::from(cut - 64)),
            seed => Split::Random(u64::from(seed)),
        };
        check_connection(role, config, wire, split);
        0
    });
}

fn check_connection(role: Role, config: Config, wire: &[u8], split: Split) {
    let mut given = config;
    if Oracle::FramesMessageLimit.faulty() {
        given.limits.max_message_size = u64::MAX;
    }
    let mut conn = connection(role, given);
    let mut outcome = drive(&mut conn, wire, split);
    find_close(role, config, wire, &outcome);
    check(role, &config, &mut outcome);

    // A connection that has failed or was closed stays so, and says nothing more.
    let over =
        outcome.error.is_some() || outcome.seen.iter().any(|seen| matches!(seen, Seen::Close(_)));
    let is_closed = conn.is_closed() && !Oracle::FramesClosed.faulty();
    Oracle::FramesClosed.same(is_closed, over);
    let failure = conn.failure().filter(|_| !Oracle::FramesFailure.faulty());
    Oracle::FramesFailure.same(failure, outcome.error);
    if over {
        let mut after = drive(&mut conn, wire, Split::Whole);
        if Oracle::FramesSilence.faulty() {
            after.output.extend(Frame::pong([]).encode());
        }
        Oracle::FramesSilence
            .same(after, Outcome { seen: Vec::new(), output: Vec::new(), error: None });
    }
}

/// Checks that a Close in the input is found before the messages that precede it are polled.
fn find_close(role: Role, config: Config, wire: &[u8], outcome: &Outcome) {
    let mut reader = Reader::new(connection(role, config).split().0);
    let mut scan = CloseScan::new();
    let (mut found, mut rest) = (Ok(false), wire);
    while found == Ok(false) && !rest.is_empty() {
        let room = reader.room();
        let len = room.len().min(rest.len()).min(1 + wire.len() / 8);
        room[..len].copy_from_slice(&rest[..len]);
        rest = &rest[len..];
        reader.advance(len);
        found = reader.find_close(&mut scan);
    }
    let is_received = outcome.seen.iter().any(|seen| matches!(seen, Seen::Close(_)));
    if is_received {
        let found = if Oracle::FramesCloseFound.faulty() { Ok(false) } else { found };
        Oracle::FramesCloseFound.same(found, Ok(true));
    }
    let is_announced = found != Ok(false) || Oracle::FramesCloseNotInvented.faulty();
    let is_over = is_received || outcome.error.is_some();
    Oracle::FramesCloseNotInvented.holds(!is_announced || is_over, format_args!("{found:?}"));
    if found == Ok(true) && is_received {
        let mut last = None;
        while let Ok(Some(message)) = reader.poll_owned() {
            last = Some(message).filter(|_| !Oracle::FramesCloseDelivered.faulty());
        }
        let is_close = last.as_ref().is_some_and(|last| last.is_close());
        Oracle::FramesCloseDelivered.holds(is_close, format_args!("{last:?}"));
    }
}

/// Checks what must hold for any input, if the connection sends only its own answers.
fn check(role: Role, config: &Config, outcome: &mut Outcome) {
    if Oracle::FramesNoFailureAfterClose.faulty()
        && outcome.seen.iter().any(|seen| matches!(seen, Seen::Close(_)))
    {
        outcome.error = Some(Error::Frame(FrameError::ReservedBits));
    }
    for seen in &mut outcome.seen {
        match seen {
            Seen::Text(data, _) | Seen::Binary(data, _) => Oracle::FramesMessageLimit.holds(
                data.len() as u64 <= config.limits.max_message_size,
                format_args!("{} of {}", data.len(), config.limits.max_message_size),
            ),
            Seen::Ping(data) | Seen::Pong(data) => {
                if Oracle::FramesControlLimit.faulty() {
                    data.resize(126, 0);
                }
                Oracle::FramesControlLimit.holds(data.len() <= 125, data.len());
            }
            Seen::Close(_) => Oracle::FramesNoFailureAfterClose.same(outcome.error, None),
        }
    }

    if let Some(error) = &outcome.error {
        in_words(error, 200);
        let fault = Some(error.fault()).filter(|_| !Oracle::FramesFault.faulty());
        Oracle::FramesFault.same(fault, Some(Fault::Peer));
    }
    let mut written = parse(&outcome.output);
    if let Some(first) = written.first_mut() {
        first.rsv ^= 4 * u8::from(Oracle::FramesAnswersInForm.faulty());
        first.mask = first.mask.filter(|_| !Oracle::FramesMasked.faulty());
        if Oracle::FramesMasked.faulty() && role == Role::Server {
            first.mask = Some([0; 4]);
        }
    }
    for frame in &written {
        Oracle::FramesAnswersInForm.holds(frame.fin && frame.rsv == 0, format_args!("{frame:?}"));
        Oracle::FramesMasked.same(frame.mask.is_some(), role == Role::Client);
    }
    if Oracle::FramesCloseLast.faulty() {
        written.push(Frame::ping([]));
    }
    let close = written.iter().position(|frame| frame.opcode == 8);
    Oracle::FramesCloseLast
        .holds(close.is_none_or(|at| at + 1 == written.len()), format_args!("{written:?}"));

    let pings = outcome.seen.iter().filter_map(|seen| match seen {
        Seen::Ping(data) => Some(data),
        _ => None,
    });
    let with = |opcode: u8| written.iter().filter(move |frame| frame.opcode == opcode);
    let mut pongs: Vec<&[u8]> = with(10).map(|frame| &frame.payload[..]).collect();
    if Oracle::FramesPongs.faulty() {
        pongs.pop();
    }
    // The answers are drained after each event, so none is skipped.
    Oracle::FramesPongs.same(pongs, pings.collect::<Vec<_>>());

    let expected = match (&outcome.error, outcome.seen.iter().rfind(|seen| seen.is_whole())) {
        (Some(error), _) => {
            let code = error.close_code().filter(|_| !Oracle::FramesErrorCode.faulty());
            Some(Oracle::FramesErrorCode.some(code).to_u16().to_be_bytes().to_vec())
        }
        (None, Some(Seen::Close(Some((code, _))))) => Some(code.to_be_bytes().to_vec()),
        (None, Some(Seen::Close(None))) => Some(Vec::new()),
        _ => None,
    };
    let mut closes: Vec<&[u8]> = with(8).map(|frame| &frame.payload[..]).collect();
    if Oracle::FramesCloseAnswered.faulty() {
        closes.clear();
    }
    Oracle::FramesCloseAnswered.same(closes, Vec::from_iter(expected));
}
