//! Invariants of both ends, for all adapters.

use super::{Between, End, State, both};
use crate::pipe::Pipe;
use crate::plan::{Kept, Side, keep};

impl Between {
    /// Checks that every Close that was written has a reason.
    ///
    /// # Errors
    /// When a Close has no reason.
    pub(crate) fn check_closes(&mut self, states: [State; 2]) -> Kept {
        for side in Side::BOTH {
            let state = states[side.index()];
            let (flow, back) = both(&mut self.flows, side);
            if let Some(end) = state.end {
                flow.check_close(end.received, end.failure, false, back)?;
            } else if state.dropped {
                flow.check_close(None, state.failure, true, back)?;
            }
        }
        Ok(())
    }

    /// Checks what must hold once nothing moves although the network is open and both ends receive.
    ///
    /// # Errors
    /// When something is stuck.
    pub(crate) fn check_settled(&mut self, states: [State; 2]) -> Kept {
        let sound = self.pipes.iter().all(Pipe::is_sound);
        let dropped = states.iter().any(|state| state.dropped);
        // A call that closes and waits may have returned the failure instead of the receiver.
        let has_failed = |end: End| end.failure.is_some();
        let failed =
            states.iter().any(|state| state.error.is_some() || state.end.is_some_and(has_failed));
        for side in Side::BOTH {
            let state = states[side.index()];
            let (flow, back) = both(&mut self.flows, side);
            let (out, inbound) = both(&mut self.pipes, side);
            if state.dropped {
                continue;
            }
            if state.error.is_none() && inbound.is_sound() && !back.is_tainted {
                back.check_given()?;
            }
            if !sound || dropped || failed {
                continue;
            }
            if !out.is_broken() {
                flow.check_written()?;
            }
            match (flow.close.is_some(), back.close.is_some()) {
                (false, false) => {
                    if !back.is_tainted && !flow.is_tainted {
                        back.check_answered(flow)?;
                    }
                    keep!(state.end.is_none(), Failure, "{side:?} is over without a Close");
                }
                (true, true) => {
                    for side in Side::BOTH {
                        let end = states[side.index()].end;
                        keep!(
                            end.is_some_and(|end| end.is_clean),
                            Progress,
                            "both Closes were written, and the end of {side:?} is {end:?}"
                        );
                    }
                }
                _ => keep!(
                    false,
                    Progress,
                    "a Close of {:?} was written and not answered",
                    if flow.close.is_some() { side } else { side.peer() }
                ),
            }
        }
        Ok(())
    }
}
