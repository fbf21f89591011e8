//! However the input is cut, the same is seen, written and failed with; and what is valid is seen as it
//! was sent.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::{Config, Role};
use fullduplex_fuzz::{Cut, End, Mutations, SmallLimits, Step, Traffic, connection, in_pieces};
use fullduplex_testkit::{Split, drive};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    receiver: End,
    limits: Option<SmallLimits>,
    cut: Cut,
    key: [u8; 4],
    mutations: Mutations,
    steps: Vec<Step>,
}

fuzz_target!(|input: Input| {
    let role = input.receiver.role();
    let steps = &input.steps[..input.steps.len().min(40)];
    let key = (role == Role::Server).then_some(input.key);
    let Traffic { mut wire, expected, valid } = Traffic::new(steps, key);
    input.mutations.apply(&mut wire);
    let config = input.limits.map_or(Config::new(), SmallLimits::config);

    let mut conn = connection(role, config);
    let whole = drive(&mut conn, &wire, Split::Whole);
    let mut cut_conn = connection(role, config);
    let cut = drive(&mut cut_conn, &wire, input.cut.split(wire.len()));
    assert_eq!(whole, cut);
    assert_eq!(conn.is_closed(), cut_conn.is_closed());
    assert_eq!(conn.handle_eof(), cut_conn.handle_eof());
    let (pieces, error) =
        in_pieces(connection(role, config), &wire, usize::from(input.key[0]) * 16);
    assert_eq!((&pieces, error), (&whole.seen, whole.error));

    if valid && input.mutations.is_empty() && input.limits.is_none() {
        assert_eq!(whole.error, None);
        assert_eq!(whole.seen, expected);
    }
});
