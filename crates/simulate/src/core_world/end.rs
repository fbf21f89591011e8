//! A connection of two endpoints: what applications and adapters do with them, and what is checked then.

use std::time::Duration;

use bytes::Bytes;
use fullduplex::{
    BufMut, Chunk, CloseCode, CloseReason, CloseScan, Ended, Endpoint, Error, Message,
    MessageError, MessageKind, MessageRef, PreparedMessage, Reader, SendError, Shutdown, Signals,
    Writer,
};
use fullduplex_testkit::TestEntropy;

use crate::coverage::{Coverage, failure_name};
use crate::flow::{Flow, Given};
use crate::memory::{self, Held, uncounted};
use crate::pipe::{Found, Pipe};
use crate::plan::{
    Act, Broken, How, Invariant, Kept, Kind, Mutant, Net, Settings, Setup, Side, Take, keep,
};
use crate::timers::{Due, Timers};

/// From which message on a mutant makes its mistake.
const MUTATES_FROM: u32 = 2;

/// How late a mutant looks at the clock.
const LATE: u64 = 7;

/// What all connections share.
pub(super) struct Outside {
    pub(super) now: u64,
    pub(super) held: Held,
    pub(super) coverage: Coverage,
    pub(super) mutant: Option<Mutant>,
    /// How often a mutant could have made its mistake.
    pub(super) mutations: u32,
    /// A message that is given after the next one.
    pub(super) swapped: Option<(Kind, Vec<u8>)>,
    pub(super) hoard: Vec<Vec<u8>>,
}

impl Outside {
    /// Whether this mutant makes its mistake now, for the first time.
    fn mutates(&mut self, mutant: Mutant) -> bool {
        if self.mutant != Some(mutant) {
            return false;
        }
        self.mutations += 1;
        self.mutations == MUTATES_FROM
    }
}

/// An endpoint, whole or in halves.
enum Body {
    Whole(Box<Endpoint<TestEntropy>>),
    Halves(Box<Halves>),
    Dropped,
}

struct Halves {
    reader: Reader,
    writer: Writer<TestEntropy>,
    to_writer: Option<Signals>,
    to_reader: Option<Signals>,
    /// Whether nothing more will come from the transport, or is waited for.
    ended: bool,
}

fn post(mail: &mut Option<Signals>, signals: Option<Signals>) {
    match (mail, signals) {
        (Some(mail), Some(later)) => mail.merge(later),
        (mail, Some(first)) => *mail = Some(first),
        (_, None) => {}
    }
}

impl Halves {
    fn post(&mut self) {
        post(&mut self.to_writer, self.reader.receiver_mut().signals());
        post(&mut self.to_reader, self.writer.sender_mut().signals());
    }

    /// Carries what there is. Returns whether there was something.
    fn carry(&mut self) -> bool {
        let mut carried = false;
        if let Some(signals) = self.to_writer.take() {
            self.writer.sender_mut().handle_signals(signals);
            carried = true;
        }
        if let Some(signals) = self.to_reader.take() {
            self.reader.receiver_mut().handle_signals(signals);
            carried = true;
        }
        self.post();
        carried
    }
}

impl Body {
    fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Whole(endpoint) => Some(&endpoint.reader),
            Self::Halves(halves) => Some(&halves.reader),
            Self::Dropped => None,
        }
    }

    fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Whole(endpoint) => Some(&mut endpoint.reader),
            Self::Halves(halves) => Some(&mut halves.reader),
            Self::Dropped => None,
        }
    }

    fn writer(&self) -> Option<&Writer<TestEntropy>> {
        match self {
            Self::Whole(endpoint) => Some(&endpoint.writer),
            Self::Halves(halves) => Some(&halves.writer),
            Self::Dropped => None,
        }
    }

    fn writer_mut(&mut self) -> Option<&mut Writer<TestEntropy>> {
        match self {
            Self::Whole(endpoint) => Some(&mut endpoint.writer),
            Self::Halves(halves) => Some(&mut halves.writer),
            Self::Dropped => None,
        }
    }

    fn post(&mut self) {
        if let Self::Halves(halves) = self {
            halves.post();
        }
    }

    /// Queues the answers, and returns the writer.
    fn output(&mut self) -> Option<Result<&mut Writer<TestEntropy>, SendError>> {
        match self {
            Self::Whole(endpoint) => Some(endpoint.output()),
            Self::Halves(halves) => {
                let queued = halves.writer.queue_answers();
                halves.post();
                Some(queued.map(|()| &mut halves.writer))
            }
            Self::Dropped => None,
        }
    }

    fn shutdown(&mut self) -> Shutdown {
        match self {
            Self::Whole(endpoint) => endpoint.shutdown(),
            Self::Halves(halves) if halves.ended => Shutdown::Both,
            Self::Halves(halves)
                if halves.writer.sender().may_send() || halves.writer.pending() > 0 =>
            {
                Shutdown::No
            }
            Self::Halves(halves) => halves.reader.receiver().shutdown(),
            Self::Dropped => Shutdown::Both,
        }
    }

    fn end(&mut self, reset: bool) -> Result<(), Error> {
        match self {
            Self::Whole(endpoint) if reset => endpoint.handle_reset(),
            Self::Whole(endpoint) => endpoint.handle_eof(),
            Self::Halves(halves) => {
                halves.ended = true;
                let receiver = halves.reader.receiver_mut();
                let result = if reset { receiver.handle_reset() } else { receiver.handle_eof() };
                halves.post();
                result
            }
            Self::Dropped => Ok(()),
        }
    }

    fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::Whole(endpoint) => endpoint.poll_timeout(now),
            Self::Halves(halves) if !halves.ended => halves.reader.receiver_mut().poll_timeout(now),
            Self::Halves(_) | Self::Dropped => None,
        }
    }

    fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        match self {
            Self::Whole(endpoint) => endpoint.handle_timeout(now),
            Self::Halves(halves) => {
                let receiver = halves.reader.receiver_mut();
                if halves.ended || receiver.poll_timeout(now).is_none_or(|at| now < at) {
                    return Ok(());
                }
                let result = receiver.handle_timeout(now);
                halves.ended |= receiver.is_closed();
                halves.post();
                result
            }
            Self::Dropped => Ok(()),
        }
    }
}

