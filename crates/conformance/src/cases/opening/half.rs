//! Halves of opening handshakes, valid or with changed lines, and what the subject must do with them. Section N uses them as
//! well.

use std::borrow::Cow;

use crate::case::{Case, Conversation, Event, Opening, Refusal, Rule, Script, Step};
use crate::side::Side;
use crate::verdict::Behavior;
use crate::wire::Frame;

/// The lines of a valid request.
const REQUEST: [&str; 6] = [
    "GET {path} HTTP/1.1",
    "Host: {host}",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: {key}",
    "Sec-WebSocket-Version: 13",
];

/// The lines of a valid response.
const RESPONSE: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: {accept}",
];

/// A half of an opening handshake, with a description.
pub(in crate::cases) struct Half {
    pub(in crate::cases) opening: Opening,
    pub(in crate::cases) words: Cow<'static, str>,
}

impl Half {
    /// A half with this description.
    pub(in crate::cases) fn new(words: impl Into<Cow<'static, str>>, opening: Opening) -> Self {
        Self { opening, words: words.into() }
    }

    /// The same half with a changed opening.
    pub(in crate::cases) fn map(self, change: impl FnOnce(Opening) -> Opening) -> Self {
        Self { opening: change(self.opening), words: self.words }
    }

    /// The valid lines of this side, with these lines in place of the one that begins with `name`. If the name is empty,
    /// they are added at the end.
    fn changed(right: &[&str], what: &str, name: &str, lines: &[&str]) -> Self {
        let mut head: Vec<u8> = Vec::new();
        let mut put = |line: &str| head.extend([line.as_bytes(), b"\r\n"].concat());
        for line in right {
            if !name.is_empty() && line.starts_with(name) {
                lines.iter().for_each(|line| put(line));
            } else {
                put(line);
            }
        }
        if name.is_empty() {
            lines.iter().for_each(|line| put(line));
        }
        put("");
        let shown = shown_all(lines);
        let words = match (name, lines) {
            ("", []) => format!("A {what} that is right in every way."),
            ("", _) => format!("A {what} that is right and also has {shown}."),
            (_, []) => format!("A {what} that is right but has no {name}."),
            ("GET" | "HTTP", _) => format!("A {what} that is right but begins with {shown}."),
            _ => format!("A {what} that is right but has {shown} for {name}."),
        };
        Self::new(words, Opening::text(head))
    }

    /// Only these lines.
    fn of_lines(what: &str, lines: &[&str]) -> Self {
        let words = format!("The {what} {}.", shown_all(lines));
        Self::new(words, Opening::text(lines.join("\r\n") + "\r\n\r\n"))
    }
}

/// A request to a server; see [`Half::changed`].
pub(super) fn request(name: &str, lines: &[&str]) -> Half {
    Half::changed(&REQUEST, "request", name, lines)
}

/// A response to a client; see [`Half::changed`].
pub(super) fn response(name: &str, lines: &[&str]) -> Half {
    Half::changed(&RESPONSE, "response", name, lines)
}

/// A request with only these lines.
pub(super) fn request_of(lines: &[&str]) -> Half {
    Half::of_lines("request", lines)
}

/// A response with only these lines.
pub(super) fn response_of(lines: &[&str]) -> Half {
    Half::of_lines("response", lines)
}

/// Lines as text for the user.
pub(in crate::cases) fn shown_all(lines: &[&str]) -> String {
    lines.iter().map(|line| shown(line)).collect::<Vec<_>>().join(", ")
}

/// A line as text for the user, in backquotes.
fn shown(line: &str) -> String {
    const MOST: usize = 120;
    let cut: String = line.chars().take(MOST).collect();
    let dots = if cut.len() < line.len() { "..." } else { "" };
    let plain = |letter: char| match letter {
        control if control.is_control() => control.escape_debug().to_string(),
        other => other.to_string(),
    };
    format!("`{}{dots}`", cut.chars().map(plain).collect::<String>())
}

pub(super) const HELLO: &str = "Hello";

/// The subject must open the connection, and send a message back.
pub(in crate::cases) fn takes(
    id: &str,
    title: &'static str,
    side: Side,
    rule: Rule,
    half: Half,
) -> Case {
    let Half { opening, words } = half;
    Case::new(id, title, rule, move |_, _| hello().opening(opening.clone()))
        .only(side)
        .words(words.into_owned() + THEN, OPEN)
}

