//! Both halves of the opening handshake (RFC 6455 §4).

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Options;
use crate::case::{Offer, Opening, Script};
use crate::wire::{Deflate, Head, Params, accept_value, elements};

/// What a request of the runner is made of.
#[derive(Debug)]
pub(super) struct Request {
    host: String,
    path: String,
    key: String,
}

impl Request {
    pub(super) fn new(options: &Options, random: &mut fastrand::Rng) -> Self {
        let key: [u8; 16] = random.u128(..).to_be_bytes();
        let (host, path) = (options.host.clone(), options.path.clone());
        Self { host, path, key: STANDARD.encode(key) }
    }

    /// The request, in the writes that it is sent with.
    pub(super) fn bytes(&self, opening: &Opening) -> VecDeque<Vec<u8>> {
        let values = [("{path}", &*self.path), ("{host}", &self.host), ("{key}", &self.key)];
        if let Some(parts) = &opening.instead {
            return parts.iter().map(|part| fill(part, &values)).collect();
        }
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n",
            self.path, self.host, self.key
        );
        if !opening.subprotocols.is_empty() {
            request += &format!("Sec-WebSocket-Protocol: {}\r\n", opening.subprotocols.join(", "));
        }
        if !opening.deflate.is_empty() {
            let offers: Vec<String> =
                opening.deflate.iter().map(|wanted| offer(wanted, &opening.own)).collect();
            request += &format!("Sec-WebSocket-Extensions: {}\r\n", offers.join(", "));
        }
        VecDeque::from([(request + "\r\n").into_bytes()])
    }
}

/// An offer to a server (RFC 7692 §7.1): what the server is asked for, and that the client can be asked for a window.
fn offer(offer: &Offer, own: &Offer) -> String {
    let mut text = String::from("permessage-deflate; client_max_window_bits");
    if let Some(bits) = own.max_window_bits {
        text += &format!("={bits}");
    }
    if own.no_context_takeover {
        text += "; client_no_context_takeover";
    }
    if offer.no_context_takeover {
        text += "; server_no_context_takeover";
    }
    if let Some(bits) = offer.max_window_bits {
        text += &format!("; server_max_window_bits={bits}");
    }
    text
}

/// Puts values in the places of their names.
fn fill(text: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match values.iter().find(|(name, _)| rest.starts_with(name.as_bytes())) {
            Some((name, value)) => {
                filled.extend(value.bytes());
                rest = &rest[name.len()..];
            }
            None => {
                filled.push(*first);
                rest = after;
            }
        }
    }
    filled
}

/// An open connection.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) deflate: Option<Deflate>,
    /// What is wrong with the subject's half all the same.
    pub(super) fault: Option<String>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// The server refused, with this status.
    Status(u16),
    /// The subject's half is wrong; the sentence says how.
    Fault(String),
    /// The subject does not have what the case needs.
    Unimplemented(String),
}

/// What a client gets that does not offer what the case needs.
pub(super) const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Reads the response of a server.
pub(super) fn response(head: &Result<Head, String>, script: &Script) -> Result<Opened, NotOpened> {
    let head = head.as_ref().map_err(|how| NotOpened::Fault(how.clone()))?;
    if head.start.0 != "101" {
        return Err(NotOpened::Status(head.start.0.parse().unwrap_or(0)));
    }
    let fault = script.opening.check.and_then(|check| check(head).err());
    let mut opened = Opened { deflate: None, fault };
    if script.opening.instead.is_none() && !script.opening.deflate.is_empty() {
        let list: Vec<&str> = head.values("sec-websocket-extensions").flat_map(elements).collect();
        let accepted = match &list[..] {
            [] => {
                return Err(NotOpened::Unimplemented(
                    "it does not accept permessage-deflate".into(),
                ));
            }
            [one] => accepted(one, &script.opening.deflate),
            _ => Err("it accepted more than one extension".into()),
        };
        opened.deflate = Some(accepted.map_err(NotOpened::Fault)?);
    }
    Ok(opened)
}

/// The parameters of an accepted offer (RFC 7692 §7.1). The error is a sentence.
fn accepted(element: &str, offers: &[Offer]) -> Result<Deflate, String> {
    let parameters = Parameters::parse(element)?;
    let deflate = Deflate {
        client: Params {
            window_bits: parameters.bits("client_max_window_bits")?.unwrap_or(15),
            no_context_takeover: parameters.has("client_no_context_takeover"),
        },
        server: Params {
            window_bits: parameters.bits("server_max_window_bits")?.unwrap_or(15),
            no_context_takeover: parameters.has("server_no_context_takeover"),
        },
    };
    // RFC 7692 §7.1.1.1 and §7.1.2.1: who accepts an offer with these parameters answers with them.
    let allowed = offers.iter().any(|offer| {
        (!offer.no_context_takeover || deflate.server.no_context_takeover)
            && offer.max_window_bits.is_none_or(|bits| {
                parameters.has("server_max_window_bits") && deflate.server.window_bits <= bits
            })
    });
    if !allowed {
        return Err(format!("its `{element}` fits no offer (RFC 7692 §7.1)"));
    }
    Ok(deflate)
}

