//! Group X.3: permessage-deflate (RFC 7692).

use super::super::rules;
use super::blocks::{Blocks, Last};
use super::shared::{
    BROKEN, STILL_THERE, TOO_MUCH, binary, failing, fails, goes_on, not_answered, observed, pong,
    text,
};
use crate::case::{
    Answered, Case, Close, Conversation, Cut, Event, Offer, Opening, Piece, Rule, Scale, Script,
    Step,
};
use crate::verdict::Behavior;
use crate::wire::Frame;

const BIT: Rule = Rule::must(
    "RFC 7692 §6",
    "An endpoint MUST NOT set the \"Per-Message Compressed\" bit of control frames and non-first fragments of a data \
     message. An endpoint receiving such a frame MUST _Fail the WebSocket Connection_.",
);
const OTHER_BITS: Rule = Rule::must(
    "RFC 6455 §5.2",
    "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a nonzero value, \
     the receiving endpoint MUST _Fail the WebSocket Connection_.",
);
const PLAIN: Rule = Rule::must(
    "RFC 7692 §6",
    "A message with the \"Per-Message Compressed\" bit not set on the first fragment is an uncompressed message: its \
     frames have uncompressed data as is.",
);
const BLOCKS: Rule = Rule::must(
    "RFC 7692 §7.2.1",
    "An endpoint MAY use multiple DEFLATE blocks to compress one message. It MAY use DEFLATE blocks of any type. It MAY \
     use both DEFLATE blocks with the BFINAL bit set to 0 and with it set to 1.",
);
const EMPTY: Rule = Rule::must(
    "RFC 7692 §7.2.3.6",
    "A compressed empty message: an octet of 0x00 is an empty DEFLATE block with no compression.",
);
const TAIL: Rule = Rule::info(
    "RFC 7692 §7.2.2",
    "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message. Decompress the resulting data \
     using DEFLATE. What is to be done when it ends within a block is not said.",
);
const FRAGMENTS: Rule = Rule::must(
    "RFC 7692 §6",
    "An endpoint receiving a compressed message decompresses the concatenation of the compressed data of the frames of \
     the message.",
);
const DECOMPRESS: Rule = Rule::should(
    "RFC 7692 §7.2.2",
    "Decompress the resulting data using DEFLATE. RFC 6455 §7.4.1: 1007 is for data within a message that was not \
     consistent with the type of the message.",
);
const RESERVED: Rule = Rule::should(
    "RFC 1951 §3.2.3",
    "BTYPE specifies how the data are compressed: 11 - reserved (error).",
);
const STORED: Rule = Rule::should(
    "RFC 1951 §3.2.4",
    "LEN is the number of data bytes in the block. NLEN is the one's complement of LEN.",
);
const SYMBOLS: Rule = Rule::should(
    "RFC 1951 §3.2.6",
    "Literal/length values 286-287 and distance codes 30-31 will never actually occur in the compressed data.",
);
const CODES: Rule = Rule::should(
    "RFC 1951 §3.2.7",
    "5 Bits: HLIT, # of Literal/Length codes - 257 (257 - 286). The codes of a block are those of a Huffman tree (§3.2.2).",
);
const DISTANCE: Rule = Rule::should(
    "RFC 1951 §3.2.3",
    "The backward distance may cross one or more block boundaries. However a distance cannot refer past the beginning of \
     the output stream.",
);
const EACH_ALONE: Rule = Rule::info(
    "RFC 7692 §7.2.2",
    "If it was agreed on that the sender compresses each message on its own, the receiver MAY decompress each new message \
     with an empty LZ77 sliding window.",
);
const WINDOW: Rule = Rule::info(
    "RFC 7692 §7.1.2",
    "A sender uses no larger LZ77 sliding window than was agreed on. What a receiver does with a longer distance is not \
     said.",
);
const LIMITS: Rule = Rule::info(
    "RFC 6455 §10.4",
    "Implementations that have limitations regarding the total message size MUST protect themselves against exceeding \
     those limits.",
);

const HELLO: &[u8] = b"Hello";

const BACK: &str = "The message back, decompressed rightly.";
const FAILS: &str = "The connection fails, with code 1002 or without a Close.";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = bits();
    cases.extend(legal());
    cases.extend(pieces());
    cases.extend(broken());
    cases.extend(open());
    cases
}

