//! Both halves of the opening handshake (RFC 6455 §4), and the negotiation in it (RFC 7692 §7.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::deflate::Agreed;
use crate::fault::{Fault, Switch};

/// What a client asks for, and the seed of its random numbers.
#[derive(Clone, Debug)]
pub struct Client {
    /// The `Host` of its request.
    pub host: String,
    /// The target of its request: path and query.
    pub target: String,
    /// The subprotocols that it offers, as in `Sec-WebSocket-Protocol`; none if this is empty.
    pub protocols: String,
    /// The extensions that it offers, as in `Sec-WebSocket-Extensions`; none if this is empty.
    pub extensions: String,
    /// The same seed gives the same keys and masks.
    pub seed: u64,
}

impl Client {
    /// A client that offers compression, with limits of its window.
    #[must_use]
    pub fn new(host: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            target: target.into(),
            protocols: String::new(),
            extensions: "permessage-deflate; client_max_window_bits".into(),
            seed: 0,
        }
    }
}

/// The size of the largest head.
const MOST: usize = 64 << 10;

/// The most fields in a head.
const FIELDS: usize = 128;

/// The result of a handshake.
pub(crate) struct Opened {
    /// The length of the peer's half.
    pub(crate) head: usize,
    /// The response of a server.
    pub(crate) response: Vec<u8>,
    pub(crate) deflate: Option<Agreed>,
}

/// The fields of a head.
struct Fields<'h> {
    list: Vec<(&'h str, &'h str)>,
    switch: &'h Switch,
}

impl<'h> Fields<'h> {
    /// `None` if a value is not UTF-8.
    fn new(fields: &[httparse::Header<'h>], switch: &'h Switch) -> Option<Self> {
        let one = |field: &httparse::Header<'h>| {
            Some((field.name, std::str::from_utf8(field.value).ok()?.trim()))
        };
        Some(Self { list: fields.iter().map(one).collect::<Option<_>>()?, switch })
    }

    fn values<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'h str> + 'n {
        // RFC 9110 §5.1: names of fields are case-insensitive.
        let is_it = move |field: &str| {
            field.eq_ignore_ascii_case(name)
                && (field == name || !self.switch.is(Fault::FieldNamesCaseSensitive))
        };
        self.list.iter().filter(move |(field, _)| is_it(field)).map(|(_, value)| *value)
    }

    /// The value of a field that must not be repeated.
    fn one(&self, name: &str) -> Option<&'h str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether a list field has this element.
    fn lists(&self, name: &str, element: &str) -> bool {
        let mut found = self.values(name).flat_map(|value| value.split(',')).map(str::trim);
        found.any(|found| self.is_token(found, element))
    }

    fn is_token(&self, found: &str, token: &str) -> bool {
        found.eq_ignore_ascii_case(token)
            && (found == token || !self.switch.is(Fault::TokensCaseSensitive))
    }

    /// Whether `Connection` has the element `Upgrade`.
    fn connection_upgrades(&self) -> bool {
        self.lists("Connection", "Upgrade")
            && (self.one("Connection").is_some_and(|value| value.len() == 7)
                || !self.switch.is(Fault::ConnectionIsNoList))
    }

    /// The elements of a list. `None` if the field is present but has none (RFC 6455 §4.3, §9.1).
    fn list(&self, name: &str) -> Option<Vec<&'h str>> {
        let is_there = self.values(name).next().is_some();
        let elements = self.values(name).flat_map(|value| value.split(',')).map(str::trim);
        let elements: Vec<&str> = elements.filter(|element| !element.is_empty()).collect();
        (!is_there || !elements.is_empty()).then_some(elements)
    }

    fn extensions_are_right(&self) -> bool {
        let is_right = |elements: Vec<&'h str>| {
            elements.into_iter().map(Extension::new).all(|extension| extension.is_right())
        };
        self.list("Sec-WebSocket-Extensions").is_some_and(is_right)
    }

    /// The elements of `Sec-WebSocket-Extensions`.
    fn extensions(&self) -> impl Iterator<Item = Extension<'h>> {
        let elements = self.values("Sec-WebSocket-Extensions").flat_map(|value| value.split(','));
        elements.map(str::trim).filter(|element| !element.is_empty()).map(Extension::new)
    }
}

/// An element of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
struct Extension<'h> {
    name: &'h str,
    parameters: Vec<(&'h str, Option<&'h str>)>,
}

/// The value of a window parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    None,
    NoValue,
    Bits(u8),
    Odd,
}

