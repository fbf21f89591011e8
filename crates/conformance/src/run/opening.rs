//! Both halves of the opening handshake (RFC 6455 §4).

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::options::Options;
use crate::case::{Expect, Offer, Opening, Script, Split};
use crate::wire::{
    Deflate, Extension, Head, PERMESSAGE_DEFLATE, Terms, accept_value, elements, extensions,
    is_token, offers,
};

/// The request of the runner, and what its response is checked against.
#[derive(Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
    key: String,
    /// Whether the request contains the key at all.
    has_key: bool,
    /// The subprotocols that are offered.
    subprotocols: Vec<String>,
    /// The extensions that are offered; `None` if the list is malformed.
    extensions: Option<Vec<Extension>>,
}

impl Request {
    pub(super) fn new(options: &Options, opening: &Opening, random: &mut fastrand::Rng) -> Self {
        let key: [u8; 16] = random.u128(..).to_be_bytes();
        let key = opening.key.map_or_else(|| STANDARD.encode(key), Into::into);
        let values = [("{path}", &*options.path), ("{host}", &options.host), ("{key}", &key)];
        let bytes = match &opening.instead {
            Some(bytes) => fill(bytes, &values),
            None => fill(right_request(opening).as_bytes(), &values),
        };
        let has_key = bytes.windows(key.len()).any(|part| part == key.as_bytes());
        let head = Head::of_request(&bytes).ok();
        let field = |name: &'static str| head.iter().flat_map(move |head| head.values(name));
        let subprotocols =
            field("sec-websocket-protocol").flat_map(elements).map(Into::into).collect();
        let extensions = extensions(field("sec-websocket-extensions")).ok();
        Self { bytes, key, has_key, subprotocols, extensions }
    }

    /// The encoded request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

/// A request that is valid, except perhaps for what it offers.
fn right_request(opening: &Opening) -> String {
    let mut request = String::from(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
    );
    if !opening.subprotocols.is_empty() {
        request += &format!("Sec-WebSocket-Protocol: {}\r\n", opening.subprotocols.join(", "));
    }
    if !opening.deflate.is_empty() {
        let offers: Vec<String> =
            opening.deflate.iter().map(|wanted| offer(wanted, &opening.own)).collect();
        request += &format!("Sec-WebSocket-Extensions: {}\r\n", offers.join(", "));
    }
    for line in &opening.fields {
        request += &format!("{line}\r\n");
    }
    request + "\r\n"
}

/// An offer to a server (RFC 7692 §7.1): what the server is asked for, and that it may limit the client's window.
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

/// Replaces names with values.
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

/// The runner's half of an opening handshake while it is being sent.
#[derive(Debug, Default)]
pub(super) struct Half {
    writes: VecDeque<Vec<u8>>,
    gap: Duration,
    /// The time before which the next write is not sent.
    not_before: Duration,
    ends: bool,
    /// How many bytes of the head are not sent yet.
    head_left: usize,
}

/// What a [`Half`] has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait until this time.
    Wait(Duration),
    /// End the direction.
    End,
}

impl Half {
    /// A head followed by frames, split as the opening says.
    pub(super) fn new(mut bytes: Vec<u8>, behind: &[u8], opening: &Opening) -> Self {
        let head_left = bytes.len();
        bytes.extend_from_slice(behind);
        let writes: Vec<&[u8]> = match opening.split {
            Split::Whole => vec![&bytes],
            Split::Every(len) => bytes.chunks(len.max(1)).collect(),
            Split::Tail(len) => {
                let (head, tail) = bytes.split_at(bytes.len().saturating_sub(len));
                vec![head, tail]
            }
        };
        let writes = writes.into_iter().filter(|write| !write.is_empty());
        Self {
            writes: writes.map(<[u8]>::to_vec).collect(),
            gap: opening.gap,
            not_before: Duration::ZERO,
            ends: opening.ends,
            head_left,
        }
    }

    /// Whether the head has not been sent completely.
    pub(super) const fn has_head(&self) -> bool {
        self.head_left > 0
    }

