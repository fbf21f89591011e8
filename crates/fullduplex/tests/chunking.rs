//! Promise P1: the split of the input changes neither the events (with chunks joined) nor the output nor the error. The
//! input is random: valid and invalid frames, under random limits; bytes; heads.

use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome as Handshaken, ServerHandshake,
};
use fullduplex::{
    CloseCode, Config, Connection, Error, Limits, MessageError, Negotiated, Role, Timeouts, Uri,
};
use fullduplex_testkit::{Frame, LengthForm, Outcome, Seen, Split, TestEntropy, drive};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
/// The longest input that is cut in two at every place.
const CUT_EVERYWHERE: usize = 300;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// How to create the connection, which is a new one for each split.
#[derive(Clone, Debug)]
struct Setup {
    role: Role,
    limits: Limits,
    /// Whether our own Close is sent before any input is received.
    closes_first: bool,
}

impl Setup {
    /// Receives `bytes` and then the end of input. Returns the result of each, and the state after them.
    fn run(&self, bytes: &[u8], split: Split) -> (Outcome, Result<(), Error>, [bool; 3]) {
        let mut config = Config::new();
        config.limits = self.limits;
        config.timeouts = Timeouts::new();
        let mut conn = Connection::new(self.role, Negotiated::without_extensions(), config);
        if self.closes_first {
            let entropy = TestEntropy::new(9);
            conn.close(CloseCode::Normal, "", &mut [0; 64], entropy).unwrap();
        }
        let outcome = drive(&mut conn, bytes, split);
        assert_eq!(conn.failure(), outcome.error);
        let state = [conn.is_clean(), conn.is_closed(), conn.may_send()];
        (outcome, conn.handle_eof(), state)
    }

