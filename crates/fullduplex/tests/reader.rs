//! A [`Reader`] over a [`Connection`] returns the messages that the connection's chunks make, lent or owned, with reads of
//! any size. It holds no more memory than it should.
#![cfg(feature = "alloc")]

use allocation_counter::measure;
use fullduplex::{
    BufMut, Config, Connection, Error, Limits, Message, MessageRef, Negotiated, Reader, Role,
};
use fullduplex_testkit::{Frame, Outcome, ROLES, Random, Seen, Split, drive, to};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn open(role: Role) -> Connection {
    Connection::new(role, Negotiated::without_extensions(), Config::new())
}

fn limited(role: Role, max_frame_size: u64, max_message_size: u64) -> Connection {
    let mut limits = Limits::new();
    limits.max_frame_size = max_frame_size;
    limits.max_message_size = max_message_size;
    let mut config = Config::new();
    config.limits = limits;
    Connection::new(role, Negotiated::without_extensions(), config)
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes: Vec<u8> =
        (0..len.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// How messages are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Lent,
    Owned,
    /// Lent or owned, at random.
    Mixed,
}

fn lent(message: MessageRef<'_>) -> Seen {
    match message {
        MessageRef::Text(text) => Seen::Text(text.into(), true),
        MessageRef::Binary(data) => Seen::Binary(data.into(), true),
        MessageRef::Ping(data) => Seen::Ping(data.into()),
        MessageRef::Pong(data) => Seen::Pong(data.into()),
        MessageRef::Close(close) => {
            Seen::Close(close.map(|close| (close.code.to_u16(), close.reason.to_owned())))
        }
    }
}

fn owned(message: &Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Text(text.as_bytes().into(), true),
        Message::Binary(data) => Seen::Binary(data.to_vec(), true),
        Message::Ping(data) => Seen::Ping(data.to_vec()),
        Message::Pong(data) => Seen::Pong(data.to_vec()),
        Message::Close(close) => Seen::Close(
            close.as_ref().map(|close| (close.code.to_u16(), close.reason.as_str().to_owned())),
        ),
    }
}

/// A message that was received. Owned messages are kept, and looked at after everything was read.
enum Kept {
    Lent(Seen),
    Owned(Message),
}

struct Session {
    reader: Reader,
    mode: Mode,
    random: Random,
    kept: Vec<Kept>,
    error: Option<Error>,
}

impl Session {
    fn new(conn: Connection, mode: Mode, seed: u64) -> Self {
        let random = Random::new(seed);
        let (receiver, _) = conn.split();
        Self { reader: Reader::new(receiver), mode, random, kept: Vec::new(), error: None }
    }

    fn poll(&mut self) {
        loop {
            let ask_owned = match self.mode {
                Mode::Lent => false,
                Mode::Owned => true,
                Mode::Mixed => self.random.below(2) == 0,
            };
            let polled = if ask_owned {
                let message = self.reader.poll_owned();
                message.map(|message| message.map(Kept::Owned))
            } else if self.random.below(2) == 0 {
                let message = self.reader.poll();
                message.map(|message| message.map(|message| Kept::Lent(lent(message))))
            } else {
                self.reader.find().and_then(|is_found| {
                    let message = self.reader.message()?;
                    assert!(is_found || message.is_none());
                    Ok(message.map(|message| Kept::Lent(lent(message))))
                })
            };
            match polled {
                Ok(Some(kept)) => self.kept.push(kept),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(self.error, None, "a failure is told once");
                    self.error = Some(error);
                }
            }
        }
        assert!(self.reader.unread().is_empty(), "asked for more with input left");
    }

    /// Reads all of `wire`, at most `most` bytes at once, and polls after each read.
    fn read(&mut self, mut wire: &[u8], most: usize) {
        while !wire.is_empty() {
            let most = wire.len().min(1 + self.random.below(most));
            let len = if self.random.below(2) == 0 {
                let room = self.reader.room();
                let len = room.len().min(most);
                room[..len].copy_from_slice(&wire[..len]);
                len
            } else {
                let mut room = self.reader.room_buf();
                let len = room.remaining_mut().min(most);
                room.put_slice(&wire[..len]);
                len
            };
            assert_ne!(len, 0, "there is always room");
            self.reader.advance(len);
            wire = &wire[len..];
            self.poll();
        }
    }

    fn seen(&self) -> Vec<Seen> {
        let seen = |kept: &Kept| match kept {
            Kept::Lent(seen) => seen.clone(),
            Kept::Owned(message) => owned(message),
        };
        self.kept.iter().map(seen).collect()
    }
}