    /// What to do at this time, if anything is left.
    pub(super) fn next(&mut self, now: Duration) -> Option<Next> {
        if self.writes.is_empty() {
            return std::mem::take(&mut self.ends).then_some(Next::End);
        }
        if now < self.not_before {
            return Some(Next::Wait(self.not_before));
        }
        self.not_before = now + self.gap;
        let bytes = self.writes.pop_front()?;
        self.head_left = self.head_left.saturating_sub(bytes.len());
        Some(Next::Send(bytes))
    }
}

/// An open connection.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) deflate: Option<Deflate>,
    /// What is wrong with the subject's half nevertheless.
    pub(super) fault: Option<String>,
}

/// Why there is no open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// The server refused, with this response.
    Refused(Head),
    /// The subject's half is invalid; the sentence says why.
    Fault(String),
    /// The subject does not have what the case needs.
    Unimplemented(String),
}

/// The fault of a client that sends too early.
///
/// "The client MUST wait for a response from the server before sending any further data."
pub(super) const EARLY: &str = "it sent more before it had the response (RFC 6455 §4.1)";

/// The response to a client that does not offer what the case needs.
pub(super) const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Whether a response is an interim one, which the final one follows (RFC 9110 §15.2).
pub(super) fn is_interim(head: &Result<Head, String>) -> bool {
    head.as_ref().is_ok_and(|head| matches!(head.status(), 100 | 102..=199))
}

/// Reads the response of a server.
pub(super) fn response(
    head: Result<Head, String>,
    request: &Request,
    script: &Script,
) -> Result<Opened, NotOpened> {
    let head = head.map_err(NotOpened::Fault)?;
    if head.status() != 101 {
        return Err(NotOpened::Refused(head));
    }
    let opening = &script.opening;
    if let Some(needs) = opening.needs {
        needs(&head).map_err(NotOpened::Unimplemented)?;
    }
    if request.has_key {
        confirmed(&head, &request.key).map_err(NotOpened::Fault)?;
    }
    subprotocol(&head, &request.subprotocols).map_err(NotOpened::Fault)?;
    let deflate = accepted(&head, request.extensions.as_deref()).map_err(NotOpened::Fault)?;
    if deflate.is_none() && !opening.deflate.is_empty() {
        return Err(NotOpened::Unimplemented("it does not accept permessage-deflate".into()));
    }
    let fault = opening.check.and_then(|check| check(&head).err());
    Ok(Opened { deflate, fault })
}

/// Checks the fields that each response that opens a WebSocket must have (RFC 6455 §4.1, §4.2.2). The error is a sentence.
fn confirmed(head: &Head, key: &str) -> Result<(), String> {
    // "a value that is not an ASCII case-insensitive match for the value "websocket""
    match head.one("upgrade")? {
        Some(value) if value.eq_ignore_ascii_case("websocket") => {}
        _ => return Err("its response has no `Upgrade: websocket` (RFC 6455 §4.2.2)".into()),
    }
    if !head.lists("connection", "upgrade") {
        return Err("its response has no `Connection: Upgrade` (RFC 6455 §4.2.2)".into());
    }
    let right = accept_value(key);
    match head.one("sec-websocket-accept")? {
        Some(value) if value == right => Ok(()),
        Some(value) => Err(format!(
            "its Sec-WebSocket-Accept is `{value}`, and should be `{right}` (RFC 6455 §4.2.2)"
        )),
        None => Err("its response has no Sec-WebSocket-Accept (RFC 6455 §4.2.2)".into()),
    }
}

/// Checks that the subprotocol of a response was offered (RFC 6455 §4.2.2). The error is a
/// sentence.
fn subprotocol(head: &Head, offered: &[String]) -> Result<(), String> {
    match head.one("sec-websocket-protocol")? {
        None => Ok(()),
        Some(value) if is_token(value) && offered.iter().any(|offered| offered == value) => Ok(()),
        Some(value) => Err(format!("its subprotocol `{value}` was not offered (RFC 6455 §4.2.2)")),
    }
}

