//! One end of the connection and its application.

use std::collections::VecDeque;

use fullduplex::handshake::{OwnedAcceptance, OwnedRejection};
use fullduplex::{
    CloseCode, CloseReason, Connected, Connecting, Endpoint, Error, FrameError, Incoming, Message,
    MessageKind, MessageRef, PreparedMessage, Progress, Shutdown,
};
use fullduplex_fuzz::{Oracle, close_code};
use fullduplex_testkit::{Seen, TestEntropy};

use crate::phase::Phase;
use crate::{How, What};

/// One end and its application.
pub(crate) struct Side {
    pub(crate) phase: Phase,
    /// Bytes on their way to it, and whether more can come.
    pub(crate) inbox: VecDeque<u8>,
    pub(crate) inbox_ended: bool,
    knows_end: bool,
    pub(crate) over: bool,
    pub(crate) opened: bool,
    pub(crate) refused: Option<u16>,
    owned: bool,
    pub(crate) sent: Vec<Seen>,
    pub(crate) pings: Vec<Seen>,
    unfinished: Option<(bool, Vec<u8>)>,
    pub(crate) closed: Option<(u16, String)>,
    pub(crate) received: Vec<Seen>,
}

impl Side {
    pub(crate) fn new(phase: Phase) -> Self {
        Self {
            phase,
            inbox: VecDeque::new(),
            inbox_ended: false,
            knows_end: false,
            over: false,
            opened: false,
            refused: None,
            owned: false,
            sent: Vec::new(),
            pings: Vec::new(),
            unfinished: None,
            closed: None,
            received: Vec::new(),
        }
    }

    pub(crate) fn act(&mut self, what: &What) {
        let Self { phase: Phase::Open(endpoint), .. } = self else {
            if let What::PollOwned(owned) = what {
                self.owned = *owned;
            }
            return;
        };
        match what {
            What::Send(data, how) => {
                let (text, payload) = data.payload();
                let text = text && std::str::from_utf8(&payload).is_ok();
                if send(endpoint, text, &payload, *how) {
                    self.sent.push(message(text, payload));
                }
            }
            What::Fragment { text, payload, last } => {
                let kind = if *text { MessageKind::Text } else { MessageKind::Binary };
                if endpoint.writer.send_fragment(kind, payload, *last).is_ok() {
                    let (_, data) = self.unfinished.get_or_insert((*text, Vec::new()));
                    data.extend(payload);
                    if *last && let Some((text, data)) = self.unfinished.take() {
                        self.sent.push(message(text, data));
                    }
                }
            }
            What::Ping(payload) => {
                if endpoint.writer.send(MessageRef::Ping(payload)).is_ok() {
                    self.pings.push(Seen::Ping(payload.clone()));
                }
            }
            What::Close(code, reason) => {
                let code = CloseCode::from_u16(close_code(*code));
                if endpoint.writer.close(CloseReason { code, reason }).is_ok() {
                    self.closed = Some((code.to_u16(), reason.clone()));
                }
            }
            What::Release => endpoint.release(),
            What::PollOwned(owned) => self.owned = *owned,
        }
    }

