//! Rows about permessage-deflate: the configuration that they need, and exactly what is negotiated.

use fullduplex::handshake::ResponseError;
use fullduplex::{DeflateConfig, EndpointConfig, MessageRef, NegotiationError, Role};
use fullduplex_testkit::{Random, StrictInflate, TestEntropy, frames};

use crate::client::{Responded, answer};
use crate::support::{Agreed, negotiate};
use crate::{Row, rows};

/// What a server accepts for this row.
pub(crate) fn enabled(row: &Row) -> Option<DeflateConfig> {
    (row.setup("pmd_enabled") == true).then(DeflateConfig::new)
}

/// What a client offers for this row.
pub(crate) fn offered(row: &Row) -> Option<DeflateConfig> {
    let fixed = DeflateConfig::new().max_window_bits(15).accept_window_limit(false);
    row.setup("pmd_offer").as_str().map(|offer| match offer {
        "permessage-deflate; client_max_window_bits" => DeflateConfig::new().max_window_bits(15),
        "permessage-deflate" => fixed,
        "permessage-deflate; server_max_window_bits=10" => fixed.max_peer_window_bits(10),
        other => panic!("no configuration for {other}"),
    })
}

/// A handshake that negotiates these parameters.
pub(crate) fn agreed_on(parameters: &str) -> Agreed {
    let all = DeflateConfig::new().max_window_bits(15);
    let narrow = all.max_window_bits(9).max_peer_window_bits(9);
    let agreed = match parameters {
        "permessage-deflate" => negotiate(all, all),
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9" => {
            negotiate(narrow, narrow)
        }
        other => panic!("no configuration for {other}"),
    };
    assert_eq!(agreed.answer.as_deref(), Some(parameters));
    agreed
}

/// The exact response to each offer of the group deflate-params that is accepted. The others are declined.
const ANSWERS: [(&str, &str); 7] = [
    ("DP-01", "permessage-deflate"),
    // "client_max_window_bits" only allows us to limit the client's window, and we do not need to.
    ("DP-02", "permessage-deflate"),
    ("DP-03", "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"),
    ("DP-04", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
    ("DP-05", "permessage-deflate; server_max_window_bits=10"),
    ("DP-06", "permessage-deflate; server_max_window_bits=8"),
    ("DP-14", "permessage-deflate"),
];

/// Checks the values of `Sec-WebSocket-Extensions` in a response.
pub(crate) fn judge_extensions(row: &Row, values: &[&str]) {
    let expected = ANSWERS.iter().find(|(id, _)| *id == row.id()).map(|(_, answer)| *answer);
    assert_eq!(values, expected.as_slice(), "{}", row.id());
    if let Some(allowed) = row.oracle("ext").as_array() {
        let ours = if expected.is_some() { "yes" } else { "none" };
        // DP-16 is refused, so there is no extension either.
        assert!(allowed.iter().any(|allowed| allowed == ours), "{}", row.id());
    } else {
        assert_eq!(expected, None, "{}", row.id());
    }
}

#[test]
fn a_client_takes_from_each_answer_exactly_what_it_says() {
    let judge = |id: &str| {
        let rows = rows("client");
        let row = rows.iter().find(|row| row.id() == id).expect("the row");
        let bytes = row.bytes("").expect("a response");
        match answer(row, &bytes, [bytes.len()]) {
            Responded::Open { negotiated, .. } => {
                let agreed = negotiated.deflate().expect("permessage-deflate");
                let windows = (agreed.window_bits(), agreed.peer_window_bits());
                Ok((windows, agreed.context_takeover(), agreed.peer_context_takeover()))
            }
            Responded::Failed(ResponseError::Deflate(error)) => Err(error),
            other => panic!("{id}: {other:?}"),
        }
    };
    assert_eq!(judge("HR-23"), Ok(((15, 15), true, true)));
    assert_eq!(judge("HR-24"), Ok(((11, 12), false, false)));
    assert_eq!(judge("HR-25"), Ok(((15, 15), false, true)));
    assert_eq!(judge("HR-28"), Err(NegotiationError::InvalidValue));
    assert_eq!(judge("HR-29"), Err(NegotiationError::NotAllowed));
    assert_eq!(judge("HR-30"), Err(NegotiationError::WindowTooLarge));
    assert_eq!(judge("HR-32"), Err(NegotiationError::Repeated));
    assert_eq!(judge("HR-33"), Err(NegotiationError::UnknownParameter));
    assert_eq!(judge("HR-34"), Err(NegotiationError::RepeatedParameter));
}

/// Text whose parts repeat at every distance, near and far.
fn text(len: usize, random: &mut Random) -> String {
    let words: Vec<String> = (0..300).map(|_| format!("w{:x} ", random.next_u64() >> 36)).collect();
    let mut text = String::new();
    while text.len() < len {
        text.push_str(&words[random.below(words.len())]);
    }
    text.truncate(len);
    text
}

#[test]
fn dd_32_our_output_keeps_to_every_window_and_takeover_that_was_agreed_on() {
    type Endpoint = fullduplex::Endpoint<TestEntropy>;
    for bits in 8..=15 {
        for takeover in [true, false] {
            for level in [1, 6, 9] {
                let config = DeflateConfig::new()
                    .level(level)
                    .threshold(0)
                    .max_window_bits(bits)
                    .max_peer_window_bits(bits)
                    .no_context_takeover(!takeover)
                    .peer_no_context_takeover(!takeover);
                let agreed = negotiate(config, config);
                for role in [Role::Server, Role::Client] {
                    let context = format!("{role:?}, {bits} bits, {takeover}, level {level}");
                    let taken = agreed.by(role).deflate().expect("permessage-deflate");
                    assert_eq!(taken.window_bits(), bits, "{context}");
                    assert_eq!(taken.context_takeover(), takeover, "{context}");
                    let (config, entropy) = (EndpointConfig::new(), TestEntropy::new(1));
                    let mut sender = Endpoint::open(role, agreed.by(role), &[], &config, entropy);
                    let mut strict = StrictInflate::new(bits);
                    let mut random = Random::new(u64::from(bits));
                    // The last two texts are the same, so it would pay to refer to the previous message.
                    let mut texts: Vec<String> =
                        [0, 1, 700, 3000, 50_000].map(|len| text(len, &mut random)).into();
                    texts.extend([texts[2].clone(), texts[2].clone()]);
                    let mut lens = Vec::new();
                    for text in &texts {
                        sender.writer.send(MessageRef::Text(text)).unwrap();
                        let written = sender.output().unwrap().first().to_vec();
                        sender.writer.advance(written.len());
                        let [frame] = &frames(&written)[..] else { panic!("one frame") };
                        assert_eq!((frame.rsv, frame.opcode), (4, 1), "{context}");
                        if !takeover {
                            strict.forget();
                        }
                        assert!(strict.message(&frame.payload) == text.as_bytes(), "{context}");
                        lens.push(frame.payload.len());
                    }
                    // The message before the last fits into a window of 11 bits. Then the last one must refer to it with
                    // takeover, and must not without.
                    if bits >= 11 {
                        let refers = lens[6] * 4 < lens[5];
                        assert_eq!(refers, takeover, "{context}: {lens:?}");
                    }
                }
            }
        }
    }
}