impl<'h> Extension<'h> {
    fn new(element: &'h str) -> Self {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameter = |part: &'h str| match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (part, None),
        };
        Self { name, parameters: parts.map(parameter).collect() }
    }

    /// RFC 6455 §9.1: tokens; the value of a parameter may be in quotes.
    fn is_right(&self) -> bool {
        is_token(self.name)
            && self.parameters.iter().all(|(name, value)| {
                let unquoted = |value: &'h str| value.strip_prefix('"')?.strip_suffix('"');
                let is_value = |value| {
                    is_token(value)
                        || unquoted(value).is_some_and(|value| is_token(&value.replace('\\', "")))
                };
                is_token(name) && value.is_none_or(is_value)
            })
    }

    fn is_deflate(&self) -> bool {
        self.name == "permessage-deflate"
    }

    fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(found, _)| *found == name)
    }

    /// RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
    fn window(&self, name: &str) -> Window {
        let Some((_, value)) = self.parameters.iter().find(|(found, _)| *found == name) else {
            return Window::None;
        };
        let Some(value) = value else { return Window::NoValue };
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        match quoted.unwrap_or(value) {
            "8" => Window::Bits(8),
            "9" => Window::Bits(9),
            other => match (other.len(), other.parse()) {
                (2, Ok(bits @ 10..=15)) if !other.starts_with('+') => Window::Bits(bits),
                _ => Window::Odd,
            },
        }
    }

    /// Whether each parameter is defined in RFC 7692, is not repeated, and has no value where none is allowed.
    fn is_known(&self) -> bool {
        self.parameters.iter().enumerate().all(|(at, (name, value))| {
            let known = match *name {
                "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
                "server_max_window_bits" | "client_max_window_bits" => true,
                _ => false,
            };
            known && self.parameters[..at].iter().all(|(before, _)| before != name)
        })
    }
}

/// `Sec-WebSocket-Accept` (RFC 6455 §4.2.2).
fn accept(key: &[u8]) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

fn refusal(status: &str, field: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{field}Content-Length: 0\r\n\r\n")
        .into_bytes()
}

/// Answers a client's request, once it is complete. The error is the response that refuses it.
pub(crate) fn answer(input: &[u8], switch: &Switch) -> Result<Option<Opened>, Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let readable = as_http_1_1(input, switch);
    let head = match request.parse(&readable) {
        Ok(httparse::Status::Complete(head)) if head <= MOST => head,
        Ok(httparse::Status::Partial) if input.len() <= MOST => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(refusal("431 Request Header Fields Too Large", ""));
        }
        Err(_) if switch.is(Fault::HeadUnread) => return Ok(Some(unread(input))),
        Err(_) => return Err(refusal("400 Bad Request", "")),
    };
    let bad = || refusal("400 Bad Request", "");
    let fields = Fields::new(request.headers, switch).ok_or_else(bad)?;
    check_request(&request, &fields, switch)?;
    let key = key_of(&fields, switch).ok_or_else(bad)?;
    let mut accept_value = accept(key.as_bytes());
    if switch.is(Fault::AcceptOfDecodedKey) {
        accept_value = accept(&STANDARD.decode(key).unwrap_or_default());
    }
    let mut response = String::from("HTTP/1.1 101 Switching Protocols\r\n");
    if !switch.is(Fault::ResponseWithoutUpgrade) {
        response += "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    }
    response += &format!("Sec-WebSocket-Accept: {accept_value}\r\n");
    // RFC 6455 §4.2.2: a server need not choose any of the offered subprotocols.
    if switch.is(Fault::SubprotocolInvented) {
        response += "Sec-WebSocket-Protocol: invented\r\n";
    }
    let mut accepted: Vec<(String, Agreed)> =
        fields.extensions().filter_map(|offer| accept_offer(&offer, switch)).collect();
    let first_is_it =
        fields.extensions().next().is_some_and(|it| accept_offer(&it, switch).is_some());
    if !accepted.is_empty() && !first_is_it && switch.is(Fault::OnlyFirstOfferRead) {
        accepted.clear();
    }
    if accepted.len() > 1 && !switch.is(Fault::AllOffersAccepted) {
        accepted.truncate(1);
    }
    for (text, _) in &accepted {
        response += &format!("Sec-WebSocket-Extensions: {text}\r\n");
    }
    if switch.is(Fault::ExtensionInvented) {
        response += "Sec-WebSocket-Extensions: x-invented\r\n";
    }
    response += "\r\n";
    let deflate = accepted.first().map(|(_, agreed)| *agreed);
    Ok(Some(Opened { head, response: response.into_bytes(), deflate }))
}

