//! One timer per connection, created when it is first needed.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for a deadline that moves.
///
/// When the deadline moves to a later time, as with every message, the timer is not changed. It fires too early and is
/// then set again, which costs less than a change of tokio's timer wheel for each message.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Returns `Ready` if the deadline has passed. Otherwise the task is woken when it does.
    ///
    /// Outside of a tokio runtime there is no timer, so the task is not woken.
    pub(crate) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if sleep.deadline() > deadline || sleep.is_elapsed() {
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            None if Handle::try_current().is_err() => {
                let due = Instant::now() >= deadline;
                return if due { Poll::Ready(()) } else { Poll::Pending };
            }
            None => self.sleep.insert(Box::pin(sleep_until(deadline))),
        };
        loop {
            // Reads may have used up the budget that tokio gives a task for one turn. A transport can do so in every
            // turn without returning a byte, for example while it reads empty TLS records. The timer must expire
            // nevertheless.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }

    /// Frees the timer, because there is no deadline.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.sleep.is_some() {
            self.drop_sleep();
        }
    }

    #[cold]
    fn drop_sleep(&mut self) {
        self.sleep = None;
    }
}