/// A case that needs permessage-deflate.
fn case(
    id: &str,
    title: &'static str,
    rule: Rule,
    script: impl Fn(Scale) -> (Vec<Step>, Conversation) + Send + Sync + 'static,
) -> Case {
    Case::new(id, title, rule, move |_, scale| {
        let (steps, conversation) = script(scale);
        Script::new(steps, conversation).opening(Opening::deflate([Offer::default()]))
    })
}

/// A block with fixed codes and with this data as literals.
fn fixed(data: &[u8]) -> Blocks {
    Blocks::new().fixed(Last::No).literals(data).end()
}

fn hello() -> Vec<u8> {
    fixed(HELLO).message()
}

/// A text message with this compressed payload.
fn message(payload: Vec<u8>) -> Frame {
    Frame::text(payload).rsv(4)
}

/// The fragments of a compressed text message.
fn fragments<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        parts.into_iter().map(|part| Frame::continuation(part).unfinished()).collect();
    if let Some(first) = frames.first_mut() {
        (first.opcode, first.rsv) = (1, 4);
    }
    if let Some(last) = frames.last_mut() {
        last.fin = true;
    }
    frames
}

/// Reserved bits that must not be set.
fn bits() -> Vec<Case> {
    let fail = |id, title: &'static str, rule, frames: fn() -> Vec<Frame>| {
        case(id, title, rule, move |_| (vec![Step::send(frames())], fails([], [1002])))
            .words(format!("{title}."), FAILS)
    };
    vec![
        fail("X.3.1", "RSV1 on the last fragment of a compressed message, too", BIT, || {
            let payload = hello();
            let mut frames = fragments([&payload[..3], &payload[3..]]);
            frames[1].rsv = 4;
            frames
        }),
        fail("X.3.2", "RSV1 on the last fragment of an uncompressed message", BIT, || {
            vec![Frame::text("Hel").unfinished(), Frame::continuation("lo").rsv(4)]
        }),
        fail("X.3.3", "RSV1 on a Ping", BIT, || vec![Frame::ping(hello()).rsv(4)]),
        fail("X.3.4", "RSV1 on a Pong", BIT, || vec![Frame::pong([]).rsv(4)]),
        case("X.3.5", "RSV1 on a Close", BIT, |_| {
            (vec![Step::send([Frame::close(1000, "").rsv(4)])], not_answered())
        })
        .words(
            "RSV1 on a Close.",
            "The connection fails, with code 1002 or without a Close; the Close is not answered.",
        ),
        fail("X.3.6", "RSV1 on a Ping between two fragments of a compressed message", BIT, || {
            let payload = hello();
            let mut frames = fragments([&payload[..3], &payload[3..]]);
            frames.insert(1, Frame::ping([]).rsv(4));
            frames
        }),
        fail("X.3.7", "RSV2 on a compressed message", OTHER_BITS, || vec![message(hello()).rsv(6)]),
        fail("X.3.8", "RSV3 on an uncompressed message", OTHER_BITS, || {
            vec![Frame::text(HELLO).rsv(1)]
        }),
    ]
}