/// Checks the extensions of a response, each of which must match an offer (RFC 6455 §9.1, RFC 7692 §7.1), and returns what
/// they agree on. The error is a sentence.
fn accepted(head: &Head, offered: Option<&[Extension]>) -> Result<Option<Deflate>, String> {
    let list = extensions(head.values("sec-websocket-extensions"))?;
    let mut deflate = None;
    for extension in &list {
        let name = &extension.name;
        let Some(offered) = offered else {
            let how = "it accepted an extension of a malformed list (RFC 6455 §9.1)";
            return Err(how.into());
        };
        let mut offers = offered.iter().filter(|offer| offer.name == *name).peekable();
        if offers.peek().is_none() {
            return Err(format!("its extension `{name}` was not offered (RFC 6455 §9.1)"));
        }
        if name != PERMESSAGE_DEFLATE {
            return Err(format!("it accepted `{name}`, which is not defined"));
        }
        if deflate.is_some() {
            return Err("it accepted permessage-deflate twice (RFC 7692 §5)".into());
        }
        let terms = Terms::of_response(extension)
            .map_err(|what| format!("its permessage-deflate {what}"))?;
        // "A server MUST decline an extension negotiation offer" that is invalid, so no response can match it.
        let offer = offers
            .filter_map(|offer| Terms::of_offer(offer).ok())
            .find(|offer| terms.accepts(offer));
        let Some(offer) = offer else {
            let text = head.values("sec-websocket-extensions").collect::<Vec<_>>().join(", ");
            return Err(format!("its `{text}` fits no offer (RFC 7692 §7.1)"));
        };
        deflate = Some(terms.deflate_for(&offer));
    }
    Ok(deflate)
}

/// Reads the request of a client, and builds the response.
pub(super) fn request(
    head: Result<Head, String>,
    script: &Script,
) -> Result<(Vec<u8>, Opened), NotOpened> {
    let head = head.map_err(NotOpened::Fault)?;
    let opening = &script.opening;
    if let Some(needs) = opening.needs {
        needs(&head).map_err(NotOpened::Unimplemented)?;
    }
    let fault = opening.check.and_then(|check| check(&head).err());
    let Some(key) = head.values("sec-websocket-key").next() else {
        return Err(NotOpened::Fault("it sent no Sec-WebSocket-Key (RFC 6455 §4.1)".into()));
    };
    let accept = accept_value(key);
    let swapped = swapped(&accept);
    let protocol =
        head.values("sec-websocket-protocol").flat_map(elements).next().unwrap_or("chat");
    let asked = offers(&head).first().copied().unwrap_or_default();
    let context =
        if asked.server_no_context_takeover { "; server_no_context_takeover" } else { "" };
    let window = asked.server_max_window_bits;
    let window = window.map(|bits| format!("; server_max_window_bits={bits}")).unwrap_or_default();
    let values = [
        ("{accept}", &*accept),
        ("{swapped}", &swapped),
        ("{key}", key),
        ("{protocol}", protocol),
        ("{context}", context),
        ("{window}", &window),
    ];
    let bytes = match &opening.instead {
        Some(bytes) => fill(bytes, &values),
        None => fill(right_response(&head, opening)?.as_bytes(), &values),
    };
    // The runner keeps to what its own response says, if that is valid.
    let own = Head::of_response(&bytes).ok();
    let own = own.iter().flat_map(|head| head.values("sec-websocket-extensions"));
    let terms = extensions(own).ok().and_then(|list| match &list[..] {
        [one] if one.name == PERMESSAGE_DEFLATE => Terms::of_response(one).ok(),
        _ => None,
    });
    let refusal = matches!(script.expect, Expect::Refusal(_));
    if let Some(terms) = terms.filter(|_| !refusal)
        && !offers(&head).iter().any(|offer| terms.accepts(offer))
    {
        let how = "it does not offer permessage-deflate as the case needs it";
        return Err(NotOpened::Unimplemented(how.into()));
    }
    let deflate = terms.map(|terms| terms.deflate());
    Ok((bytes, Opened { deflate, fault }))
}

