//! A wire log as a capture that Wireshark opens.
//!
//! The bytes are those of the case. The packets around them are made up, with correct checksums and sequence numbers, so
//! that Wireshark can follow the TCP connection into HTTP and WebSocket.

use std::time::{Duration, SystemTime};

use etherparse::PacketBuilder;

use super::value::Tested;
use crate::side::Side;
use crate::wirelog::{Party, What};

/// Addresses for documentation (RFC 5737).
const RUNNER: [u8; 4] = [192, 0, 2, 1];
const SUBJECT: [u8; 4] = [192, 0, 2, 2];
/// A port on which Wireshark expects HTTP, whatever the port of the case was.
const SERVER_PORT: u16 = 80;
const CLIENT_PORT: u16 = 49152;
/// The most bytes of a packet.
const SEGMENT: usize = 1460;
/// The most packets for the bytes of one entry that were not kept. After them the sequence number jumps. Each packet needs a
/// checksum, and a subject can send gigabytes.
const MOST_EMPTY: usize = 64;
/// The length of the headers of IPv4 and TCP without options.
const HEADERS: usize = 40;

/// The wire log of a case as a capture in the classic format of libpcap, with packets of IPv4.
///
/// For bytes that the log has not kept, there are a few packets for each write, of which only the headers were captured.
#[must_use]
pub fn pcap(tested: &Tested) -> Vec<u8> {
    let outcome = &tested.outcome;
    let mut capture = Capture::new(tested.started, outcome.side);
    let (client, server) = match outcome.side {
        Side::Server => (Party::Runner, Party::Subject),
        Side::Client => (Party::Subject, Party::Runner),
    };
    capture.packet(Duration::ZERO, client, Flag::Syn, &[], 0);
    capture.packet(Duration::ZERO, server, Flag::Syn, &[], 0);
    capture.packet(Duration::ZERO, client, Flag::None, &[], 0);
    for entry in outcome.wire.entries() {
        match &entry.what {
            What::Bytes { len, kept } => {
                for bytes in kept.chunks(SEGMENT) {
                    capture.packet(entry.at, entry.from, Flag::Push, bytes, 0);
                }
                let mut missing = len - kept.len();
                let mut packets = 0;
                while missing > 0 {
                    packets += 1;
                    if packets > MOST_EMPTY {
                        capture.skip(entry.from, missing);
                        break;
                    }
                    let part = missing.min(usize::from(u16::MAX) - HEADERS);
                    capture.packet(entry.at, entry.from, Flag::Push, &[], part);
                    missing -= part;
                }
            }
            What::End => capture.packet(entry.at, entry.from, Flag::Fin, &[], 0),
            What::Reset => capture.packet(entry.at, entry.from, Flag::Reset, &[], 0),
        }
    }
    capture.bytes
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    None,
    Syn,
    Push,
    Fin,
    Reset,
}

struct Capture {
    started: SystemTime,
    subject: Side,
    /// The next sequence numbers of the runner and of the subject (RFC 9293 §3.4).
    sequence: [u32; 2],
    bytes: Vec<u8>,
}

impl Capture {
    /// Writes the header of the file, in the usual byte order. This header and the header of a packet are the whole format,
    /// so no library is used for it.
    fn new(started: SystemTime, subject: Side) -> Self {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0]);
        bytes.extend([0; 8]);
        bytes.extend(u32::from(u16::MAX).to_le_bytes());
        // LINKTYPE_RAW: packets begin with the header of IP.
        bytes.extend(101_u32.to_le_bytes());
        Self { started, subject, sequence: [0, 0], bytes }
    }

    /// Skips bytes that were sent but for which there is no packet.
    fn skip(&mut self, from: Party, len: usize) {
        let me = usize::from(from == Party::Subject);
        self.sequence[me] = self.sequence[me].wrapping_add(len as u32);
    }

    /// Adds a packet with this payload, and `missing` more bytes that were not captured.
    fn packet(&mut self, at: Duration, from: Party, flag: Flag, payload: &[u8], missing: usize) {
        let (me, peer) = match from {
            Party::Runner => (0, 1),
            Party::Subject => (1, 0),
        };
        let (source, destination) =
            if from == Party::Runner { (RUNNER, SUBJECT) } else { (SUBJECT, RUNNER) };
        let is_server = (from == Party::Subject) == (self.subject == Side::Server);
        let ports = if is_server { (SERVER_PORT, CLIENT_PORT) } else { (CLIENT_PORT, SERVER_PORT) };
        let tcp = PacketBuilder::ipv4(source, destination, 64).tcp(
            ports.0,
            ports.1,
            self.sequence[me],
            u16::MAX,
        );
        let tcp = match flag {
            Flag::None => tcp,
            Flag::Syn => tcp.syn(),
            Flag::Push => tcp.psh(),
            Flag::Fin => tcp.fin(),
            Flag::Reset => tcp.rst(),
        };
        // The first packet of a connection acknowledges nothing.
        let tcp = if flag == Flag::Syn && !is_server { tcp } else { tcp.ack(self.sequence[peer]) };
        let zeros = vec![0; missing];
        let mut packet = Vec::with_capacity(HEADERS + payload.len() + missing);
        if tcp.write(&mut packet, if missing > 0 { &zeros } else { payload }).is_err() {
            // A packet this short always fits into IPv4.
            return;
        }
        let time = (self.started + at).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let kept = packet.len() - missing;
        for field in [time.as_secs() as u32, time.subsec_micros(), kept as u32, packet.len() as u32]
        {
            self.bytes.extend(field.to_le_bytes());
        }
        self.bytes.extend(&packet[..kept]);
        let len = (payload.len() + missing) as u32;
        let counts = len + u32::from(matches!(flag, Flag::Syn | Flag::Fin));
        self.sequence[me] = self.sequence[me].wrapping_add(counts);
    }
}