/// What few compressors produce, and every decompressor must accept.
fn legal() -> Vec<Case> {
    let legal = |id, title: &'static str, rule, frames: fn() -> Vec<Frame>, events: Vec<Event>| {
        case(id, title, rule, move |_| {
            (vec![Step::send(frames())], Conversation::ok(events.clone()))
        })
        .words(format!("{title}."), BACK)
    };
    let once = || vec![text(HELLO)];
    let twice = || vec![text(HELLO), text(HELLO)];
    /// A block with BFINAL. For most decompressors it ends the stream, and some lose what comes
    /// after it.
    fn final_block() -> Blocks {
        Blocks::new().fixed(Last::Yes).literals(HELLO).end().aligned()
    }
    vec![
        legal(
            "X.3.9",
            "An uncompressed message although compression was agreed on",
            PLAIN,
            || vec![Frame::text(HELLO)],
            once(),
        ),
        legal(
            "X.3.10",
            "An uncompressed message in two fragments although compression was agreed on",
            PLAIN,
            || vec![Frame::text("Hel").unfinished(), Frame::continuation("lo")],
            once(),
        ),
        case("X.3.11", "An uncompressed message between two compressed ones", PLAIN, |_| {
            let compressed =
                || Piece::Message { binary: false, payload: HELLO.into(), fragment: 0 };
            let pieces = vec![compressed(), Piece::Frame(Frame::text("plain")), compressed()];
            let events = [text(HELLO), text("plain"), text(HELLO)];
            (vec![Step::Send(pieces, Cut::Whole)], Conversation::ok(events))
        })
        .words(
            "A compressed message, one that is not, and the first one again, compressed with its context if that was \
             agreed on.",
            "All three back: what is not compressed leaves the window as it is.",
        ),
        legal("X.3.12", "A stored block", BLOCKS, || {
            vec![message(Blocks::new().stored(Last::No, HELLO).message())]
        }, once()),
        legal("X.3.13", "A message of three stored blocks, an empty one among them", BLOCKS, || {
            let blocks = Blocks::new()
                .stored(Last::No, b"Hel")
                .stored(Last::No, b"")
                .stored(Last::No, b"lo");
            vec![message(blocks.message())]
        }, once()),
        legal("X.3.14", "A message of two blocks with fixed codes", BLOCKS, || {
            let blocks = fixed(b"Hel").fixed(Last::No).literals(b"lo").end();
            vec![message(blocks.message())]
        }, once()),
        legal("X.3.15", "A message of blocks of all three types, which refer to each other", BLOCKS, || {
            let blocks = Blocks::new()
                .stored(Last::No, HELLO)
                .fixed(Last::No)
                .back(5, 4, 0, 1)
                .end()
                .zeros(0);
            vec![message(blocks.message())]
        }, vec![text("HelloHello\0")]),
        legal("X.3.16", "A block with BFINAL", BLOCKS, || {
            vec![message(final_block().message())]
        }, once()),
        legal("X.3.17", "A block with BFINAL, and then another message", BLOCKS, || {
            vec![message(final_block().message()), message(hello())]
        }, twice()),
        case("X.3.18", "A block with BFINAL, and another block in the same message", BLOCKS, |_| {
            let blocks = final_block().fixed(Last::No).literals(HELLO).end();
            let conversation = Conversation::ok([text("HelloHello")])
                .or(Behavior::NonStrict, [], failing(BROKEN));
            (vec![Step::send([message(blocks.message())])], conversation)
        })
        .words(
            "A message of a block with BFINAL and of one without.",
            "What both blocks hold. To fail the connection is NON-STRICT; to lose the second block is wrong.",
        ),
        case("X.3.19", "Two stored blocks with BFINAL in one message", BLOCKS, |_| {
            let blocks = Blocks::new().stored(Last::Yes, b"Hel").stored(Last::Yes, b"lo");
            let conversation =
                Conversation::ok([text(HELLO)]).or(Behavior::NonStrict, [], failing(BROKEN));
            (vec![Step::send([message(blocks.message())])], conversation)
        })
        .words(
            "A message of two stored blocks with BFINAL.",
            "What both blocks hold. To fail the connection is NON-STRICT; to lose the second block is wrong.",
        ),
        legal("X.3.20", "An empty message: an empty block and nothing else", EMPTY, || {
            vec![message(Blocks::new().message())]
        }, vec![text([])]),
        legal("X.3.21", "An empty message: an empty block with fixed codes", BLOCKS, || {
            vec![message(fixed(b"").message())]
        }, vec![text([])]),
        case("X.3.22", "An empty message of 10,000 empty stored blocks", BLOCKS, |_| {
            let blocks = (0..10_000).fold(Blocks::new(), |blocks, _| blocks.stored(Last::No, b""));
            let too_many: Vec<u16> = BROKEN.into_iter().chain(TOO_MUCH).collect();
            let conversation =
                Conversation::ok([text([])]).or(Behavior::NonStrict, [], failing(too_many));
            (vec![Step::send([message(blocks.message())])], conversation)
        })
        .words(
            "A compressed message of 10,000 empty stored blocks.",
            "An empty message back. To fail the connection because the blocks are too many is NON-STRICT.",
        ),
    ]
}

