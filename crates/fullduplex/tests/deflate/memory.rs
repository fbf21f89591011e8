//! What compression holds while nothing happens.

use allocation_counter::measure;
use fullduplex::{DeflateConfig, Endpoint, EndpointConfig, MessageRef, Negotiated, Role};
use fullduplex_testkit::{Frame, TestEntropy};

use crate::endpoints::NOW;
use crate::support::negotiate;
use crate::{KIB, ROLES, Zlib, compressed, prose, to};

/// How many bytes an endpoint holds after a message of 1 KiB each way, and how many once it has released
/// what it can.
fn held(role: Role, deflate: Option<DeflateConfig>) -> (i64, i64) {
    let text = prose(KIB, 1);
    let (negotiated, frame) = match deflate {
        None => (Negotiated::without_extensions(), Frame::text(text.as_bytes())),
        Some(config) => (
            negotiate(config, config).by(role),
            compressed(1, Zlib::new(6, config.max_window_bits).message(text.as_bytes())),
        ),
    };
    let wire = to(role, &[frame]);
    let mut endpoint = None;
    let before = measure(|| {
        let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
        let opened = Endpoint::open(role, negotiated, &[], config, entropy, NOW);
        let endpoint = endpoint.insert(opened);
        endpoint.room()[..wire.len()].copy_from_slice(&wire);
        endpoint.advance(wire.len());
        assert_eq!(endpoint.poll(NOW), Ok(Some(MessageRef::Text(&text))));
        assert_eq!(endpoint.poll(NOW), Ok(None));
        endpoint.send(MessageRef::Text(&text), NOW).unwrap();
        let written = endpoint.output().unwrap().len();
        assert_eq!(written < KIB, deflate.is_some());
        endpoint.advance_output(written);
    });
    let endpoint = endpoint.as_mut().unwrap();
    let released = measure(|| endpoint.release());
    (before.bytes_current, before.bytes_current + released.bytes_current)
}

#[test]
fn an_endpoint_at_rest_holds_what_its_windows_need_and_without_takeover_nothing() {
    // What the thread keeps for all its connections is there from now on.
    for role in ROLES {
        held(role, None);
    }
    for role in ROLES {
        assert_eq!(held(role, None).1, 0);
        for bits in [15, 9] {
            for (takeover, most) in [(true, 400 * KIB), (false, 512)] {
                let config = DeflateConfig::new()
                    .max_window_bits(bits)
                    .max_peer_window_bits(bits)
                    .no_context_takeover(!takeover)
                    .peer_no_context_takeover(!takeover);
                let (used, rest) = held(role, Some(config));
                let context = format!("{role:?}, {bits} bits, takeover {takeover}: {used}, {rest}");
                if std::env::var_os("SHOW").is_some() {
                    eprintln!("{context}");
                }
                assert!(rest <= most as i64, "{context}");
                assert!(used <= 410 * KIB as i64, "{context}");
            }
        }
    }
}