/// A valid response.
fn right_response(head: &Head, opening: &Opening) -> Result<String, NotOpened> {
    let mut response = String::from(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n",
    );
    if !opening.deflate.is_empty() {
        let text = answer(head, &opening.deflate, opening.own).ok_or_else(|| {
            NotOpened::Unimplemented(
                "it does not offer permessage-deflate as the case needs it".into(),
            )
        })?;
        response += &format!("Sec-WebSocket-Extensions: {text}\r\n");
    }
    for line in &opening.fields {
        response += &format!("{line}\r\n");
    }
    Ok(response + "\r\n")
}

/// The text with lower and upper case swapped.
fn swapped(text: &str) -> String {
    let swap = |letter: char| match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        _ => letter.to_ascii_lowercase(),
    };
    text.chars().map(swap).collect()
}

/// The first of these responses that any offer of the client allows, for the first offer that allows it (RFC 7692 §7.1).
fn answer(head: &Head, answers: &[Offer], own: Offer) -> Option<String> {
    let offers = offers(head);
    answers.iter().find_map(|answer| offers.iter().find_map(|offer| accept(offer, *answer, own)))
}

/// The response to this offer, if the offer allows it: the client must compress as `answer` says, and the server as the
/// offer and `own` say.
fn accept(offer: &Terms, answer: Offer, own: Offer) -> Option<String> {
    let mut text = String::from(PERMESSAGE_DEFLATE);
    // RFC 7692 §7.1.1.1 and §7.1.2.1: a response may have these two even if the offer does not.
    if own.no_context_takeover || offer.server_no_context_takeover {
        text += "; server_no_context_takeover";
    }
    if let Some(bits) = offer.server_max_window_bits.into_iter().chain(own.max_window_bits).min() {
        text += &format!("; server_max_window_bits={bits}");
    }
    if answer.no_context_takeover {
        text += "; client_no_context_takeover";
    }
    if let Some(bits) = answer.max_window_bits {
        // RFC 7692 §7.1.2.2: without this parameter in the offer, the response must not have it.
        let bits = offer.client_max_window_bits?.map_or(bits, |most| bits.min(most));
        text += &format!("; client_max_window_bits={bits}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Conversation, Script};
    use crate::wire::Params;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const RIGHT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: x, upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    fn asked(opening: &Opening) -> Request {
        Request::new(&Options::default(), opening, &mut fastrand::Rng::with_seed(0))
    }

    /// The fault in a response to these field lines. `{right}` in `answer` is replaced with the beginning of a valid
    /// response.
    fn fault(fields: &[&str], answer: &str) -> Option<String> {
        let opening = Opening { key: Some(KEY), ..Opening::fields(fields.iter().copied()) };
        let request = asked(&opening);
        let script = Script::new([], Conversation::ok([])).opening(opening);
        let answer = answer.replace("{right}", RIGHT) + "\r\n";
        match response(Head::of_response(answer.as_bytes()), &request, &script) {
            Ok(_) => None,
            Err(NotOpened::Fault(how)) => Some(how),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_response_needs_its_three_fields() {
        assert_eq!(fault(&[], "{right}"), None);
        for (gone, what) in [
            ("Upgrade: WebSocket\r\n", "`Upgrade: websocket`"),
            ("Connection: x, upgrade\r\n", "`Connection: Upgrade`"),
            ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "Sec-WebSocket-Accept"),
        ] {
            let how = fault(&[], &RIGHT.replace(gone, "")).unwrap();
            assert!(how.contains(what), "{how}");
        }
        let how = fault(&[], &RIGHT.replace("s3p", "S3p")).unwrap();
        assert!(how.contains("should be `s3pPLMBi"), "{how}");
        let twice = "{right}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert!(fault(&[], twice).is_some());
    }

    #[test]
    fn what_was_not_offered_must_not_be_chosen() {
        let protocols = ["Sec-WebSocket-Protocol: chat", "sec-websocket-protocol: superchat"];
        let chosen =
            |name| fault(&protocols, &format!("{{right}}Sec-WebSocket-Protocol: {name}\r\n"));
        assert_eq!(chosen("superchat"), None);
        for wrong in ["Chat", "chat, superchat", "other", ""] {
            assert!(chosen(wrong).is_some(), "{wrong}");
        }
        let extension = "{right}Sec-WebSocket-Extensions: permessage-deflate\r\n";
        assert!(fault(&[], extension).is_some());
        let offer = "Sec-WebSocket-Extensions: foo, permessage-deflate; server_max_window_bits=16, permessage-deflate";
        assert_eq!(fault(&[offer], extension), None);
        assert!(fault(&["Sec-WebSocket-Extensions: permessage-deflate; foo"], extension).is_some());
        assert!(fault(&["Sec-WebSocket-Extensions: permessage-deflate;"], extension).is_some());
    }

    #[test]
    fn the_runner_keeps_to_what_its_own_response_says() {
        let deflate = |fields: &[&str]| {
            let opening = Opening::fields(fields.iter().copied());
            let script = Script::new([], Conversation::ok([])).opening(opening);
            let head = format!(
                "GET / HTTP/1.1\r\nSec-WebSocket-Key: {KEY}\r\n\
                 Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
            );
            request(Head::of_request(head.as_bytes()), &script).unwrap().1.deflate
        };
        let found =
            deflate(&["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9"]);
        assert_eq!(found.map(|deflate| deflate.client.window_bits), Some(9));
        assert_eq!(deflate(&["Sec-WebSocket-Extensions: permessage-deflate; foo"]), None);
        assert_eq!(deflate(&[]), None);
    }

    #[test]
    fn names_in_braces_are_filled_and_other_braces_stay() {
        assert_eq!(fill(b"{a}{b}{a", &[("{a}", "1")]), b"1{b}{a");
        assert_eq!(swapped("aB+1="), "Ab+1=");
    }

    #[test]
    fn a_half_is_sent_in_its_writes_with_its_gaps_and_then_ends() {
        let opening = Opening {
            split: Split::Tail(2),
            gap: Duration::from_millis(5),
            ends: true,
            ..Opening::default()
        };
        let mut half = Half::new(b"abc".to_vec(), b"d", &opening);
        let ms = Duration::from_millis;
        assert_eq!(half.next(ms(1)), Some(Next::Send(b"ab".to_vec())));
        assert_eq!(half.next(ms(2)), Some(Next::Wait(ms(6))));
        assert_eq!(half.next(ms(6)), Some(Next::Send(b"cd".to_vec())));
        assert_eq!(half.next(ms(6)), Some(Next::End));
        assert_eq!(half.next(ms(6)), None);
    }

    #[test]
    fn an_answer_asks_a_client_for_a_window_only_if_its_offer_allows_that() {
        let head = |offer: &str| {
            let head = format!("GET / HTTP/1.1\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n");
            Head::of_request(head.as_bytes()).unwrap()
        };
        let nine = Offer { no_context_takeover: false, max_window_bits: Some(9) };
        assert_eq!(answer(&head("permessage-deflate"), &[nine], Offer::default()), None);
        let allowed = head("permessage-deflate; server_max_window_bits=10; client_max_window_bits");
        let text = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9";
        assert_eq!(answer(&allowed, &[nine], Offer::default()).as_deref(), Some(text));
    }

    #[test]
    fn interim_responses_are_told_from_the_final_one() {
        let of = |status: u16| Head::of_response(format!("HTTP/1.1 {status} x\r\n\r\n").as_bytes());
        assert!(is_interim(&of(100)) && is_interim(&of(103)));
        assert!(!is_interim(&of(101)) && !is_interim(&of(200)));
    }

    #[test]
    fn params_without_limits_are_those_of_a_bare_response() {
        let bare = Terms::default().deflate();
        assert_eq!((bare.client, bare.server), (Params::unlimited(), Params::unlimited()));
    }
}