/// The subject must open the connection and send a message back, or refuse.
pub(in crate::cases) fn takes_or(
    id: &str,
    title: &'static str,
    side: Side,
    rule: Rule,
    half: Half,
    refusal: Refusal,
) -> Case {
    let Half { opening, words } = half;
    let expects = format!("{OPEN} Or else {}", refusal_in_words(side, &refusal, false));
    Case::new(id, title, rule, move |_, _| {
        hello().opening(opening.clone()).or_refused(refusal.clone())
    })
    .only(side)
    .words(words.into_owned() + THEN, expects)
}

/// The subject may do anything, and the verdict reports it.
pub(in crate::cases) fn informs(
    id: &str,
    title: &'static str,
    side: Side,
    rule: Rule,
    half: Half,
) -> Case {
    let Half { opening, words } = half;
    Case::new(id, title, rule, move |_, _| {
        let expect = Conversation::ok([Event::Text(HELLO.into())]).informational();
        Script::new([Step::send([Frame::text(HELLO)])], expect)
            .opening(opening.clone())
            .or_refused(Refusal::default())
    })
    .only(side)
    .words(
        words.into_owned() + THEN,
        "Whatever the subject does; the verdict only says what that was.",
    )
}

/// The subject must refuse.
pub(in crate::cases) fn refuses(
    id: &str,
    title: &'static str,
    side: Side,
    rule: Rule,
    half: Half,
    refusal: Refusal,
) -> Case {
    let Half { opening, words } = half;
    let then = match side {
        Side::Client if !opening.ends => {
            " A text message follows it, which a client that has opened the connection sends back; if \
             the client does nothing, the runner ends its direction of the connection."
        }
        _ => "",
    };
    let expects = format!("A refusal: {}", refusal_in_words(side, &refusal, true));
    Case::new(id, title, rule, move |_, _| Script::refused(side, opening.clone(), refusal.clone()))
        .only(side)
        .words(words.into_owned() + then, expects)
}

const THEN: &str = " A text message once the connection is open.";

const OPEN: &str = "An open connection, and the message back.";

fn hello() -> Script {
    let expect = Conversation::ok([Event::Text(HELLO.into())]);
    Script::new([Step::send([Frame::text(HELLO)])], expect)
}

/// A description of a refusal, and of the verdicts on everything else.
fn refusal_in_words(side: Side, refusal: &Refusal, opens_wrongly: bool) -> String {
    let right = match refusal.right {
        Some(behavior) if behavior != Behavior::Ok => format!(", which is {behavior}"),
        _ => String::new(),
    };
    let idle = refusal.idle.unwrap_or(Behavior::Failed);
    let mut words = match side {
        Side::Server => {
            let statuses: Vec<String> = refusal.statuses.iter().map(u16::to_string).collect();
            let statuses = match &statuses[..] {
                [] => "from 400 to 499".into(),
                statuses => statuses.join(" or "),
            };
            let other = refusal.other.unwrap_or(Behavior::NonStrict);
            let silence = refusal.silence.unwrap_or(Behavior::NonStrict);
            if [refusal.right, Some(other), Some(silence)] == [Some(Behavior::NonStrict); 3] {
                return format!("a refusal, which is NON-STRICT; nothing at all is {idle}.");
            }
            format!(
                "a response with status {statuses}{right}; without a field that HTTP demands with it, it is NON-STRICT. Another status of \
                 an error is {other}; the end of the connection without a response is {silence}; nothing at all is {idle}."
            )
        }
        Side::Client => format!(
            "the client ends the connection, at the latest when the runner ends its direction, and sends no frame{right}. \
             With a Close before that, it is NON-STRICT; nothing at all is {idle}."
        ),
    };
    if opens_wrongly {
        let opened = refusal.opened.unwrap_or(Behavior::Failed);
        words += &format!(" An open connection is {opened}.");
    }
    words
}

/// A refusal with any status from 400 to 499.
pub(in crate::cases) fn refusal() -> Refusal {
    Refusal::default()
}

/// A refusal with one of these statuses.
pub(super) fn refusal_with(statuses: &[u16]) -> Refusal {
    Refusal::with(statuses)
}

/// A refusal that is NON-STRICT.
pub(in crate::cases) fn tolerated() -> Refusal {
    refusal().called(Behavior::NonStrict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_changed_dropped_or_added() {
        let text = |half: Half| String::from_utf8(half.opening.instead.unwrap()).unwrap();
        let changed = text(response("Upgrade", &["Upgrade: a", "X: b"]));
        assert!(changed.contains("Protocols\r\nUpgrade: a\r\nX: b\r\nConnection: Upgrade\r\n"));
        assert!(!text(response("Upgrade", &[])).contains("websocket"));
        assert!(text(response("", &["X: b"])).ends_with("{accept}\r\nX: b\r\n\r\n"));
    }
}
