//! One end of the connection and its application.

use std::collections::VecDeque;

use fullduplex::handshake::{AcceptError, RejectError, Response};
use fullduplex::{
    Chunk, CloseCode, CloseFrameRef, Connected, Connecting, Ended, Endpoint, Error, FrameError,
    Incoming, IncomingRequest, Message, MessageKind, MessageRef, PreparedMessage, Progress,
    Refusal, SendError, Shutdown,
};
use fullduplex_fuzz::{Answer, Oracle, close_code, join_piece};
use fullduplex_testkit::{Seen, TestEntropy};

use crate::phase::Phase;
use crate::{Decision, How, Way, What};

/// The largest receive buffer of an endpoint that returns all messages in pieces: room for one read, and the bytes of the
/// read before.
const MOST_FOR_PIECES: usize = 128 << 10;

/// A rejection, as one end knows it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    /// The headers of the application.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// One end and its application.
pub(crate) struct Side {
    pub(crate) phase: Phase,
    /// The bytes on their way to it, and whether the peer has ended its direction.
    pub(crate) inbox: VecDeque<u8>,
    pub(crate) inbox_ended: bool,
    knows_end: bool,
    pub(crate) over: bool,
    pub(crate) opened: bool,
    pub(crate) refused: Option<Refused>,
    way: Way,
    /// Whether it has only polled for pieces.
    only_pieces: bool,
    /// The numbers of the received messages whose rest it has given up.
    pub(crate) given_up: Vec<usize>,
    pub(crate) sent: Vec<Seen>,
    pub(crate) pings: Vec<Seen>,
    pub(crate) unfinished: Option<(bool, Vec<u8>)>,
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
            way: Way::Lent,
            only_pieces: true,
            given_up: Vec::new(),
            sent: Vec::new(),
            pings: Vec::new(),
            unfinished: None,
            closed: None,
            received: Vec::new(),
        }
    }

    pub(crate) fn act(&mut self, what: &What) {
        let Self { phase: Phase::Open(endpoint), .. } = self else {
            if let What::Poll(way) = what {
                self.way = *way;
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
                if endpoint.writer.close(CloseFrameRef { code, reason }).is_ok() {
                    self.closed = Some((code.to_u16(), reason.clone()));
                }
            }
            What::Release => {
                endpoint.release();
                self.take_apart();
            }
            What::Poll(way) => self.way = *way,
        }
    }

    /// Splits the endpoint and joins it again, unless the transport has ended: the joined endpoint would have to be told
    /// again.
    fn take_apart(&mut self) {
        if self.knows_end {
            return;
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Open(endpoint) => {
                let (reader, writer) = endpoint.split();
                Phase::Open(Endpoint::join(reader, writer))
            }
            other => other,
        };
    }

    /// Processes everything that has arrived.
    fn deliver(&mut self, decision: Decision<'_>) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Incoming(incoming) => self.serve(incoming, decision),
            Phase::Connecting(connecting) => self.connect(connecting, decision.answer),
            other => other,
        };
        let Phase::Open(endpoint) = &mut self.phase else { return };
        let is_drained = endpoint.reader.is_drained() || Oracle::EndpointDrained.faulty();
        let before = self.received.len();
        if self.way != Way::Pieces {
            self.only_pieces = false;
            // A message that a Close has cut short has no rest to give up.
            let is_closed = self.received.iter().any(|seen| matches!(seen, Seen::Close(_)));
            if endpoint.reader.is_within_message() && !is_closed {
                give_up(&mut self.received, &mut self.given_up);
            }
        }
        while poll(endpoint, self.way, &mut self.received) {}
        let is_new = before != self.received.len();
        Oracle::EndpointDrained.holds(!is_drained || !is_new, format_args!("{:?}", self.received));
    }

    fn serve(&mut self, incoming: Incoming<TestEntropy>, decision: Decision<'_>) -> Phase {
        match Oracle::EndpointRequest.ok(incoming.poll().map_err(|failed| format!("{failed:?}"))) {
            Progress::Waiting(incoming) => Phase::Incoming(incoming),
            Progress::Done(request) if decision.rejected => self.reject(request, decision),
            Progress::Done(request) => self.accept(request, decision),
        }
    }

    fn reject(&mut self, request: IncomingRequest<TestEntropy>, decision: Decision<'_>) -> Phase {
        let answer = decision.answer;
        let rejection = answer.rejection();
        let rejected = request.reject(&rejection.as_rejection());
        let may_be_sent = answer.may_be_sent(300..=599) ^ Oracle::EndpointRejects.faulty();
        Oracle::EndpointRejects.same(rejected.is_ok(), may_be_sent);
        let read = answer.read(false);
        match rejected {
            Ok(refusal) => {
                let (status, body) = (read.status, read.body);
                self.refused = Some(Refused { status, headers: answer.headers_read(), body });
                Phase::Refusal(refusal)
            }
            Err(failed) => {
                let is_ours =
                    matches!(failed.error, RejectError::Status(_) | RejectError::InvalidHeader(_));
                self.replaced(failed.refusal, is_ours)
            }
        }
    }

    fn accept(&mut self, request: IncomingRequest<TestEntropy>, decision: Decision<'_>) -> Phase {
        let chosen = request.request().choose_subprotocol(&["chat"]).map(str::to_owned);
        let acceptance = decision.answer.acceptance();
        let acceptance = match chosen {
            Some(chosen) => acceptance.subprotocol(chosen),
            None => acceptance,
        };
        let accepted = request.accept(&acceptance.as_acceptance());
        let may_be_sent = decision.answer.has_sound_headers() ^ Oracle::EndpointAccepts.faulty();
        Oracle::EndpointAccepts.same(accepted.is_ok(), may_be_sent);
        match accepted {
            Ok((endpoint, _)) => {
                self.opened = true;
                Phase::Open(endpoint)
            }
            Err(failed) => {
                let is_ours = matches!(failed.error, AcceptError::InvalidHeader(_));
                self.replaced(failed.refusal, is_ours)
            }
        }
    }

    /// A response that must not be sent is replaced.
    fn replaced(&mut self, refusal: Refusal, mut is_ours: bool) -> Phase {
        is_ours &= !Oracle::EndpointReplaced.faulty();
        Oracle::EndpointReplaced.holds(is_ours, "it is refused for another reason");
        self.refused = Some(Refused { status: 500, headers: Vec::new(), body: Vec::new() });
        Phase::Refusal(refusal)
    }

    fn connect(&mut self, connecting: Connecting<TestEntropy>, answer: &Answer) -> Phase {
        let polled = connecting.poll().map_err(|failed| format!("{failed:?}"));
        match Oracle::EndpointResponse.ok(polled) {
            Progress::Waiting(connecting) => Phase::Connecting(connecting),
            Progress::Done(Connected::Open { endpoint, response }) => {
                let response = response.as_response();
                let status = response.status() + u16::from(Oracle::EndpointStatus.faulty());
                Oracle::EndpointStatus.same(status, 101);
                let mut headers = headers_of(&response, |name| {
                    !["upgrade", "connection"].contains(&name) && !name.starts_with("sec-websocket")
                });
                if Oracle::EndpointHeaders.faulty() {
                    headers.pop();
                }
                Oracle::EndpointHeaders.same(headers, answer.headers_read());
                self.opened = true;
                Phase::Open(endpoint)
            }
            Progress::Done(Connected::Refused(refused)) => {
                let response = refused.response.as_response();
                // The application cannot send these by itself.
                let own = ["connection", "content-length", "upgrade"];
                let headers = headers_of(&response, |name| !own.contains(&name));
                self.refused =
                    Some(Refused { status: response.status(), headers, body: refused.body });
                Phase::Over
            }
        }
    }

    /// Resets the transport, unless this end has dropped it already: what is on its way to this end is lost. Returns
    /// whether it was reset.
    pub(crate) fn reset(&mut self, decision: Decision<'_>) -> bool {
        if self.over {
            return false;
        }
        self.deliver(decision);
        self.inbox.clear();
        (self.inbox_ended, self.knows_end, self.over) = (true, true, true);
        let Phase::Open(endpoint) = &mut self.phase else { return true };
        let is_closed = self.received.iter().any(|seen| matches!(seen, Seen::Close(_)));
        let lost = Error::Ended(Ended::Reset);
        let expected = if is_closed { Ok(()) } else { Err(lost) };
        let told = endpoint.handle_reset();
        let told = if Oracle::EndpointReset.faulty() { Ok(()) } else { told };
        Oracle::EndpointReset.same(told, expected);
        let before = self.received.len();
        while poll(endpoint, self.way, &mut self.received) {}
        if Oracle::EndpointResetSilent.faulty() {
            self.received.push(Seen::Ping(Vec::new()));
        }
        Oracle::EndpointResetSilent.same(self.received.len(), before);
        let failure = endpoint.reader.receiver().failure();
        let sent = endpoint.writer.send(MessageRef::Text("too late"));
        let mut shutdown = endpoint.shutdown();
        if Oracle::EndpointResetOver.faulty() {
            shutdown = Shutdown::Write;
        }
        Oracle::EndpointResetOver.same(
            (failure, sent, endpoint.has_timeout(), shutdown),
            (expected.err(), Err(SendError::Closed), false, Shutdown::Both),
        );
        true
    }

    /// Does what an adapter does in one turn: deliver, write, end, read. Returns whether anything moved.
    pub(crate) fn round(
        &mut self,
        peer: &mut Self,
        sizes: (usize, usize),
        decision: Decision<'_>,
    ) -> bool {
        if self.over {
            return false;
        }
        self.deliver(decision);
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
        let by_buf = matches!(self.way, Way::Owned | Way::Pieces);
        let read = self.phase.read(&mut self.inbox, sizes.1, by_buf);
        self.watch_room();
        let is_early = Oracle::EndpointEnd.faulty() && matches!(self.phase, Phase::Open(_));
        if read == 0 && (self.inbox_ended || is_early) && !self.knows_end {
            self.knows_end = true;
            match &mut self.phase {
                // The peer ends its direction only after its Close.
                Phase::Open(endpoint) => Oracle::EndpointEnd.ok(endpoint.handle_eof()),
                phase => *phase = Phase::Over,
            }
            return true;
        }
        written + read > 0
    }

    /// Checks that pieces take no more memory than the reads, however large the message is.
    fn watch_room(&self) {
        let Phase::Open(endpoint) = &self.phase else { return };
        let excess = MOST_FOR_PIECES * usize::from(Oracle::EndpointPiecesRoom.faulty());
        let capacity = endpoint.reader.capacity() + excess;
        Oracle::EndpointPiecesRoom
            .holds(!self.only_pieces || capacity <= MOST_FOR_PIECES, capacity);
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

    /// How many bytes were in the messages that it has sent.
    pub(crate) fn sent_bytes(&self) -> usize {
        let unfinished = self.unfinished.as_ref().map_or(0, |(_, data)| data.len());
        let len = |seen: &Seen| match seen {
            Seen::Text(data, _) | Seen::Binary(data, _) => data.len(),
            _ => 0,
        };
        unfinished + self.sent.iter().map(len).sum::<usize>()
    }

    pub(crate) fn only(&self, keep: impl Fn(&Seen) -> bool) -> Vec<&Seen> {
        self.received.iter().filter(|seen| keep(seen)).collect()
    }
}