/// What a reader should return: the whole messages that the connection alone receives.
fn expected(conn: &mut Connection, wire: &[u8]) -> Outcome {
    let mut outcome = drive(conn, wire, Split::Whole);
    outcome.seen.retain(Seen::is_whole);
    outcome
}

/// A message of one frame or of several, with control frames in between.
fn message(random: &mut Random, len: usize) -> Vec<Frame> {
    let text = random.below(2) == 0;
    let payload = if text {
        "aß€😀".chars().cycle().take(len / 3).collect::<String>().into_bytes()
    } else {
        bytes(len, random.next_u64())
    };
    let mut frames = Vec::new();
    let mut rest = &payload[..];
    let mut opcode = if text { 1 } else { 2 };
    for _ in 0..[0, 0, 1, 5][random.below(4)] {
        let (piece, more) = rest.split_at(random.below(rest.len() + 1));
        frames.push(Frame::new(opcode, piece).unfinished());
        if random.below(2) == 0 {
            frames.push(Frame::ping(bytes(random.below(126), random.next_u64())));
        }
        (opcode, rest) = (0, more);
    }
    frames.push(Frame::new(opcode, rest));
    frames
}

fn conversation(random: &mut Random, role: Role) -> Vec<u8> {
    let mut wire = Vec::new();
    for _ in 0..1 + random.below(12) {
        let len = match random.below(12) {
            0..=5 => random.below(200),
            6..=8 => random.below(5000),
            9 => 16 * KIB - 20 + random.below(40),
            10 => 64 * KIB - 20 + random.below(40),
            _ => random.below(100_000),
        };
        wire.extend(message(random, len).into_iter().flat_map(|frame| to(role, frame)));
    }
    match random.below(4) {
        0 => wire.extend(to(role, Frame::close(1000, "bye"))),
        1 => {
            let at = random.below(wire.len());
            wire[at] ^= 1 << random.below(8);
        }
        _ => {}
    }
    wire
}

#[test]
fn random_conversations_are_the_same_lent_and_owned_whatever_the_reads() {
    for seed in 0..60 {
        for role in ROLES {
            let mut random = Random::new(seed);
            let wire = conversation(&mut random, role);
            let expected = expected(&mut open(role), &wire);
            for mode in [Mode::Lent, Mode::Owned, Mode::Mixed] {
                for most in [100, 3000, 64 * KIB, usize::MAX / 2] {
                    let mut session = Session::new(open(role), mode, seed);
                    session.read(&wire, most);
                    let context = format!("seed {seed}, {role:?}, {mode:?}, {most}");
                    assert!(session.seen() == expected.seen, "{context}");
                    assert_eq!(session.error, expected.error, "{context}");
                }
            }
        }
    }
}

#[test]
fn short_conversations_can_be_read_byte_by_byte() {
    for role in ROLES {
        let mut wire = Vec::new();
        let mut random = Random::new(3);
        for len in 0..200 {
            wire.extend(message(&mut random, len).into_iter().flat_map(|frame| to(role, frame)));
        }
        let expected = expected(&mut open(role), &wire);
        for mode in [Mode::Lent, Mode::Owned, Mode::Mixed] {
            let mut session = Session::new(open(role), mode, 1);
            session.read(&wire, 1);
            assert!(session.seen() == expected.seen, "{role:?} {mode:?}");
        }
    }
}

