//! The subscriptions: a room for each destination that has any.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fullduplex_app::{Member, Room, Slow};

/// How many destinations can have subscribers. Messages to other destinations are not kept, so they need no memory.
const DESTINATIONS: usize = 10_000;

/// How many messages may wait for one subscription.
pub(crate) const WAITING: usize = 64;

pub(crate) struct Broker {
    /// The shortest interval between heart-beats, in either direction.
    pub(crate) beat: Duration,
    rooms: Mutex<HashMap<String, Room>>,
    messages: AtomicU64,
}

/// A subscription of a connection. It ends when this is dropped.
pub(crate) struct Subscription {
    /// The client's name for it.
    pub(crate) id: String,
    // The member is dropped first, so that the place sees the room without it.
    pub(crate) member: Member,
    _place: Place,
}

/// Removes the room of a destination when the room has no members.
struct Place {
    broker: Arc<Broker>,
    destination: String,
}

impl Broker {
    pub(crate) fn new(beat: Duration) -> Arc<Self> {
        Arc::new(Self { beat, rooms: Mutex::default(), messages: AtomicU64::new(0) })
    }

    /// Subscribes to a destination, unless there are too many destinations.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        destination: &str,
        id: &str,
    ) -> Result<Subscription, &'static str> {
        let mut rooms = self.rooms();
        if rooms.len() >= DESTINATIONS && !rooms.contains_key(destination) {
            return Err("too many destinations");
        }
        let room = rooms.entry(destination.to_owned()).or_default();
        let member = room.join(WAITING, Slow::Leave);
        let place = Place { broker: self.clone(), destination: destination.to_owned() };
        Ok(Subscription { id: id.to_owned(), member, _place: place })
    }

    /// The room of a destination, if it has subscriptions.
    pub(crate) fn room(&self, destination: &str) -> Option<Room> {
        self.rooms().get(destination).cloned()
    }

    /// How many destinations have subscribers.
    pub(crate) fn destinations(&self) -> usize {
        self.rooms().len()
    }

    /// A `message-id` that no other message has.
    pub(crate) fn message_id(&self) -> String {
        self.messages.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut rooms = self.broker.rooms();
        if rooms.get(&self.destination).is_some_and(|room| room.members() == 0) {
            rooms.remove(&self.destination);
        }
    }
}
