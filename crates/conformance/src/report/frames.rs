//! Decodes the bytes of a log: heads of the opening handshake, and frames (RFC 6455 §5.2).
//!
//! Everything here is lenient: a report shows what was sent, whatever it was.

use std::fmt;

use super::plain::plain_lines;
use crate::side::Side;
use crate::wire::head_end;
use crate::wirelog::{Entry, Party, What, WireLog};

/// Something that was decoded from the bytes of one direction, and the entry in which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entry: usize,
    pub(super) from: Party,
    pub(super) what: Part,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The head of the opening handshake, or what was sent in its place, as text.
    Head(String),
    /// A frame.
    Frame(Seen),
}

/// A frame as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) fin: bool,
    pub(super) rsv: u8,
    pub(super) opcode: u8,
    pub(super) key: Option<[u8; 4]>,
    /// The length in its header.
    pub(super) len: u64,
    /// How many bytes encode its length, in addition to the seven bits.
    form: usize,
    /// The payload, unmasked, as far as it was sent and kept.
    pub(super) payload: Vec<u8>,
}

/// The opcode of a Close.
pub(super) const CLOSE: u8 = 8;

/// How many frames are decoded in each direction.
const MOST_FRAMES: usize = 4096;

/// Decodes the bytes of a log. The results are in the order in which they begin.
pub(super) fn decode(log: &WireLog, subject: Side) -> Vec<Found> {
    let streams = [Party::Runner, Party::Subject].map(|from| Stream::of(log, from));
    let server = usize::from(subject == Side::Server);
    let upgraded = is_upgrade(&streams[server].bytes);
    let mut found: Vec<Found> = streams.iter().flat_map(|stream| stream.decode(upgraded)).collect();
    found.sort_by_key(|found| found.entry);
    found
}

/// Whether a response switches to the WebSocket protocol. Without one, no bytes can be read as frames.
fn is_upgrade(response: &[u8]) -> bool {
    response.get(9..12) == Some(b"101")
}

/// The bytes of one direction up to the first gap.
struct Stream {
    from: Party,
    bytes: Vec<u8>,
    /// The positions in the bytes at which the entries begin.
    begins: Vec<(usize, usize)>,
}

impl Stream {
    fn of(log: &WireLog, from: Party) -> Self {
        let mut stream = Self { from, bytes: Vec::new(), begins: Vec::new() };
        for (entry, Entry { from: by, what, .. }) in log.entries().iter().enumerate() {
            if let (true, What::Bytes { len, kept }) = (*by == from, what) {
                stream.begins.push((stream.bytes.len(), entry));
                stream.bytes.extend(kept);
                if kept.len() < *len {
                    break;
                }
            }
        }
        stream
    }

    fn decode(&self, upgraded: bool) -> Vec<Found> {
        let mut found = Vec::new();
        if self.bytes.is_empty() {
            return found;
        }
        let head = head_end(&self.bytes).filter(|_| upgraded).unwrap_or(self.bytes.len());
        found.push(self.found(0, Part::Head(plain_lines(&self.bytes[..head]))));
        let mut at = head;
        while let Some((frame, len)) = frame(&self.bytes[at..])
            && found.len() < MOST_FRAMES
        {
            found.push(self.found(at, Part::Frame(frame)));
            at += len;
        }
        found
    }

    fn found(&self, at: usize, what: Part) -> Found {
        let entry = self.begins.iter().rev().find(|(begin, _)| *begin <= at);
        Found { entry: entry.map_or(0, |(_, entry)| *entry), from: self.from, what }
    }
}

/// The frame at the beginning of these bytes, and its length; `None` if its header is incomplete.
fn frame(bytes: &[u8]) -> Option<(Seen, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (len, form) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        len => (u64::from(len), 0),
    };
    let rest = &rest[form..];
    let key: Option<[u8; 4]> = if second & 0x80 != 0 { Some(*rest.first_chunk()?) } else { None };
    let rest = if key.is_some() { &rest[4..] } else { rest };
    let kept = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
    let mut payload = rest[..kept].to_vec();
    for (byte, key) in payload.iter_mut().zip(key.iter().flatten().cycle()) {
        *byte ^= key;
    }
    let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0x0f);
    let taken = bytes.len() - rest.len() + kept;
    Some((Seen { fin, rsv, opcode, key, len, form, payload }, taken))
}