#[test]
fn messages_around_the_sizes_where_the_buffer_changes() {
    for role in ROLES {
        for around in [4 * KIB, 16 * KIB, 64 * KIB, MIB] {
            let offsets: &[isize] =
                if around == MIB { &[-14, -4, 0, 1] } else { &[-15, -14, -8, -4, -1, 0, 1, 14] };
            for offset in offsets {
                let len = around.saturating_add_signed(*offset);
                let payload = bytes(len, 1);
                let (first, last) = payload.split_at(len / 3);
                let frames = [
                    Frame::binary("before"),
                    Frame::binary(&payload[..]),
                    Frame::ping("?"),
                    Frame::binary(first).unfinished(),
                    Frame::ping("!"),
                    Frame::continuation(last),
                    Frame::binary(&payload[..]),
                    Frame::binary("after"),
                ];
                let wire: Vec<u8> = frames.into_iter().flat_map(|frame| to(role, frame)).collect();
                let whole = || Seen::Binary(payload.clone(), true);
                let expected = [
                    Seen::Binary(b"before".into(), true),
                    whole(),
                    Seen::Ping(b"?".into()),
                    Seen::Ping(b"!".into()),
                    whole(),
                    whole(),
                    Seen::Binary(b"after".into(), true),
                ];
                for mode in [Mode::Lent, Mode::Owned] {
                    for most in [10_000, usize::MAX / 2] {
                        let mut session = Session::new(open(role), mode, 1);
                        session.read(&wire, most);
                        assert!(session.seen() == expected, "{len} {role:?} {mode:?} {most}");
                    }
                }
            }
        }
    }
}

#[test]
fn bytes_that_were_handed_over_come_first() {
    for role in ROLES {
        let mut random = Random::new(11);
        let wire = conversation(&mut random, role);
        let expected = expected(&mut open(role), &wire);
        for handed_over in [0, 1, 5, 100, 4096, 5000, wire.len()] {
            let (pushed, read) = wire.split_at(handed_over.min(wire.len()));
            for mode in [Mode::Lent, Mode::Owned] {
                for poll_in_between in [false, true] {
                    let mut session = Session::new(open(role), mode, 1);
                    session.reader.push(pushed);
                    assert_eq!(session.reader.unread(), pushed);
                    if poll_in_between {
                        session.poll();
                    }
                    session.read(read, 2000);
                    session.poll();
                    assert!(session.seen() == expected.seen, "{handed_over} {role:?} {mode:?}");
                    assert_eq!(session.error, expected.error, "{handed_over} {role:?} {mode:?}");
                }
            }
        }
    }
}

#[test]
fn after_a_search_that_fails_nothing_is_lent() {
    let wrong = Frame { rsv: 2, ..Frame::ping("") };
    for role in ROLES {
        for begun in [Frame::binary("whole"), Frame::binary("gathered").unfinished()] {
            let (conn, _) = open(role).split();
            let mut reader = Reader::new(conn);
            reader.push(&to(role, Frame::binary("ab")));
            assert_eq!(reader.find(), Ok(true));
            assert_eq!(reader.message(), Ok(Some(MessageRef::Binary(b"ab"))));
            reader.push(&[to(role, &begun), to(role, &wrong)].concat());
            if begun.fin {
                assert_eq!(reader.find(), Ok(true));
            }
            assert!(reader.find().is_err());
            assert_eq!(reader.message(), Ok(None), "{begun:?}");
        }
    }
}

/// The rest of the message never comes, so nothing is kept for it, and no room is made.
#[test]
fn what_was_gathered_is_freed_when_the_connection_is_over() {
    for role in ROLES {
        for end in [Frame::close(1000, ""), Frame { rsv: 2, ..Frame::ping("") }] {
            let (conn, _) = open(role).split();
            let mut reader = Reader::new(conn);
            reader.push(&to(role, Frame::binary(vec![7; 4 << 20]).unfinished()));
            assert_eq!(reader.poll_owned(), Ok(None));
            assert!(reader.capacity() >= 4 << 20, "{} {role:?}", reader.capacity());
            reader.push(&to(role, &end));
            let ended = reader.poll_owned();
            reader.release();
            assert!(reader.capacity() < 128 << 10, "{role:?} {ended:?} {}", reader.capacity());
            reader.room();
            assert!(reader.capacity() < 128 << 10, "{} bytes", reader.capacity());
        }
    }
}

