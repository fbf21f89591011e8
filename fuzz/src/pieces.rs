//! Messages received in pieces, joined.

use fullduplex::{Chunk, Connection, Error, Message, MessageKind, Reader};
use fullduplex_testkit::{Seen, record_chunk, record_control};

/// What a reader gives away in pieces of `wire`, joined, and why it failed if it did. Each read brings at most
/// `most` bytes.
///
/// # Panics
/// When the pieces of a message are not one first, any number in the middle and one last.
#[must_use]
pub fn in_pieces(conn: Connection, mut wire: &[u8], most: usize) -> (Vec<Seen>, Option<Error>) {
    let mut reader = Reader::new(conn.split().0);
    let (mut seen, mut error) = (Vec::new(), None);
    while !wire.is_empty() {
        let room = reader.room();
        let len = room.len().min(wire.len()).min(most.max(1));
        room[..len].copy_from_slice(&wire[..len]);
        wire = &wire[len..];
        reader.advance(len);
        loop {
            match reader.poll_chunk() {
                Ok(Some(chunk)) => join(&mut seen, chunk),
                Ok(None) => break,
                Err(failed) => assert_eq!(error.replace(failed), None, "a failure is told once"),
            }
        }
    }
    (seen, error)
}

fn join(seen: &mut Vec<Seen>, chunk: Chunk) {
    let control = match chunk {
        Chunk::Text(payload, part) => {
            let (first, last) = (part.is_first(), part.is_last());
            return record_chunk(seen, MessageKind::Text, &payload, first, last);
        }
        Chunk::Binary(payload, part) => {
            let (first, last) = (part.is_first(), part.is_last());
            return record_chunk(seen, MessageKind::Binary, &payload, first, last);
        }
        Chunk::Control(Message::Ping(data)) => Seen::Ping(data.to_vec()),
        Chunk::Control(Message::Pong(data)) => Seen::Pong(data.to_vec()),
        Chunk::Control(Message::Close(frame)) => {
            Seen::Close(frame.map(|close| (close.code.to_u16(), close.reason.to_string())))
        }
        Chunk::Control(message) => panic!("{message:?} is no control frame"),
    };
    record_control(seen, control);
}
