//! A control frame or a failure that the receiver has found, and must not deliver until the sender knows of it. It
//! takes no memory while nothing is held.

use fullduplex::Message;

use crate::error::Result;

/// What is held back.
#[derive(Debug, Default)]
pub(super) struct Held(Option<Box<Slot>>);

#[derive(Debug)]
enum Slot {
    /// To be delivered.
    Kept(Result<Message>),
    /// Lent by [`lend`](Held::lend): the application uses it until it asks for the next one.
    Lent(Message),
}

impl Held {
    /// Holds back what was found. The receiver looks for nothing else until it is [taken](Self::take).
    pub(super) fn keep(&mut self, item: Result<Message>) {
        self.0 = Some(Box::new(Slot::Kept(item)));
    }

    /// Whether something waits to be delivered.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.0.as_deref(), Some(Slot::Kept(_)))
    }

    /// Takes what waits to be delivered, or gives up what was lent.
    pub(super) fn take(&mut self) -> Option<Result<Message>> {
        match *self.0.take()? {
            Slot::Kept(item) => Some(item),
            Slot::Lent(_) => None,
        }
    }

    /// Keeps a message for as long as it is lent.
    pub(super) fn lend(&mut self, message: Message) {
        self.0 = Some(Box::new(Slot::Lent(message)));
    }

    /// The message that is lent.
    pub(super) fn lent(&self) -> Option<&Message> {
        match self.0.as_deref() {
            Some(Slot::Lent(message)) => Some(message),
            _ => None,
        }
    }
}
