//! The invariants that hold after every step, and those that hold at the end.

use super::body::Body;
use super::outside::Outside;
use super::{Conn, End, both};
use crate::memory::{self};
use crate::pipe::Pipe;
use crate::plan::{Kept, Setup, Side, keep};

impl Conn {
    /// How much memory both ends may hold.
    pub(crate) fn bound(&self, setup: &Setup) -> usize {
        let of = |side: Side| {
            let (out, inbound) = (&self.flows[side.index()], &self.flows[side.peer().index()]);
            // A damaged message can be as large as the limit.
            let inbound = if inbound.is_damaged { usize::MAX } else { inbound.largest };
            memory::bound_of(setup, setup.settings(side), inbound, out.largest)
        };
        of(Side::Client) + of(Side::Server)
    }

    /// Checks that every Close that was written has a reason.
    pub(crate) fn check_closes(&mut self) -> Kept {
        for side in Side::BOTH {
            let (end, _) = both(&mut self.ends, side);
            let Some(reader) = end.body.reader() else { continue };
            let receiver = reader.receiver();
            let received = receiver.peer_close().map(|reason| reason.map(|close| close.code));
            let failure = receiver.failure();
            keep!(
                failure == end.failure || end.failure.is_none(),
                Failure,
                "the receiver has the failure {failure:?}, but {:?} was returned",
                end.failure
            );
            let (flow, back) = both(&mut self.flows, side);
            flow.check_close(received, failure, false, back)?;
        }
        Ok(())
    }

    /// Checks what must hold once nothing moves although the network is open and both ends receive.
    pub(crate) fn check_settled(&mut self) -> Kept {
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
                    "the closing handshake does not end, {side:?} over: {}",
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

    /// Checks what must hold at the end of a run.
    pub(crate) fn check_over(&mut self, outside: &mut Outside) -> Kept {
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
                // A Close that could not be written stays queued: a peer that has ended its sending direction may still
                // read.
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
}