impl Seen {
    /// The code of a Close.
    pub(super) fn code(&self) -> Option<u16> {
        self.payload
            .first_chunk()
            .filter(|_| self.opcode == CLOSE)
            .map(|code| u16::from_be_bytes(*code))
    }

    /// The reason of a Close.
    pub(super) fn reason(&self) -> &[u8] {
        self.payload.get(2..).filter(|_| self.opcode == CLOSE).unwrap_or_default()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.opcode {
            0 => f.write_str("Continuation")?,
            1 => f.write_str("Text")?,
            2 => f.write_str("Binary")?,
            CLOSE => f.write_str("Close")?,
            9 => f.write_str("Ping")?,
            10 => f.write_str("Pong")?,
            opcode => write!(f, "Opcode {opcode}")?,
        }
        if let Some(code) = self.code() {
            write!(f, " {code}")?;
        }
        for (bit, name) in [(4, "RSV1"), (2, "RSV2"), (1, "RSV3")] {
            if self.rsv & bit != 0 {
                write!(f, ", {name}")?;
            }
        }
        if !self.fin {
            f.write_str(", no FIN")?;
        }
        if self.key.is_some() {
            f.write_str(", masked")?;
        }
        write!(f, ", {} bytes", self.len)?;
        if self.form
            > if self.len > 0xffff {
                8
            } else if self.len > 125 {
                2
            } else {
                0
            }
        {
            write!(f, " (length in {} bits)", self.form * 8)?;
        }
        let shown = if self.opcode == CLOSE { self.reason() } else { &self.payload };
        if self.rsv & 4 != 0 {
            // Compressed data is not readable as text.
            return Ok(());
        }
        const MOST: usize = 40;
        if !shown.is_empty() {
            write!(f, ": \"{}\"", shown[..shown.len().min(MOST)].escape_ascii())?;
        }
        if shown.len() > MOST { f.write_str("...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        frame(bytes).unwrap().0.to_string()
    }

    #[test]
    fn frames_are_shown_as_they_were_sent() {
        assert_eq!(shown(b"\x81\x05Hello"), "Text, 5 bytes: \"Hello\"");
        assert_eq!(
            shown(b"\x01\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
            "Text, no FIN, masked, 5 bytes: \"Hello\""
        );
        assert_eq!(shown(b"\x88\x05\x03\xeabye"), "Close 1002, 5 bytes: \"bye\"");
        assert_eq!(shown(b"\xfb\x00"), "Opcode 11, RSV1, RSV2, RSV3, 0 bytes");
        assert_eq!(shown(b"\x82\x7e\x00\x01a"), "Binary, 1 bytes (length in 16 bits): \"a\"");
        assert_eq!(
            shown(b"\x82\x7f\x80\0\0\0\0\0\0\0a"),
            "Binary, 9223372036854775808 bytes: \"a\""
        );
        assert_eq!(frame(b"\x81\x7e\x00"), None);
        assert_eq!(frame(b"\x81\x85\x01\x02\x03"), None);
    }

    #[test]
    fn what_is_found_belongs_to_the_entry_in_which_it_begins() {
        let mut log = WireLog::default();
        log.bytes(Duration::ZERO, Party::Runner, b"GET / HTTP/1.1\r\n\r\n");
        log.bytes(Duration::ZERO, Party::Subject, b"HTTP/1.1 101 Yes\r\n\r\n\x81");
        log.bytes(Duration::ZERO, Party::Subject, b"\x02hi");
        let found = decode(&log, Side::Server);
        let entries: Vec<usize> = found.iter().map(|found| found.entry).collect();
        assert_eq!(entries, [0, 1, 1]);
        assert!(matches!(&found[2].what, Part::Frame(frame) if frame.payload == b"hi"));
    }

    #[test]
    fn behind_a_refusal_nothing_is_a_frame() {
        let mut log = WireLog::default();
        log.bytes(Duration::ZERO, Party::Runner, b"GET / HTTP/1.1\r\n\r\n");
        log.bytes(Duration::ZERO, Party::Subject, b"HTTP/1.1 400 No\r\n\r\n\x81\x02hi");
        let found = decode(&log, Side::Server);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|found| matches!(found.what, Part::Head(_))));
    }
}
