//! Receiving messages as a table: data frames, and the events and the failure that they come to.

use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;
use std::vec::Vec;

use crate::frame::decoder::{Decoded, Decoder};
use crate::input::Input;
use crate::role::Role;
use MessageError::{Interleaved, InvalidUtf8, TooLarge, TooManyFragments, UnexpectedContinuation};
use Part::{First, Last, Middle, Whole};

/// The wire of one frame: unmasked, as a client receives it.
type Frame = &'static [u8];

/// Section of RFC 6455, the frames, the events, and what it ends with: the failure, or whether a message is unfinished.
type Row =
    (&'static str, &'static [Frame], &'static [Event<'static>], Result<Progress, MessageError>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Between,
    InMessage,
}

const BETWEEN: Result<Progress, MessageError> = Ok(Progress::Between);
const IN_MESSAGE: Result<Progress, MessageError> = Ok(Progress::InMessage);

const fn text(bytes: &[u8], part: Part) -> Event<'_> {
    Event::Text(bytes, part)
}

const fn binary(bytes: &[u8], part: Part) -> Event<'_> {
    Event::Binary(bytes, part)
}

/// At most 8 bytes and 4 frames for a message.
const LIMITS: Limits = Limits { max_frame_size: 100, max_message_size: 8, max_fragments: 4 };

