//! Receiving messages, as a table: data frames, and the events and the error that they lead to.

use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;
use std::vec::Vec;

use crate::frame::decoder::{Decoded, Decoder};
use crate::input::Input;
use crate::role::Role;
use MessageError::{Interleaved, InvalidUtf8, TooLarge, TooManyFragments, UnexpectedContinuation};
use Part::{First, Last, Middle, Whole};

/// The bytes of one frame: unmasked, as a client receives it.
type Frame = &'static [u8];

/// Section of RFC 6455, the frames, the events, and the end: the failure, or whether a message is unfinished.
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
    // An empty fragment leads to no event, unless it is the last, which ends the message.
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
    // A continuation frame must continue a message.
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
    // A message must not end inside a character. If it does, no event is its end.
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
    // Both counts begin again with each message.
    (
        "10.4",
        &[b"\x82\x0812345678", b"\x02\x0812345678", b"\x00\x00", b"\x00\x00", b"\x80\x00"],
        &[binary(b"12345678", Whole), binary(b"12345678", First), binary(b"", Last)],
        BETWEEN,
    ),
];

/// Decodes frames, read by read, and passes them to `inbound` as a connection does.
fn receive(
    inbound: &mut Inbound,
    reads: &[&[u8]],
    mut see: impl FnMut(Event<'_>),
) -> Result<(), MessageError> {
    let mut decoder = Decoder::new(Role::Client, 100, 0);
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
                        see(event);
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
        let outcome = receive(&mut inbound, frames, |event| {
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

/// Joins the chunks of each message.
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
        let outcome = receive(&mut inbound, &reads, |event| join(&mut messages, event));
        assert_eq!(messages, expected, "§{section}: {frames:x?}");
        assert_eq!(outcome.map(|()| progress(&inbound)), *end, "§{section}: {frames:x?}");
    }
}

/// The size tells a caller how far a message is over the limit (RFC 6455 §10.4).
#[test]
fn the_size_of_a_message_is_what_its_frames_have_announced() {
    let mut inbound = Inbound::new(&LIMITS);
    assert_eq!(inbound.size(), 0);
    for (opcode, payload_len, result, size) in [
        (OpCode::Binary, 3, Ok(()), 3),
        (OpCode::Continuation, 4, Ok(()), 7),
        (OpCode::Continuation, 2, Err(TooLarge), 9),
    ] {
        let header = FrameHeader { fin: false, rsv: 0, opcode, mask: None, payload_len };
        assert_eq!(inbound.begin_frame(&header), result);
        assert_eq!(inbound.size(), size);
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

/// Compressed messages (RFC 7692 §6.2). There is no decompressor, because the table has its output.
#[cfg(feature = "deflate")]
mod compressed {
    use super::*;

    /// The frames, the first with RSV1; what the payload of each is inflated to; the events; and the end, as above.
    type Row = (
        &'static [Frame],
        &'static [&'static [u8]],
        &'static [Event<'static>],
        Result<Progress, MessageError>,
    );

    const ROWS: &[Row] = &[
        (&[b"\xc1\x01?"], &[b"hi"], &[text(b"hi", Whole)], BETWEEN),
        (&[b"\xc2\x01?"], &[b"\xff"], &[binary(b"\xff", Whole)], BETWEEN),
        // The size on the wire says nothing about the size of the message.
        (&[b"\xc2\x0a??????????"], &[b"hi"], &[binary(b"hi", Whole)], BETWEEN),
        // "non-first fragments" have no RSV1, and belong to the compressed message.
        (
            &[b"\x41\x01?", b"\x00\x00", b"\x80\x01?"],
            &[b"h\xc3", b"", b"\xbc"],
            &[text(b"h\xc3", First), text(b"\xbc", Last)],
            BETWEEN,
        ),
        // The last chunk of a message may be empty. Other empty chunks lead to no event.
        (&[b"\x41\x00", b"\x80\x00"], &[b"", b""], &[text(b"", Whole)], BETWEEN),
        (&[b"\x41\x01?", b"\x80\x01?"], &[b"", b"a"], &[text(b"a", Whole)], BETWEEN),
        (
            &[b"\x41\x01?", b"\x80\x01?"],
            &[b"a", b""],
            &[text(b"a", First), text(b"", Last)],
            BETWEEN,
        ),
        (&[b"\x41\x01?"], &[b"a"], &[text(b"a", First)], IN_MESSAGE),
        // A continuation must not follow a complete message, and a new message must not begin inside another.
        (&[b"\xc1\x01?", b"\x80\x00"], &[b"a"], &[text(b"a", Whole)], Err(UnexpectedContinuation)),
        (&[b"\x41\x01?", b"\xc1\x01?"], &[b"a"], &[text(b"a", First)], Err(Interleaved)),
        // Text is checked after decompression.
        (&[b"\xc1\x01?"], &[b"ab\xff"], &[text(b"ab", First)], Err(InvalidUtf8)),
        (&[b"\xc1\x01?"], &[b"\xff"], &[], Err(InvalidUtf8)),
        (&[b"\xc1\x01?"], &[b"ab\xc3"], &[text(b"ab\xc3", First)], Err(InvalidUtf8)),
        // The limit counts the inflated bytes. The limit itself is not over the limit, and what is within it is delivered
        // first.
        (&[b"\xc2\x01?"], &[b"12345678"], &[binary(b"12345678", Whole)], BETWEEN),
        (&[b"\xc2\x01?"], &[b"123456789"], &[binary(b"12345678", First)], Err(TooLarge)),
        (
            &[b"\x42\x01?", b"\x80\x01?"],
            &[b"12345678", b"9"],
            &[binary(b"12345678", First)],
            Err(TooLarge),
        ),
        (&[b"\xc1\x01?"], &[b"123\xff56789"], &[text(b"123", First)], Err(InvalidUtf8)),
        (&[b"\xc1\x01?"], &[b"1234567\xc3\xbc"], &[text(b"1234567\xc3", First)], Err(TooLarge)),
        (
            &[b"\x41\x01?", b"\x00\x01?", b"\x00\x01?", b"\x00\x01?", b"\x80\x01?"],
            &[b"", b"", b"", b""],
            &[],
            Err(TooManyFragments),
        ),
    ];

    /// Decodes frames, and passes their inflated payloads to `inbound` as a connection does.
    fn receive(
        inbound: &mut Inbound,
        frames: &[Frame],
        inflated: &[&'static [u8]],
        mut see: impl FnMut(Event<'_>),
    ) -> Result<(), MessageError> {
        let mut decoder = Decoder::new(Role::Client, 100, 0x40);
        let mut inflated = inflated.iter();
        for frame in frames {
            let mut frame = frame.to_vec();
            let mut input = Input::new(&mut frame);
            inbound.pending_error()?;
            let Ok(Decoded::Header(header)) = decoder.poll(&mut input) else { panic!("a frame") };
            inbound.begin_frame(&header)?;
            assert!(inbound.is_compressed());
            let len = decoder.piece_len(&input).expect("all of it is there");
            decoder.read_payload(&mut input, usize::MAX, |payload| {
                assert_eq!(payload, &b"??????????"[..len]);
                (len, ())
            });
            assert!(!decoder.is_in_payload() && input.is_empty());
            let chunk = inflated.next().expect("a chunk for each frame");
            assert!(chunk.len() <= inbound.inflate_limit());
            let ends_message = inbound.is_last_frame();
            if let Some(event) = inbound.inflated(chunk, ends_message)? {
                see(event);
            }
        }
        inbound.pending_error()
    }

    #[test]
    fn compressed_frames_come_to_the_events_and_the_failure_of_what_they_are_inflated_to() {
        for (frames, inflated, events, end) in ROWS {
            let mut inbound = Inbound::new(&LIMITS);
            let mut seen = 0;
            let outcome = receive(&mut inbound, frames, inflated, |event| {
                assert_eq!(Some(&event), events.get(seen), "{frames:x?}");
                seen += 1;
            });
            assert_eq!(seen, events.len(), "{frames:x?}");
            assert_eq!(outcome.map(|()| progress(&inbound)), *end, "{frames:x?}");
        }
    }

    #[test]
    fn what_may_still_be_inflated_is_the_limit_without_what_was_and_a_byte_that_shows_more() {
        let mut inbound = Inbound::new(&LIMITS);
        for (frame, left) in [
            (b"\x42\x01?", 6),
            (b"\x80\x01?", 9),
            (b"\xc2\x01?", 9),
            (b"\x42\x01?", 6),
            (b"\x00\x01?", 3),
        ] {
            assert_eq!(receive(&mut inbound, &[frame], &[b"abc"], |_| {}), Ok(()));
            assert_eq!(inbound.inflate_limit(), left);
        }
    }
}
