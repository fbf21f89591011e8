//! Compares what an endpoint has sent with what it should have sent.

use crate::frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, frames};
use crate::handshake::{check_response, head_len};
use crate::script::Break;
use crate::session::{Closes, Message, Role, Session};
use crate::stream::State;

/// Checks what the endpoint has sent, and describes the first fault.
pub(crate) fn judge(role: Role, session: &Session, state: &State) -> Result<(), String> {
    let Some(head) = head_len(&state.output) else {
        return if state.broken.is_some() {
            Ok(())
        } else {
            Err(format!(
                "the opening handshake was not sent whole: {:?}",
                String::from_utf8_lossy(&state.output)
            ))
        };
    };
    let (head, sent) = state.output.split_at(head);
    if role == Role::Server {
        check_response(head)?;
    }
    let (frames, rest) = frames(sent);
    let sent = Sent::of(&frames, role)?;
    sent.check_pongs(session)?;
    let expected: Vec<&Message> = session.messages.iter().map(|(message, _)| message).collect();
    let all_but_one =
        sent.messages.iter().zip(&expected).position(|(sent, expected)| sent != *expected);
    if let Some(at) =
        all_but_one.or((sent.messages.len() > expected.len()).then_some(expected.len()))
    {
        return Err(format!(
            "message {at} that came back is not the one that was sent: {}",
            shown(&sent.messages[at])
        ));
    }
    match state.broken {
        // What was written before the reset is valid, and the endpoint decides how much of it there is.
        Some(Break::Reset) => return Ok(()),
        // No message that arrived whole may be lost. But where a write does not take everything at once, queued messages are
        // lost with the connection.
        Some(Break::EndOfInput) if !state.takes_everything() => return Ok(()),
        None if session.closes == Closes::Maybe && !state.takes_everything() => return Ok(()),
        Some(Break::EndOfInput) if state.taken() < session.bytes.len() => {
            let come = session.messages.iter().filter(|(_, end)| *end <= state.taken()).count();
            return at_least(&sent, come);
        }
        // Everything had arrived, so the last Pong and the Close are due as well.
        Some(Break::EndOfInput) | None => at_least(&sent, expected.len())?,
    }
    if !rest.is_empty() {
        return Err(format!("the last frame was cut: {rest:02x?}"));
    }
    if session.pings.last() != sent.pongs.last() && session.closes != Closes::Maybe {
        return Err("the last Ping has no Pong".into());
    }
    match session.closes {
        Closes::Maybe => Ok(()),
        Closes::With(code) if sent.close == Some(code) => Ok(()),
        Closes::With(code) => {
            Err(format!("a Close with the code {code:?} is due, but {:?} was sent", sent.close))
        }
    }
}

fn at_least(sent: &Sent, number: usize) -> Result<(), String> {
    if sent.messages.len() >= number {
        return Ok(());
    }
    Err(format!("{} messages came back, of {number} that had arrived whole", sent.messages.len()))
}

/// The frames that were sent, with the fragments joined to messages.
#[derive(Debug, Default)]
struct Sent {
    messages: Vec<Message>,
    pongs: Vec<Vec<u8>>,
    close: Option<Option<u16>>,
}

impl Sent {
    /// Checks each frame by itself, and its place in the sequence (RFC 6455 §5).
    fn of(frames: &[Frame], role: Role) -> Result<Self, String> {
        let mut sent = Self::default();
        let mut unfinished: Option<Message> = None;
        for frame in frames {
            let wrong = |what: &str| Err(format!("{what}: {}", shown_frame(frame)));
            if sent.close.is_some() {
                return wrong("a frame after the Close");
            }
            if frame.key.is_some() != (role == Role::Client) {
                return wrong("a frame with the wrong masking");
            }
            if frame.rsv != 0 {
                return wrong("a reserved bit");
            }
            if frame.opcode >= CLOSE && (!frame.fin || frame.payload.len() > 125) {
                return wrong("a control frame in fragments, or too long");
            }
            match (frame.opcode, &mut unfinished) {
                (PONG, _) => sent.pongs.push(frame.payload.clone()),
                (PING, _) => {}
                (CLOSE, _) => {
                    sent.close = Some(match frame.payload.as_slice() {
                        [] => None,
                        [first, second, ..] => Some(u16::from_be_bytes([*first, *second])),
                        [_] => return wrong("a Close with half a code"),
                    });
                }
                (CONTINUATION, Some(message)) => message.payload.extend(&frame.payload),
                (TEXT | BINARY, None) => {
                    let (text, payload) = (frame.opcode == TEXT, frame.payload.clone());
                    unfinished = Some(Message { text, payload });
                }
                _ => return wrong("a frame out of turn"),
            }
            if frame.fin && frame.opcode < CLOSE {
                sent.messages.extend(unfinished.take());
            }
        }
        // So many random keys are never all equal.
        let keys: Vec<[u8; 4]> = frames.iter().filter_map(|frame| frame.key).collect();
        if let [first, rest @ ..] = &keys[..]
            && rest.len() >= 2
            && rest.iter().all(|key| key == first)
        {
            return Err(format!("all frames have the masking key {first:02x?} (RFC 6455 §5.3)"));
        }
        Ok(sent)
    }

    /// Checks that Pongs answer Pings in their order. Some may be left out (RFC 6455 §5.5.3).
    fn check_pongs(&self, session: &Session) -> Result<(), String> {
        let mut pings = session.pings.iter();
        match self.pongs.iter().find(|pong| !pings.any(|ping| ping == *pong)) {
            Some(pong) => {
                Err(format!("a Pong that answers no Ping, or a later one first: {pong:02x?}"))
            }
            None => Ok(()),
        }
    }
}

fn shown(message: &Message) -> String {
    let kind = if message.text { "text" } else { "binary" };
    let start = &message.payload[..message.payload.len().min(32)];
    format!("{kind}, {} bytes, {}", message.payload.len(), start.escape_ascii())
}

fn shown_frame(frame: &Frame) -> String {
    let start = frame.payload[..frame.payload.len().min(32)].escape_ascii();
    format!(
        "FIN {}, RSV {}, opcode {}, {}masked, {} bytes, {start}",
        frame.fin,
        frame.rsv,
        frame.opcode,
        if frame.key.is_some() { "" } else { "not " },
        frame.payload.len()
    )
}
