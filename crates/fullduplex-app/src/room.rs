//! One message to many connections.

#[cfg(all(test, fullduplex_loom))]
mod model;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

use fullduplex_tokio::{PreparedMessage, WebSocketStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;

use crate::sync::{AsyncMutex, HashMap, Mutex, MutexGuard, Notify};

/// What happens to a member for whom as many messages wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// It loses the oldest one: right for prices and positions, where the newest is what counts. [`Member::missed`] says how
    /// many it has lost.
    DropOldest,
    /// It leaves the room, and [`Member::next`] says so by `None`: right for a chat, where a gap must not go unnoticed. Close its
    /// connection with 1008 or 1013, so that it connects again and asks for what it has missed.
    Leave,
    /// Every sender waits for it: right where no message may be lost, and the members are your
    /// own programs. One that does not read stops the room. A member must then speak in another task than the one that hears:
    /// it would wait for itself, for ever.
    Wait,
}

/// A room: what is sent to it reaches all its members. A message is encoded once, and all connections write the same bytes.
/// Clones are the same room.
///
/// # Memory
/// Of a message there is one copy in all, as long as it waits for somebody: the slowest member decides how many that are, its
/// bound at most. Each message that waits for a member takes some 50 bytes beside that.
#[derive(Clone, Default)]
pub struct Room(Arc<Shared>);

#[derive(Default)]
struct Shared {
    members: Mutex<Members>,
    /// Whose turn it is to speak: messages reach all members in one order.
    turn: AsyncMutex<()>,
}

#[derive(Default)]
struct Members {
    next: u64,
    queues: HashMap<u64, Arc<Queue>>,
}

/// The messages that wait for a member.
struct Queue {
    bound: usize,
    slow: Slow,
    waiting: Mutex<Waiting>,
    /// There is something for the member.
    filled: Notify,
    /// There is room again, or the member has gone.
    freed: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<PreparedMessage>,
    missed: u64,
    has_left: bool,
}

/// What became of a message for one member.
#[derive(PartialEq, Eq)]
enum Put {
    Done,
    /// It has to be waited for.
    Full,
    /// The member has to leave.
    Leaves,
}

impl Room {
    /// A room without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the room. At most `bound` messages wait for this member, and one at least; then it is as `slow` says. Dropping what
    /// is returned leaves the room.
    ///
    /// `bound` times the largest message that may be sent is what one slow member can make the room hold: choose both, such as
    /// 64 messages of 64 KiB (`max_message_size`).
    #[must_use]
    pub fn join(&self, bound: usize, slow: Slow) -> Member {
        let queue = Arc::new(Queue {
            bound: bound.max(1),
            slow,
            waiting: Mutex::default(),
            filled: Notify::new(),
            freed: Notify::new(),
        });
        let mut members = self.0.members();
        let number = members.next;
        members.next += 1;
        members.queues.insert(number, queue.clone());
        drop(members);
        Member { room: self.clone(), number, queue, in_a_row: 0 }
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> usize {
        self.0.members().queues.len()
    }

    /// Sends a message to all members, and returns how many it reaches. It waits only for members that joined with
    /// [`Slow::Wait`], and for others who speak.
    ///
    /// All members hear everything in the same order. If this is dropped while it waits, those who are waited for do not get
    /// the message.
    pub async fn send(&self, message: &PreparedMessage) -> usize {
        let _turn = self.0.turn.lock().await;
        let mut reached = 0;
        let mut full = Vec::new();
        self.0.members().queues.retain(|_, queue| match queue.put(message) {
            Put::Done => {
                reached += 1;
                true
            }
            Put::Full => {
                full.push(queue.clone());
                true
            }
            Put::Leaves => false,
        });
        for queue in full {
            if queue.put_when_free(message).await {
                reached += 1;
            }
        }
        reached
    }
}

impl Shared {
    fn members(&self) -> MutexGuard<'_, Members> {
        // Each change is whole before anything could panic.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, message: &PreparedMessage) -> Put {
        let mut waiting = self.waiting();
        if waiting.has_left {
            return Put::Leaves;
        }
        if waiting.messages.len() >= self.bound {
            match self.slow {
                Slow::DropOldest => {
                    waiting.messages.pop_front();
                    waiting.missed += 1;
                }
                Slow::Leave => {
                    waiting.has_left = true;
                    // What it would still hear has a gap behind it.
                    waiting.messages = VecDeque::new();
                    drop(waiting);
                    self.filled.notify_one();
                    return Put::Leaves;
                }
                Slow::Wait => return Put::Full,
            }
        }
        waiting.messages.push_back(message.clone());
        drop(waiting);
        self.filled.notify_one();
        Put::Done
    }

    /// Whether the message was put there: not if the member has left.
    async fn put_when_free(&self, message: &PreparedMessage) -> bool {
        loop {
            match self.put(message) {
                Put::Done => return true,
                Put::Leaves => return false,
                Put::Full => self.freed.notified().await,
            }
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("members", &self.members()).finish()
    }
}

/// What a member of a [`Room`] hears. Dropping it leaves the room.
pub struct Member {
    room: Room,
    number: u64,
    queue: Arc<Queue>,
    /// How many messages were taken since the last pause.
    in_a_row: usize,
}

/// After so many messages in a row [`Member::next`] pauses once, so that a room which is never silent does not keep its members
/// from being heard.
const MOST_IN_A_ROW: usize = 32;

impl Member {
    /// The next message; `None` once the member was too slow ([`Slow::Leave`]). Cancel-safe.
    ///
    /// Give it to [`feed`](Self::feed): what waits is then written together, before the connection's `recv` waits. For that, ask
    /// the member first (`biased` in `tokio::select!`). It pauses after some messages, and `recv` gets its turn.
    pub async fn next(&mut self) -> Option<PreparedMessage> {
        loop {
            if self.in_a_row < MOST_IN_A_ROW {
                let mut waiting = self.queue.waiting();
                if let Some(message) = waiting.messages.pop_front() {
                    drop(waiting);
                    self.in_a_row += 1;
                    self.queue.freed.notify_one();
                    return Some(message);
                }
                if waiting.has_left {
                    return None;
                }
            }
            let pauses = std::mem::take(&mut self.in_a_row) == MOST_IN_A_ROW;
            if pauses { yield_now().await } else { self.queue.filled.notified().await }
        }
    }

    /// Feeds a message to the member's connection. Returns whether the member is in the room still: one that was too slow
    /// ([`Slow::Leave`]) is not waited for, although its connection takes nothing. Then close it, which ends at its timeout.
    ///
    /// # Errors
    /// As [`WebSocketStream::feed_prepared`].
    pub async fn feed<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
        message: &PreparedMessage,
    ) -> fullduplex_tokio::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! {
            biased;
            fed = socket.feed_prepared(message) => fed.map(|()| true),
            () = self.left() => Ok(false),
        }
    }

    /// Resolves once the member was too slow.
    async fn left(&self) {
        while !self.queue.waiting().has_left {
            self.queue.filled.notified().await;
        }
    }

    /// How many messages were lost since this was called last ([`Slow::DropOldest`]).
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.queue.waiting().missed)
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting().messages.len()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.room.0.members().queues.remove(&self.number);
        let mut waiting = self.queue.waiting();
        waiting.has_left = true;
        waiting.messages = VecDeque::new();
        drop(waiting);
        self.queue.freed.notify_one();
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
