//! Plans from a seed.

use fastrand::Rng;

use crate::plan::{Act, Deflate, How, Kind, Net, Plan, Settings, Setup, Side, Step, Take, World};

/// The plan of a seed. Equal seeds give equal plans.
#[must_use]
pub fn plan(world: World, seed: u64) -> Plan {
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ world as u64);
    let mood = Mood::new(&mut random);
    let setup = setup(world, &mood, &mut random);
    let count = random.usize(20..if world == World::Tokio { 120 } else { 400 });
    let steps = (0..count).map(|_| step(&setup, &mood, &mut random)).collect();
    Plan { setup, steps }
}

/// How a run behaves. It varies, so that not every run ends soon.
struct Mood {
    /// In how many of 1000 steps something is done that a connection does not survive.
    deadly: u32,
    /// In how many of 1000 steps an end is closed.
    closes: u32,
    /// Whether messages may be over a limit.
    exceeds: bool,
    /// The largest message, as a power of two.
    largest: u32,
    /// In how many of 100 steps time passes.
    hours: u32,
    /// How many of 100 messages are sent in fragments.
    fragments: u32,
}

impl Mood {
    fn new(random: &mut Rng) -> Self {
        Self {
            deadly: random.choice([0, 0, 2, 10, 40]).unwrap_or(0),
            closes: random.choice([0, 0, 3, 10, 30]).unwrap_or(0),
            exceeds: random.u32(..4) == 0,
            largest: random.choice([5, 8, 10, 12, 14, 17]).unwrap_or(8),
            hours: random.choice([1, 4, 15]).unwrap_or(4),
            fragments: random.choice([0, 10, 60]).unwrap_or(10),
        }
    }
}

fn some(random: &mut Rng, times: &[u32]) -> Option<u32> {
    if random.bool() { random.choice(times.iter().copied()) } else { None }
}

fn settings(mood: &Mood, random: &mut Rng) -> Settings {
    let largest = 1 << mood.largest;
    let ping_interval = some(random, &[50, 300, 1000, 7000]);
    let (max_message, max_frame, max_fragments) = if mood.exceeds {
        (
            random.choice([100, largest / 2 + 1, largest, 1 << 20]).unwrap_or(largest),
            random.choice([125, (largest / 2).max(125), 1 << 20]).unwrap_or(largest),
            random.choice([1, 2, 5, 1000]).unwrap_or(5),
        )
    } else {
        (1 << 20, 1 << 20, 100_000)
    };
    Settings {
        max_message,
        max_frame,
        max_fragments,
        ping_interval,
        pong_timeout: ping_interval.and_then(|_| some(random, &[40, 500, 3000])),
        idle_timeout: if random.u32(..4) == 0 { some(random, &[200, 2000, 9000]) } else { None },
        close_timeout: random.choice([10, 200, 1000, 5000]).unwrap_or(1000),
        max_write_buffer: random.choice([0, 1, 500, 4 << 10, 64 << 10, 1 << 20]).unwrap_or(4096),
        write_buffer: random.choice([0, 1, 1000, 1 << 17]).unwrap_or(1000),
        read_ahead: random.choice([0, 1, 4096, 1 << 16]).unwrap_or(4096),
        halves: random.bool(),
    }
}

fn setup(world: World, mood: &Mood, random: &mut Rng) -> Setup {
    let deflate = (random.u32(..3) == 0).then(|| Deflate {
        level: random.u8(1..=9),
        mem_level: random.u8(1..=9),
        window_bits: random.u8(9..=15),
        client_takeover: random.u32(..3) != 0,
        server_takeover: random.u32(..3) != 0,
        threshold: random.choice([0, 20, 128, 1000]).unwrap_or(128),
    });
    let setup = Setup {
        world,
        seed: random.u64(..),
        connections: random.choice([1, 1, 2, 3]).unwrap_or(1),
        capacity: random
            .choice([1, 50, 1000, 4096, 1 << 16, 1 << 20])
            .unwrap_or(4096)
            .max(least_amount(mood)),
        deflate,
        client: settings(mood, random),
        server: settings(mood, random),
        mutant: None,
    };
    match world {
        World::Core | World::Tokio => setup,
        // The blocking adapter has no virtual clock, so it gets no deadlines.
        World::Std => Setup {
            client: setup.client.without_deadlines(),
            server: setup.server.without_deadlines(),
            ..setup
        },
    }
}

/// A length: often small, often near a limit of the framing, sometimes large.
fn len(mood: &Mood, random: &mut Rng) -> u32 {
    let largest = 1 << mood.largest;
    let len = match random.u32(..20) {
        0 => 0,
        1 => random.u32(120..132),
        2 => random.u32(250..262),
        3 => random.u32(8 * 1024 - 3..8 * 1024 + 3),
        4 => random.u32(65_530..65_542),
        5 => random.u32(..largest),
        6 => largest,
        _ => random.u32(..60),
    };
    len.min(largest)
}

/// A number of bytes to move.
fn amount(random: &mut Rng) -> u32 {
    match random.u32(..6) {
        0 => 1,
        1 => random.u32(1..20),
        2 => random.u32(1..2000),
        _ => 1 << 20,
    }
}

