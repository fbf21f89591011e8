//! Which response to an offer of permessage-deflate is valid, and what it negotiates (RFC 7692 §7.1).

use super::{Deflate, Extension, Head, Params, extensions};

/// The name of the extension.
pub(crate) const NAME: &str = "permessage-deflate";

/// The parameters of an offer or of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    /// In an offer, the value may be missing.
    pub(crate) client_max_window_bits: Option<Option<u8>>,
}

impl Terms {
    /// The parameters of an offer. The error says what is wrong.
    pub(crate) fn of_offer(extension: &Extension) -> Result<Self, String> {
        let mut terms = Self::default();
        for (at, (name, value)) in extension.params.iter().enumerate() {
            // "The negotiation offer contains multiple extension parameters with the same name."
            if extension.params[..at].iter().any(|(before, _)| before == name) {
                return Err(format!("has the parameter {name} twice (RFC 7692 §7.1)"));
            }
            let value = value.as_deref();
            match (&**name, value) {
                ("server_no_context_takeover", None) => terms.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => terms.client_no_context_takeover = true,
                ("server_max_window_bits", Some(bits)) if window(bits).is_some() => {
                    terms.server_max_window_bits = window(bits);
                }
                ("client_max_window_bits", None) => terms.client_max_window_bits = Some(None),
                ("client_max_window_bits", Some(bits)) if window(bits).is_some() => {
                    terms.client_max_window_bits = Some(window(bits));
                }
                (
                    "server_no_context_takeover"
                    | "client_no_context_takeover"
                    | "server_max_window_bits"
                    | "client_max_window_bits",
                    _,
                ) => {
                    let value = value.map_or("no value".into(), |value| format!("`{value}`"));
                    return Err(format!("has {value} for {name} (RFC 7692 §7.1)"));
                }
                _ => {
                    return Err(format!("has the unknown parameter {name} (RFC 7692 §7.1)"));
                }
            }
        }
        Ok(terms)
    }

    /// The parameters of a response. The error says what is wrong.
    pub(crate) fn of_response(extension: &Extension) -> Result<Self, String> {
        let terms = Self::of_offer(extension)?;
        if terms.client_max_window_bits == Some(None) {
            return Err("has no value for client_max_window_bits (RFC 7692 §7.1.2.2)".into());
        }
        Ok(terms)
    }

    /// Whether this response accepts that offer.
    pub(crate) fn accepts(&self, offer: &Self) -> bool {
        // §7.1.1.1: a response that accepts an offer with this parameter has it, too.
        (self.server_no_context_takeover || !offer.server_no_context_takeover)
            // §7.1.2.1: likewise, "with the same or smaller value as the offer".
            && offer.server_max_window_bits.is_none_or(|most| {
                self.server_max_window_bits.is_some_and(|bits| bits <= most)
            })
            // §7.1.2.2: without this parameter in the offer, "the response MUST NOT include" it; and its value must not be
            // larger than the one in the offer.
            && self.client_max_window_bits.flatten().is_none_or(|bits| {
                offer.client_max_window_bits.is_some_and(|most| most.is_none_or(|most| bits <= most))
            })
    }

    /// The negotiated parameters, if these are the terms of a response to that offer. A client keeps to what its offer says
    /// about itself, even if the response does not ask for it.
    pub(crate) fn deflate_for(&self, offer: &Self) -> Deflate {
        let mut deflate = self.deflate();
        let client = &mut deflate.client;
        client.no_context_takeover |= offer.client_no_context_takeover;
        if let Some(bits) = offer.client_max_window_bits.flatten() {
            client.window_bits = client.window_bits.min(bits);
        }
        deflate
    }

    /// The negotiated parameters, if these are the terms of a response.
    pub(crate) fn deflate(&self) -> Deflate {
        Deflate {
            client: Params {
                window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
                no_context_takeover: self.client_no_context_takeover,
            },
            server: Params {
                window_bits: self.server_max_window_bits.unwrap_or(15),
                no_context_takeover: self.server_no_context_takeover,
            },
        }
    }
}

/// The valid offers of permessage-deflate in a request, in order.
pub(crate) fn offers(head: &Head) -> Vec<Terms> {
    let list = extensions(head.values("sec-websocket-extensions")).unwrap_or_default();
    let ours = list.iter().filter(|extension| extension.name == NAME);
    ours.filter_map(|extension| Terms::of_offer(extension).ok()).collect()
}

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive"
fn window(value: &str) -> Option<u8> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    value.parse().ok().filter(|bits| digits && (8..=15).contains(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Extension {
        extensions([text].into_iter()).unwrap().remove(0)
    }

    fn accepts(offer: &str, response: &str) -> bool {
        let terms = Terms::of_response(&one(response)).unwrap();
        terms.accepts(&Terms::of_offer(&one(offer)).unwrap())
    }

    #[test]
    fn a_parameter_has_its_value_or_none_and_stands_once() {
        for wrong in [
            "p; server_max_window_bits",
            "p; server_max_window_bits=7",
            "p; server_max_window_bits=16",
            "p; server_max_window_bits=08",
            "p; client_max_window_bits=9x",
            "p; client_max_window_bits=\"7\"",
            "p; server_no_context_takeover=1",
            "p; client_no_context_takeover=true",
            "p; client_no_context_takeover; client_no_context_takeover",
            "p; foo",
        ] {
            assert!(Terms::of_offer(&one(wrong)).is_err(), "{wrong}");
        }
        assert!(Terms::of_offer(&one("p; client_max_window_bits")).is_ok());
        assert!(Terms::of_response(&one("p; client_max_window_bits")).is_err());
        assert!(Terms::of_offer(&one("p; server_max_window_bits=\"10\"")).is_ok());
    }

    #[test]
    fn a_response_answers_each_limit_of_the_offer_and_adds_none_for_the_client() {
        assert!(accepts("p", "p; server_no_context_takeover; server_max_window_bits=9"));
        assert!(accepts("p", "p; client_no_context_takeover"));
        assert!(!accepts("p", "p; client_max_window_bits=15"));
        assert!(!accepts("p; server_no_context_takeover", "p"));
        assert!(accepts("p; server_max_window_bits=12", "p; server_max_window_bits=9"));
        assert!(!accepts("p; server_max_window_bits=12", "p; server_max_window_bits=13"));
        assert!(!accepts("p; server_max_window_bits=12", "p"));
        assert!(accepts("p; client_max_window_bits", "p; client_max_window_bits=8"));
        assert!(accepts("p; client_max_window_bits=9", "p"));
        assert!(!accepts("p; client_max_window_bits=9", "p; client_max_window_bits=10"));
    }
}