const ROWS: &[Row] = &[
    // "An unfragmented message consists of a single frame with the FIN bit set and an opcode other than 0."
    ("5.4", &[b"\x81\x02hi"], &[text(b"hi", Whole)], BETWEEN),
    ("5.4", &[b"\x82\x02\xff\0"], &[binary(b"\xff\0", Whole)], BETWEEN),
    ("5.4", &[b"\x81\x00"], &[text(b"", Whole)], BETWEEN),
    ("5.4", &[b"\x82\x00"], &[binary(b"", Whole)], BETWEEN),
    // "A fragmented message ... terminated by a single frame with the FIN bit set and an opcode of 0."
    (
        "5.4",
        &[b"\x01\x03Hel", b"\x00\x01l", b"\x80\x01o"],
        &[text(b"Hel", First), text(b"l", Middle), text(b"o", Last)],
        BETWEEN,
    ),
    ("5.4", &[b"\x01\x03Hel"], &[text(b"Hel", First)], IN_MESSAGE),
    // Empty fragments have nothing to tell, but for the last one, with which the message ends.
    ("5.4", &[b"\x02\x00", b"\x00\x00", b"\x80\x01x"], &[binary(b"x", Whole)], BETWEEN),
    ("5.4", &[b"\x02\x00", b"\x80\x00"], &[binary(b"", Whole)], BETWEEN),
    (
        "5.4",
        &[b"\x02\x01x", b"\x00\x00", b"\x80\x00"],
        &[binary(b"x", First), binary(b"", Last)],
        BETWEEN,
    ),
    ("5.4", &[b"\x01\x00"], &[], IN_MESSAGE),
    // "all fragments of a message are of the same type, as set by the first fragment's opcode"
    (
        "5.4",
        &[b"\x02\x01\xff", b"\x80\x01\xff"],
        &[binary(b"\xff", First), binary(b"\xff", Last)],
        BETWEEN,
    ),
    // "The fragments of one message MUST NOT be interleaved between the fragments of another message"
    ("5.4", &[b"\x01\x01a", b"\x81\x01b"], &[text(b"a", First)], Err(Interleaved)),
    ("5.4", &[b"\x01\x01a", b"\x02\x01b"], &[text(b"a", First)], Err(Interleaved)),
    ("5.4", &[b"\x02\x00", b"\x01\x00"], &[], Err(Interleaved)),
    // A continuation continues something.
    ("5.4", &[b"\x80\x01a"], &[], Err(UnexpectedContinuation)),
    ("5.4", &[b"\x00\x01a"], &[], Err(UnexpectedContinuation)),
    ("5.4", &[b"\x81\x01a", b"\x80\x01b"], &[text(b"a", Whole)], Err(UnexpectedContinuation)),
    // "Subsequent data frames MUST be interpreted as belonging to a new WebSocket message."
    (
        "6.2",
        &[b"\x01\x01a", b"\x80\x01b", b"\x82\x01c"],
        &[text(b"a", First), text(b"b", Last), binary(b"c", Whole)],
        BETWEEN,
    ),
    // "a particular text frame might include a partial UTF-8 sequence; however, the whole message MUST contain valid
    // UTF-8"
    (
        "5.6",
        &[b"\x01\x01\xe2", b"\x00\x01\x82", b"\x80\x01\xac"],
        &[text(b"\xe2", First), text(b"\x82", Middle), text(b"\xac", Last)],
        BETWEEN,
    ),
    ("5.6", &[b"\x81\x03\xe2\x82\xac"], &[text("€".as_bytes(), Whole)], BETWEEN),
    // "finds that the byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket
    // Connection_". What precedes the first bad byte is delivered, as part of a message that never ends.
    ("8.1", &[b"\x81\x03ab\xff"], &[text(b"ab", First)], Err(InvalidUtf8)),
    ("8.1", &[b"\x81\x01\xff"], &[], Err(InvalidUtf8)),
    ("8.1", &[b"\x01\x01a", b"\x80\x02\xc0b"], &[text(b"a", First)], Err(InvalidUtf8)),
    (
        "8.1",
        &[b"\x01\x01a", b"\x80\x02b\xc0"],
        &[text(b"a", First), text(b"b", Middle)],
        Err(InvalidUtf8),
    ),
    // No surrogates, nothing above U+10FFFF, no character longer than it needs to be: each is bad with its second byte.
    ("8.1", &[b"\x81\x03\xed\xa0\x80"], &[text(b"\xed", First)], Err(InvalidUtf8)),
    ("8.1", &[b"\x81\x04\xf4\x90\x80\x80"], &[text(b"\xf4", First)], Err(InvalidUtf8)),
    ("8.1", &[b"\x81\x03\xe0\x80\x80"], &[text(b"\xe0", First)], Err(InvalidUtf8)),
    // A message may not end inside a character, and is told to have no end then.
    ("8.1", &[b"\x81\x02\xe2\x82"], &[text(b"\xe2\x82", First)], Err(InvalidUtf8)),
    ("8.1", &[b"\x01\x02\xe2\x82", b"\x80\x00"], &[text(b"\xe2\x82", First)], Err(InvalidUtf8)),
    // "SHOULD impose a limit on ... the total message size after reassembly from multiple frames": the frame that
    // announces too much is refused by its header. The limit itself is not over the limit.
    ("10.4", &[b"\x82\x0812345678"], &[binary(b"12345678", Whole)], BETWEEN),
    ("10.4", &[b"\x82\x09123456789"], &[], Err(TooLarge)),
    (
        "10.4",
        &[b"\x02\x0512345", b"\x80\x03678"],
        &[binary(b"12345", First), binary(b"678", Last)],
        BETWEEN,
    ),
    ("10.4", &[b"\x02\x0512345", b"\x80\x046789"], &[binary(b"12345", First)], Err(TooLarge)),
    // "or by sending a long stream of small frames that are a part of a fragmented message"
    ("10.4", &[b"\x02\x00", b"\x00\x00", b"\x00\x00", b"\x80\x00"], &[binary(b"", Whole)], BETWEEN),
    (
        "10.4",
        &[b"\x02\x00", b"\x00\x00", b"\x00\x00", b"\x00\x00", b"\x80\x00"],
        &[],
        Err(TooManyFragments),
    ),
    // Both are counted anew for each message.
    (
        "10.4",
        &[b"\x82\x0812345678", b"\x02\x0812345678", b"\x00\x00", b"\x00\x00", b"\x80\x00"],
        &[binary(b"12345678", Whole), binary(b"12345678", First), binary(b"", Last)],
        BETWEEN,
    ),
];