/// The fewest bytes that the network moves at once. Large messages byte by byte would take too long.
fn least_amount(mood: &Mood) -> u32 {
    if mood.largest > 10 { 300 } else { 1 }
}

fn take(random: &mut Rng) -> Take {
    random.choice([Take::Lent, Take::Owned, Take::Found, Take::Chunks]).unwrap_or(Take::Owned)
}

fn kind(random: &mut Rng) -> Kind {
    if random.bool() { Kind::Text } else { Kind::Binary }
}

/// A close code. Most of them may be sent.
fn code(random: &mut Rng) -> u16 {
    random.choice([1000, 1000, 1001, 1005, 1008, 1011, 3000, 4999, 1004, 999]).unwrap_or(1000)
}

fn step(setup: &Setup, mood: &Mood, random: &mut Rng) -> Step {
    let conn = random.u8(..setup.connections);
    let side = if random.bool() { Side::Client } else { Side::Server };
    if random.u32(..1000) < mood.deadly {
        return match random.u32(..8) {
            0 | 1 => Step::Net(conn, side, Net::HalfClose),
            2 | 3 => Step::Net(conn, side, Net::Reset),
            4 => Step::App(conn, side, Act::Drop),
            _ => {
                let ahead = if random.bool() { 0 } else { random.u32(..3000) };
                Step::Net(conn, side, Net::Corrupt(ahead, 1 << random.u32(..8)))
            }
        };
    }
    if random.u32(..1000) < mood.closes {
        let reason = random.choice([0, 3, 123, 124]).unwrap_or(0);
        let act = if random.u32(..3) == 0 {
            Act::CloseAndWait(code(random))
        } else {
            Act::Close(code(random), reason)
        };
        return Step::App(conn, side, act);
    }
    if random.u32(..100) < mood.hours {
        let millis = random.choice([0, 1, 10, 50, 199, 300, 1000, 4000, 15_000]).unwrap_or(10);
        return Step::Pass(millis);
    }
    match random.u32(..100) {
        0..2 => return Step::Settle,
        2..10 => {
            let net = match random.u32(..5) {
                0 => Net::Split(amount(random).max(least_amount(mood))),
                1 => Net::Capacity(amount(random).max(least_amount(mood))),
                2 => Net::Delay(random.choice([0, 1, 30, 700]).unwrap_or(0)),
                3 => Net::Stall,
                _ => Net::Go,
            };
            return Step::Net(conn, side, net);
        }
        _ => {}
    }
    let act = match setup.world {
        World::Core => core_act(mood, random),
        World::Tokio => tokio_act(mood, random),
        World::Std => std_act(mood, random),
    };
    Step::App(conn, side, act)
}

fn send(mood: &Mood, random: &mut Rng) -> Act {
    if random.u32(..100) < mood.fragments {
        return Act::Fragment(kind(random), len(mood, random), random.u32(..3) == 0);
    }
    let how = random.choice([How::Lent, How::Owned, How::Shared, How::Prepared]);
    Act::Send(kind(random), len(mood, random), how.unwrap_or(How::Owned))
}

fn core_act(mood: &Mood, random: &mut Rng) -> Act {
    match random.u32(..100) {
        0..27 => send(mood, random),
        27..30 => Act::Signal,
        30..33 => Act::Ping(random.u8(..126)),
        33..35 => Act::Pong(random.u8(..126)),
        35..55 => Act::Poll(take(random), random.u8(1..20)),
        55..68 => Act::Read(amount(random)),
        68..82 => Act::Write(amount(random)),
        82..85 => Act::ReadAhead(amount(random)),
        85..89 => Act::FindClose,
        89 => Act::CopyPayloads,
        90..93 => Act::Early,
        93 => Act::Release,
        94 => Act::Split,
        95 => Act::Join,
        96 => Act::Prefer(take(random)),
        97 => Act::Compression(random.bool()),
        98 => Act::Pause,
        _ => Act::Resume(random.bool()),
    }
}

fn tokio_act(mood: &Mood, random: &mut Rng) -> Act {
    match random.u32(..100) {
        0..35 => send(mood, random),
        35..50 => Act::Feed(kind(random), len(mood, random)),
        50..58 => Act::Flush,
        58..64 => Act::Ping(random.u8(..126)),
        64..67 => Act::Pong(random.u8(..126)),
        67..77 => Act::Impatient(random.u8(1..4)),
        77..83 => Act::Prefer(take(random)),
        83..86 => Act::Pause,
        86..92 => Act::Resume(false),
        92..95 => Act::Split,
        95..98 => Act::Join,
        _ => Act::Compression(random.bool()),
    }
}

fn std_act(mood: &Mood, random: &mut Rng) -> Act {
    match random.u32(..100) {
        0..30 => send(mood, random),
        30..40 => Act::Feed(kind(random), len(mood, random)),
        40..48 => Act::Flush,
        48..53 => Act::Ping(random.u8(..126)),
        53..56 => Act::Pong(random.u8(..126)),
        56..85 => Act::Poll(take(random), random.u8(1..20)),
        85..88 => Act::Prefer(take(random)),
        88..91 => Act::Release,
        91..94 => Act::Split,
        94..97 => Act::Join,
        _ => Act::Compression(random.bool()),
    }
}