    /// Everything that what has arrived means.
    fn deliver(&mut self, rejects: bool) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Incoming(incoming) => self.serve(incoming, rejects),
            Phase::Connecting(connecting) => self.connect(connecting),
            other => other,
        };
        let Phase::Open(endpoint) = &mut self.phase else { return };
        loop {
            let mut polled = if self.owned {
                endpoint.poll_owned().map(|message| message.map(owned))
            } else {
                endpoint.poll().map(|message| message.map(|(message, _)| lent(message)))
            };
            if Oracle::EndpointTaken.faulty() {
                polled = Err(Error::Frame(FrameError::ReservedBits));
            }
            match Oracle::EndpointTaken.ok(polled) {
                Some(seen) => self.received.push(seen),
                None => break,
            }
        }
    }

    fn serve(&mut self, incoming: Incoming<TestEntropy>, rejects: bool) -> Phase {
        match Oracle::EndpointRequest.ok(incoming.poll().map_err(|failed| format!("{failed:?}"))) {
            Progress::Waiting(incoming) => Phase::Incoming(incoming),
            Progress::Done(request) if rejects => {
                self.refused = Some(403);
                let status = if Oracle::EndpointRejects.faulty() { 200 } else { 403 };
                let rejection = OwnedRejection::new(status).body("not today");
                let rejected = request.reject(&rejection.as_rejection());
                let rejected = rejected.map_err(|error| format!("{error:?}"));
                Phase::Refusal(Oracle::EndpointRejects.ok(rejected))
            }
            Progress::Done(request) => {
                let chosen = request.request().choose_subprotocol(&["chat"]).map(str::to_owned);
                let chosen = chosen.or(Oracle::EndpointAccepts.faulty().then(|| "chat".to_owned()));
                let acceptance = OwnedAcceptance::new();
                let acceptance = match chosen {
                    Some(chosen) => acceptance.subprotocol(chosen),
                    None => acceptance,
                };
                let accepted = request.accept(&acceptance.as_acceptance());
                let accepted = accepted.map_err(|error| format!("{error:?}"));
                let (endpoint, _) = Oracle::EndpointAccepts.ok(accepted);
                self.opened = true;
                Phase::Open(endpoint)
            }
        }
    }

    fn connect(&mut self, connecting: Connecting<TestEntropy>) -> Phase {
        let polled = connecting.poll().map_err(|failed| format!("{failed:?}"));
        match Oracle::EndpointResponse.ok(polled) {
            Progress::Waiting(connecting) => Phase::Connecting(connecting),
            Progress::Done(Connected::Open { endpoint, response }) => {
                let status = response.as_response().status();
                let status = status + u16::from(Oracle::EndpointStatus.faulty());
                Oracle::EndpointStatus.same(status, 101);
                self.opened = true;
                Phase::Open(endpoint)
            }
            Progress::Done(Connected::Refused(refused)) => {
                self.refused = Some(refused.response.as_response().status());
                Phase::Over
            }
        }
    }

    /// What an adapter does once: deliver, write, end, read. Returns whether anything moved.
    pub(crate) fn round(&mut self, peer: &mut Self, sizes: (usize, usize), rejects: bool) -> bool {
        if self.over {
            return false;
        }
        self.deliver(rejects);
        let mut output = self.phase.write(sizes.0);
        self.bend(&mut output, peer);
        peer.inbox.extend(&output);
        let written = output.len();
        Oracle::EndpointSilent.holds(written == 0 || !peer.inbox_ended, "output after the end");
        match self.phase.shutdown() {
            Shutdown::No => {}
            Shutdown::Write if peer.inbox_ended => {}
            Shutdown::Write => {
                peer.inbox_ended = true;
                return true;
            }
            Shutdown::Both => {
                peer.inbox_ended = true;
                self.over = true;
                return true;
            }
        }
        let read = self.phase.read(&mut self.inbox, sizes.1, self.owned);
        let is_early = Oracle::EndpointEnd.faulty() && matches!(self.phase, Phase::Open(_));
        if read == 0 && (self.inbox_ended || is_early) && !self.knows_end {
            self.knows_end = true;
            match &mut self.phase {
                // A peer ends after its Close.
                Phase::Open(endpoint) => Oracle::EndpointEnd.ok(endpoint.handle_eof()),
                phase => *phase = Phase::Over,
            }
            return true;
        }
        written + read > 0
    }

    /// Puts in the faults of what is on its way.
    fn bend(&self, output: &mut Vec<u8>, peer: &Self) {
        let bent = match peer.phase {
            Phase::Incoming(_) => Oracle::EndpointRequest.faulty(),
            Phase::Connecting(_) => Oracle::EndpointResponse.faulty(),
            _ => false,
        };
        if bent {
            output.fill(b' ');
        }
        if Oracle::EndpointSilent.faulty() && peer.inbox_ended {
            output.push(0);
        }
    }

    pub(crate) fn only(&self, keep: impl Fn(&Seen) -> bool) -> Vec<&Seen> {
        self.received.iter().filter(|seen| keep(seen)).collect()
    }
}

/// Sends in one of the ways; whether that succeeded.
fn send(endpoint: &mut Endpoint<TestEntropy>, text: bool, payload: &[u8], how: How) -> bool {
    let kind = if text { MessageKind::Text } else { MessageKind::Binary };
    let owned = || match std::str::from_utf8(payload) {
        Ok(payload) if text => Message::text(payload),
        _ => Message::binary(payload.to_vec()),
    };
    let writer = &mut endpoint.writer;
    match how {
        How::Lent => match std::str::from_utf8(payload) {
            Ok(payload) if text => writer.send(MessageRef::Text(payload)).is_ok(),
            _ => writer.send(MessageRef::Binary(payload)).is_ok(),
        },
        How::Owned => {
            let mut message = owned();
            let sent = writer.send_message(&mut message).is_ok();
            if !sent {
                if Oracle::EndpointRefusedMessage.faulty() {
                    message = Message::binary("something else");
                }
                Oracle::EndpointRefusedMessage.same(message, owned());
            }
            sent
        }
        How::Shared => {
            let mut message = owned();
            let sent = writer.send_message(&mut message.clone()).is_ok();
            if Oracle::EndpointShared.faulty() {
                message = Message::binary("masked");
            }
            Oracle::EndpointShared.same(message, owned());
            sent
        }
        How::Prepared => {
            let prepared = PreparedMessage::new(kind, payload).expect("checked");
            writer.send_prepared(&prepared).is_ok()
        }
    }
}

fn owned(message: Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
        Message::Binary(data) => Seen::Binary(data.to_vec(), true),
        Message::Ping(data) => Seen::Ping(data.to_vec()),
        Message::Pong(data) => Seen::Pong(data.to_vec()),
        Message::Close(frame) => {
            Seen::Close(frame.map(|close| (close.code.to_u16(), close.reason.to_string())))
        }
    }
}

fn lent(message: MessageRef<'_>) -> Seen {
    match message {
        MessageRef::Text(text) => Seen::Text(text.as_bytes().to_vec(), true),
        MessageRef::Binary(data) => Seen::Binary(data.to_vec(), true),
        MessageRef::Ping(data) => Seen::Ping(data.to_vec()),
        MessageRef::Pong(data) => Seen::Pong(data.to_vec()),
        MessageRef::Close(reason) => {
            Seen::Close(reason.map(|close| (close.code.to_u16(), close.reason.to_owned())))
        }
    }
}

fn message(text: bool, data: Vec<u8>) -> Seen {
    if text { Seen::Text(data, true) } else { Seen::Binary(data, true) }
}
