//! What an application sends, and what the adapter writes.

use bytes::Bytes;
use fullduplex::{CloseCode, CloseFrameRef, Message, MessageRef, PreparedMessage, SendError};

use super::outside::Outside;
use super::{Conn, both};
use crate::flow::Flow;
use crate::plan::{Broken, How, Invariant, Kept, Kind, Mutant, Side, keep};

impl Conn {
    pub(super) fn send(
        &mut self,
        side: Side,
        kind: Kind,
        len: u32,
        how: How,
        outside: &mut Outside,
    ) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let payload = flow.next_message(kind, len);
        let may_send = writer.sender().may_send();
        let had_room = writer.has_space();
        let sent = outside.held.count(|| {
            let lent = || match kind {
                Kind::Text => std::str::from_utf8(payload).map(MessageRef::Text),
                Kind::Binary => Ok(MessageRef::Binary(payload)),
            };
            let owned = || match std::str::from_utf8(payload) {
                Ok(text) if kind == Kind::Text => Message::text(text),
                _ => Message::Binary(Bytes::copy_from_slice(payload)),
            };
            match how {
                How::Lent => lent().map(|message| writer.send(message)).unwrap_or(Ok(())),
                How::Owned => {
                    let mut message = owned();
                    let sent = writer.send_message(&mut message);
                    // A refused message is left unchanged.
                    if sent.is_err() && message != owned() {
                        return Err(None);
                    }
                    sent
                }
                How::Shared => {
                    let message = owned();
                    let sent = writer.send_message(&mut message.clone());
                    // Masking must not change the payload that another handle shares.
                    if message != owned() {
                        return Err(None);
                    }
                    sent
                }
                How::Prepared => {
                    let prepared = PreparedMessage::new(kind.into(), payload);
                    prepared.map(|message| writer.send_prepared(&message)).unwrap_or(Ok(()))
                }
            }
            .map_err(Some)
        });
        end.body.post();
        let Ok(()) = sent else {
            let Err(Some(error)) = sent else {
                return Err(Broken::new(Invariant::Order, "a message was changed by its sending"));
            };
            let is_right = match error {
                SendError::Closed => !may_send,
                SendError::MessageUnfinished => flow.is_within_message(),
                SendError::WriteBufferFull => !had_room,
                _ => false,
            };
            keep!(is_right, Failure, "{error:?}, may send: {may_send}, room: {had_room}");
            outside.coverage.note(refusal_name(error));
            return Ok(());
        };
        keep!(
            may_send && (had_room || payload.is_empty()) && !flow.is_within_message(),
            Failure,
            "a message is taken, may send: {may_send}, room: {had_room}"
        );
        flow.sent_message(kind, payload.len());
        outside.coverage.note(match how {
            How::Lent => "send lent",
            How::Owned => "send owned",
            How::Shared => "send shared",
            How::Prepared => "send prepared",
        });
        Ok(())
    }

    pub(super) fn fragment(
        &mut self,
        side: Side,
        kind: Kind,
        len: u32,
        last: bool,
        outside: &mut Outside,
    ) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let (kind, payload) = flow.next_fragment(kind, len, last);
        let (may_send, had_room) = (writer.sender().may_send(), writer.has_space());
        let sent = outside.held.count(|| writer.send_fragment(kind.into(), payload, last));
        match sent {
            Ok(()) => {
                keep!(may_send && had_room, Failure, "a fragment is taken");
                flow.sent_fragment(kind, payload.len(), last);
                outside.coverage.note(if last { "send last fragment" } else { "send fragment" });
            }
            Err(error) => {
                let is_right = match error {
                    SendError::Closed => !may_send,
                    SendError::WriteBufferFull => !had_room,
                    _ => false,
                };
                keep!(is_right, Failure, "{error:?} for a fragment");
                outside.coverage.note(refusal_name(error));
            }
        }
        Ok(())
    }

    pub(super) fn control(
        &mut self,
        side: Side,
        ping: bool,
        len: u8,
        outside: &mut Outside,
    ) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let payload = flow.next_control(ping, len);
        let message = if ping { MessageRef::Ping(&payload) } else { MessageRef::Pong(&payload) };
        let (may_send, had_room) = (writer.sender().may_send(), writer.has_space());
        match outside.held.count(|| writer.send(message)) {
            Ok(()) => {
                flow.sent_control(if ping { 9 } else { 10 }, &payload);
                outside.coverage.note(if ping { "send ping" } else { "send pong" });
            }
            Err(error) => {
                let is_right = match error {
                    SendError::Closed => !may_send,
                    SendError::WriteBufferFull => !had_room,
                    _ => false,
                };
                keep!(is_right, Failure, "{error:?} for a control frame");
            }
        }
        Ok(())
    }

    pub(super) fn close(
        &mut self,
        side: Side,
        code: u16,
        reason: u8,
        outside: &mut Outside,
    ) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let may_send = writer.sender().may_send();
        let text = "r".repeat(usize::from(reason));
        let close = CloseFrameRef { code: CloseCode::from_u16(code), reason: &text };
        // 1005 is "no status code": the application sends a Close without a body.
        let sent = outside.held.count(|| match code {
            1005 => writer.send(MessageRef::Close(None)),
            _ => writer.close(close),
        });
        match sent {
            Ok(()) => {
                keep!(may_send, Close, "a Close is taken when nothing may be sent");
                let payload = [&code.to_be_bytes(), text.as_bytes()].concat();
                flow.sent_close(if code == 1005 { &[] } else { &payload });
                outside.coverage.note(if code == 1005 { "close without a code" } else { "close" });
            }
            Err(error) => {
                let is_right = match error {
                    SendError::Closed => !may_send,
                    SendError::ReasonTooLong => reason > 123,
                    SendError::CloseCode(refused) => refused == code,
                    _ => false,
                };
                keep!(is_right, Failure, "{error:?} for a Close with {code}, {reason}");
            }
        }
        self.end(side).body.post();
        Ok(())
    }

    /// Writes pending output. Returns whether something was written.
    pub(super) fn write(&mut self, side: Side, most: usize, outside: &mut Outside) -> Kept<bool> {
        let (end, _) = both(&mut self.ends, side);
        let (pipe, _) = both(&mut self.pipes, side);
        let (flow, back) = both(&mut self.flows, side);
        if end.unwritable || end.over || most == 0 {
            return Ok(false);
        }
        let Some(output) = outside.held.count(|| end.body.output()) else { return Ok(false) };
        let writer = match output {
            Ok(writer) => writer,
            Err(error) => return Err(Broken::new(Invariant::Failure, format!("{error:?}"))),
        };
        let pending = writer.pending();
        if pending == 0 {
            return Ok(false);
        }
        keep!(
            !end.write_ended,
            Wire,
            "{pending} bytes to write after the end of the sending direction"
        );
        if pipe.is_broken() {
            end.unwritable = true;
            outside.coverage.note("write fails");
            return Ok(true);
        }
        let space = pipe.space();
        let most = most.min(space).min(pending);
        let wire = &mut self.scratch;
        wire.clear();
        for chunk in writer.slices() {
            let left = most - wire.len();
            wire.extend_from_slice(&chunk[..chunk.len().min(left)]);
            if wire.len() == most {
                break;
            }
        }
        keep!(wire.len() == most, Wire, "{} bytes of {pending} in the pieces", wire.len());
        outside.held.count(|| writer.advance(most));
        keep!(writer.pending() == pending - most, Wire, "{most} of {pending} bytes were taken");
        let is_all = most == pending;
        let sent_close = writer.sender().sent_close();
        if most > 0 {
            if std::mem::take(&mut end.blocked) {
                if let Some(reader) = end.body.reader_mut() {
                    reader.receiver_mut().handle_write_progress();
                }
                end.timers.resume_write();
                outside.coverage.note("write goes on");
            }
            mutate_output(wire, is_all, sent_close, side, flow, outside);
            flow.write(wire, back, outside.now)?;
            let written = pipe.write(wire, outside.now);
            debug_assert!(written.is_ok());
            flow.is_damaged |= pipe.damaged_at.is_some();
            outside.coverage.note("write");
            if outside.mutates(Mutant::FlipByte) {
                pipe.corrupt(wire.len() / 2, 0x55, false);
            }
            if outside.mutates(Mutant::DropByte) {
                pipe.lose();
            }
        }
        if !is_all && space == most {
            end.blocked = true;
            outside.coverage.note("write blocked");
        }
        Ok(most > 0)
    }
}

