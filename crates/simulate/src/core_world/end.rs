//! A connection of two endpoints: what applications and adapters do with them, and the checks.

mod body;
mod checks;
mod outside;
mod receiving;
mod sending;

use std::time::Duration;

use fullduplex::{CloseScan, Endpoint, Error, Shutdown, Writer};
use fullduplex_testkit::TestEntropy;

use self::body::{Body, Halves, drop_body};
pub(super) use self::outside::Outside;
use crate::coverage::failure_name;
use crate::flow::Flow;
use crate::memory::uncounted;
use crate::pipe::Pipe;
use crate::plan::{Act, How, Kept, Mutant, Net, Settings, Setup, Side, Take, keep};
use crate::timers::{Due, Timers};

/// How late a mutant looks at the clock.
const LATE: u64 = 7;

/// One end of a connection.
struct End {
    settings: Settings,
    body: Body,
    timers: Timers,
    /// Whether the application receives and the adapter looks at the clock.
    attentive: bool,
    /// Whether `attentive` was false at some time since the last look at the clock.
    was_paused: bool,
    take: Take,
    /// Whether everything that was read has been delivered.
    drained: bool,
    /// Whether the last write was blocked.
    blocked: bool,
    /// Whether a write has failed.
    unwritable: bool,
    /// Whether the adapter has ended the sending direction, and dropped the transport.
    write_ended: bool,
    over: bool,
    /// Whether the endpoint was told that the transport has ended.
    end_told: bool,
    failure: Option<Error>,
    /// The search for the peer's Close, while one is under way.
    scan: Option<CloseScan>,
    reads_by_buf: bool,
}

/// Two ends, and the messages and bytes between them. In each array, the element of the client comes first. A flow or a pipe
/// belongs to the end that writes to it.
pub(super) struct Conn {
    ends: [End; 2],
    flows: [Flow; 2],
    pipes: [Pipe; 2],
    /// Whether the application of each end has dropped it.
    dropped: [bool; 2],
    scratch: Vec<u8>,
}

fn time(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The element of a side, and the element of its peer.
fn both<T>(array: &mut [T; 2], side: Side) -> (&mut T, &mut T) {
    let [client, server] = array;
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
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
        // The box belongs to the simulation, so it is not counted as memory of the endpoint.
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
                    // `join` passes on the signals that are still to be exchanged, except for a Pong that is under way.
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

    /// Ends the transport if the endpoint asks for it. Returns whether that changes something.
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

    /// One round of an adapter: deliver, write, shut down, read. Returns whether anything moved.
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

    /// The next deadline by the model. The endpoint must report the same one.
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
            "at {now} ms the endpoint reports {told:?}, and {next:?} is due"
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

    /// Handles an expired deadline. Returns whether there was one.
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
        keep!(at == now || was_paused, Deadline, "{due:?} at {now}, but it was due at {at}");
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

    /// The next instant at which something happens.
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

    /// The network acts on the bytes that an end has written.
    pub(super) fn net(&mut self, side: Side, net: Net, now: u64) {
        let (pipe, back) = both(&mut self.pipes, side);
        pipe.undergo(net, back, now);
        both(&mut self.flows, side).0.is_damaged |= pipe.damaged_at.is_some();
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

    pub(super) fn drop_ends(self, outside: &mut Outside) {
        for end in self.ends {
            outside.held.count(|| drop(end.scan));
            drop_body(end.body, outside);
        }
    }
}