/// The parameters of permessage-deflate in one element of `Sec-WebSocket-Extensions`.
struct Parameters<'e> {
    element: &'e str,
    list: Vec<(&'e str, Option<&'e str>)>,
}

impl<'e> Parameters<'e> {
    /// The error is a sentence.
    fn parse(element: &'e str) -> Result<Self, String> {
        let mut parts = element.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return Err(format!("its `{element}` was not offered (RFC 6455 §9.1)"));
        }
        let list: Vec<_> = parts
            .map(|part| match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (part, None),
            })
            .collect();
        for (at, (name, _)) in list.iter().enumerate() {
            if list[..at].iter().any(|(before, _)| before == name) {
                return Err(format!("its `{element}` has a parameter twice (RFC 7692 §7)"));
            }
        }
        Ok(Self { element, list })
    }

    fn has(&self, name: &str) -> bool {
        self.list.iter().any(|(found, _)| *found == name)
    }

    /// The window of a parameter that has a value, 8 to 15. The error is a sentence.
    fn bits(&self, name: &str) -> Result<Option<u8>, String> {
        let Some((_, value)) = self.list.iter().find(|(found, _)| *found == name) else {
            return Ok(None);
        };
        let bits =
            value.and_then(|value| value.parse().ok()).filter(|bits| (8..=15).contains(bits));
        match bits {
            Some(bits) => Ok(Some(bits)),
            None => {
                Err(format!("its `{}` has no window from 8 to 15 (RFC 7692 §7.1.2)", self.element))
            }
        }
    }
}

/// Reads the request of a client, and makes the response.
pub(super) fn request(
    head: &Result<Head, String>,
    script: &Script,
) -> Result<(Vec<Vec<u8>>, Opened), NotOpened> {
    let head = head.as_ref().map_err(|how| NotOpened::Fault(how.clone()))?;
    let opening = &script.opening;
    let fault = opening.check.and_then(|check| check(head).err());
    let Some(key) = head.values("sec-websocket-key").next() else {
        return Err(NotOpened::Fault("it sent no Sec-WebSocket-Key (RFC 6455 §4.1)".into()));
    };
    let accept = accept_value(key);
    if let Some(parts) = &opening.instead {
        let parts = parts.iter().map(|part| fill(part, &[("{accept}", &accept)])).collect();
        return Ok((parts, Opened { deflate: None, fault }));
    }
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    let mut deflate = None;
    if !opening.deflate.is_empty() {
        let (text, chosen) = answer(head, &opening.deflate, opening.own).ok_or_else(|| {
            NotOpened::Unimplemented(
                "it does not offer permessage-deflate as the case needs it".into(),
            )
        })?;
        response += &format!("Sec-WebSocket-Extensions: {text}\r\n");
        deflate = Some(chosen);
    }
    Ok((vec![(response + "\r\n").into_bytes()], Opened { deflate, fault }))
}

/// The answer to the first offer of a client that allows the first possible of these answers (RFC 7692 §7.1).
fn answer(head: &Head, answers: &[Offer], own: Offer) -> Option<(String, Deflate)> {
    let offers: Vec<Parameters<'_>> = head
        .values("sec-websocket-extensions")
        .flat_map(elements)
        .filter_map(|element| Parameters::parse(element).ok())
        .collect();
    answers.iter().find_map(|answer| offers.iter().find_map(|offer| accept(offer, *answer, own)))
}

/// The answer to this offer, if it allows that: the client shall compress as `answer` says, and the server as the offer
/// and `own` say.
fn accept(offer: &Parameters<'_>, answer: Offer, own: Offer) -> Option<(String, Deflate)> {
    let mut text = String::from("permessage-deflate");
    let mut deflate = Deflate { client: Params::unlimited(), server: Params::unlimited() };
    // RFC 7692 §7.1.1.1 and §7.1.2.1: an answer may have these two even if the offer does not.
    if own.no_context_takeover || offer.has("server_no_context_takeover") {
        text += "; server_no_context_takeover";
        deflate.server.no_context_takeover = true;
    }
    let asked = offer.bits("server_max_window_bits").ok()?;
    if let Some(bits) = asked.into_iter().chain(own.max_window_bits).min() {
        text += &format!("; server_max_window_bits={bits}");
        deflate.server.window_bits = bits;
    }
    if answer.no_context_takeover {
        text += "; client_no_context_takeover";
        deflate.client.no_context_takeover = true;
    }
    if let Some(bits) = answer.max_window_bits {
        // RFC 7692 §7.1.2.2: without this parameter in the offer, the answer must not have it.
        if !offer.has("client_max_window_bits") {
            return None;
        }
        let bits =
            offer.bits("client_max_window_bits").ok().flatten().map_or(bits, |most| bits.min(most));
        text += &format!("; client_max_window_bits={bits}");
        deflate.client.window_bits = bits;
    }
    Some((text, deflate))
}
