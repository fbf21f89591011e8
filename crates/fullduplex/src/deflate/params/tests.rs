extern crate std;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::headers::{Headers, extensions};

/// The agreement: our window, our takeover, the peer's window, the peer's takeover.
type Agreed = (u8, bool, u8, bool);

fn agreed(params: &DeflateParams) -> Agreed {
    (
        params.window_bits(),
        params.context_takeover(),
        params.peer_window_bits(),
        params.peer_context_takeover(),
    )
}

/// All values at their largest, so that only the peer limits them.
fn largest() -> DeflateConfig {
    DeflateConfig::new().max_window_bits(15)
}

fn written(write: impl Fn(&mut Cursor<'_>)) -> String {
    let mut out = [0; 256];
    let mut cursor = Cursor::new(&mut out);
    write(&mut cursor);
    let length = cursor.finish().unwrap();
    String::from_utf8(out[..length].to_vec()).unwrap()
}

fn offer(config: &DeflateConfig) -> String {
    written(|out| config.write_offer(out))
}

fn choose(config: &DeflateConfig, offers: &str) -> Option<(Agreed, String)> {
    let offers = extensions(offers.as_bytes()).filter_map(Result::ok);
    let (params, answer) = config.choose(offers)?;
    Some((agreed(&params), written(|out| answer.write(out))))
}

fn check(config: &DeflateConfig, answer: &str) -> Result<Agreed, NegotiationError> {
    let answers = extensions(answer.as_bytes());
    Ok(agreed(&DeflateParams::of_response(Some(config), answers)?.unwrap()))
}

#[test]
fn an_offer_says_what_was_configured() {
    for (config, text) in [
        (DeflateConfig::new(), "permessage-deflate; client_max_window_bits=12"),
        (largest(), "permessage-deflate; client_max_window_bits"),
        (largest().accept_window_limit(false), "permessage-deflate"),
        (
            largest().accept_window_limit(false).max_peer_window_bits(10),
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            largest().no_context_takeover(true).peer_no_context_takeover(true),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits",
        ),
        (
            DeflateConfig::new().max_window_bits(0).max_peer_window_bits(9),
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
        ),
    ] {
        assert_eq!(offer(&config), text);
    }
}

#[test]
fn a_server_accepts_what_it_can_do() {
    let plain = DeflateConfig::new();
    let strict = largest().max_peer_window_bits(10);
    let fresh = largest().no_context_takeover(true).peer_no_context_takeover(true);
    for (config, offer, answer, expected) in [
        (plain, "", "", (12, true, 15, true)),
        (plain, "; client_max_window_bits", "", (12, true, 15, true)),
        (plain, "; client_max_window_bits=15", "", (12, true, 15, true)),
        (plain, "; client_max_window_bits=9", "; client_max_window_bits=9", (12, true, 9, true)),
        (plain, "; server_max_window_bits=15", "; server_max_window_bits=12", (12, true, 15, true)),
        (plain, "; server_max_window_bits=10", "; server_max_window_bits=10", (10, true, 15, true)),
        (
            plain,
            "; server_max_window_bits=\"1\\0\"",
            "; server_max_window_bits=10",
            (10, true, 15, true),
        ),
        (plain, "; server_max_window_bits=8", "; server_max_window_bits=8", (8, true, 15, true)),
        (
            plain,
            "; client_max_window_bits; client_no_context_takeover; server_no_context_takeover",
            "; server_no_context_takeover; client_no_context_takeover",
            (12, false, 15, false),
        ),
        (strict, "; client_max_window_bits", "; client_max_window_bits=10", (15, true, 10, true)),
        (
            strict,
            "; client_max_window_bits=12",
            "; client_max_window_bits=10",
            (15, true, 10, true),
        ),
        (strict, "; client_max_window_bits=8", "; client_max_window_bits=8", (15, true, 8, true)),
        (
            fresh,
            "",
            "; server_no_context_takeover; client_no_context_takeover",
            (15, false, 15, false),
        ),
    ] {
        let got = choose(&config, &std::format!("permessage-deflate{offer}"));
        let answer = std::format!("permessage-deflate{answer}");
        assert_eq!(got, Some((expected, answer)), "{offer}");
    }
    // A server that needs a limit does not accept a client that cannot be limited.
    assert_eq!(choose(&strict, "permessage-deflate; server_no_context_takeover"), None);
}

#[test]
fn a_server_declines_what_is_malformed_and_takes_the_next_offer() {
    for parameters in BAD_PARAMETERS.iter().chain(&["server_max_window_bits"]) {
        let bad = std::format!("permessage-deflate; {parameters}");
        assert_eq!(choose(&largest(), &bad), None, "{parameters}");
        let two = std::format!("x-other; client_max_window_bits=7, {bad}, permessage-deflate");
        assert!(choose(&largest(), &two).is_some(), "{parameters}");
    }
    assert_eq!(choose(&largest(), ""), None);
    assert_eq!(choose(&largest(), "permessage-bzip2, x-webkit-deflate-frame"), None);
}

const BAD_PARAMETERS: [&str; 25] = [
    "foo",
    "foo=1",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=09",
    "server_max_window_bits=1",
    "server_max_window_bits=010",
    "server_max_window_bits=100",
    "server_max_window_bits=+9",
    "server_max_window_bits=-9",
    "server_max_window_bits=x",
    "server_max_window_bits=1x",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits=08",
    "client_max_window_bits=+9",
    "server_no_context_takeover=1",
    "client_no_context_takeover=true",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    "client_max_window_bits=10; client_max_window_bits=10",
    "client_max_window_bits=10; client_max_window_bits",
    "Server_No_Context_Takeover",
    "client_max_window_bits=8.0",
];

#[test]
fn offers_are_taken_in_order_over_several_lines() {
    let block = b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7, x\r\n\
        Host: a\r\nsec-websocket-extensions: permessage-deflate; server_max_window_bits=9,\
        permessage-deflate; server_max_window_bits=11\r\n";
    let offers = Headers::from_validated(block).extensions().filter_map(Result::ok);
    let (params, _) = largest().choose(offers).unwrap();
    assert_eq!(params.window_bits(), 9);
}

#[test]
fn a_client_takes_an_answer_that_fits_its_offer() {
    let fresh = largest().no_context_takeover(true).peer_no_context_takeover(true);
    for (config, answer, expected) in [
        (largest(), "", (15, true, 15, true)),
        (DeflateConfig::new(), "", (12, true, 15, true)),
        (DeflateConfig::new(), "; client_max_window_bits=12", (12, true, 15, true)),
        (largest(), "; client_max_window_bits=8", (8, true, 15, true)),
        (largest(), "; client_no_context_takeover", (15, false, 15, true)),
        (largest(), "; server_no_context_takeover", (15, true, 15, false)),
        (largest(), "; server_max_window_bits=8", (15, true, 8, true)),
        (
            largest().max_peer_window_bits(10),
            "; server_max_window_bits=\"10\"; client_max_window_bits=\"\\1\\0\"",
            (10, true, 10, true),
        ),
        (largest().max_peer_window_bits(10), "; server_max_window_bits=9", (15, true, 9, true)),
        (fresh, "; server_no_context_takeover", (15, false, 15, false)),
    ] {
        let got = check(&config, &std::format!("permessage-deflate{answer}"));
        assert_eq!(got, Ok(expected), "{answer}");
    }
    let none = DeflateParams::of_response(Some(&largest()), extensions(b" , "));
    assert_eq!(none, Ok(None));
    assert_eq!(DeflateParams::of_response(None, extensions(b"")), Ok(None));
}

#[test]
fn a_client_fails_an_answer_that_does_not_fit_its_offer() {
    use NegotiationError::*;
    let limited = largest().max_peer_window_bits(10);
    for (config, answer, error) in [
        (largest(), "permessage-deflate, permessage-deflate", Repeated),
        (largest(), "permessage-deflate, x", NotOffered),
        (largest(), "Permessage-Deflate", NotOffered),
        (largest(), "permessage-deflate;", Malformed),
        (largest(), "permessage-deflate; client_max_window_bits=", Malformed),
        (largest(), "permessage-deflate; foo", UnknownParameter),
        (largest(), "permessage-deflate; client_max_window_bits", InvalidValue),
        (largest(), "permessage-deflate; server_max_window_bits", InvalidValue),
        (largest(), "permessage-deflate; server_max_window_bits=16", InvalidValue),
        (largest(), "permessage-deflate; server_no_context_takeover=1", InvalidValue),
        (
            largest(),
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            RepeatedParameter,
        ),
        (
            largest().accept_window_limit(false),
            "permessage-deflate; client_max_window_bits=10",
            NotAllowed,
        ),
        (limited, "permessage-deflate; server_max_window_bits=12", WindowTooLarge),
        (limited, "permessage-deflate", Ignored),
        (largest().peer_no_context_takeover(true), "permessage-deflate", Ignored),
    ] {
        assert_eq!(check(&config, answer), Err(error), "{answer}");
    }
    // The server may allow a larger window than we use.
    let generous = check(&DeflateConfig::new(), "permessage-deflate; client_max_window_bits=15");
    assert_eq!(generous, check(&DeflateConfig::new(), "permessage-deflate"));
    for parameters in BAD_PARAMETERS {
        let answer = std::format!("permessage-deflate; {parameters}");
        assert!(check(&largest(), &answer).is_err(), "{answer}");
    }
    let unasked = DeflateParams::of_response(None, extensions(b"permessage-deflate"));
    assert_eq!(unasked, Err(NotOffered));
}

#[test]
fn every_error_says_something_of_its_own() {
    use NegotiationError::*;
    let all = [
        Malformed,
        NotOffered,
        Repeated,
        UnknownParameter,
        RepeatedParameter,
        InvalidValue,
        NotAllowed,
        WindowTooLarge,
        Ignored,
    ];
    let texts: std::collections::BTreeSet<_> =
        all.iter().map(|error| std::format!("{error}")).collect();
    assert_eq!(texts.len(), all.len());
}

fn config() -> impl Strategy<Value = DeflateConfig> {
    (0..20_u8, 0..20_u8, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(own, peer, own_fresh, peer_fresh, limit)| {
            DeflateConfig::new()
                .max_window_bits(own)
                .max_peer_window_bits(peer)
                .no_context_takeover(own_fresh)
                .peer_no_context_takeover(peer_fresh)
                .accept_window_limit(limit)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// With any two configurations, both ends agree on the same parameters or on none, and the parameters respect both
    /// configurations.
    #[test]
    fn both_ends_agree(client in config(), server in config()) {
        let offer = offer(&client);
        let Some((served, answer)) = choose(&server, &offer) else {
            prop_assert!(!client.accept_window_limit && server.peer_window() < 15);
            return Ok(());
        };
        let taken = check(&client, &answer).unwrap();
        // Each end may use less than it is allowed to.
        prop_assert!(taken.0 <= served.2 && served.0 <= taken.2, "{offer} {answer}");
        prop_assert!((taken.1 <= served.3) && (served.1 <= taken.3), "{offer} {answer}");
        prop_assert!(taken.2 <= client.peer_window() && served.2 <= server.peer_window());
        prop_assert!(taken.0 <= client.own_window() && served.0 <= server.own_window());
        prop_assert!(!(client.peer_no_context_takeover && served.1));
        prop_assert!(!(server.peer_no_context_takeover && taken.1));
    }

    #[test]
    fn nothing_panics(text in "(permessage-deflate|[a-z_=;, \"0-9]{0,20}|; ?(server|client)_(max_window_bits(=[0-9]{0,2})?|no_context_takeover)){0,6}") {
        let _ = choose(&largest(), &text);
        let _ = DeflateParams::of_response(Some(&largest()), extensions(text.as_bytes()));
    }
}

/// The rows of `hostile.json` about offers and responses.
#[test]
fn the_hostile_rows_come_out_as_they_should() {
    let table = include_str!("../../../tests/vectors/hostile.json");
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    let mut seen = 0;
    for row in table.as_array().unwrap() {
        let (id, recipe) = (row["id"].as_str().unwrap(), row["recipe"].as_str().unwrap());
        if row["group"] == "deflate-params" {
            seen += 1;
            let value = recipe.strip_prefix("offer: ").unwrap();
            let malformed = extensions(value.as_bytes()).any(|element| element.is_err());
            let accepted = !malformed && choose(&DeflateConfig::new(), value).is_some();
            let allowed = row["oracle"]["ext"].as_array().unwrap();
            // The first is the preferred one.
            assert_eq!(allowed[0] == "yes", accepted, "{id} {recipe}");
        }
        let Some(offered) = row["setup"].get("pmd_offer") else { continue };
        seen += 1;
        let (_, answer) =
            recipe.rsplit_once(": ").filter(|_| offered.is_null()).unwrap_or_else(|| {
                let (_, answer) = recipe.split_once("answer: ").unwrap();
                ("", answer)
            });
        let config = offered.as_str().map(|text| {
            let config = match text {
                "permessage-deflate" => largest().accept_window_limit(false),
                "permessage-deflate; client_max_window_bits" => largest(),
                "permessage-deflate; server_max_window_bits=10" => {
                    largest().accept_window_limit(false).max_peer_window_bits(10)
                }
                other => panic!("{id} {other}"),
            };
            assert_eq!(offer(&config), text);
            config
        });
        let result = DeflateParams::of_response(config.as_ref(), extensions(answer.as_bytes()));
        assert_eq!(row["oracle"]["allow"][0] == "open", result.is_ok(), "{id} {recipe}");
        if id == "HR-24" {
            assert_eq!(agreed(&result.unwrap().unwrap()), (11, false, 12, false));
        }
    }
    assert_eq!(seen, 24);
}

#[test]
fn too_little_room_is_told() {
    for length in 0..offer(&largest()).len() {
        let mut out: Vec<u8> = vec![0; length];
        let mut cursor = Cursor::new(&mut out);
        largest().write_offer(&mut cursor);
        assert_eq!(cursor.finish().unwrap_err().needed, 42);
    }
}

#[test]
fn the_longest_answer_fits_the_room_for_one() {
    let answer = DeflateResponse {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_window: Some(MAX_WINDOW_BITS),
        client_window: Some(MAX_WINDOW_BITS),
    };
    assert_eq!(written(|out| answer.write(out)).len(), DeflateResponse::MAX_LENGTH);
}