/// Compressed messages that are split.
fn pieces() -> Vec<Case> {
    vec![
        case("X.3.23", "A compressed message cut by two fragments at each byte", FRAGMENTS, |_| {
            let payload = hello();
            let places = 1..payload.len();
            let frames = places.clone().flat_map(|at| {
                let (begin, rest) = payload.split_at(at);
                fragments([begin, rest])
            });
            let echoes: Vec<Event> = places.clone().map(|_| text(HELLO)).collect();
            (vec![Step::send(frames)], Conversation::ok(echoes))
        })
        .words(
            "\"Hello\" in a block with fixed codes, cut by two fragments: as many messages as there are places.",
            "Each message back.",
        ),
        case("X.3.24", "A compressed message with an empty first fragment", FRAGMENTS, |_| {
            let payload = hello();
            let frames = fragments([&[][..], &payload[..], &[]]);
            (vec![Step::send(frames)], Conversation::ok([text(HELLO)]))
        })
        .words(
            "Three fragments of a compressed message, of which the first and the last are empty.",
            BACK,
        ),
        case("X.3.25", "A compressed message in fragments of one byte, a Ping after each", rules::BETWEEN, |_| {
            let payload = hello();
            let mut frames = fragments(payload.chunks(1));
            let pings: Vec<Vec<u8>> = (1..payload.len()).map(|at| vec![at as u8]).collect();
            for (ping, at) in pings.iter().zip(1..payload.len()).rev() {
                frames.insert(at, Frame::ping(ping.clone()));
            }
            let ponged = |answered| [Event::Pongs(answered), text(HELLO)];
            let conversation =
                Conversation::ok(ponged(Answered::All)).or(Behavior::Ok, ponged(Answered::Last), goes_on());
            (vec![Step::send(frames), Step::Pongs(pings)], conversation)
        })
        .words(
            "\"Hello\" in a block with fixed codes, each byte in a fragment, a Ping after each but the last.",
            "The Pongs, or that to the last Ping, and then the message.",
        ),
        case("X.3.26", "A Close between two fragments of a compressed message", rules::BETWEEN, |_| {
            let payload = hello();
            let mut frames = fragments([&payload[..3], &payload[3..]]);
            frames.insert(1, Frame::close(1000, ""));
            (vec![Step::send(frames)], Conversation::ok([]).close(Close::by_runner([1000, 1002])))
        })
        .words(
            "A fragment of a compressed message, a Close, and the last fragment.",
            "Nothing but a Close: with code 1000 or none, or with 1002 for the message that is not finished.",
        ),
        case("X.3.27", "A character of four bytes cut by fragments and by blocks", FRAGMENTS, |_| {
            let letter = "\u{1d11e}".as_bytes();
            let blocks = letter
                .iter()
                .fold(Blocks::new(), |blocks, byte| {
                    blocks.fixed(Last::No).literals(&[*byte]).end()
                })
                .message();
            (vec![Step::send(fragments(blocks.chunks(1)))], Conversation::ok([text(letter)]))
        })
        .words(
            "A compressed character of four bytes, each in a block of its own, in fragments of one byte.",
            BACK,
        ),
        case("X.3.28", "A compressed text that is not UTF-8", rules::UTF8, |_| {
            (vec![Step::send([message(fixed(b"Hello\xff").message())])], fails([], [1007]))
        })
        .words("A compressed text message with the byte ff.", "The connection fails with code 1007."),
        case("X.3.29", "A compressed text that ends within a character", rules::UTF8, |_| {
            (vec![Step::send([message(fixed(b"Hello\xe2\x82").message())])], fails([], [1007]))
        })
        .words(
            "A compressed text message that ends with two bytes of a character of three.",
            "The connection fails with code 1007.",
        ),
        case("X.3.30", "A compressed binary message that is not UTF-8", FRAGMENTS, |_| {
            let payload = fixed(b"\xff\xfe").message();
            let frame = Frame::binary(payload).rsv(4);
            (vec![Step::send([frame])], Conversation::ok([binary(b"\xff\xfe")]))
        })
        .words("A compressed binary message with the bytes ff and fe.", BACK),
    ]
}