/// Lets a mutant change the bytes that are written.
fn mutate_output(
    wire: &mut Vec<u8>,
    is_all: bool,
    sent_close: Option<Option<CloseCode>>,
    side: Side,
    flow: &Flow,
    outside: &mut Outside,
) {
    let is_client = side == Side::Client;
    match outside.mutant {
        Some(Mutant::DuplicateClose) if is_all && sent_close.is_some() => {
            wire.extend_from_slice(if is_client { &[0x88, 0x80, 0, 0, 0, 0] } else { &[0x88, 0] });
        }
        Some(Mutant::WrongCloseCode) if is_all && matches!(sent_close, Some(Some(_))) => {
            if let Some(last) = wire.last_mut() {
                *last ^= 1;
            }
        }
        Some(Mutant::ForgetPong) if flow.is_between_frames() && wire[0] == 0x8a => {
            let len = if is_client { 6 } else { 2 } + usize::from(wire[1] & 0x7f);
            if len <= wire.len() {
                wire.drain(..len);
            }
        }
        _ => {}
    }
}

fn refusal_name(error: SendError) -> &'static str {
    match error {
        SendError::Closed => "refused: closed",
        SendError::WriteBufferFull => "refused: full",
        SendError::MessageUnfinished => "refused: unfinished",
        _ => "refused: another reason",
    }
}
