//! Sending messages, as a table: messages in order, and the frames or errors that they lead to.

use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;

use crate::entropy::NoEntropy;
use MessageKind::{Binary, Text};
use Role::{Client, Server};
use SendError::{InvalidUtf8, KindChanged, MessageUnfinished};

/// What the application wants to send.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// A message in one frame.
    Whole(MessageKind),
    /// A fragment that is not the last.
    Fragment(MessageKind, &'static [u8]),
    /// The last fragment.
    Last(MessageKind, &'static [u8]),
    /// A fragment that may be sent, but was not, because there was no space.
    NotWritten(MessageKind, &'static [u8]),
}

use Action::{Fragment, Last, NotWritten, Whole};

/// The first byte of the frame: FIN and opcode.
type Frame = Result<u8, SendError>;

const ROWS: &[(&str, &[(Action, Frame)])] = &[
    // "An unfragmented message consists of a single frame with the FIN bit set and an opcode other than 0."
    ("5.4", &[(Whole(Text), Ok(0x81)), (Whole(Binary), Ok(0x82)), (Whole(Text), Ok(0x81))]),
    // "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed by
    // zero or more frames with the FIN bit clear and the opcode set to 0, and terminated by a single frame with the FIN
    // bit set and an opcode of 0."
    (
        "5.4",
        &[
            (Fragment(Text, b"Hel"), Ok(0x01)),
            (Fragment(Text, b"l"), Ok(0x00)),
            (Last(Text, b"o"), Ok(0x80)),
            (Whole(Binary), Ok(0x82)),
        ],
    ),
    ("5.4", &[(Fragment(Binary, b"\xff"), Ok(0x02)), (Last(Binary, b""), Ok(0x80))]),
    // If the first fragment is also the last, it is a whole message.
    ("5.4", &[(Last(Binary, b"x"), Ok(0x82)), (Last(Text, b"x"), Ok(0x81))]),
    // "The fragments of one message MUST NOT be interleaved between the fragments of another message"
    (
        "5.4",
        &[
            (Fragment(Text, b"a"), Ok(0x01)),
            (Whole(Text), Err(MessageUnfinished)),
            (Whole(Binary), Err(MessageUnfinished)),
            (Last(Text, b"b"), Ok(0x80)),
            (Whole(Binary), Ok(0x82)),
        ],
    ),
    // "all fragments of a message are of the same type, as set by the first fragment's opcode"
    (
        "5.4",
        &[
            (Fragment(Text, b"a"), Ok(0x01)),
            (Fragment(Binary, b"b"), Err(KindChanged)),
            (Last(Binary, b"b"), Err(KindChanged)),
            (Last(Text, b"b"), Ok(0x80)),
        ],
    ),
    // "a particular text frame might include a partial UTF-8 sequence; however, the whole message MUST contain valid
    // UTF-8". What is refused does not count.
    (
        "5.6",
        &[
            (Fragment(Text, b"\xe2"), Ok(0x01)),
            (Last(Text, b""), Err(InvalidUtf8)),
            (Last(Text, b"\x82"), Err(InvalidUtf8)),
            (Fragment(Text, b"a"), Err(InvalidUtf8)),
            (Fragment(Text, b"\x82"), Ok(0x00)),
            (Last(Text, b"\xac"), Ok(0x80)),
        ],
    ),
    (
        "5.6",
        &[(Last(Text, b"\xff"), Err(InvalidUtf8)), (Fragment(Text, b"\xff"), Err(InvalidUtf8))],
    ),
    ("5.6", &[(Last(Binary, b"\xff"), Ok(0x82))]),
    // A fragment that was not written was not sent.
    (
        "5.4",
        &[
            (NotWritten(Text, b"\xe2"), Ok(0x01)),
            (Whole(Binary), Ok(0x82)),
            (Fragment(Binary, b"x"), Ok(0x02)),
            (NotWritten(Binary, b"y"), Ok(0x00)),
            (Last(Binary, b"y"), Ok(0x80)),
        ],
    ),
];

#[test]
fn what_is_sent_comes_to_the_frames_and_the_refusals_of_the_table() {
    for role in [Client, Server] {
        for (section, row) in ROWS {
            let mut outbound = Outbound::new(role);
            for (action, expected) in *row {
                let (kind, payload, last, written) = match *action {
                    Whole(kind) => {
                        let frame = outbound.whole(kind).map(first_byte);
                        assert_eq!(frame, *expected, "§{section}: {action:?} of {row:?}");
                        continue;
                    }
                    Fragment(kind, payload) => (kind, payload, false, true),
                    Last(kind, payload) => (kind, payload, true, true),
                    NotWritten(kind, payload) => (kind, payload, false, false),
                };
                let fragment = outbound.fragment(kind, payload, last);
                let frame = fragment.as_ref().map(|fragment| first_byte(fragment.frame));
                assert_eq!(
                    frame.map_err(|error| *error),
                    *expected,
                    "§{section}: {action:?} of {row:?}"
                );
                if let (Ok(fragment), true) = (fragment, written) {
                    outbound.commit(fragment);
                }
            }
        }
    }
}

fn first_byte(frame: FrameKind) -> u8 {
    frame.opcode as u8 | frame.rsv | if frame.fin { 0x80 } else { 0 }
}

#[test]
fn a_header_alone_is_for_servers_and_a_client_masks_where_the_payload_lies() {
    let frame = FrameKind::last(OpCode::Binary);
    // "A server MUST NOT mask any frames that it sends to the client." (§5.1)
    let server = Outbound::new(Server);
    assert_eq!(server.header_alone(frame, 5).as_deref(), Ok(&[0x82, 5][..]));
    let mut payload = *b"Hello";
    let header = server.header_in_place(frame, &mut payload, &mut NoEntropy);
    assert_eq!((header.as_deref(), &payload), (Ok(&[0x82, 5][..]), b"Hello"));

    // "a client MUST mask all frames that it sends to the server" (§5.1)
    let client = Outbound::new(Client);
    assert_eq!(client.header_alone(frame, 5), Err(SendError::MustMask));
    let header = client.header_in_place(frame, &mut payload, &mut NoEntropy);
    assert_eq!((header, &payload), (Err(SendError::Entropy(EntropyError)), b"Hello"));
    struct Key;
    impl Entropy for Key {
        fn next_u32(&mut self) -> Result<u32, EntropyError> {
            Ok(0x3d21_fa37)
        }
    }
    let header = client.header_in_place(frame, &mut payload, &mut Key);
    assert_eq!(header.as_deref(), Ok(&[0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d][..]));
    assert_eq!(header.as_ref().map(AsRef::as_ref), header.as_deref());
    assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
}