/// One end of a connection.
struct End {
    settings: Settings,
    body: Body,
    timers: Timers,
    /// Whether the application receives and the adapter looks at the clock.
    attentive: bool,
    /// Whether that was otherwise since the last look at the clock.
    was_paused: bool,
    take: Take,
    /// Whether nothing that was read is undelivered.
    drained: bool,
    /// Whether the last write was blocked.
    blocked: bool,
    /// Whether a write has failed.
    unwritable: bool,
    /// Whether the adapter has ended the sending direction, and dropped the transport.
    write_ended: bool,
    over: bool,
    /// Whether the endpoint knows of the transport's end.
    end_told: bool,
    failure: Option<Error>,
    /// The search for the peer's Close, while one is under way.
    scan: Option<CloseScan>,
    reads_by_buf: bool,
}

/// Two ends, what goes between them and what carries it. In each array the client's comes first, and what goes from
/// the client.
pub(super) struct Conn {
    ends: [End; 2],
    flows: [Flow; 2],
    pipes: [Pipe; 2],
    /// Whether an end was dropped by its application.
    dropped: [bool; 2],
    scratch: Vec<u8>,
}

fn time(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The elements of an array that belong to a side and to its peer.
fn both<T>(array: &mut [T; 2], side: Side) -> (&mut T, &mut T) {
    let [client, server] = array;
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    }
}

fn message_kind(kind: Kind) -> MessageKind {
    match kind {
        Kind::Text => MessageKind::Text,
        Kind::Binary => MessageKind::Binary,
    }
}

fn given_ref<'a>(message: MessageRef<'a>) -> Given<'a> {
    match message {
        MessageRef::Text(text) => Given::Message(Kind::Text, text.as_bytes()),
        MessageRef::Binary(data) => Given::Message(Kind::Binary, data),
        MessageRef::Ping(data) => Given::Ping(data),
        MessageRef::Pong(data) => Given::Pong(data),
        MessageRef::Close(reason) => {
            Given::Close(reason.map(|close| (close.code.to_u16(), close.reason)))
        }
    }
}

/// What a message is as something given. As a reference it would be checked once more.
fn given_owned(message: &Message) -> Given<'_> {
    match message {
        Message::Text(text) => Given::Message(Kind::Text, text.as_bytes()),
        other => given_ref(other.as_message_ref()),
    }
}

fn given_chunk(chunk: &Chunk) -> Given<'_> {
    match chunk {
        Chunk::Text(data, part) => Given::Piece(Kind::Text, data, part.is_first(), part.is_last()),
        Chunk::Binary(data, part) => {
            Given::Piece(Kind::Binary, data, part.is_first(), part.is_last())
        }
        Chunk::Control(message) => given_owned(message),
    }
}

impl Conn {
    pub(super) fn new(
        setup: &Setup,
        ends: [Endpoint<TestEntropy>; 2],
        flows: [Flow; 2],
        pipes: [Pipe; 2],
    ) -> Self {
        let [client, server] = ends;
        let end = |endpoint, side| End {
            settings: *setup.settings(side),
            body: Body::Whole(endpoint),
            timers: Timers::new(setup.settings(side), 0),
            attentive: true,
            was_paused: false,
            take: Take::Owned,
            drained: true,
            blocked: false,
            unwritable: false,
            write_ended: false,
            over: false,
            end_told: false,
            failure: None,
            scan: None,
            reads_by_buf: side == Side::Server,
        };
        // The box belongs to the simulation: what an endpoint holds is what lies elsewhere.
        Self {
            ends: [end(Box::new(client), Side::Client), end(Box::new(server), Side::Server)],
            flows,
            pipes,
            dropped: [false; 2],
            scratch: Vec::new(),
        }
    }

