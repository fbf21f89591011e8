//! With any split of the input, a connection sees the same, writes the same and fails with the same error; and it sees
//! valid input as it was sent.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::{Config, Error, FrameError, Role};
use fullduplex_fuzz::{
    Bound, Cut, End, Measured, Mutations, Oracle, SmallLimits, Step, Traffic, connection,
    in_pieces, lent,
};
use fullduplex_testkit::{Split, drive};
use libfuzzer_sys::fuzz_target;

/// The wire, its reads and what is seen of it, three times.
const MEMORY: Bound = Bound { constant: 64 << 10, factor: 20 };

#[derive(Arbitrary, Debug)]
struct Input {
    receiver: End,
    limits: Option<SmallLimits>,
    cut: Cut,
    key: [u8; 4],
    mutations: Mutations,
    steps: Vec<Step>,
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, check));

/// Returns how many bytes went over the wire.
fn check(input: &Input) -> usize {
    let role = input.receiver.role();
    let steps = &input.steps[..input.steps.len().min(40)];
    let key = (role == Role::Server).then_some(input.key);
    let Traffic { mut wire, expected, valid } = Traffic::new(steps, key);
    input.mutations.apply(&mut wire);
    let config = input.limits.map_or(Config::new(), SmallLimits::config);

    let mut conn = connection(role, config);
    let mut whole = drive(&mut conn, &wire, Split::Whole);
    let mut cut_conn = connection(role, config);
    let mut cut = drive(&mut cut_conn, &wire, input.cut.split(wire.len()));
    if Oracle::SplitReads.faulty() {
        cut.output.pop();
    }
    Oracle::SplitReads.same(&whole, &cut);
    let is_closed = conn.is_closed() ^ Oracle::SplitClosed.faulty();
    Oracle::SplitClosed.same(is_closed, cut_conn.is_closed());
    if Oracle::SplitEnd.faulty() {
        let _ = conn.handle_reset();
    }
    Oracle::SplitEnd.same(conn.handle_eof(), cut_conn.handle_eof());
    let (mut pieces, mut error) =
        in_pieces(connection(role, config), &wire, usize::from(input.key[0]) * 16);
    if Oracle::SplitPieces.faulty() {
        pieces.pop();
    }
    error = error.filter(|_| !Oracle::SplitPiecesError.faulty());
    Oracle::SplitPieces.same(&pieces, &whole.seen);
    Oracle::SplitPiecesError.same(error, whole.error);

    let (mut lent, error) = lent(connection(role, config), &wire, usize::from(input.key[0]) * 16);
    if Oracle::SplitLent.faulty() {
        lent.pop();
    }
    let error = error.filter(|_| !Oracle::SplitLentError.faulty());
    let messages = whole.seen.iter().filter(|seen| seen.is_whole()).cloned();
    Oracle::SplitLent.same(lent, Vec::from_iter(messages));
    Oracle::SplitLentError.same(error, whole.error);

    if valid && input.mutations.is_empty() && input.limits.is_none() {
        if Oracle::SplitValid.faulty() {
            whole.error = Some(Error::Frame(FrameError::ReservedBits));
        }
        if Oracle::SplitExpected.faulty() {
            whole.seen.pop();
        }
        Oracle::SplitValid.same(whole.error, None);
        Oracle::SplitExpected.same(whole.seen, expected);
    }
    wire.len()
}
