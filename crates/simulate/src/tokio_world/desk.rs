//! What the world and the tasks of an end share. It records what an application receives.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use fullduplex_tokio::{Error, WebSocketReceiver};

use super::wire::Wire;
use crate::between::{Between, End, State, both};
use crate::flow::Given;
use crate::memory::uncounted;
use crate::plan::{Act, Broken, Invariant, Side, Take, words_of};

/// What the world and the tasks of an end share.
pub(super) struct Desk {
    pub(super) side: Side,
    pub(super) between: Rc<RefCell<Between>>,
    pub(super) acts: RefCell<VecDeque<Act>>,
    /// Whether the application receives.
    pub(super) reading: Cell<bool>,
    pub(super) take: Cell<Take>,
    /// Whether futures that wait are dropped at once.
    pub(super) hurries: Cell<bool>,
    /// After how many polls the future of the next call is dropped.
    pub(super) impatience: Cell<Option<u8>>,
    /// Since when a receiving call has been waiting.
    pub(super) receiving_since: Cell<Option<u64>>,
    /// Whether the opening handshake was completed, and whether the application has dropped the
    /// end.
    pub(super) opened: Cell<bool>,
    pub(super) dropped: Cell<bool>,
    /// The state at the time when the application was told that the connection is over.
    pub(super) end: Cell<Option<End>>,
    /// The error that the application has received, and the protocol failure if that was the error.
    pub(super) error: Cell<Option<&'static str>>,
    pub(super) failure: Cell<Option<fullduplex::Error>>,
    /// Whether it is in halves. There, a fed message waits for a `flush` if the receiver is already waiting.
    pub(super) in_halves: Cell<bool>,
    pub(super) pending: Cell<usize>,
    pub(super) can_send: Cell<bool>,
    /// How often a task was polled.
    pub(super) polls: Cell<u64>,
    /// The receiving half on its way back, and whether it is wanted.
    pub(super) half: RefCell<Option<WebSocketReceiver<Wire>>>,
    pub(super) wants_half: Cell<bool>,
    pub(super) wakers: RefCell<[Option<Waker>; 2]>,
}

impl Desk {
    pub(super) fn new(side: Side, between: Rc<RefCell<Between>>) -> Self {
        Self {
            side,
            between,
            acts: RefCell::default(),
            reading: Cell::new(true),
            take: Cell::new(Take::Owned),
            hurries: Cell::new(false),
            impatience: Cell::new(None),
            receiving_since: Cell::new(None),
            opened: Cell::new(false),
            dropped: Cell::new(false),
            end: Cell::new(None),
            error: Cell::new(None),
            failure: Cell::new(None),
            in_halves: Cell::new(false),
            pending: Cell::new(0),
            can_send: Cell::new(true),
            polls: Cell::new(0),
            half: RefCell::new(None),
            wants_half: Cell::new(false),
            wakers: RefCell::default(),
        }
    }

    pub(super) fn state(&self) -> State {
        State {
            dropped: self.dropped.get(),
            end: self.end.get(),
            error: self.error.get(),
            failure: self.failure.get(),
        }
    }

    /// Whether the end exists.
    pub(super) fn is_alive(&self) -> bool {
        self.opened.get() && !self.dropped.get() && self.end.get().is_none()
    }

    /// Wakes the tasks of this end after a change.
    pub(super) fn wake(&self) {
        for waker in self.wakers.borrow_mut().iter_mut() {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// Registers a task to be woken. Place 0 is for the task that sends, or that does both.
    pub(super) fn wait(&self, place: usize, cx: &mut Context<'_>) {
        if let Some(waker) = self.wakers.borrow_mut().get_mut(place) {
            *waker = Some(cx.waker().clone());
        }
    }

    pub(super) fn forget_wakers(&self) {
        *self.wakers.borrow_mut() = [None, None];
    }

    pub(super) fn now(&self) -> u64 {
        self.between.borrow().now()
    }

    pub(super) fn note(&self, what: &'static str) {
        uncounted(|| self.between.borrow_mut().coverage.note(what));
    }

    pub(super) fn breaks(&self, invariant: Invariant, what: impl FnOnce() -> String) {
        uncounted(|| self.between.borrow_mut().keep(Err(Broken::new(invariant, what()))));
    }

    /// The application receives something.
    pub(super) fn give(&self, given: Given<'_>) {
        self.between.borrow_mut().give(self.side, given);
    }

    /// A call for whole messages gives up the rest of a message that was begun in pieces.
    pub(super) fn give_up(&self) {
        let mut between = self.between.borrow_mut();
        both(&mut between.flows, self.side).1.give_up();
    }

    /// A receiving call has returned an error.
    pub(super) fn fail(&self, error: &Error) {
        uncounted(|| {
            let mut between = self.between.borrow_mut();
            if let Some(before) = self.error.get() {
                between.keep(Err(Broken::new(
                    Invariant::Failure,
                    format!("{error:?} after {before}"),
                )));
            }
            match error {
                Error::Protocol(error) => {
                    self.error.set(Some(between.fail(self.side, *error)));
                    self.failure.set(Some(*error));
                }
                Error::Io(error) => {
                    self.error.set(Some(between.fail_transport(self.side, error)));
                }
                other => {
                    between.keep(Err(Broken::new(
                        Invariant::Failure,
                        format!("{other:?} while receiving"),
                    )));
                }
            }
        });
    }
}

/// Counts the polls of a task, and records its panic, which tokio would only report to a caller
/// that joins the task.
pub(super) async fn counted(desk: Rc<Desk>, task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    poll_fn(|cx| {
        desk.polls.set(desk.polls.get() + 1);
        let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx)));
        polled.unwrap_or_else(|panic| {
            desk.breaks(Invariant::Panic, || words_of(&*panic));
            Poll::Ready(())
        })
    })
    .await;
}