#[test]
fn bytes_can_be_pushed_at_any_time() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let wire = conversation(&mut random, Role::Server);
        let expected = expected(&mut open(Role::Server), &wire);
        let mut session = Session::new(open(Role::Server), Mode::Mixed, seed);
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let (piece, more) = rest.split_at((1 + random.below(9000)).min(rest.len()));
            if random.below(2) == 0 {
                session.reader.push(piece);
                if random.below(2) == 0 {
                    session.poll();
                }
            } else {
                session.read(piece, 5000);
            }
            rest = more;
        }
        session.poll();
        assert!(session.seen() == expected.seen, "{seed}");
        assert_eq!(session.error, expected.error, "{seed}");
    }
}

#[test]
fn several_reads_may_come_before_a_poll() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let wire = conversation(&mut random, Role::Client);
        let expected = expected(&mut open(Role::Client), &wire);
        let mut session = Session::new(open(Role::Client), Mode::Mixed, seed);
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let room = session.reader.room();
            let len = room.len().min(rest.len()).min(1 + random.below(9000));
            room[..len].copy_from_slice(&rest[..len]);
            session.reader.advance(len);
            rest = &rest[len..];
            if random.below(5) == 0 {
                session.poll();
            }
            session.reader.release();
        }
        session.poll();
        assert!(session.seen() == expected.seen, "{seed}");
    }
}

#[test]
fn owned_messages_stay_as_they_are_while_the_reader_goes_on() {
    let mut session = Session::new(open(Role::Server), Mode::Owned, 1);
    let lens = [10, 5000, 20_000, 100_000, 3, 40_000, 40_000, 0, 300_000, 17_000];
    for (nth, len) in lens.into_iter().enumerate() {
        session.read(&to(Role::Server, Frame::binary(bytes(len, nth as u64))), 50_000);
        session.reader.release();
    }
    for (nth, (kept, len)) in session.kept.iter().zip(lens).enumerate() {
        match kept {
            Kept::Owned(Message::Binary(data)) => assert!(data[..] == bytes(len, nth as u64)[..]),
            _ => panic!("{nth} is not binary"),
        }
    }
    assert_eq!(session.kept.len(), lens.len());
}

#[test]
fn after_a_failure_nothing_comes_and_reading_on_is_harmless() {
    for mode in [Mode::Lent, Mode::Owned] {
        let mut session = Session::new(open(Role::Client), mode, 1);
        let wire = [
            Frame::binary("before").encode(),
            Frame::text([b'a', 0xff]).encode(),
            Frame::binary("after").encode(),
        ]
        .concat();
        session.read(&wire, usize::MAX / 2);
        assert_eq!(session.seen(), [Seen::Binary(b"before".into(), true)]);
        assert!(session.error.is_some());
        for _ in 0..100 {
            session.read(&bytes(100_000, 1), usize::MAX / 2);
        }
        assert_eq!(session.kept.len(), 1);
        assert!(session.reader.capacity() <= 128 * KIB);
    }
}

/// As documented, an advance beyond the room counts only up to the end of the room.
#[test]
fn an_advance_beyond_the_room_is_harmless() {
    let mut reader = Reader::new(open(Role::Client).split().0);
    reader.advance(usize::MAX);
    assert!(reader.unread().is_empty());
    let room = reader.room().len();
    reader.advance(usize::MAX);
    assert_eq!(reader.unread().len(), room);
    // The room is full of zeros: a continuation frame without a message.
    assert!(reader.poll().is_err());
}

