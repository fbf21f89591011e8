//! The stream below a WebSocket: one end of a connection's two pipes. What is written is watched here.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use fullduplex_tokio::IntoHalves;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::time::Instant;

use crate::coverage::Coverage;
use crate::flow::Flow;
use crate::memory::uncounted;
use crate::pipe::{Found, Pipe};
use crate::plan::{Broken, Invariant, Kept, Mutant, Side};

/// From which chance on a mutant makes its mistake.
const MUTATES_FROM: u32 = 2;

/// A connection: what goes between its ends, and what carries it. In each array the client's comes first, and what goes
/// from the client.
pub(super) struct Between {
    pub(super) flows: [Flow; 2],
    pub(super) pipes: [Pipe; 2],
    /// When each end has sent its last Ping of its own, and how much it had read then.
    pub(super) pings: [Option<(u64, u64)>; 2],
    pub(super) broken: Option<Broken>,
    pub(super) coverage: Coverage,
    pub(super) begun: Instant,
    pub(super) mutant: Option<Mutant>,
    pub(super) mutations: u32,
    scratch: Vec<u8>,
}

/// The elements of an array that belong to a side and to its peer.
pub(super) fn both<T>(array: &mut [T; 2], side: Side) -> (&mut T, &mut T) {
    let [client, server] = array;
    match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    }
}

impl Between {
    pub(super) fn new(
        flows: [Flow; 2],
        pipes: [Pipe; 2],
        begun: Instant,
        mutant: Option<Mutant>,
    ) -> Self {
        Self {
            flows,
            pipes,
            pings: [None; 2],
            broken: None,
            coverage: Coverage::default(),
            begun,
            mutant,
            mutations: 0,
            scratch: Vec::new(),
        }
    }

    /// The time since the beginning, in milliseconds.
    pub(super) fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Keeps what was broken first.
    pub(super) fn keep(&mut self, kept: Kept) {
        if let Err(broken) = kept {
            self.broken.get_or_insert(broken);
        }
    }

    /// Whether this mutant makes its mistake now, for the first time.
    pub(super) fn mutates(&mut self, mutant: Mutant) -> bool {
        if self.mutant != Some(mutant) {
            return false;
        }
        self.mutations += 1;
        self.mutations == MUTATES_FROM
    }

    fn write(&mut self, side: Side, bytes: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
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

    /// What a mutant makes of the bytes that are written.
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
}

/// One end of a stream in memory.
pub(super) struct Wire {
    side: Side,
    between: Rc<RefCell<Between>>,
    /// Whether several pieces are taken at once.
    is_vectored: bool,
}

impl Wire {
    pub(super) fn new(side: Side, between: Rc<RefCell<Between>>, is_vectored: bool) -> Self {
        Self { side, between, is_vectored }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut between = self.between.borrow_mut();
        let now = between.now();
        let (_, pipe) = both(&mut between.pipes, self.side);
        match pipe.read(buf.remaining(), now, |bytes| buf.put_slice(bytes)) {
            Found::Bytes(_) => {
                uncounted(|| between.coverage.note("read"));
                Poll::Ready(Ok(()))
            }
            Found::End => Poll::Ready(Ok(())),
            Found::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Found::Nothing => {
                pipe.wait_to_read(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut between = self.between.borrow_mut();
        match uncounted(|| between.write(self.side, pieces)) {
            Some(written) => {
                // Its task may have ended, and the memory of that is counted.
                both(&mut between.pipes, self.side).0.wake_reader();
                Poll::Ready(written)
            }
            None => {
                both(&mut between.pipes, self.side).0.wait_to_write(cx.waker());
                Poll::Pending
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut between = self.between.borrow_mut();
        both(&mut between.pipes, self.side).0.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut between = self.between.borrow_mut();
        let (out, inbound) = both(&mut between.pipes, self.side);
        out.end();
        inbound.drop_reader();
        // A waker that is never woken would keep the memory of its task.
        out.forget_writer();
        inbound.forget_reader();
    }
}

impl IntoHalves for Wire {
    type ReadHalf = ReadHalf<Self>;
    type WriteHalf = WriteHalf<Self>;

    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
        split(self)
    }

    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
        read.is_pair_of(&write).then(|| read.unsplit(write))
    }
}
