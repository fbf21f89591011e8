//! Small payloads that inflate to large messages, and the memory that they may take.

use allocation_counter::measure;
use fullduplex::{Config, Endpoint, EndpointConfig, Event, Input, Limits, MessageError, Role};
use fullduplex_testkit::{Frame, ROLES, TestEntropy, all_to, frames};

use crate::support::negotiate;
use crate::{KIB, MIB, Zlib, compressed, limited, open};

/// What may be allocated beyond the limit: window, state and receive buffer.
const CONSTANT: usize = 256 * KIB;

/// A message of 1 GiB of zeros, in a megabyte.
fn gigabyte() -> Vec<u8> {
    let zeros = vec![0; MIB];
    let mut zlib = Zlib::new(9, 15);
    let first = zlib.piece(&zeros);
    // From here on, all pieces are the same, because each refers to an equal piece before it.
    let other = zlib.piece(&zeros);
    assert_eq!(zlib.piece(&zeros), other);
    let mut payload = [first, other.repeat(1023)].concat();
    payload.truncate(payload.len() - 4);
    assert!(payload.len() < 2 * MIB);
    payload
}

type Server = Endpoint<TestEntropy>;

fn endpoint(role: Role, config: Config) -> Server {
    let deflate = fullduplex::DeflateConfig::new();
    let mut endpoint_config = EndpointConfig::new();
    endpoint_config.connection = config;
    let negotiated = negotiate(deflate, deflate).by(role);
    Endpoint::open(role, negotiated, &[], &endpoint_config, TestEntropy::new(1))
}

/// Passes `wire` to an endpoint, in reads of at most `most` bytes, until the endpoint fails or has received all of it.
fn feed(endpoint: &mut Server, mut wire: &[u8], most: usize) -> Option<fullduplex::Error> {
    while !wire.is_empty() {
        let room = endpoint.reader.room();
        let len = room.len().min(most).min(wire.len());
        room[..len].copy_from_slice(&wire[..len]);
        wire = &wire[len..];
        endpoint.reader.advance(len);
        loop {
            match endpoint.poll() {
                Ok(None) => break,
                Ok(Some(_)) => {}
                Err(error) => return Some(error),
            }
        }
    }
    None
}

#[test]
fn a_gigabyte_in_a_megabyte_stops_at_the_limit_and_costs_the_limit_and_a_constant() {
    let payload = gigabyte();
    for role in ROLES {
        for limit in [64 * KIB, MIB, 8 * MIB] {
            for fragments in [1, 50] {
                let pieces = payload.chunks(payload.len().div_ceil(fragments));
                let mut all: Vec<Frame> =
                    pieces.map(|piece| Frame::continuation(piece).unfinished()).collect();
                all[0] = compressed(2, all[0].payload.clone()).unfinished();
                all.last_mut().unwrap().fin = true;
                let wire = all_to(role, &all);
                for most in [1000, usize::MAX] {
                    let mut endpoint = endpoint(role, limited(limit));
                    let mut error = None;
                    let counted = measure(|| error = feed(&mut endpoint, &wire, most));
                    assert_eq!(error, Some(MessageError::TooLarge.into()));
                    let close = frames(endpoint.output().unwrap().first());
                    assert_eq!(close[0].payload, 1009_u16.to_be_bytes());
                    let context = format!("{role:?}, limit {limit}, {fragments}: {counted:?}");
                    assert!(counted.bytes_current <= (limit + CONSTANT) as i64, "{context}");
                    // While the buffer for the message grows, the smaller one is held as well.
                    assert!(counted.bytes_max <= (2 * limit + CONSTANT) as u64, "{context}");
                }
            }
        }
    }
}

#[test]
fn a_message_of_the_largest_size_costs_the_limit_and_a_constant() {
    for role in ROLES {
        for limit in [64 * KIB, MIB, 8 * MIB] {
            let wire = all_to(role, &[compressed(2, Zlib::new(9, 15).message(&vec![0; limit]))]);
            let mut endpoint = endpoint(role, limited(limit));
            let mut error = None;
            let counted = measure(|| error = feed(&mut endpoint, &wire, usize::MAX));
            assert_eq!(error, None);
            assert!(counted.bytes_current <= (limit + CONSTANT) as i64, "{limit}: {counted:?}");
        }
    }
}

#[test]
fn a_gigabyte_that_is_inflated_bit_by_bit_takes_no_memory() {
    let payload = gigabyte();
    for role in ROLES {
        for limit in [64 * KIB, 16 * MIB] {
            let mut wire = all_to(role, &[compressed(2, &payload[..])]);
            let mut conn = open(role, limited(limit));
            let mut scratch = [0; KIB];
            let (mut total, mut error) = (0, None);
            let counted = measure(|| {
                let mut rest = &mut wire[..];
                error = loop {
                    let mut input = Input::with_scratch(rest, &mut scratch);
                    match conn.poll_event(&mut input) {
                        Ok(Some(Event::Binary(chunk, part))) => {
                            assert!(!chunk.is_empty() && !part.is_last());
                            total += chunk.len();
                        }
                        Err(error) => break Some(error),
                        other => panic!("{other:?}"),
                    }
                    let consumed = input.consumed();
                    rest = &mut rest[consumed..];
                };
            });
            assert_eq!(error, Some(MessageError::TooLarge.into()));
            assert_eq!(total, limit, "all that is allowed was delivered");
            assert!(counted.bytes_max <= 64 * KIB as u64, "{counted:?}");
        }
    }
}

#[test]
fn a_frame_may_not_be_larger_than_its_limit_however_little_is_in_it() {
    let mut config = Config::new();
    config.limits = Limits::new();
    config.limits.max_frame_size = 100;
    for role in ROLES {
        let empty_blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(30);
        let mut endpoint = endpoint(role, config);
        let wire = all_to(role, &[compressed(2, empty_blocks)]);
        let error = feed(&mut endpoint, &wire, usize::MAX);
        assert_eq!(error, Some(fullduplex::FrameError::TooLarge.into()));
    }
}
