//! Passes the same bytes to tungstenite, and frame by frame to websocket-sans-io. All receive the same messages and fail at
//! the same place, except for the differences that are named here.
#![no_main]

use std::io::{self, Cursor, Read, Write};

use arbitrary::Arbitrary;
use fullduplex::{Config, Error, FrameError, Role};
use fullduplex_fuzz::{Bound, Cut, End, Measured, Oracle, Step, Traffic, connection};
use fullduplex_testkit::{Frame, Outcome, Seen, drive, frames};
use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::Role as TheirRole;
use tungstenite::{Message, WebSocket};
use websocket_sans_io::{WebsocketFrameDecoder, WebsocketFrameEvent};

/// The wire, its reads and what is seen of it, by three libraries; tungstenite has a buffer of 128 KiB.
const MEMORY: Bound = Bound { constant: 256 << 10, factor: 12 };

#[derive(Arbitrary, Debug)]
struct Input {
    end: End,
    key: [u8; 4],
    cut: Cut,
    steps: Vec<Step>,
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, check));

/// Returns how many bytes went over the wire.
fn check(input: &Input) -> usize {
    let role = input.end.role();
    let keys = (role == Role::Server).then_some(input.key);
    let traffic = Traffic::new(&input.steps[..input.steps.len().min(20)], keys);
    let wire = traffic.wire;
    let mut conn = connection(role, Config::new());
    let Outcome { seen, error, .. } = drive(&mut conn, &wire, input.cut.split(wire.len()));
    let seen: Vec<Seen> = seen.into_iter().filter(Seen::is_whole).collect();
    let mut theirs = tungstenite(role, &wire);
    compare(&seen, error, &mut theirs);
    if traffic.valid {
        let mut read = sans_io(&wire);
        if let Some(last) = read.last_mut() {
            last.fin ^= Oracle::DifferentialFrames.faulty();
        }
        Oracle::DifferentialFrames.same(read, frames(&wire));
    }
    wire.len()
}

/// What tungstenite has received, and its error, unless that is only the end of the input.
struct Theirs {
    seen: Vec<Seen>,
    failed: Option<tungstenite::Error>,
}

fn compare(seen: &[Seen], error: Option<Error>, theirs: &mut Theirs) {
    let lenient = matches!(
        error,
        // "the minimal number of bytes MUST be used to encode the length" (§5.2): tungstenite accepts longer forms. In a
        // control frame, our error for a longer form is that the frame is too long.
        Some(Error::Frame(FrameError::LengthNotMinimal | FrameError::ControlTooLong))
            // It accepts any code in a Close, and answers an invalid code with 1002.
            | Some(Error::CloseFrame(_))
    );
    let oracle = if lenient { Oracle::DifferentialPrefix } else { Oracle::DifferentialSeen };
    if oracle.faulty() {
        theirs.seen.insert(0, Seen::Pong(b"nobody sent it".to_vec()));
    }
    if Oracle::DifferentialFailure.faulty() {
        theirs.failed = Some(tungstenite::Error::AttackAttempt);
    }
    let Theirs { seen: their_seen, failed } = theirs;
    let both = format_args!("{seen:?} and {error:?}, theirs {their_seen:?} and {failed:?}");
    if lenient {
        Oracle::DifferentialPrefix.holds(their_seen.starts_with(seen), both);
    } else {
        Oracle::DifferentialSeen.holds(seen == *their_seen, both);
    }
    // Our connection fails at the first wrong byte, and tungstenite when the frame or the message is complete.
    Oracle::DifferentialFailure.holds(error.is_some() || failed.is_none(), both);
}

fn tungstenite(role: Role, wire: &[u8]) -> Theirs {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(wire)), role, None);
    let mut theirs = Theirs { seen: Vec::new(), failed: None };
    loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(tungstenite::Error::Io(_) | tungstenite::Error::ConnectionClosed) => return theirs,
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return theirs,
            Err(error) => {
                theirs.failed = Some(error);
                return theirs;
            }
        };
        let is_close = message.is_close();
        theirs.seen.push(match message {
            Message::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
            Message::Binary(data) => Seen::Binary(data.to_vec(), true),
            Message::Ping(data) => Seen::Ping(data.to_vec()),
            Message::Pong(data) => Seen::Pong(data.to_vec()),
            Message::Close(frame) => {
                Seen::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
            }
            Message::Frame(_) => unreachable!("tungstenite reads no single frames"),
        });
        // What follows a Close is not compared.
        if is_close {
            return theirs;
        }
    }
}

/// A stream whose input ends, and whose output is discarded.
struct Wire<'a>(Cursor<&'a [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The frames as websocket-sans-io reads them.
fn sans_io(wire: &[u8]) -> Vec<Frame> {
    let mut decoder = WebsocketFrameDecoder::new();
    let mut bytes = wire.to_vec();
    let (mut at, mut frames, mut payload) = (0, Vec::new(), Vec::new());
    loop {
        let Ok(found) = decoder.add_data(&mut bytes[at..]);
        match found.event {
            Some(WebsocketFrameEvent::Start { .. }) => payload.clear(),
            Some(WebsocketFrameEvent::PayloadChunk { .. }) => {
                payload.extend_from_slice(&bytes[at..at + found.consumed_bytes]);
            }
            Some(WebsocketFrameEvent::End { frame_info, .. }) => frames.push(Frame {
                fin: frame_info.fin,
                rsv: frame_info.reserved,
                opcode: frame_info.opcode as u8,
                mask: frame_info.mask,
                payload: std::mem::take(&mut payload),
            }),
            None if found.consumed_bytes == 0 => return frames,
            None => {}
        }
        at += found.consumed_bytes;
    }
}
