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

/// What happens to a member whose queue is full when a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slow {
    /// The oldest message in its queue is dropped: right for prices and positions, where only the newest matters.
    /// [`Member::missed`] counts the dropped messages.
    ///
    /// What its connection has taken is sent first, however old it has become: keep `max_write_buffer_size` small, such as
    /// two messages. The member never leaves by itself, so put a time limit around [`Member::feed`], as the example
    /// `dashboard` does: a peer that reads nothing would hold its connection for ever.
    DropOldest,
    /// It leaves the room, and [`Member::next`] returns `None`: right for a chat, where a gap must not go unnoticed. Close
    /// its connection with 1008 or 1013, so that the client connects again and asks for what it has missed.
    Leave,
    /// [`Room::send`] waits for it: right where no message may be lost and the members are your own programs, because one
    /// that does not read stops the room. A message is lost only where [`Room::send`] is dropped while it waits. A member
    /// that also sends must do so in another task than the one that receives, or it waits for itself for ever.
    Wait,
}

/// Sends each message to all its members. A message is encoded once, and all connections write the same bytes, which are not
/// compressed, whatever was negotiated. Clones are the same room.
///
/// # Memory
/// A message is held once, however many members it waits for, until the slowest has taken it. Each place in a member's queue
/// takes some 50 bytes more.
#[derive(Clone, Default)]
pub struct Room(Arc<Shared>);

#[derive(Default)]
struct Shared {
    members: Mutex<Members>,
    /// Held while a message is sent, so that messages reach all members in one order.
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
    /// Notified when there is something for the member.
    filled: Notify,
    /// Notified when the queue has room again, or the member has gone.
    freed: Notify,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<PreparedMessage>,
    missed: u64,
    has_left: bool,
}

/// The members that a message waits for. Those that are left when this is dropped have missed it.
struct Full(Vec<Arc<Queue>>);

/// Whether a message was put into one member's queue.
#[derive(PartialEq, Eq)]
enum Put {
    Done,
    /// No: the queue is full, and the sender has to wait.
    Full,
    /// No: the member has left, or leaves now.
    Leaves,
}

impl Room {
    /// A room without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the room. At most `bound` messages wait for this member (0 counts as 1); `slow` says what happens to the next
    /// one. Dropping the returned [`Member`] leaves the room.
    ///
    /// One slow member can make the room hold `bound` times the largest message: choose both, such as 64 messages of 64 KiB
    /// (`max_message_size`).
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

    /// The number of members.
    #[must_use]
    pub fn members(&self) -> usize {
        self.0.members().queues.len()
    }

    /// Puts a message into the queues of all members, and returns how many took it. It waits only for members that joined
    /// with [`Slow::Wait`], and for other calls of `send`.
    ///
    /// All members get all messages in the same order. If this future is dropped while it waits for its turn, no member gets
    /// the message. If it is dropped later, the members that it still waits for do not get it, and [`Member::missed`] counts
    /// it.
    pub async fn send(&self, message: &PreparedMessage) -> usize {
        let _turn = self.0.turn.lock().await;
        let mut reached = 0;
        let mut full = Full(Vec::new());
        self.0.members().queues.retain(|_, queue| match queue.put(message) {
            Put::Done => {
                reached += 1;
                true
            }
            Put::Full => {
                full.0.push(queue.clone());
                true
            }
            Put::Leaves => false,
        });
        while let Some(queue) = full.0.last().cloned() {
            reached += usize::from(queue.put_when_free(message).await);
            full.0.pop();
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
                    // The member is told of its end at once, and what waits is freed.
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

    /// Waits for room in the queue. Returns false if the member has left.
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

impl Drop for Full {
    fn drop(&mut self) {
        for queue in &self.0 {
            queue.waiting().missed += 1;
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("members", &self.members()).finish()
    }
}

/// A member of a [`Room`]: the queue of messages for one connection. Dropping it leaves the room.
#[must_use = "a member that is dropped leaves the room"]
pub struct Member {
    room: Room,
    number: u64,
    queue: Arc<Queue>,
    /// Messages taken since the last pause.
    in_a_row: usize,
}

/// After this many messages in a row [`Member::next`] pauses once, so that a busy room does not starve what a task does
/// beside it, such as to receive from the connection.
const MOST_IN_A_ROW: usize = 32;

impl Member {
    /// The next message; `None` once the member was too slow ([`Slow::Leave`]). Cancel-safe.
    ///
    /// Pass the message to [`feed`](Self::feed). In a `tokio::select!`, put this before the connection's `recv`, with
    /// `biased`: then all messages that wait are written together when `recv` waits. It pauses after some messages, so
    /// `recv` gets its turn.
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

    /// Feeds a message to the member's connection. Returns false if the member was too slow ([`Slow::Leave`]): then it does
    /// not wait for the connection any longer. Close the connection, which ends within the close timeout. With
    /// another [`Slow`], it waits for the connection without a limit.
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

    /// Resolves once the member has left.
    async fn left(&self) {
        while !self.queue.waiting().has_left {
            self.queue.filled.notified().await;
        }
    }

    /// The number of messages that this member has missed since the last call: they were dropped ([`Slow::DropOldest`]), or
    /// [`Room::send`] was dropped while it waited for this member ([`Slow::Wait`]).
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.queue.waiting().missed)
    }

    /// The number of messages that wait.
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