    fn is_the_same_for_every_split(&self, bytes: &[u8], seed: u64) -> Result<(), TestCaseError> {
        let whole = self.run(bytes, Split::Whole);
        let some = [
            Split::Every(1),
            Split::Every(2),
            Split::Every(13),
            Split::Random(seed),
            Split::Random(seed ^ 1),
        ];
        let everywhere = if bytes.len() <= CUT_EVERYWHERE { bytes.len() } else { 0 };
        for split in some.into_iter().chain((1..everywhere).map(Split::At)) {
            let outcome = self.run(bytes, split);
            prop_assert!(outcome == whole, "{split:?} of {bytes:02x?}\n{outcome:?}\n{whole:?}");
        }
        Ok(())
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let size = || {
        prop_oneof![
            4 => Just(1_u64 << 20),
            1 => select(vec![0, 1, 5, 8, 124, 125, 126, 127, 300, 65_535, 65_536]),
        ]
    };
    let fragments = prop_oneof![4 => Just(1000_u32), 1 => 0..4_u32];
    (size(), size(), fragments).prop_map(|(frame, message, fragments)| {
        let mut limits = Limits::new();
        limits.max_frame_size = frame;
        limits.max_message_size = message;
        limits.max_fragments = fragments;
        limits
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    (select(vec![Role::Server, Role::Client]), limits(), prop::bool::weighted(0.1))
        .prop_map(|(role, limits, closes_first)| Setup { role, limits, closes_first })
}

/// Text with characters of every length. Some of it has bytes that are not UTF-8.
fn text(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let characters = select(vec![
        "a",
        "~",
        "\0",
        "ß",
        "\u{7ff}",
        "€",
        "\u{ffff}",
        "\u{d7ff}",
        "😀",
        "\u{10ffff}",
    ]);
    let broken: Vec<&[u8]> = vec![
        b"\x80",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90",
        b"\xf0\x8f",
        b"\xf5",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
    ];
    let piece = prop_oneof![
        60 => characters.prop_map(|character| character.as_bytes().to_vec()),
        1 => select(broken).prop_map(<[u8]>::to_vec),
    ];
    vec(piece, 0..=max).prop_map(|pieces| pieces.concat())
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => text(12),
        6 => vec(any::<u8>(), 0..40),
        2 => text(100),
        2 => vec(any::<u8>(), 120..132),
        1 => (65_530..65_540_usize, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

/// Any frame. Most of them are invalid.
fn any_frame() -> impl Strategy<Value = Frame> {
    let rsv = prop_oneof![9 => Just(0), 1 => 0..8_u8];
    (any::<bool>(), rsv, 0..16_u8, payload()).prop_map(|(fin, rsv, opcode, payload)| Frame {
        fin,
        rsv,
        opcode,
        mask: None,
        payload,
    })
}

fn control() -> impl Strategy<Value = Frame> {
    let close = (select(vec![1000, 1001, 1005, 1011, 3000, 4999, 5000]), text(20))
        .prop_map(|(code, reason)| Frame::new(8, [&u16::to_be_bytes(code), &reason[..]].concat()));
    prop_oneof![
        8 => vec(any::<u8>(), 0..=125).prop_map(Frame::ping),
        4 => vec(any::<u8>(), 0..10).prop_map(Frame::pong),
        1 => close,
        1 => vec(any::<u8>(), 0..3).prop_map(|payload| Frame::new(8, payload)),
    ]
}

/// A message that is cut into fragments anywhere, with control frames in between.
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let cuts = vec((any::<Index>(), prop::option::weighted(0.3, control())), 0..5);
    (any::<bool>(), payload(), cuts).prop_map(|(text, payload, mut cuts)| {
        cuts.sort_by_key(|(index, _)| index.index(payload.len() + 1));
        let mut frames = Vec::new();
        let mut start = 0;
        let mut opcode = if text { 1 } else { 2 };
        for (index, control) in cuts {
            let end = index.index(payload.len() + 1);
            frames.push(Frame::new(opcode, &payload[start..end]).unfinished());
            frames.extend(control);
            (opcode, start) = (0, end);
        }
        frames.push(Frame::new(opcode, &payload[start..]));
        frames
    })
}

/// How a frame is encoded: the form of its length, whether it is masked as the sender's role demands, and the masking key.
type Encoding = (LengthForm, bool, [u8; 4]);

/// Frames, and changes to their bytes.
#[derive(Clone, Debug)]
struct Wire {
    frames: Vec<(Frame, Encoding)>,
    /// A byte that is replaced, and its new value.
    mutation: Option<(Index, u8)>,
    /// The input ends here.
    cut: Option<Index>,
}

impl Wire {
    fn to(&self, role: Role) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (frame, (form, rightly_masked, key)) in &self.frames {
            let mask = ((role == Role::Server) == *rightly_masked).then_some(*key);
            bytes.extend(Frame { mask, ..frame.clone() }.encode_as(*form));
        }
        if let Some((index, byte)) = &self.mutation {
            let index = index.index(bytes.len());
            bytes[index] = *byte;
        }
        if let Some(index) = &self.cut {
            bytes.truncate(index.index(bytes.len()));
        }
        bytes
    }
}

/// Conversations that are mostly valid. They have few faults, so that a connection receives much of them before it fails.
fn wire() -> impl Strategy<Value = Wire> {
    let frames = prop_oneof![
        12 => message(),
        4 => control().prop_map(|frame| vec![frame]),
        1 => any_frame().prop_map(|frame| vec![frame]),
    ];
    let form = prop_oneof![
        120 => Just(LengthForm::Shortest), 1 => Just(LengthForm::Two), 1 => Just(LengthForm::Eight)
    ];
    let encoding = (form, prop::bool::weighted(0.99), any::<[u8; 4]>());
    // A message has at most 4 cuts, each with a control frame.
    let encoded = (frames, vec(encoding, 9))
        .prop_map(|(frames, encoding)| frames.into_iter().zip(encoding).collect::<Vec<_>>());
    let mutation = prop::option::weighted(0.3, (any::<Index>(), any::<u8>()));
    let cut = prop::option::weighted(0.3, any::<Index>());
    (vec(encoded, 1..6), mutation, cut).prop_map(|(frames, mutation, cut)| Wire {
        frames: frames.concat(),
        mutation,
        cut,
    })
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn frames_come_out_the_same_however_they_are_split(
        setup in setup(), wire in wire(), seed in any::<u64>(),
    ) {
        setup.is_the_same_for_every_split(&wire.to(setup.role), seed)?;
    }

    #[test]
    fn single_frames_of_any_kind_come_out_the_same_however_they_are_split(
        setup in setup(), frame in any_frame(), seed in any::<u64>(),
        form in select(vec![LengthForm::Shortest, LengthForm::Two, LengthForm::Eight]),
    ) {
        let masked = if setup.role == Role::Server { frame.masked() } else { frame };
        let bytes = masked.encode_as(form);
        setup.is_the_same_for_every_split(&bytes, seed)?;
    }

    #[test]
    fn random_bytes_come_out_the_same_however_they_are_split(
        setup in setup(), bytes in vec(any::<u8>(), 1..100), seed in any::<u64>(),
    ) {
        setup.is_the_same_for_every_split(&bytes, seed)?;
    }

    #[test]
    fn random_text_comes_out_the_same_however_it_is_split(
        setup in setup(), text in text(60), bytes in vec(any::<u8>(), 0..6), seed in any::<u64>(),
    ) {
        let frame = Frame::text([text, bytes].concat());
        let frame = if setup.role == Role::Server { frame.masked() } else { frame };
        setup.is_the_same_for_every_split(&frame.encode(), seed)?;
    }
}

/// A change to a head: some bytes are replaced by others.
type Edit = (Index, usize, Vec<u8>);

/// Valid heads with a few edits, and the limits under which they are read.
fn head(lines: &'static [&'static str]) -> impl Strategy<Value = (Vec<u8>, HeadLimits)> {
    let pieces: Vec<&[u8]> = vec![
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b",",
        b"\0",
        b"\x7f",
        b"\x80",
        b"\"",
        b";",
        b"=",
        b"/",
        b"#",
        b"?",
        b"\r\n\r\n",
        b"\r\n ",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"1",
        b"13",
        b"websocket",
        b"Content-Length: 0\r\n",
        b"Content-Length: 1\r\n",
        b"Host: b\r\n",
        b"X: y\r\n",
    ];
    let by = prop_oneof![select(pieces).prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..3),];
    let edits = vec((any::<Index>(), 0..4_usize, by), 0..4);
    let order = Just(lines[1..].to_vec()).prop_shuffle();
    let left_out = prop::option::weighted(0.1, any::<Index>());
    let limits = (
        prop_oneof![3 => Just(16_384_usize), 1 => 0..400_usize],
        prop_oneof![3 => Just(100_usize), 1 => 0..10_usize],
    );
    let tail = vec(any::<u8>(), 0..8);
    (order, left_out, edits, limits, tail).prop_map(
        move |(mut order, left_out, edits, (max_size, max_headers), tail)| {
            if let Some(index) = left_out {
                order.remove(index.index(order.len()));
            }
            let mut head = lines[0].as_bytes().to_vec();
            head.extend(order.concat().bytes());
            head.extend(b"\r\n");
            for edit in edits {
                apply(&mut head, edit);
            }
            head.extend(tail);
            (head, HeadLimits::new().max_size(max_size).max_headers(max_headers))
        },
    )
}

fn apply(head: &mut Vec<u8>, (index, len, by): Edit) {
    let start = index.index(head.len());
    let end = (start + len).min(head.len());
    head.splice(start..end, by);
    if head.is_empty() {
        head.push(b'G');
    }
}

/// The reads of every split: byte by byte, and in two at every place. Each number is how many bytes have arrived.
fn reads(len: usize) -> impl Iterator<Item = Vec<usize>> {
    std::iter::once((1..=len).collect()).chain((1..len).map(move |cut| vec![cut, len]))
}

fn serve(bytes: &[u8], limits: HeadLimits, reads: &[usize]) -> String {
    let mut handshake = ServerHandshake::new(limits);
    for read in reads {
        match handshake.poll(&bytes[..*read]) {
            Ok(None) => {}
            Ok(Some(request)) => {
                let mut out = [0; 512];
                let acceptance =
                    Acceptance::new().subprotocol(request.choose_subprotocol(&["b", "a"]));
                let (len, _) = request.accept(&acceptance, &mut out).expect("a proper response");
                let response = String::from_utf8_lossy(&out[..len]);
                return format!("{} {request:?} {response}", request.head_len());
            }
            Err(error) => return format!("{error:?}"),
        }
    }
    format!("{:?}", handshake.handle_eof())
}

fn respond(bytes: &[u8], limits: HeadLimits, reads: &[usize]) -> String {
    let request = ClientRequest::new(Uri::parse("ws://a/").expect("a URI")).subprotocols(&["a"]);
    let mut handshake =
        ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce").with_limits(limits);
    for read in reads {
        match handshake.poll(&bytes[..*read], &request) {
            Ok(None) => {}
            Ok(Some(Handshaken::Open { response, .. })) => return format!("open {response:?}"),
            Ok(Some(Handshaken::Refused(response))) => return format!("refused {response:?}"),
            Err(error) => return format!("{error:?}"),
        }
    }
    format!("{:?}", handshake.handle_eof())
}

const REQUEST: &[&str] = &[
    "GET /chat HTTP/1.1\r\n",
    "Host: a\r\n",
    "Upgrade: websocket\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Sec-WebSocket-Version: 13\r\n",
    "Sec-WebSocket-Protocol: a, b\r\n",
    "Sec-WebSocket-Extensions: foo; bar=\"b\\az\"\r\n",
];

const RESPONSE: &[&str] = &[
    "HTTP/1.1 101 Switching Protocols\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Sec-WebSocket-Protocol: a\r\n",
];

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn requests_are_judged_the_same_however_they_are_split((bytes, limits) in head(REQUEST)) {
        let whole = serve(&bytes, limits, &[bytes.len()]);
        for reads in reads(bytes.len()) {
            let split = serve(&bytes, limits, &reads);
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(split == whole, "{text:?} {reads:?}\n{split}\n{whole}");
        }
    }