/// Puts frames through a decoder, read by read, and shows `inbound` what comes out as a connection does.
fn receive(
    inbound: &mut Inbound,
    allowed_rsv: u8,
    reads: &[&[u8]],
    mut see: impl FnMut(&mut Inbound, Event<'_>),
) -> Result<(), MessageError> {
    let mut decoder = Decoder::new(Role::Client, 100, allowed_rsv);
    for read in reads {
        let mut read = read.to_vec();
        let mut input = Input::new(&mut read);
        loop {
            inbound.pending_error()?;
            match decoder.poll(&mut input).expect("frames in order") {
                Decoded::NeedMore => break,
                Decoded::Header(header) => inbound.begin_frame(&header)?,
                Decoded::Payload(payload) => {
                    if let Some(event) = inbound.piece(payload)? {
                        see(inbound, event);
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn frames_come_to_the_events_and_the_failure_of_the_table() {
    for (section, frames, events, end) in ROWS {
        let mut inbound = Inbound::new(&LIMITS);
        let mut seen = Vec::new();
        let outcome = receive(&mut inbound, 0, frames, |_, event| {
            let number = seen.len();
            assert_eq!(Some(&event), events.get(number), "§{section}: {frames:x?}");
            seen.push(());
        });
        assert_eq!(seen.len(), events.len(), "§{section}: {frames:x?}");
        assert_eq!(outcome.map(|()| progress(&inbound)), *end, "§{section}: {frames:x?}");
    }
}

fn progress(inbound: &Inbound) -> Progress {
    if inbound.is_idle() { Progress::Between } else { Progress::InMessage }
}

/// Kind, bytes, and whether it has ended.
type Messages = Vec<(MessageKind, Vec<u8>, bool)>;

/// Chunks joined to messages. Of a message that fails, only what it is known to have: a cut may hand out less of it.
fn join(messages: &mut Messages, event: Event<'_>) {
    let (kind, bytes, part) = match event {
        Event::Text(bytes, part) => (MessageKind::Text, bytes, part),
        Event::Binary(bytes, part) => (MessageKind::Binary, bytes, part),
        other => panic!("no data: {other:?}"),
    };
    if part.is_first() {
        messages.push((kind, Vec::new(), false));
    }
    let (begun, joined, ended) = messages.last_mut().expect("a first chunk came first");
    assert!(*begun == kind && !*ended);
    joined.extend_from_slice(bytes);
    *ended = part.is_last();
}

#[test]
fn byte_by_byte_the_joined_messages_and_the_failure_are_the_same() {
    for (section, frames, events, end) in ROWS {
        let mut expected = Messages::new();
        for event in *events {
            join(&mut expected, *event);
        }
        let wire = frames.concat();
        let reads: Vec<&[u8]> = wire.chunks(1).collect();
        let mut inbound = Inbound::new(&LIMITS);
        let mut messages = Messages::new();
        let outcome = receive(&mut inbound, 0, &reads, |_, event| join(&mut messages, event));
        assert_eq!(messages, expected, "§{section}: {frames:x?}");
        assert_eq!(outcome.map(|()| progress(&inbound)), *end, "§{section}: {frames:x?}");
    }
}

#[test]
fn text_that_was_found_whole_fails_as_if_it_had_come_piece_by_piece() {
    for (whole, expected) in [
        (&b"ab\xff"[..], Ok(Some(text(b"ab", First)))),
        (b"\xff", Err(InvalidUtf8)),
        (b"a\xed\xa0\x80", Ok(Some(text(b"a\xed", First)))),
    ] {
        let mut inbound = Inbound::new(&LIMITS);
        assert_eq!(inbound.invalid_whole_text(whole), expected, "{whole:x?}");
        assert_eq!(inbound.pending_error(), Err(InvalidUtf8), "{whole:x?}");
    }
}

/// Compressed messages (RFC 7692 §6.2). What comes out of the decompressor is made up here.
#[cfg(feature = "deflate")]
mod compressed {
    use super::*;

    use MessageError::NotInflated;

    /// Frames whose first one has RSV1; for each chunk what it is inflated to; the compressed chunks with how much of it
    /// is good; what it ends with.
    type Row = (
        &'static [Frame],
        &'static [&'static [u8]],
        &'static [(Part, usize)],
        Result<Progress, MessageError>,
    );

    const ROWS: &[Row] = &[
        (&[b"\xc1\x01?"], &[b"hi"], &[(Whole, 2)], BETWEEN),
        (&[b"\xc2\x01?"], &[b"\xff"], &[(Whole, 1)], BETWEEN),
        // The size on the wire says nothing about the size of the message.
        (&[b"\xc2\x0a??????????"], &[b"hi"], &[(Whole, 2)], BETWEEN),
        // "non-first fragments" have no RSV1, and belong to the compressed message.
        (
            &[b"\x41\x01?", b"\x00\x00", b"\x80\x01?"],
            &[b"h\xc3", b"\xbc"],
            &[(First, 2), (Last, 1)],
            BETWEEN,
        ),
        (&[b"\x41\x00", b"\x80\x00"], &[b""], &[(Whole, 0)], BETWEEN),
        (&[b"\x41\x01?"], &[b"a"], &[(First, 1)], IN_MESSAGE),
        // A message that is not compressed may follow one that is.
        (&[b"\xc1\x01?", b"\x80\x00"], &[b"a"], &[(Whole, 1)], Err(UnexpectedContinuation)),
        (&[b"\x41\x01?", b"\xc1\x01?"], &[b"a"], &[(First, 1)], Err(Interleaved)),
        // Text is checked behind the decompressor.
        (&[b"\xc1\x01?"], &[b"ab\xff"], &[(Whole, 2)], Err(InvalidUtf8)),
        (&[b"\xc1\x01?"], &[b"ab\xc3"], &[(Whole, 3)], Err(InvalidUtf8)),
        (
            &[b"\x41\x01?", b"\x00\x01?", b"\x00\x01?", b"\x00\x01?", b"\x80\x01?"],
            &[b"", b"", b"", b""],
            &[(First, 0), (Middle, 0), (Middle, 0), (Middle, 0)],
            Err(TooManyFragments),
        ),
    ];

    #[test]
    fn compressed_frames_come_to_chunks_and_the_message_to_what_they_are_inflated_to() {
        for (frames, inflated, chunks, end) in ROWS {
            let mut inbound = Inbound::new(&LIMITS);
            let mut seen = Vec::new();
            let outcome = receive(&mut inbound, 0x40, frames, |inbound, event| {
                let Event::Compressed(_, _, part) = event else { panic!("{event:?}") };
                assert_eq!(inbound.pending_error(), Err(NotInflated), "{frames:x?}");
                assert_eq!(inbound.is_last_chunk(), part.is_last(), "{frames:x?}");
                let good = inbound.inflated(inflated[seen.len()]);
                seen.push((part, good));
                if inbound.is_invalid() {
                    return;
                }
                inbound.chunk_inflated();
            });
            assert_eq!(seen, *chunks, "{frames:x?}");
            assert_eq!(outcome.map(|()| progress(&inbound)), *end, "{frames:x?}");
        }
    }

    #[test]
    fn what_may_still_be_inflated_is_the_limit_without_what_was() {
        let mut inbound = Inbound::new(&LIMITS);
        let mut left = Vec::new();
        let frames: [&[u8]; 3] = [b"\x42\x01?", b"\x80\x01?", b"\xc2\x01?"];
        let outcome = receive(&mut inbound, 0x40, &frames, |inbound, _| {
            left.push(inbound.inflate_room());
            inbound.inflated(b"abc");
            left.push(inbound.inflate_room());
            inbound.chunk_inflated();
        });
        assert_eq!((outcome, left), (Ok(()), [8, 5, 5, 2, 8, 5].to_vec()));
    }

    #[test]
    fn a_chunk_that_is_not_inflated_fails_the_next_poll() {
        let mut inbound = Inbound::new(&LIMITS);
        let outcome = receive(&mut inbound, 0x40, &[b"\xc1\x01?"], |_, _| {});
        assert_eq!(outcome, Err(NotInflated));
    }
}