    fn end(&mut self, side: Side) -> &mut End {
        both(&mut self.ends, side).0
    }

    fn is_gone(&self, side: Side) -> bool {
        let end = &self.ends[side.index()];
        end.over || matches!(end.body, Body::Dropped)
    }

    /// What an application or the adapter does.
    pub(super) fn act(&mut self, side: Side, act: Act, outside: &mut Outside) -> Kept {
        if self.is_gone(side) {
            return Ok(());
        }
        match act {
            Act::Send(kind, len, how) => self.send(side, kind, len, how, outside),
            Act::Feed(kind, len) => self.send(side, kind, len, How::Owned, outside),
            Act::Fragment(kind, len, last) => self.fragment(side, kind, len, last, outside),
            Act::Ping(len) => self.control(side, true, len, outside),
            Act::Pong(len) => self.control(side, false, len, outside),
            Act::Close(code, reason) => self.close(side, code, reason, outside),
            Act::CloseAndWait(code) => self.close(side, code, 0, outside),
            _ => self.adapt(side, act, outside),
        }
    }

    fn adapt(&mut self, side: Side, act: Act, outside: &mut Outside) -> Kept {
        match act {
            Act::Compression(on) => {
                let end = self.end(side);
                if let Some(writer) = end.body.writer_mut() {
                    outside.held.count(|| writer.sender_mut().set_compression(on));
                    outside.coverage.note("compression on or off");
                }
            }
            Act::Prefer(take) => self.end(side).take = take,
            Act::Poll(take, most) => {
                for _ in 0..most {
                    if !self.poll(side, take, outside)? {
                        break;
                    }
                }
            }
            Act::Read(most) => {
                self.read(side, most as usize, outside)?;
            }
            Act::ReadAhead(most) => self.read_ahead(side, most as usize, outside),
            Act::FindClose => {
                self.read_ahead(side, usize::MAX, outside);
                self.find_close(side, outside)?;
            }
            Act::Write(most) => {
                self.write(side, most as usize, outside)?;
            }
            Act::CopyPayloads => {
                if let Some(writer) = self.end(side).body.writer_mut() {
                    outside.held.count(|| writer.copy_payloads());
                }
            }
            Act::Signal => {
                if let Body::Halves(halves) = &mut self.end(side).body
                    && outside.held.count(|| halves.carry())
                {
                    outside.coverage.note("signals carried");
                }
            }
            Act::Early => self.early(side, outside)?,
            Act::Release => {
                let end = self.end(side);
                outside.held.count(|| match &mut end.body {
                    Body::Whole(endpoint) => endpoint.release(),
                    Body::Halves(halves) => {
                        halves.reader.release();
                        halves.writer.release();
                    }
                    Body::Dropped => {}
                });
                outside.coverage.note("release");
            }
            Act::Split => self.split(side, outside),
            Act::Join => self.join(side, outside),
            Act::Pause => {
                let end = self.end(side);
                outside.coverage.note_if(end.attentive, "pause");
                end.attentive = false;
                end.was_paused = true;
            }
            Act::Resume(tells) => self.resume(side, tells),
            Act::Drop => {
                outside.coverage.note("drop");
                let end = self.end(side);
                let body = std::mem::replace(&mut end.body, Body::Dropped);
                outside.held.count(|| end.scan = None);
                drop_body(body, outside);
                self.dropped[side.index()] = true;
                self.drop_transport(side);
            }
            _ => {}
        }
        Ok(())
    }

    /// The transport of an end is dropped.
    fn drop_transport(&mut self, side: Side) {
        let (end, _) = both(&mut self.ends, side);
        end.over = true;
        let (out, inbound) = both(&mut self.pipes, side);
        out.end();
        inbound.drop_reader();
    }