/// Payloads that are not valid DEFLATE.
fn broken() -> Vec<Case> {
    let broken = |id, title: &'static str, rule, make: fn() -> Vec<u8>| {
        case(id, title, rule, move |_| {
            // They are binary, so that the output need not be text.
            let frames = [Frame::binary(make()).rsv(4), Frame::ping(STILL_THERE)];
            let conversation =
                fails([], BROKEN).or(Behavior::NonStrict, [pong()], goes_on());
            (vec![Step::send(frames)], conversation)
        })
        .words(
            format!("{title}, in a compressed binary message; a Ping."),
            "The connection fails, with code 1007 or another one that fits. To pass over the message is NON-STRICT; to \
             make one up is wrong.",
        )
    };
    vec![
        broken("X.3.31", "A block of the reserved type", RESERVED, || Blocks::new().reserved().message()),
        broken("X.3.32", "A block of the reserved type after a right one", RESERVED, || {
            fixed(HELLO).reserved().message()
        }),
        broken("X.3.33", "Bytes of ff", RESERVED, || vec![0xff; 16]),
        broken("X.3.34", "A stored block whose length and complement do not fit", STORED, || {
            Blocks::new().stored_with(Last::No, 5, 5, HELLO).message()
        }),
        broken("X.3.35", "The length symbol 286", SYMBOLS, || {
            Blocks::new()
                .fixed(Last::No)
                .literals(HELLO)
                .symbol(286)
                .code(0, 5)
                .end()
                .message()
        }),
        broken("X.3.36", "The distance symbol 30", SYMBOLS, || {
            Blocks::new().fixed(Last::No).literals(HELLO).back(3, 30, 0, 0).end().message()
        }),
        broken("X.3.37", "A block that says it has 288 codes for literals and lengths", CODES, || {
            Blocks::new().dynamic(288, 1, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2]).message()
        }),
        broken("X.3.38", "A block with more codes of one bit than there are", CODES, || {
            Blocks::new().dynamic(257, 1, &[1, 1, 1, 1]).message()
        }),
        broken("X.3.39", "A block whose code lengths begin with a repetition of the one before", CODES, || {
            Blocks::new().dynamic(257, 1, &[1, 0, 0, 1]).code(1, 1).number(0, 2).message()
        }),
        broken("X.3.40", "A first message that refers to what came before it", DISTANCE, || {
            Blocks::new().fixed(Last::No).back(3, 0, 0, 0).end().message()
        }),
        broken("X.3.41", "A distance one byte beyond the beginning of the first message", DISTANCE, || {
            Blocks::new().fixed(Last::No).literals(b"Hel").back(3, 3, 0, 0).end().message()
        }),
        broken("X.3.42", "A distance of 32 KiB in the first message", DISTANCE, || {
            Blocks::new().fixed(Last::No).literals(HELLO).back(3, 29, 0x1fff, 13).end().message()
        }),
        case("X.3.43", "A broken payload in the first of two fragments, then silence", DECOMPRESS, |_| {
            const UNFINISHED: &str = "after the broken fragment";
            let steps = vec![
                Step::send([Frame::binary(Blocks::new().reserved().message()).rsv(4).unfinished()]),
                Step::Pause(UNFINISHED, std::time::Duration::from_millis(100)),
                Step::send([Frame::continuation([0]), Frame::ping(STILL_THERE)]),
            ];
            let late = Event::Quiet(UNFINISHED);
            let conversation = fails([], BROKEN)
                .or(Behavior::Ok, [late.clone()], failing(BROKEN))
                .or(Behavior::NonStrict, [late, pong()], goes_on());
            (steps, conversation)
        })
        .words(
            "The first fragment of a message with a block of the reserved type; a wait; the last fragment and a Ping.",
            "The connection fails, at once or at the end of the message. To pass over the message is NON-STRICT.",
        ),
    ]
}