/// Polls in this way. Returns whether there was anything.
fn poll(endpoint: &mut Endpoint<TestEntropy>, way: Way, received: &mut Vec<Seen>) -> bool {
    let mut polled = match way {
        Way::Lent => endpoint.poll().map(|message| message.map(|(it, _)| Received::Seen(lent(it)))),
        Way::Owned => {
            endpoint.poll_owned().map(|message| message.map(|it| Received::Seen(owned(it))))
        }
        Way::Found => find(endpoint).map(|message| message.map(Received::Seen)),
        Way::Pieces => endpoint.poll_chunk().map(|chunk| chunk.map(Received::Piece)),
    };
    if Oracle::EndpointTaken.faulty() {
        polled = Err(Error::Frame(FrameError::ReservedBits));
    }
    match Oracle::EndpointTaken.ok(polled) {
        Some(Received::Seen(seen)) => received.push(seen),
        Some(Received::Piece(piece)) => join_piece(received, piece),
        None => return false,
    }
    true
}

/// What a poll returns.
enum Received {
    Seen(Seen),
    Piece(Chunk),
}

/// Lends in two steps, and checks that a message that was found can be lent.
fn find(endpoint: &mut Endpoint<TestEntropy>) -> Result<Option<Seen>, Error> {
    let is_found = endpoint.find()? ^ Oracle::EndpointFound.faulty();
    let message = endpoint.reader.message()?;
    Oracle::EndpointFound.same(is_found, message.is_some());
    Ok(message.map(lent))
}

/// Notes that the rest of the last message will not be delivered.
fn give_up(received: &mut [Seen], given_up: &mut Vec<usize>) {
    let nth = received.iter().filter(|seen| is_data(seen)).count() - 1;
    if let Some(Seen::Text(_, whole) | Seen::Binary(_, whole)) = received.last_mut() {
        *whole = true;
        given_up.push(nth);
    }
}

/// The header lines with names that the application may choose.
fn headers_of(response: &Response<'_>, keep: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let kept = response.headers().iter().filter(|it| keep(&it.name.to_ascii_lowercase()));
    kept.map(|header| (header.name.to_owned(), header.value.to_vec())).collect()
}

/// Sends in this way. Returns whether that succeeded.
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

pub(crate) fn is_data(seen: &Seen) -> bool {
    matches!(seen, Seen::Text(..) | Seen::Binary(..))
}

pub(crate) fn message(text: bool, data: Vec<u8>) -> Seen {
    if text { Seen::Text(data, true) } else { Seen::Binary(data, true) }
}