#[test]
fn a_length_that_is_only_announced_makes_no_room() {
    const ANNOUNCED: usize = 64 * MIB;
    for role in ROLES {
        for mode in [Mode::Lent, Mode::Owned] {
            for most in [100, usize::MAX / 2] {
                let mut frame = to(role, Frame::binary(vec![0; 65_536]));
                frame[2..10].copy_from_slice(&(ANNOUNCED as u64).to_be_bytes());
                frame.truncate(KIB);
                let limit = ANNOUNCED as u64;
                let mut session = Session::new(limited(role, limit, limit), mode, 1);
                let counted = measure(|| session.read(&frame, most));
                // The room for the next read counts as well.
                session.reader.room();
                assert!(session.reader.capacity() <= 128 * KIB, "{}", session.reader.capacity());
                assert!(counted.bytes_max <= 256 * KIB as u64, "{counted:?}");
            }
        }
    }
}

/// Receives a message of the largest allowed size, in this many frames and in reads of at most this size. Returns the
/// largest size of the buffer meanwhile, and its size afterwards.
fn largest_message(role: Role, mode: Mode, frames: usize, most: usize) -> (usize, usize) {
    let limit = MIB;
    let mut session = Session::new(limited(role, limit as u64, limit as u64), mode, 1);
    let payload = bytes(limit, 1);
    let mut wire = Vec::new();
    for (nth, piece) in payload.chunks(limit.div_ceil(frames)).enumerate() {
        let frame = Frame::new(if nth == 0 { 2 } else { 0 }, piece);
        let frame = if nth + 1 == frames { frame } else { frame.unfinished() };
        wire.extend(to(role, frame));
    }
    let mut largest = 0;
    for piece in wire.chunks(1000) {
        session.read(piece, most);
        largest = largest.max(session.reader.capacity());
    }
    assert!(session.seen() == [Seen::Binary(payload, true)]);
    (largest, session.reader.capacity())
}

/// "never more than the limit plus a constant"
#[test]
fn a_message_of_the_largest_size_needs_the_limit_and_a_constant() {
    for role in ROLES {
        for mode in [Mode::Lent, Mode::Owned] {
            for frames in [1, 2, 10, 256] {
                for most in [500, usize::MAX / 2] {
                    let (on_the_way, afterwards) = largest_message(role, mode, frames, most);
                    let context =
                        format!("{role:?} {mode:?}, {frames} frames: {on_the_way} {afterwards}");
                    assert!(afterwards <= MIB + 128 * KIB, "{context}");
                    assert!(on_the_way <= MIB + 128 * KIB, "{context}");
                }
            }
        }
    }
}

#[test]
fn an_idle_reader_gives_its_buffer_up() {
    for mode in [Mode::Lent, Mode::Owned] {
        let mut session = Session::new(open(Role::Client), mode, 1);
        assert_eq!(session.reader.capacity(), 0, "no memory before the first read");
        let wire = Frame::binary(bytes(MIB, 1)).encode();
        session.read(&wire, usize::MAX / 2);
        // An owned message shares the buffer, and keeps it from being freed.
        session.kept.clear();
        let counted = measure(|| session.reader.release());
        assert_eq!(session.reader.capacity(), 0);
        assert!(counted.bytes_current < 0, "{counted:?}");

        // A buffer that holds a part of a message is not freed.
        session.read(&wire[..100], usize::MAX / 2);
        session.reader.release();
        assert!(session.reader.capacity() > 0);
        session.read(&wire[100..], usize::MAX / 2);
        assert_eq!(session.kept.len(), 1);
    }
}