/// RFC 9110 §2.5: a higher minor version of HTTP is read like the highest known one.
fn as_http_1_1<'i>(input: &'i [u8], switch: &Switch) -> Cow<'i, [u8]> {
    let line = input.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let is_higher = line
        .split_last()
        .is_some_and(|(minor, line)| matches!(minor, b'2'..=b'9') && line.ends_with(b" HTTP/1."));
    if !is_higher || switch.is(Fault::Http12Refused) {
        return Cow::Borrowed(input);
    }
    let mut known = input.to_vec();
    known[line.len() - 1] = b'1';
    Cow::Owned(known)
}

/// A handshake whose peer's half is ignored.
fn unread(input: &[u8]) -> Opened {
    let head = input.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    Opened { head, response: b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec(), deflate: None }
}

/// Whether the bytes are a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_letter)
}

/// RFC 6455 §4.2.1: what a request must contain.
fn check_request(
    request: &httparse::Request<'_, '_>,
    fields: &Fields<'_>,
    switch: &Switch,
) -> Result<(), Vec<u8>> {
    let bad = || refusal("400 Bad Request", "");
    if request.method != Some("GET") && !switch.is(Fault::MethodUnchecked) {
        return Err(refusal("405 Method Not Allowed", "Allow: GET\r\n"));
    }
    if request.version != Some(1) && !switch.is(Fault::Http10Accepted) {
        return Err(refusal("505 HTTP Version Not Supported", ""));
    }
    // RFC 6455 §3 and §4.2.1: a path or an absolute URI, without a fragment.
    let target = request.path.unwrap_or_default();
    let is_target = ["/", "http://", "https://"].iter().any(|form| target.starts_with(form));
    if (!is_target || target.contains('#')) && !switch.is(Fault::TargetUnchecked) {
        return Err(bad());
    }
    // RFC 9112 §3.2: one valid `Host`.
    let host = fields.one("Host").unwrap_or_default();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%[]".contains(&byte);
    if (host.is_empty() || !host.bytes().all(is_host)) && !switch.is(Fault::HostUnchecked) {
        return Err(bad());
    }
    // RFC 9110 §7.8: the content of the request comes before the first frame. This server takes no content.
    let has_content = fields.values("Content-Length").any(|len| len != "0")
        || fields.values("Transfer-Encoding").next().is_some();
    if has_content && !switch.is(Fault::ContentAsFrames) {
        return Err(bad());
    }
    let protocols = fields.list("Sec-WebSocket-Protocol");
    let lists_are_right = protocols.is_some_and(|list| list.into_iter().all(is_token))
        && fields.extensions_are_right();
    if !lists_are_right && !switch.is(Fault::ListUnchecked) {
        return Err(bad());
    }
    if !fields.lists("Upgrade", "websocket") && !switch.is(Fault::UpgradeUnchecked) {
        return Err(refusal("426 Upgrade Required", "Upgrade: websocket\r\n"));
    }
    if !fields.connection_upgrades() && !switch.is(Fault::ConnectionUnchecked) {
        return Err(bad());
    }
    // RFC 6455 §4.4: the response to another version names the right one.
    if fields.one("Sec-WebSocket-Version") != Some("13") && !switch.is(Fault::VersionUnchecked) {
        if switch.is(Fault::VersionNotNamed) {
            return Err(bad());
        }
        return Err(refusal(
            "426 Upgrade Required",
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        ));
    }
    Ok(())
}

/// RFC 6455 §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length".
fn key_of<'h>(fields: &Fields<'h>, switch: &Switch) -> Option<&'h str> {
    let Some(key) = fields.values("Sec-WebSocket-Key").next() else {
        return switch.is(Fault::KeyMissingAccepted).then_some("");
    };
    let is_right = fields.one("Sec-WebSocket-Key").is_some()
        && STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    (is_right || switch.is(Fault::KeyUnchecked)).then_some(key)
}

