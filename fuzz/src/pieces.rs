//! Messages received in pieces, joined, and messages lent whole.

use fullduplex::{Chunk, Connection, Error, Message, MessageKind, MessageRef, Reader};
use fullduplex_testkit::{Seen, record_chunk, record_control};

use crate::Oracle;

/// An input is cut into hardly more reads than this, so that a run stays short.
const MOST_READS: usize = 4096;

/// The messages that a reader returns in pieces, joined, and its error. Each read returns at most `most` bytes.
#[must_use]
pub fn in_pieces(conn: Connection, wire: &[u8], most: usize) -> (Vec<Seen>, Option<Error>) {
    let mut seen = Vec::new();
    let error = read(conn, wire, most, |reader| {
        let chunk = reader.poll_chunk()?;
        Ok(chunk.map(|chunk| join_piece(&mut seen, chunk)).is_some())
    });
    (seen, error)
}

/// The messages that a reader lends, and its error. Each read returns at most `most` bytes.
#[must_use]
pub fn lent(conn: Connection, wire: &[u8], most: usize) -> (Vec<Seen>, Option<Error>) {
    let mut seen = Vec::new();
    let error = read(conn, wire, most, |reader| {
        let Some(message) = reader.poll()? else { return Ok(false) };
        seen.push(match message {
            MessageRef::Text(text) => Seen::Text(text.into(), true),
            MessageRef::Binary(data) => Seen::Binary(data.to_vec(), true),
            MessageRef::Ping(data) => Seen::Ping(data.to_vec()),
            MessageRef::Pong(data) => Seen::Pong(data.to_vec()),
            MessageRef::Close(close) => {
                Seen::Close(close.map(|it| (it.code.to_u16(), it.reason.to_owned())))
            }
        });
        Ok(true)
    });
    (seen, error)
}

/// Passes `wire` to a reader, and polls it after each read until it has nothing more. Returns its error.
fn read(
    conn: Connection,
    mut wire: &[u8],
    most: usize,
    mut poll: impl FnMut(&mut Reader) -> Result<bool, Error>,
) -> Option<Error> {
    let mut reader = Reader::new(conn.split().0);
    let most = most.max(1 + wire.len() / MOST_READS);
    let mut error = None;
    while !wire.is_empty() {
        let room = reader.room();
        let len = room.len().min(wire.len()).min(most);
        room[..len].copy_from_slice(&wire[..len]);
        wire = &wire[len..];
        reader.advance(len);
        loop {
            match poll(&mut reader) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failed) => {
                    if Oracle::PiecesFailOnce.faulty() {
                        error = Some(failed);
                    }
                    Oracle::PiecesFailOnce.same(error.replace(failed), None);
                }
            }
        }
    }
    error
}

/// Adds a piece or a control frame to what was seen. A piece that does not begin a message continues the last one.
pub fn join_piece(seen: &mut Vec<Seen>, chunk: Chunk) {
    let (kind, payload, part) = match chunk {
        Chunk::Text(payload, part) => (MessageKind::Text, payload, part),
        Chunk::Binary(payload, part) => (MessageKind::Binary, payload, part),
        Chunk::Control(message) => return control(seen, message),
    };
    // A message begins with its first piece, and with no other.
    let first = part.is_first() && !Oracle::PiecesInOrder.faulty();
    Oracle::PiecesInOrder.judges(|| record_chunk(seen, kind, &payload, first, part.is_last()));
}

fn control(seen: &mut Vec<Seen>, mut message: Message) {
    if Oracle::PiecesControl.faulty() {
        message = Message::text("a piece");
    }
    let control = match message {
        Message::Ping(data) => Some(Seen::Ping(data.to_vec())),
        Message::Pong(data) => Some(Seen::Pong(data.to_vec())),
        Message::Close(frame) => {
            Some(Seen::Close(frame.map(|close| (close.code.to_u16(), close.reason.to_string()))))
        }
        Message::Text(_) | Message::Binary(_) => None,
    };
    record_control(seen, Oracle::PiecesControl.some(control));
}
