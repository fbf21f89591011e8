//! Arbitrary bytes for an open connection.

use fullduplex::{Config, Role};
use fullduplex_testkit::{Frame, Outcome, Seen, Split, drive, frames as parse};

use crate::{SmallLimits, connection};

/// Gives a connection in `role` arbitrary bytes and checks what every connection promises.
///
/// The first eight bytes choose: six of them the limits, one whether they count, one how the rest is cut.
/// The rest is the wire.
pub fn frames(role: Role, input: &[u8]) {
    let Some((&[a, b, c, d, e, f, limited, cut], wire)) = input.split_first_chunk() else { return };
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

    let mut conn = connection(role, config);
    let outcome = drive(&mut conn, wire, split);
    check(role, &config, &outcome);

    // What failed or was closed stays so, and says nothing more.
    let over =
        outcome.error.is_some() || outcome.seen.iter().any(|seen| matches!(seen, Seen::Close(_)));
    assert_eq!(conn.is_closed(), over);
    assert_eq!(conn.failure(), outcome.error);
    if over {
        let after = drive(&mut conn, wire, Split::Whole);
        assert_eq!(after, Outcome { seen: Vec::new(), output: Vec::new(), error: None });
    }
}

/// What holds for whatever a connection has received, when it sends nothing but its own answers.
fn check(role: Role, config: &Config, outcome: &Outcome) {
    for seen in &outcome.seen {
        match seen {
            Seen::Text(data, _) | Seen::Binary(data, _) => {
                assert!(data.len() as u64 <= config.limits.max_message_size);
            }
            Seen::Ping(data) | Seen::Pong(data) => assert!(data.len() <= 125),
            Seen::Close(_) => assert_eq!(outcome.error, None, "a failure after the Close"),
        }
    }

    let written = parse(&outcome.output);
    for frame in &written {
        assert!(frame.fin && frame.rsv == 0, "a malformed answer: {frame:?}");
        assert_eq!(frame.mask.is_some(), role == Role::Client);
    }
    let with = |opcode: u8| written.iter().filter(move |frame| frame.opcode == opcode);
    let pings = outcome.seen.iter().filter_map(|seen| match seen {
        Seen::Ping(data) => Some(data),
        _ => None,
    });
    // The answers are drained after each event, so none is skipped.
    assert!(with(10).map(|frame| &frame.payload).eq(pings));

    let expected = match (&outcome.error, outcome.seen.iter().rfind(|seen| seen.is_whole())) {
        (Some(error), _) => {
            let code = error.close_code().expect("an error of the peer's has a code");
            Some(code.to_u16().to_be_bytes().to_vec())
        }
        (None, Some(Seen::Close(Some((code, _))))) => Some(code.to_be_bytes().to_vec()),
        (None, Some(Seen::Close(None))) => Some(Vec::new()),
        _ => None,
    };
    let closes: Vec<&Frame> = with(8).collect();
    match (closes.as_slice(), expected) {
        ([], None) => {}
        ([close], Some(payload)) => {
            assert_eq!(close.payload, payload);
            assert_eq!(written.last(), Some(*close), "something was written after the Close");
        }
        (closes, expected) => panic!("{closes:?} instead of {expected:02x?}"),
    }
}
