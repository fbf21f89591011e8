//! A connection whose two ends are driven by an adapter: the messages and bytes between the ends, and the checks of both.
//! The adapters are observed from outside: what they write, what they give to applications, and when.

mod checks;

use std::io::{self, IoSlice};

use fullduplex::{CloseCode, Error, MessageError};

use crate::coverage::{Coverage, failure_name};
use crate::flow::{Flow, Given};
use crate::memory::{self, uncounted};
use crate::pipe::{Found, Pipe};
use crate::plan::{Broken, Invariant, Kept, Kind, Mutant, Net, Setup, Side};

/// A mutant makes its mistake at its second opportunity.
const MUTATES_FROM: u32 = 2;

/// A connection: the messages and bytes between its two ends. In each array, the element of the client comes first. A flow
/// or a pipe belongs to the end that writes to it.
pub(crate) struct Between {
    pub(crate) flows: [Flow; 2],
    pub(crate) pipes: [Pipe; 2],
    /// When each end has last sent a Ping of its own, and how many bytes it had read by then.
    pub(crate) pings: [Option<(u64, u64)>; 2],
    pub(crate) broken: Option<Broken>,
    pub(crate) coverage: Coverage,
    clock: Clock,
    pub(crate) mutant: Option<Mutant>,
    mutations: u32,
    /// A message that a mutant holds back until the next one has been given.
    swapped: Option<(Side, Kind, Vec<u8>)>,
    /// Memory that a mutant keeps.
    pub(crate) hoard: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

/// Says how many milliseconds have passed since the beginning.
pub(crate) type Clock = Box<dyn Fn() -> u64>;

/// The element of a side, and the element of its peer.
pub(crate) fn both<T>(array: &mut [T; 2], side: Side) -> (&mut T, &mut T) {
    let [client, server] = array;
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    }
}

