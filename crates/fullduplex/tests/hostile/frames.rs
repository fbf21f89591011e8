//! Rows of kind `frames`: what a connection in each role does with them.

use fullduplex::{Config, Connection, Limits, Negotiated, Role};
use fullduplex_testkit::{Outcome, Seen, Split, frames};
use serde_json::Value;

use crate::{DEFLATE, Row, cuts, rows, unhex};

/// How many rows of this kind there are.
pub(crate) const ROWS: usize = if DEFLATE { 49 + 17 } else { 49 };

/// How many runs there are. Most rows are for both roles.
const RUNS: usize = if DEFLATE { 94 + 2 * 17 } else { 94 };

/// Rows that allow two results. Ours is to accept: the payload refers back no further than the window that was negotiated,
/// although the row's recipe says otherwise.
const EITHER: [&str; 1] = ["DD-30"];

fn config(row: &Row) -> Config {
    let mut limits = Limits::new();
    if let Some(limit) = row.setup("max_frame").as_u64() {
        limits.max_frame_size = limit;
    }
    if let Some(limit) = row.setup("max_message").as_u64() {
        limits.max_message_size = limit;
    }
    let mut config = Config::new();
    config.limits = limits;
    config
}

/// The size of the scratch for compressed messages.
const ROOM: usize = 4096;

/// Receives a row's messages, with a scratch of this size.
#[cfg(feature = "deflate")]
use crate::support::receive;

#[cfg(not(feature = "deflate"))]
fn receive(conn: &mut Connection, bytes: &[u8], split: Split, _room: usize) -> Outcome {
    fullduplex_testkit::drive(conn, bytes, split)
}

fn negotiated(row: &Row, role: Role) -> Negotiated {
    match row.setup("pmd").as_str() {
        None => Negotiated::without_extensions(),
        #[cfg(feature = "deflate")]
        Some(agreed) => crate::deflate::agreed_on(agreed).by(role),
        #[cfg(not(feature = "deflate"))]
        Some(_) => unreachable!("{} is not run as {role:?}", row.id()),
    }
}

fn run(row: &Row, role: Role, bytes: &[u8], split: Split, room: usize) -> Outcome {
    let mut conn = Connection::new(role, negotiated(row, role), config(row));
    let outcome = receive(&mut conn, bytes, split, room);
    assert_eq!(conn.failure(), outcome.error);
    outcome
}

/// The oracle's events, as values of [`Seen`].
fn expected(events: &Value) -> Vec<Seen> {
    let one = |event: &Value| {
        let payload = || event[1].as_str().expect("a payload");
        match event[0].as_str().expect("a kind of event") {
            "text" => Seen::Text(payload().into(), true),
            "binary" => Seen::Binary(unhex(payload()), true),
            "ping" => Seen::Ping(unhex(payload())),
            "pong" => Seen::Pong(unhex(payload())),
            "close" => Seen::Close(event[1].as_u64().map(|code| (code as u16, String::new()))),
            other => panic!("an unknown event: {other}"),
        }
    };
    events.as_array().into_iter().flatten().map(one).collect()
}

/// The part that the oracle lists. It leaves out the reason of a Close, and messages whose end was not received.
fn comparable(seen: &[Seen]) -> Vec<Seen> {
    let without_reason = |seen: &Seen| match seen {
        Seen::Close(reason) => Seen::Close(reason.as_ref().map(|(code, _)| (*code, String::new()))),
        other => other.clone(),
    };
    seen.iter().filter(|seen| seen.is_whole()).map(without_reason).collect()
}

fn judge(row: &Row, role: Role, outcome: &Outcome) {
    let context = format!("{} as {role:?}: {outcome:?}", row.id());
    let either = EITHER.contains(&row.id());
    assert_eq!(either, row.judges("alt_any"), "{context}");
    if either {
        let [Seen::Binary(data, true)] = &outcome.seen[..] else { panic!("{context}") };
        // The data are a pattern of 1200 bytes, and its first 64 bytes again.
        assert_eq!((data.len(), &data[..64]), (1264, &data[1200..]), "{context}");
    } else if row.judges("event_lens") {
        let lens: Vec<u64> = outcome
            .seen
            .iter()
            .map(|seen| match seen {
                Seen::Text(data, true) | Seen::Binary(data, true) => data.len() as u64,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(row.oracle("event_lens"), &Value::from(lens), "{context}");
    } else {
        // A row without events must fail before the first event.
        assert_eq!(comparable(&outcome.seen), expected(row.oracle("events")), "{context}");
    }

    let written = frames(&outcome.output);
    assert!(written.iter().all(|frame| frame.mask.is_some() == (role == Role::Client)));
    let closes: Vec<u64> = written
        .iter()
        .filter(|frame| frame.opcode == 8)
        .map(|frame| u64::from(u16::from_be_bytes([frame.payload[0], frame.payload[1]])))
        .collect();
    // The row's first code is the preferred one, and ours must be the same. So `alt_close`, `tolerate` and "pending" are
    // not needed.
    match row.oracle("close") {
        _ if either => assert!(closes.is_empty() && outcome.error.is_none(), "{context}"),
        Value::Null => assert!(closes.is_empty() && outcome.error.is_none(), "{context}"),
        codes => assert_eq!(closes, [codes[0].as_u64().expect("a close code")], "{context}"),
    }

    let pings: Vec<&[u8]> = outcome
        .seen
        .iter()
        .filter_map(|seen| if let Seen::Ping(payload) = seen { Some(&payload[..]) } else { None })
        .collect();
    let pongs: Vec<&[u8]> =
        written.iter().filter(|frame| frame.opcode == 10).map(|frame| &frame.payload[..]).collect();
    assert_eq!(pongs, pings, "{context}");
    assert!(row.oracle("no_pong") != true || pongs.is_empty(), "{context}");
    assert_eq!(written.len(), closes.len() + pongs.len(), "{context}");
}

#[test]
fn every_row_of_frames_has_its_answer_however_it_is_split() {
    let mut runs = 0;
    let rows = rows("frames");
    for row in &rows {
        let sides = match row.0["role"].as_str().expect("every row has a role") {
            "server" => vec![(Role::Server, row.bytes(""))],
            "client" => vec![(Role::Client, row.bytes(""))],
            _ => vec![(Role::Server, row.bytes("")), (Role::Client, row.bytes("_client"))],
        };
        for (role, bytes) in sides {
            let bytes = bytes.expect("bytes for this role");
            let whole = run(row, role, &bytes, Split::Whole, ROOM);
            judge(row, role, &whole);
            let splits = [Split::Every(1), Split::Every(3), Split::Random(7), Split::Random(8)];
            for split in splits.into_iter().chain(cuts(bytes.len()).into_iter().map(Split::At)) {
                let outcome = run(row, role, &bytes, split, ROOM);
                assert!(outcome == whole, "{} as {role:?}, {split:?}", row.id());
            }
            if row.concerns_deflate() {
                for (split, room) in [(Split::Whole, 1), (Split::Every(1), 7), (Split::Whole, 333)]
                {
                    let outcome = run(row, role, &bytes, split, room);
                    assert!(outcome == whole, "{} as {role:?}, {split:?} by {room}", row.id());
                }
            }
            runs += 1;
        }
    }
    assert_eq!((rows.len(), runs), (ROWS, RUNS));
}
