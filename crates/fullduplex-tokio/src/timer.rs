//! One timer per connection, made when it is first needed.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes at a deadline that moves.
///
/// A deadline that moves away, as every message has it, leaves the timer alone: it fires early and is set
/// anew, which costs less than a visit to tokio's timer wheel for each message.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Whether `deadline` has come; else the task is woken when it does.
    ///
    /// Outside of a tokio runtime there is no timer, and the task is not woken.
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
            // turn without delivering a byte, for example while it reads empty TLS records, and the timer must still
            // run out.
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }

    /// Nothing is waited for: gives the timer's memory back.
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