/// The response to an offer, if it is a valid offer of compression.
fn accept_offer(offer: &Extension<'_>, switch: &Switch) -> Option<(String, Agreed)> {
    // RFC 7692 §7: an offer with an unknown parameter, a repeated one, or a wrong value is declined.
    if !offer.is_deflate() || (!offer.is_known() && !switch.is(Fault::OddOfferAccepted)) {
        return None;
    }
    let mut agreed =
        Agreed { window_bits: 15, no_context_takeover: false, peer_no_context_takeover: false };
    let mut text = String::from("permessage-deflate");
    if offer.has("server_no_context_takeover") {
        agreed.no_context_takeover = true;
        if !switch.is(Fault::NoTakeoverNotAnswered) {
            text += "; server_no_context_takeover";
        }
    }
    if offer.has("client_no_context_takeover") {
        agreed.peer_no_context_takeover = true;
        text += "; client_no_context_takeover";
    }
    match offer.window("server_max_window_bits") {
        Window::None => {}
        Window::Bits(bits) => {
            agreed.window_bits = bits;
            if !switch.is(Fault::WindowNotAnswered) {
                text += &format!("; server_max_window_bits={bits}");
            }
        }
        Window::NoValue | Window::Odd if switch.is(Fault::OddWindowAccepted) => {
            text += "; server_max_window_bits=15";
        }
        Window::NoValue | Window::Odd => return None,
    }
    match offer.window("client_max_window_bits") {
        // RFC 7692 §7.1.2.2: without this parameter in the offer, the response must not have it.
        Window::None => {
            if switch.is(Fault::ClientWindowUnasked) {
                text += "; client_max_window_bits=15";
            }
        }
        // The endpoint supports the largest window, so it accepts any limit.
        Window::NoValue | Window::Bits(_) => {}
        Window::Odd if switch.is(Fault::OddWindowAccepted) => {}
        Window::Odd => return None,
    }
    Some((text, agreed))
}

/// A new `Sec-WebSocket-Key`.
pub(crate) fn key(random: &mut fastrand::Rng, switch: &Switch) -> String {
    let key = random.u128(..).to_be_bytes();
    STANDARD.encode(if switch.is(Fault::RequestWithShortKey) { &key[..8] } else { &key[..] })
}

/// A client's request (RFC 6455 §4.1).
pub(crate) fn request(client: &Client, key: &str, switch: &Switch) -> Vec<u8> {
    let minor = if switch.is(Fault::RequestHttp10) { 0 } else { 1 };
    let mut request = format!("GET {} HTTP/1.{minor}\r\n", client.target);
    if !switch.is(Fault::RequestWithoutHost) {
        request += &format!("Host: {}\r\n", client.host);
    }
    if !switch.is(Fault::RequestWithoutUpgrade) {
        request += "Upgrade: websocket\r\n";
    }
    request += "Connection: Upgrade\r\n";
    if !switch.is(Fault::RequestWithoutKey) {
        request += &format!("Sec-WebSocket-Key: {key}\r\n");
    }
    if switch.is(Fault::RequestOfVersion8) {
        request += "Sec-WebSocket-Version: 8\r\n";
    } else if !switch.is(Fault::RequestWithoutVersion) {
        request += "Sec-WebSocket-Version: 13\r\n";
    }
    if !client.protocols.is_empty() {
        request += &format!("Sec-WebSocket-Protocol: {}\r\n", client.protocols);
    }
    if !client.extensions.is_empty() {
        request += &format!("Sec-WebSocket-Extensions: {}\r\n", client.extensions);
    }
    (request + "\r\n").into_bytes()
}

/// Reads a server's response, once it is complete. A client refuses a response by ending the connection, so the error is
/// empty.
pub(crate) fn check(
    input: &[u8],
    client: &Client,
    key: &str,
    switch: &Switch,
) -> Result<Option<Opened>, Vec<u8>> {
    let refused = Vec::new;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    // RFC 9112 §5.2: a client reads folded fields.
    let is_folded = [&b"\r\n "[..], b"\r\n\t"].iter().any(|fold| {
        let head = input.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(input.len());
        input[..head].windows(3).any(|three| three == *fold)
    });
    config.allow_obsolete_multiline_headers_in_responses(
        !(is_folded && switch.is(Fault::FoldedFieldRefused)),
    );
    let head = match config.parse_response(&mut response, input) {
        Ok(httparse::Status::Complete(head)) if head <= MOST => head,
        Ok(httparse::Status::Partial) if input.len() <= MOST => return Ok(None),
        Err(_) if switch.is(Fault::HeadUnread) => {
            return Ok(Some(Opened { response: Vec::new(), ..unread(input) }));
        }
        _ => return Err(refused()),
    };
    // RFC 9110 §15.2: interim responses, with other statuses from 100 to 199, may come before the final one.
    if response.code.is_some_and(|code| matches!(code, 100 | 102..=199))
        && !switch.is(Fault::InterimResponseRefused)
    {
        let next = check(&input[head..], client, key, switch)?;
        return Ok(next.map(|opened| Opened { head: head + opened.head, ..opened }));
    }
    let fields = Fields::new(response.headers, switch).ok_or_else(refused)?;
    let extensions: Vec<Extension<'_>> = fields.extensions().collect();
    if !is_right(&response, &fields, client, key, switch) {
        return Err(refused());
    }
    // RFC 6455 §4.1: an extension that was not offered fails the connection.
    let mut offers = client.extensions.split(',').map(|offer| Extension::new(offer.trim()));
    let offer = offers.find(Extension::is_deflate);
    let is_asked =
        extensions.len() < 2 && extensions.iter().all(|it| it.is_deflate() && offer.is_some());
    if !is_asked && !switch.is(Fault::ExtensionUnchecked) {
        return Err(refused());
    }
    let answer = extensions.iter().find(|extension| extension.is_deflate());
    let deflate = match answer {
        Some(answer) => Some(check_answer(answer, offer.as_ref(), switch).ok_or_else(refused)?),
        None => None,
    };
    Ok(Some(Opened { head, response: Vec::new(), deflate }))
}