    fn send(&mut self, side: Side, kind: Kind, len: u32, how: How, outside: &mut Outside) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let payload = flow.next_message(kind, len);
        let may_send = writer.sender().may_send();
        let had_room = writer.has_room();
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
                    // What is refused is as it was.
                    if sent.is_err() && message != owned() {
                        return Err(None);
                    }
                    sent
                }
                How::Shared => {
                    let message = owned();
                    let sent = writer.send_message(&mut message.clone());
                    // Another handle sees no masked payload.
                    if message != owned() {
                        return Err(None);
                    }
                    sent
                }
                How::Prepared => {
                    let prepared = PreparedMessage::new(message_kind(kind), payload);
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

    fn fragment(
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
        let (may_send, had_room) = (writer.sender().may_send(), writer.has_room());
        let sent = outside.held.count(|| writer.send_fragment(message_kind(kind), payload, last));
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

    fn control(&mut self, side: Side, ping: bool, len: u8, outside: &mut Outside) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let payload = flow.next_control(ping, len);
        let message = if ping { MessageRef::Ping(&payload) } else { MessageRef::Pong(&payload) };
        let (may_send, had_room) = (writer.sender().may_send(), writer.has_room());
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

    fn close(&mut self, side: Side, code: u16, reason: u8, outside: &mut Outside) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (flow, _) = both(&mut self.flows, side);
        let Some(writer) = end.body.writer_mut() else { return Ok(()) };
        let may_send = writer.sender().may_send();
        let text = "r".repeat(usize::from(reason));
        let close = CloseReason { code: CloseCode::from_u16(code), reason: &text };
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

    pub(super) fn split(&mut self, side: Side, outside: &mut Outside) {
        let end = self.end(side);
        let ended = end.end_told;
        end.body = match std::mem::replace(&mut end.body, Body::Dropped) {
            Body::Whole(endpoint) => {
                outside.coverage.note("split");
                let (reader, writer) = endpoint.split();
                let mut halves = Halves { reader, writer, to_writer: None, to_reader: None, ended };
                outside.held.count(|| halves.post());
                Body::Halves(Box::new(halves))
            }
            other => other,
        };
    }

    fn join(&mut self, side: Side, outside: &mut Outside) {
        let end = self.end(side);
        let told = end.end_told;
        end.body = match std::mem::replace(&mut end.body, Body::Dropped) {
            Body::Halves(halves) => {
                outside.coverage.note("join");
                let Halves { reader, writer, to_writer, to_reader, .. } = *halves;
                outside.held.count(|| {
                    // `join` has each hear all that the other one knows, but a Pong that is under way is not among that.
                    let mut writer = writer;
                    if let Some(signals) = to_writer {
                        writer.sender_mut().handle_signals(signals);
                    }
                    drop(to_reader);
                    let mut endpoint = Endpoint::join(reader, writer);
                    if told {
                        // "A transport that had ended has to tell so once more."
                        let _ = endpoint.handle_eof();
                    }
                    uncounted(|| Body::Whole(Box::new(endpoint)))
                })
            }
            other => other,
        };
    }

    pub(super) fn resume(&mut self, side: Side, tells: bool) {
        let end = self.end(side);
        if !end.attentive && tells {
            if let Some(reader) = end.body.reader_mut() {
                reader.receiver_mut().handle_unread_input();
            }
            end.timers.receive();
        }
        end.attentive = true;
    }

    /// Receives once. Returns whether something was received.
    fn poll(&mut self, side: Side, take: Take, outside: &mut Outside) -> Kept<bool> {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let damaged_at = pipe.damaged_at.filter(|at| pipe.has_read(*at + 1));
        if end.body.reader().is_some_and(|reader| !reader.unread().is_empty()) {
            end.timers.receive();
        }
        if take != Take::Chunks {
            flow.give_up();
        }
        let mut kept = Ok(());
        let Outside { held, mutant, mutations, swapped, hoard, coverage, .. } = outside;
        let mut give = |given: Given<'_>| {
            uncounted(|| coverage.note(given_name(given)));
            if *mutant == Some(Mutant::Leak) && matches!(given, Given::Message(..)) {
                std::mem::forget(std::hint::black_box(vec![0_u8; 24]));
            }
            if *mutant == Some(Mutant::Hoard) && matches!(given, Given::Message(..)) {
                hoard.push(vec![0; 16 << 20]);
            }
            uncounted(|| {
                let is_message = matches!(given, Given::Message(..));
                let now = is_message && {
                    *mutations += 1;
                    *mutations == MUTATES_FROM
                };
                match (*mutant, given) {
                    (Some(Mutant::LoseMessage), _) if now => return,
                    (Some(Mutant::Panic), _) if now => panic!("on purpose"),
                    (Some(Mutant::SwapMessages), Given::Message(kind, payload)) if now => {
                        *swapped = Some((kind, payload.to_vec()));
                        return;
                    }
                    (Some(Mutant::SpuriousError), _) if now => {
                        kept = flow.fail(MessageError::InvalidUtf8.into(), damaged_at);
                        return;
                    }
                    _ => {}
                }
                kept = flow.give(given, damaged_at);
                if is_message && let Some((kind, payload)) = swapped.take() {
                    let second = flow.give(Given::Message(kind, &payload), damaged_at);
                    kept = std::mem::replace(&mut kept, Ok(())).and(second);
                }
            });
        };
        let polled = held.count(|| match (&mut end.body, take) {
            (Body::Whole(endpoint), Take::Lent) => {
                endpoint.poll().map(|polled| polled.map(|(message, _)| give(given_ref(message))))
            }
            (Body::Whole(endpoint), Take::Owned) => endpoint
                .poll_owned()
                .map(|polled| polled.map(|message| give(given_owned(&message)))),
            (Body::Whole(endpoint), Take::Found) => match endpoint.find() {
                Ok(true) => endpoint
                    .reader
                    .message()
                    .map(|lent| lent.map(|message| give(given_ref(message)))),
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            },
            (Body::Whole(endpoint), Take::Chunks) => {
                endpoint.poll_chunk().map(|polled| polled.map(|chunk| give(given_chunk(&chunk))))
            }
            (Body::Halves(halves), Take::Lent) => {
                halves.reader.poll().map(|polled| polled.map(|message| give(given_ref(message))))
            }
            (Body::Halves(halves), Take::Owned) => halves
                .reader
                .poll_owned()
                .map(|polled| polled.map(|message| give(given_owned(&message)))),
            (Body::Halves(halves), Take::Found) => match halves.reader.find() {
                Ok(true) => {
                    halves.reader.message().map(|lent| lent.map(|message| give(given_ref(message))))
                }
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            },
            (Body::Halves(halves), Take::Chunks) => halves
                .reader
                .poll_chunk()
                .map(|polled| polled.map(|chunk| give(given_chunk(&chunk)))),
            (Body::Dropped, _) => Ok(None),
        });
        kept?;
        held.count(|| end.body.post());
        if end.scan.is_some() {
            held.count(|| end.scan = None);
        }
        match polled {
            Ok(Some(())) => Ok(true),
            Ok(None) => {
                end.drained = true;
                Ok(false)
            }
            Err(error) => {
                keep!(end.failure.is_none(), Failure, "{error:?} after {:?}", end.failure);
                end.failure = Some(error);
                flow.fail(error, damaged_at)?;
                coverage.note(failure_name(error));
                Ok(true)
            }
        }
    }

    /// Reads what has arrived, if all before it was delivered. Returns whether something came.
    fn read(&mut self, side: Side, most: usize, outside: &mut Outside) -> Kept<bool> {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        if !end.drained || end.end_told || end.over || most == 0 || !pipe.is_readable() {
            return Ok(false);
        }
        let now = outside.now;
        let by_buf = end.reads_by_buf;
        end.reads_by_buf = !by_buf;
        let Some(reader) = end.body.reader_mut() else { return Ok(false) };
        let found = outside.held.count(|| {
            if by_buf {
                let mut room = reader.room_buf();
                let most = most.min(room.remaining_mut());
                let found = pipe.read(most, now, |bytes| room.put_slice(bytes));
                drop(room);
                if let Found::Bytes(len) = found {
                    reader.advance(len);
                }
                found
            } else {
                let room = reader.room();
                let most = most.min(room.len());
                let found =
                    pipe.read(most, now, |bytes| room[..bytes.len()].copy_from_slice(bytes));
                if let Found::Bytes(len) = found {
                    reader.advance(len);
                }
                found
            }
        });
        match found {
            Found::Nothing => return Ok(false),
            Found::Bytes(_) => {
                end.drained = false;
                outside.coverage.note("read");
                return Ok(true);
            }
            Found::End | Found::Reset => {}
        }
        end.end_told = true;
        let reset = found == Found::Reset || end.unwritable;
        let receiver = end.body.reader().map(Reader::receiver);
        let is_known = receiver
            .is_none_or(|receiver| receiver.peer_close().is_some() || receiver.failure().is_some());
        let ended = outside.held.count(|| end.body.end(reset));
        end.timers.stop();
        let has_all = pipe.has_read(flow.offset()) && pipe.damaged_at.is_none();
        match ended {
            Ok(()) => keep!(is_known, Failure, "an end without a Close is no failure"),
            Err(error) => {
                keep!(
                    !is_known && end.failure.is_none(),
                    Failure,
                    "{error:?} although it is known"
                );
                let expected = if reset { Ended::Reset } else { flow.ends_with() };
                keep!(
                    error == Error::Ended(expected) || !reset && !has_all && is_eof(error),
                    Failure,
                    "{error:?}, but it is {expected:?}"
                );
                keep!(
                    !pipe.is_sound()
                        || reset
                        || self.dropped[side.peer().index()]
                        || both(&mut self.ends, side).1.failure.is_some()
                        || both(&mut self.ends, side).1.over,
                    Failure,
                    "{error:?}, and nobody has ended it"
                );
                self.end(side).failure = Some(error);
                outside.coverage.note(failure_name(error));
            }
        }
        Ok(true)
    }

    fn read_ahead(&mut self, side: Side, most: usize, outside: &mut Outside) {
        let (end, _) = both(&mut self.ends, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let now = outside.now;
        if end.end_told || most == 0 {
            return;
        }
        let size = end.settings.read_ahead as usize;
        let Some(reader) = end.body.reader_mut() else { return };
        let read = outside.held.count(|| {
            let Some(mut room) = reader.room_ahead(size) else { return false };
            let most = most.min(room.remaining_mut());
            let found = pipe.read(most, now, |bytes| room.put_slice(bytes));
            drop(room);
            let Found::Bytes(len) = found else { return false };
            reader.advance(len);
            reader.receiver_mut().handle_unread_input();
            true
        });
        if read {
            end.drained = false;
            end.timers.receive();
            outside.coverage.note("read ahead");
        }
    }

    fn find_close(&mut self, side: Side, outside: &mut Outside) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let damaged_at = pipe.damaged_at.filter(|at| pipe.has_read(*at + 1));
        let Some(reader) = end.body.reader_mut() else { return Ok(()) };
        // It is for a caller that has sent its own Close and waits for the peer's.
        let receiver = reader.receiver();
        let waits = !receiver.may_send() && receiver.failure().is_none() && !receiver.is_closed();
        if !waits || end.end_told {
            return Ok(());
        }
        let scan = end.scan.get_or_insert_with(CloseScan::new);
        let found = outside.held.count(|| reader.find_close(scan));
        let failed = reader.receiver().failure();
        outside.held.count(|| end.body.post());
        if found != Ok(false) {
            outside.held.count(|| end.scan = None);
            end.drained = false;
        }
        match found {
            Ok(found) => {
                outside.coverage.note_if(found, "find close");
                keep!(
                    !found || flow.close.is_some() || damaged_at.is_some(),
                    Close,
                    "a Close is found that was not written"
                );
            }
            Err(error) => {
                if failed.is_some() {
                    end.failure = failed;
                    flow.fail(error, damaged_at)?;
                } else {
                    keep!(
                        damaged_at.is_some() || flow.has_over(error),
                        Failure,
                        "{error:?} is found for no reason"
                    );
                }
            }
        }
        Ok(())
    }

    /// Writes what waits. Returns whether something was written.
    fn write(&mut self, side: Side, most: usize, outside: &mut Outside) -> Kept<bool> {
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
        keep!(!end.write_ended, Wire, "{pending} bytes to write after the end of the direction");
        if pipe.is_broken() {
            end.unwritable = true;
            outside.coverage.note("write fails");
            return Ok(true);
        }
        let space = pipe.space();
        let most = most.min(space).min(pending);
        let wire = &mut self.scratch;
        wire.clear();
        for chunk in writer.chunks() {
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

    /// Ends the transport as far as the endpoint says. Returns whether that changes something.
    fn shut(&mut self, side: Side, outside: &mut Outside) -> bool {
        let (end, _) = both(&mut self.ends, side);
        let (pipe, _) = both(&mut self.pipes, side);
        let pending = end.body.writer().map_or(0, Writer::pending);
        if !end.drained || end.over || pending > 0 && !end.unwritable {
            return false;
        }
        match outside.held.count(|| end.body.shutdown()) {
            Shutdown::No => false,
            Shutdown::Write if end.write_ended => false,
            Shutdown::Write => {
                end.write_ended = true;
                pipe.end();
                outside.coverage.note("shutdown: write");
                true
            }
            Shutdown::Both => {
                outside.coverage.note("shutdown: both");
                self.drop_transport(side);
                true
            }
        }
    }

    /// What an adapter does once: deliver, write, end, read. Returns whether anything moved.
    pub(super) fn serve(&mut self, side: Side, outside: &mut Outside) -> Kept<bool> {
        if self.is_gone(side) || !self.ends[side.index()].attentive {
            return Ok(false);
        }
        let mut moved = false;
        let end = self.end(side);
        if let Body::Halves(halves) = &mut end.body {
            moved |= outside.held.count(|| halves.carry());
        }
        let take = end.take;
        while self.poll(side, take, outside)? {
            moved = true;
        }
        if let Body::Halves(halves) = &mut self.end(side).body {
            moved |= outside.held.count(|| halves.carry());
        }
        while self.write(side, usize::MAX, outside)? {
            moved = true;
        }
        if let Body::Halves(halves) = &mut self.end(side).body {
            moved |= outside.held.count(|| halves.carry());
        }
        if self.shut(side, outside) {
            return Ok(true);
        }
        moved |= self.read(side, usize::MAX, outside)?;
        Ok(moved)
    }

    /// What is due next, by the model, which the endpoint has to agree with.
    pub(super) fn look(&mut self, side: Side, outside: &mut Outside) -> Kept<Option<(u64, Due)>> {
        let now = outside.now;
        let (end, _) = both(&mut self.ends, side);
        let told = outside.held.count(|| end.body.poll_timeout(time(now)));
        if end.body.reader().is_none_or(|reader| !reader.receiver().may_send()) {
            end.timers.close();
        }
        let next = end.timers.next(now);
        keep!(
            told == next.map(|(at, _)| time(at)),
            Deadline,
            "at {now} ms {told:?} is told, and {next:?} is due"
        );
        Ok(next)
    }

    /// Calls `handle_timeout` before anything is due.
    fn early(&mut self, side: Side, outside: &mut Outside) -> Kept {
        let now = outside.now;
        let next = self.look(side, outside)?;
        if next.is_some_and(|(at, _)| at <= now) {
            return Ok(());
        }
        let (end, _) = both(&mut self.ends, side);
        let pending = end.body.writer().map(Writer::pending);
        let result = outside.held.count(|| end.body.handle_timeout(time(now)));
        keep!(result.is_ok(), Deadline, "{result:?} at {now}, before {next:?}");
        keep!(
            end.body.writer().map(Writer::pending) == pending,
            Deadline,
            "something is written at {now}, before {next:?}"
        );
        outside.coverage.note("early");
        Ok(())
    }

    /// Does what is due. Returns whether something was.
    pub(super) fn handle_deadline(&mut self, side: Side, outside: &mut Outside) -> Kept<bool> {
        if self.is_gone(side) || !self.ends[side.index()].attentive {
            return Ok(false);
        }
        let now = outside.now;
        let next = self.look(side, outside)?;
        let (end, _) = both(&mut self.ends, side);
        let was_paused = end.was_paused;
        let Some((at, due)) = next.filter(|(at, _)| *at <= now) else {
            end.was_paused = false;
            return Ok(false);
        };
        if outside.mutant == Some(Mutant::LateTimer) && now < at + LATE {
            return Ok(false);
        }
        keep!(at == now || was_paused, Deadline, "{due:?} at {now}, and it was due at {at}");
        let is_known = end.failure.is_some()
            || end.body.reader().is_some_and(|reader| reader.receiver().is_clean());
        let result = outside.held.count(|| end.body.handle_timeout(time(now)));
        match due {
            Due::Ping => {
                keep!(result.is_ok(), Deadline, "{result:?} for a Ping");
                end.timers.ping(now);
                outside.coverage.note("keepalive ping");
            }
            Due::Failure(timeout) => {
                let expected = if is_known { Ok(()) } else { Err(Error::Timeout(timeout)) };
                keep!(result == expected, Deadline, "{result:?}, expected {expected:?}");
                if timeout == fullduplex::Timeout::Close {
                    end.timers.stop();
                }
                if let Err(error) = result {
                    end.failure = Some(error);
                    outside.coverage.note(failure_name(error));
                } else {
                    outside.coverage.note("end is given up");
                }
            }
        }
        Ok(true)
    }

    /// When something happens next.
    pub(super) fn next_instant(&mut self, outside: &mut Outside) -> Kept<Option<u64>> {
        let late = if outside.mutant == Some(Mutant::LateTimer) { LATE } else { 0 };
        let mut next = self.pipes.iter().filter_map(Pipe::next_arrival).min();
        for side in Side::BOTH {
            if self.is_gone(side) || !self.ends[side.index()].attentive {
                continue;
            }
            let due = self.look(side, outside)?;
            next = due.map(|(at, _)| at + late).into_iter().chain(next).min();
        }
        Ok(next)
    }

    pub(super) fn arrive(&mut self, now: u64) {
        for pipe in &mut self.pipes {
            pipe.arrive(now);
        }
    }

    /// What the network does. Returns whether that changes something.
    pub(super) fn net(&mut self, side: Side, net: Net) -> bool {
        let (pipe, back) = both(&mut self.pipes, side);
        let (flow, _) = both(&mut self.flows, side);
        match net {
            Net::Split(most) => pipe.split = most.max(1) as usize,
            Net::Capacity(bytes) => pipe.capacity = bytes.max(1) as usize,
            Net::Delay(millis) => pipe.delay = millis.into(),
            Net::Stall => pipe.stalled = true,
            Net::Go => {
                pipe.stalled = false;
                pipe.wake_reader();
            }
            Net::HalfClose => pipe.half_close(),
            Net::Reset => {
                pipe.cut();
                back.cut();
            }
            Net::Corrupt(ahead, pattern) => {
                pipe.corrupt_soon(ahead as usize, pattern);
                flow.is_damaged |= pipe.damaged_at.is_some();
            }
        }
        true
    }

    pub(super) fn open_network(&mut self) {
        for pipe in &mut self.pipes {
            pipe.open();
        }
    }

    pub(super) fn bytes_to_move(&self) -> usize {
        let pending = |end: &End| end.body.writer().map_or(0, Writer::pending);
        self.ends.iter().map(pending).sum::<usize>()
            + self.pipes.iter().map(Pipe::under_way).sum::<usize>()
    }

    pub(super) fn least_capacity(&self) -> usize {
        self.pipes.iter().map(|pipe| pipe.capacity.min(pipe.split)).min().unwrap_or(1)
    }

    /// How much the ends may hold.
    pub(super) fn bound(&self, setup: &Setup) -> usize {
        let of = |side: Side| {
            let (out, inbound) = (&self.flows[side.index()], &self.flows[side.peer().index()]);
            // What damage makes of a message may be as large as the limit.
            let inbound = if inbound.is_damaged { usize::MAX } else { inbound.largest };
            memory::bound_of(setup, setup.settings(side), inbound, out.largest)
        };
        of(Side::Client) + of(Side::Server)
    }

    /// Every Close that was written has a reason.
    pub(super) fn check_closes(&mut self) -> Kept {
        for side in Side::BOTH {
            let (end, _) = both(&mut self.ends, side);
            let Some(reader) = end.body.reader() else { continue };
            let receiver = reader.receiver();
            let received = receiver.peer_close().map(|reason| reason.map(|close| close.code));
            let failure = receiver.failure();
            keep!(
                failure == end.failure || end.failure.is_none(),
                Failure,
                "{failure:?} is kept, and {:?} was told",
                end.failure
            );
            let (flow, back) = both(&mut self.flows, side);
            flow.check_close(received, failure, false, back)?;
        }
        Ok(())
    }

    /// What holds once nothing moves although everything may.
    pub(super) fn check_settled(&mut self) -> Kept {
        let sound = self.pipes.iter().all(Pipe::is_sound);
        let whole = sound && self.dropped == [false; 2];
        for side in Side::BOTH {
            let (end, peer) = both(&mut self.ends, side);
            let (flow, back) = both(&mut self.flows, side);
            let (_, inbound) = both(&mut self.pipes, side);
            if matches!(end.body, Body::Dropped) {
                continue;
            }
            let is_reading = end.failure.is_none() && inbound.is_sound();
            if is_reading {
                back.check_given()?;
            }
            if sound && end.failure.is_none() && peer.failure.is_none() && !end.unwritable {
                flow.check_written()?;
            }
            let pinged = end.timers.pinged_at();
            if let Some(pinged) = pinged
                && !end.over
                && !end.unwritable
                && end.body.writer().is_some_and(|writer| writer.sender().may_send())
            {
                keep!(
                    flow.pinged_at.is_some_and(|at| at >= pinged),
                    Deadline,
                    "no Ping was written since {pinged}"
                );
            }
            if !whole || end.failure.is_some() || peer.failure.is_some() {
                continue;
            }
            let is_open =
                |end: &End| end.body.writer().is_some_and(|writer| writer.sender().may_send());
            if is_open(end) && is_open(peer) {
                back.check_answered(flow)?;
                keep!(
                    flow.close.is_none() && back.close.is_none(),
                    Progress,
                    "a Close was written, and both ends are open"
                );
            } else {
                keep!(
                    end.over && peer.over,
                    Progress,
                    "the closing handshake does not come to its end, {side:?} over: {}",
                    end.over
                );
                let is_clean = end.body.reader().is_some_and(|it| it.receiver().is_clean());
                keep!(is_clean, Close, "the end of {side:?} is not clean");
                keep!(
                    flow.close.is_some() && flow.close_given,
                    Close,
                    "the Close of {side:?} was written: {}, received: {}",
                    flow.close.is_some(),
                    flow.close_given
                );
            }
        }
        Ok(())
    }

    /// What holds at the end of a run.
    pub(super) fn check_over(&mut self, outside: &mut Outside) -> Kept {
        for side in Side::BOTH {
            let end = self.end(side);
            keep!(
                end.over,
                Progress,
                "{side:?} is not over, failure: {:?}, told of the end: {}",
                end.failure,
                end.end_told
            );
            if let Some(reader) = end.body.reader() {
                let receiver = reader.receiver();
                // A Close that could not be written stays queued: a peer that has ended its direction may still read.
                let is_close_lost = end.unwritable
                    && (receiver.peer_close().is_some() || receiver.failure().is_some());
                keep!(
                    receiver.is_closed() || is_close_lost,
                    Progress,
                    "{side:?} is over and not closed"
                );
                let is_clean = receiver.is_clean();
                keep!(
                    is_clean || receiver.failure().is_some() || receiver.peer_close().is_some(),
                    Failure,
                    "{side:?} is over without a reason"
                );
                outside.coverage.note(if is_clean { "end: clean" } else { "end: not clean" });
            } else {
                outside.coverage.note("end: dropped");
            }
        }
        Ok(())
    }

    pub(super) fn drop_ends(self, outside: &mut Outside) {
        for end in self.ends {
            outside.held.count(|| drop(end.scan));
            drop_body(end.body, outside);
        }
    }
}

fn is_eof(error: Error) -> bool {
    matches!(error, Error::Ended(Ended::WithoutClose | Ended::InsideMessage))
}

/// Drops an endpoint. Its box was not counted.
fn drop_body(body: Body, outside: &mut Outside) {
    match body {
        Body::Whole(endpoint) => {
            let endpoint = *endpoint;
            outside.held.count(|| drop(endpoint));
        }
        Body::Halves(halves) => {
            let halves = *halves;
            outside.held.count(|| drop(halves));
        }
        Body::Dropped => {}
    }
}

/// What a mutant makes of the bytes that are written.
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

fn given_name(given: Given<'_>) -> &'static str {
    match given {
        Given::Message(Kind::Text, _) => "receive text",
        Given::Message(Kind::Binary, _) => "receive binary",
        Given::Piece(..) => "receive piece",
        Given::Ping(_) => "receive ping",
        Given::Pong(_) => "receive pong",
        Given::Close(_) => "receive close",
    }
}