#[test]
fn a_large_message_that_comes_in_small_reads_is_moved_a_bounded_number_of_times() {
    for (role, frames) in [(Role::Server, 1), (Role::Client, 1), (Role::Client, 3)] {
        let mut reader = Reader::new(open(role).split().0);
        let payload = bytes(MIB, 1);
        let mut wire = Vec::new();
        for (nth, piece) in payload.chunks(MIB.div_ceil(frames)).enumerate() {
            let frame = Frame::new(if nth == 0 { 2 } else { 0 }, piece);
            wire.extend(to(role, if nth + 1 == frames { frame } else { frame.unfinished() }));
        }
        // From the second message on, the reader knows how large they may be.
        for small in [1, 1400, 1] {
            let counted = measure(|| {
                for read in wire.chunks(small) {
                    reader.room_buf().put_slice(read);
                    reader.advance(read.len());
                    if let Some(message) = reader.poll().unwrap() {
                        assert_eq!(message.to_message().len(), MIB);
                    }
                }
            });
            // Each time the buffer grows, what is in it is moved.
            assert!(counted.count_total <= 14, "{frames} frames by {small}: {counted:?}");
        }
    }
}

#[test]
fn lending_small_messages_allocates_nothing_once_there_is_a_buffer() {
    let mut reader = Reader::new(open(Role::Server).split().0);
    let wire = to(Role::Server, Frame::text("hello")).repeat(50);
    let round = |reader: &mut Reader| {
        let room = reader.room();
        room[..wire.len()].copy_from_slice(&wire);
        reader.advance(wire.len());
        let mut messages = 0;
        while let Some(message) = reader.poll().unwrap() {
            assert_eq!(message, MessageRef::Text("hello"));
            messages += 1;
        }
        assert_eq!(messages, 50);
    };
    round(&mut reader);
    let counted = measure(|| {
        for _ in 0..1000 {
            round(&mut reader);
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn owned_messages_that_are_dropped_leave_their_memory_to_the_next() {
    for len in [5, 1000, 30 * KIB, 300 * KIB] {
        let mut reader = Reader::new(open(Role::Server).split().0);
        let wire = to(Role::Server, Frame::binary(bytes(len, 1)));
        let mut round = || {
            let mut rest = &wire[..];
            loop {
                if let Some(message) = reader.poll_owned().unwrap() {
                    assert_eq!(message.len(), len);
                    break;
                }
                let mut room = reader.room_buf();
                let read = room.remaining_mut().min(rest.len());
                room.put_slice(&rest[..read]);
                drop(room);
                reader.advance(read);
                rest = &rest[read..];
            }
        };
        for _ in 0..100 {
            round();
        }
        let counted = measure(|| {
            for _ in 0..1000 {
                round();
            }
        });
        assert_eq!(counted.count_total, 0, "{len}: {counted:?}");
    }
}

#[test]
fn what_was_found_is_lent_until_something_else_is_asked_for() {
    let frames =
        [to(Role::Server, Frame::text("one")), to(Role::Server, Frame::ping("two"))].concat();
    let others: [fn(&mut Reader); 7] = [
        |reader| assert!(reader.poll().unwrap().is_some()),
        |reader| assert!(reader.room().len() > 1),
        |reader| drop(reader.room_buf()),
        |reader| drop(reader.room_ahead(100)),
        |reader| drop(reader.poll_owned()),
        |reader| drop(reader.poll_chunk()),
        Reader::release,
    ];
    for other in others {
        let mut reader = Reader::new(open(Role::Server).split().0);
        assert_eq!(reader.message(), Ok(None), "nothing was looked for");
        reader.push(&frames);
        assert_eq!(reader.find(), Ok(true));
        for _ in 0..2 {
            assert_eq!(reader.message(), Ok(Some(MessageRef::Text("one"))));
        }
        other(&mut reader);
        let lent = reader.message().unwrap();
        assert!(lent.is_none() || lent == Some(MessageRef::Ping(b"two")), "{lent:?}");
    }
    let mut reader = Reader::new(open(Role::Server).split().0);
    reader.push(&frames);
    assert_eq!((reader.find(), reader.find()), (Ok(true), Ok(true)));
    assert_eq!(reader.message(), Ok(Some(MessageRef::Ping(b"two"))));
    reader.release();
    assert_eq!(reader.message(), Ok(None));
    assert_eq!(reader.find(), Ok(false));
    assert_eq!(reader.message(), Ok(None));
}