/// RFC 6455 §4.1: what a response must contain.
fn is_right(
    response: &httparse::Response<'_, '_>,
    fields: &Fields<'_>,
    client: &Client,
    key: &str,
    switch: &Switch,
) -> bool {
    let accept = accept(key.as_bytes());
    let found = fields.one("Sec-WebSocket-Accept");
    (response.code == Some(101) || switch.is(Fault::StatusUnchecked))
        && (response.version == Some(1) || switch.is(Fault::ResponseHttp10Accepted))
        && (fields.one("Upgrade").is_some_and(|value| fields.is_token(value, "websocket"))
            || switch.is(Fault::ResponseUpgradeUnchecked))
        && (fields.connection_upgrades() || switch.is(Fault::ResponseConnectionUnchecked))
        && (found == Some(&accept)
            || switch.is(Fault::AcceptUnchecked)
            || (found.is_none() && switch.is(Fault::AcceptMissingAccepted))
            || (found.is_some_and(|found| found.eq_ignore_ascii_case(&accept))
                && switch.is(Fault::AcceptCaseIgnored)))
        && (fields.extensions_are_right()
            || switch.is(Fault::ListUnchecked)
            || switch.is(Fault::ExtensionUnchecked)
            || switch.is(Fault::DeflateAnswerUnchecked))
        && (is_asked_for(fields, client) || switch.is(Fault::SubprotocolUnchecked))
}

/// RFC 6455 §4.1: a server chooses one of the subprotocols that the client offered, or none.
fn is_asked_for(fields: &Fields<'_>, client: &Client) -> bool {
    let mut values = fields.values("Sec-WebSocket-Protocol");
    let Some(chosen) = values.next() else { return true };
    values.next().is_none()
        && client.protocols.split(',').any(|asked| asked.trim() == chosen && !chosen.is_empty())
}

/// RFC 7692 §7.1: what a response to this client's offer may contain.
fn check_answer(
    answer: &Extension<'_>,
    offer: Option<&Extension<'_>>,
    switch: &Switch,
) -> Option<Agreed> {
    let windows = ["server_max_window_bits", "client_max_window_bits"];
    let [server, client] = windows.map(|name| {
        let asked = offer.map_or(Window::None, |offer| offer.window(name));
        (name, asked, answer.window(name))
    });
    let fits = |(name, asked, answered): (&str, Window, Window)| match (asked, answered) {
        (Window::Bits(most), Window::Bits(bits)) => bits <= most,
        // A server may limit its own window without being asked, and need not limit the client's.
        (Window::None, Window::Bits(_)) | (Window::Bits(_), Window::None) => {
            (name == "server_max_window_bits") == (asked == Window::None)
        }
        (Window::NoValue, Window::Bits(_)) | (Window::None | Window::NoValue, Window::None) => true,
        _ => false,
    };
    let reset = "server_no_context_takeover";
    let is_right = answer.is_known()
        && fits(server)
        && fits(client)
        && (answer.has(reset) || !offer.is_some_and(|offer| offer.has(reset)));
    if !is_right && !switch.is(Fault::DeflateAnswerUnchecked) {
        return None;
    }
    let (.., client) = client;
    Some(Agreed {
        window_bits: if let Window::Bits(bits) = client { bits } else { 15 },
        no_context_takeover: answer.has("client_no_context_takeover"),
        peer_no_context_takeover: answer.has("server_no_context_takeover"),
    })
}