impl Between {
    pub(crate) fn new(
        flows: [Flow; 2],
        pipes: [Pipe; 2],
        clock: Clock,
        mutant: Option<Mutant>,
    ) -> Self {
        Self {
            flows,
            pipes,
            pings: [None; 2],
            broken: None,
            coverage: Coverage::default(),
            clock,
            mutant,
            mutations: 0,
            swapped: None,
            hoard: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The time since the beginning, in milliseconds.
    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Records a broken invariant, unless an earlier one is recorded already.
    pub(crate) fn keep(&mut self, kept: Kept) {
        if let Err(broken) = kept {
            self.broken.get_or_insert(broken);
        }
    }

    /// Whether this mutant makes its mistake now, for the first time.
    pub(crate) fn mutates(&mut self, mutant: Mutant) -> bool {
        if self.mutant != Some(mutant) {
            return false;
        }
        self.mutations += 1;
        self.mutations == MUTATES_FROM
    }

    /// An end writes to its stream. Returns how many bytes were taken, an error, or `None` where
    /// the write would block.
    pub(crate) fn write(&mut self, side: Side, bytes: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        let now = self.now();
        let (pipe, _) = both(&mut self.pipes, side);
        if pipe.is_broken() {
            self.coverage.note("write fails");
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if pipe.has_ended() {
            let what = "something is written after the end of the direction";
            self.keep(Err(Broken::new(Invariant::Wire, what)));
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let space = pipe.space();
        if space == 0 {
            self.coverage.note("write blocked");
            return None;
        }
        let mut wire = std::mem::take(&mut self.scratch);
        wire.clear();
        for bytes in bytes {
            let left = space - wire.len();
            wire.extend_from_slice(&bytes[..bytes.len().min(left)]);
        }
        let len = wire.len();
        self.mutate_output(side, &mut wire);
        let (flow, back) = both(&mut self.flows, side);
        let keepalives = flow.keepalives;
        let is_past_head = flow.is_past_head();
        let kept = flow.write(&mut wire, back, now);
        if flow.keepalives > keepalives {
            let read = both(&mut self.pipes, side).1.offset();
            *both(&mut self.pings, side).0 = Some((now, read));
        }
        self.keep(kept);
        let (pipe, _) = both(&mut self.pipes, side);
        let written = pipe.write(&wire, now);
        debug_assert!(written.is_ok());
        let is_damaged = pipe.damaged_at.is_some();
        both(&mut self.flows, side).0.is_damaged |= is_damaged;
        self.coverage.note("write");
        if is_past_head {
            let middle = wire.len() / 2;
            if self.mutates(Mutant::FlipByte) {
                both(&mut self.pipes, side).0.corrupt(middle, 0x55, false);
            }
            if self.mutates(Mutant::DropByte) {
                both(&mut self.pipes, side).0.lose();
            }
        }
        self.scratch = wire;
        Some(Ok(len))
    }

    /// Lets a mutant change the bytes that are written.
    fn mutate_output(&mut self, side: Side, wire: &mut Vec<u8>) {
        let (flow, _) = both(&mut self.flows, side);
        if !flow.is_between_frames() || wire.len() < 2 {
            return;
        }
        let is_client = side == Side::Client;
        let len = if is_client { 6 } else { 2 } + usize::from(wire[1] & 0x7f);
        if len > wire.len() {
            return;
        }
        match (self.mutant, wire[0]) {
            (Some(Mutant::DuplicateClose), 0x88) => {
                wire.extend_from_slice(if is_client {
                    &[0x88, 0x80, 0, 0, 0, 0]
                } else {
                    &[0x88, 0]
                });
            }
            (Some(Mutant::WrongCloseCode), 0x88) if wire[1] & 0x7f > 0 => {
                wire[len - 1] ^= 1;
            }
            (Some(Mutant::ForgetPong), 0x8a) => {
                wire.drain(..len);
            }
            _ => {}
        }
    }

    /// An end reads up to `most` bytes from its stream.
    pub(crate) fn read(&mut self, side: Side, most: usize, put: impl FnOnce(&[u8])) -> Found {
        let now = self.now();
        let found = both(&mut self.pipes, side).1.read(most, now, put);
        if let Found::Bytes(_) = found {
            uncounted(|| self.coverage.note("read"));
        }
        found
    }

    /// The position of the first damaged byte, if this end has read it.
    fn damaged_at(&mut self, side: Side) -> Option<u64> {
        let (_, pipe) = both(&mut self.pipes, side);
        pipe.damaged_at.filter(|at| pipe.has_read(*at + 1))
    }

    /// The application of an end receives something.
    pub(crate) fn give(&mut self, side: Side, given: Given<'_>) {
        let mutant = self.mutant;
        let is_message = matches!(given, Given::Message(..));
        if is_message && mutant == Some(Mutant::Leak) {
            std::mem::forget(std::hint::black_box(vec![0_u8; 24]));
        }
        if is_message && mutant == Some(Mutant::Hoard) {
            self.hoard.push(vec![0; 32 << 20]);
        }
        uncounted(|| {
            self.coverage.note(given.name());
            self.mutations += u32::from(is_message);
            let now = is_message && self.mutations == MUTATES_FROM;
            let damaged_at = self.damaged_at(side);
            let (_, flow) = both(&mut self.flows, side);
            let kept = match (mutant, given) {
                (Some(Mutant::LoseMessage), _) if now => return,
                (Some(Mutant::Panic), _) if now => panic!("on purpose"),
                (Some(Mutant::SwapMessages), Given::Message(kind, payload)) if now => {
                    self.swapped = Some((side, kind, payload.to_vec()));
                    return;
                }
                (Some(Mutant::SpuriousError), _) if now => {
                    flow.fail(MessageError::InvalidUtf8.into(), damaged_at)
                }
                _ => flow.give(given, damaged_at),
            };
            let swapped = self.swapped.take_if(|(of, ..)| is_message && *of == side);
            let second = swapped.map_or(Ok(()), |(_, kind, payload)| {
                flow.give(Given::Message(kind, &payload), damaged_at)
            });
            self.keep(kept.and(second));
        });
    }

    /// The connection of an end has failed. Returns the name under which the failure is counted.
    pub(crate) fn fail(&mut self, side: Side, error: Error) -> &'static str {
        let damaged_at = self.damaged_at(side);
        let kept = both(&mut self.flows, side).1.fail(error, damaged_at);
        self.keep(kept);
        let name = failure_name(error);
        self.coverage.note(name);
        name
    }

    /// The transport of an end has failed. Returns the name under which the failure is counted.
    pub(crate) fn fail_transport(&mut self, side: Side, error: &io::Error) -> &'static str {
        let (out, inbound) = both(&mut self.pipes, side);
        if !out.is_broken() && inbound.is_sound() {
            self.keep(Err(Broken::new(Invariant::Failure, format!("{error:?}"))));
        }
        let name = "failure: transport";
        self.coverage.note(name);
        name
    }

    /// The network acts on the bytes that an end has written.
    pub(crate) fn net(&mut self, side: Side, net: Net) {
        let now = self.now();
        let (pipe, back) = both(&mut self.pipes, side);
        pipe.undergo(net, back, now);
        both(&mut self.flows, side).0.is_damaged |= pipe.damaged_at.is_some();
    }

    /// How much memory both ends may hold.
    pub(crate) fn bound(&self, setup: &Setup) -> usize {
        let of = |side: Side| {
            let out = &self.flows[side.index()];
            let inbound = &self.flows[side.peer().index()];
            let inbound = if inbound.is_damaged { usize::MAX } else { inbound.largest };
            memory::bound_of(setup, setup.settings(side), inbound, out.largest)
        };
        of(Side::Client) + of(Side::Server)
    }
}

/// The state of an end at the time when its application was told that the connection is over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct End {
    pub(crate) is_clean: bool,
    pub(crate) received: Option<Option<CloseCode>>,
    pub(crate) failure: Option<Error>,
}

impl End {
    pub(crate) fn of(receiver: &fullduplex::Receiver) -> Self {
        Self {
            is_clean: receiver.is_clean(),
            received: receiver.peer_close().map(|reason| reason.map(|close| close.code)),
            failure: receiver.failure(),
        }
    }
}

/// The state of an end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// Whether its application has dropped it.
    pub(crate) dropped: bool,
    /// The state at the time when its application was told that the connection is over.
    pub(crate) end: Option<End>,
    /// The error that its application has received, and the protocol failure if that was the error.
    pub(crate) error: Option<&'static str>,
    pub(crate) failure: Option<Error>,
}