    #[test]
    fn responses_are_judged_the_same_however_they_are_split(
        (bytes, limits) in head(RESPONSE), interim in 0..3_usize,
    ) {
        let bytes = [&b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(interim), &bytes[..]].concat();
        let whole = respond(&bytes, limits, &[bytes.len()]);
        for reads in reads(bytes.len()) {
            let split = respond(&bytes, limits, &reads);
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(split == whole, "{text:?} {reads:?}\n{split}\n{whole}");
        }
    }
}

/// A message in one frame is received under any limit. Under 0, the second fragment of a message is refused.
#[test]
fn a_limit_of_no_fragments_counts_as_one() {
    for role in [Role::Server, Role::Client] {
        let mut limits = Limits::new();
        limits.max_fragments = 0;
        let setup = Setup { role, limits, closes_first: false };
        let encode = |frame: &Frame| {
            if role == Role::Server { frame.clone().masked().encode() } else { frame.encode() }
        };
        for payload in ["", "a"] {
            let whole = Frame::binary(payload);
            let [begun, more] = [whole.clone().unfinished(), Frame::continuation("b")];
            let bytes: Vec<u8> =
                [Frame::pong("p"), whole, begun, more].iter().flat_map(encode).collect();
            setup.is_the_same_for_every_split(&bytes, 1).unwrap();
            let outcome = setup.run(&bytes, Split::Whole).0;
            assert_eq!(outcome.seen[1], Seen::Binary(payload.into(), true));
            assert_eq!(outcome.error, Some(MessageError::TooManyFragments.into()));
        }
    }
}