/// Cases that the RFCs leave open.
fn open() -> Vec<Case> {
    let hint = |own: Offer| {
        let opening = Opening::deflate([Offer::default()]);
        Opening { own, ..opening }
    };
    let either = |id,
                  title: &'static str,
                  sends: &'static str,
                  make: fn() -> Vec<u8>,
                  made: &'static [u8]| {
        case(id, title, TAIL, move |_| {
            let frames = [Frame::binary(make()).rsv(4), Frame::ping(STILL_THERE)];
            let conversation = observed([binary(made), pong()], goes_on())
                .or(Behavior::Informational, [pong(), binary(made)], goes_on())
                .or(Behavior::Informational, [], failing(BROKEN))
                .or(Behavior::Informational, [pong()], goes_on());
            (vec![Step::send(frames)], conversation)
        })
        .words(
            sends,
            "Whether that is a message or the end of the connection is up to the endpoint.",
        )
    };
    let unfinished = |id, title: &'static str, sends: &'static str, make: fn() -> Vec<u8>| {
        case(id, title, TAIL, move |_| {
            let frames = [Frame::binary(make()).rsv(4), Frame::ping(STILL_THERE)];
            let steps = vec![Step::send(frames), Step::Await(2)];
            (steps, Conversation::ok([]).or(Behavior::Informational, [], failing(BROKEN)).informational())
        })
        .words(
            sends,
            "Whether that is a message, and which one, or the end of the connection, is up to the endpoint.",
        )
    };
    vec![
        either(
            "X.3.44",
            "A compressed message without a payload",
            "A binary frame with RSV1 and without a payload, which not even an empty block is; a Ping.",
            Vec::new,
            b"",
        ),
        either(
            "X.3.45",
            "A compressed message with the four bytes at its end that are to be taken away",
            "\"Hello\" with 00 00 ff ff at its end, in a binary message; a Ping.",
            || [&hello()[..], b"\x00\x00\xff\xff"].concat(),
            HELLO,
        ),
        unfinished(
            "X.3.46",
            "A stored block that ends before its length does",
            "A stored block of 100 bytes of which 5 are there, in a binary message; a Ping.",
            || Blocks::new().stored_with(Last::No, 100, !100, HELLO).bytes(),
        ),
        unfinished(
            "X.3.47",
            "A block with fixed codes that ends before its end",
            "\"Hello\" in a block with fixed codes without its end, in a binary message; a Ping.",
            || Blocks::new().fixed(Last::No).literals(HELLO).bytes(),
        ),
        Case::new(
            "X.3.48",
            "A message that refers to the one before, where each is compressed on its own",
            EACH_ALONE,
            move |_, _| {
                let back = Blocks::new().fixed(Last::No).literals(b"H").back(4, 4, 0, 1).end();
                let frames = [message(hello()), message(back.message())];
                let conversation = observed([text(HELLO), text(HELLO)], goes_on())
                    .or(Behavior::Informational, [text(HELLO)], failing(BROKEN))
                    .or(Behavior::Informational, [], failing(BROKEN));
                let own = Offer { no_context_takeover: true, ..Offer::default() };
                Script::new([Step::send(frames)], conversation).opening(hint(own))
            },
        )
        .words(
            "The runner says that it compresses each message on its own. Then a compressed message, and one that refers \
             to it.",
            "Both messages back, or the connection fails at the second. A server that did not agree has to send both back.",
        ),
        Case::new(
            "X.3.49",
            "A distance of 1200 bytes, where a window of 512 was agreed on",
            WINDOW,
            move |_, _| {
                let data: Vec<u8> = (0..1200u32).map(|n| (n * n % 251) as u8).collect();
                let blocks = Blocks::new()
                    .stored(Last::No, &data)
                    .fixed(Last::No)
                    .back(10, 20, 175, 9)
                    .end();
                let whole = [&data[..], &data[..10]].concat();
                let conversation = observed([binary(whole)], goes_on())
                    .or(Behavior::Informational, [], failing(BROKEN));
                let frame = Frame::binary(blocks.message()).rsv(4);
                let own = Offer { max_window_bits: Some(9), ..Offer::default() };
                Script::new([Step::send([frame])], conversation).opening(hint(own))
            },
        )
        .words(
            "The runner says that its window has 512 bytes. Then a message with a match 1200 bytes back.",
            "The message back, or the connection fails. A server that did not agree has to send it back.",
        ),
        case("X.3.50", "Ten million zeros in ten kilobytes", LIMITS, |_| {
            let matches = (10 << 20) / 258;
            let frame = Frame::binary(Blocks::new().zeros(matches).message()).rsv(4);
            let all = binary(vec![0; Blocks::zeros_len(matches)]);
            let conversation = observed([all], goes_on()).or(Behavior::Informational, [], failing(TOO_MUCH));
            (vec![Step::send([frame])], conversation)
        })
        .words(
            "A compressed message of about 10 KiB that holds 10 MiB of zeros.",
            "The message back, or the connection fails because it is too large.",
        ),
        case("X.3.51", "A thousand million zeros in one megabyte", LIMITS, |scale| {
            let zeros: usize = if scale == Scale::Full { 1 << 30 } else { 128 << 20 };
            let frame = Frame::binary(Blocks::new().zeros(zeros / 258).message()).rsv(4);
            let steps = vec![Step::send([frame]), Step::Await(1)];
            (steps, Conversation::ok([]).or(Behavior::Informational, [], failing(TOO_MUCH)).informational())
        })
        .words(
            "A compressed message of about 1 MiB that holds 1 GiB of zeros, or an eighth of that.",
            "The connection should fail because the message is too large; what is seen is only noted.",
        ),
    ]
}
