//! Messages that are put aside: those that were received while a writer waited. No memory while there are none.

use std::collections::VecDeque;

use fullduplex::{Chunk, Message, Part, Utf8Bytes};

use crate::error::Result;

/// What is put aside.
#[derive(Debug, Default)]
pub(crate) struct Aside(Option<Box<Messages>>);

#[derive(Debug, Default)]
struct Messages {
    kept: VecDeque<Result<Kept>>,
    kept_bytes: usize,
    lent: Option<Message>,
}

/// A message, or a piece of one that is being received in pieces.
#[derive(Debug)]
enum Kept {
    Message(Message),
    Chunk(Chunk),
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Self::Message(message) | Self::Chunk(Chunk::Control(message)) => message.len(),
            Self::Chunk(Chunk::Text(payload, _) | Chunk::Binary(payload, _)) => payload.len(),
        }
    }
}

/// What counts for something kept. A message without payload takes memory too, and a peer can send many of them.
fn weight(item: &Result<Kept>) -> usize {
    item.as_ref().map_or(0, Kept::len) + size_of::<Result<Kept>>()
}

impl Aside {
    /// Keeps what was received, for the reader.
    pub(crate) fn keep(&mut self, item: Result<Message>) {
        self.push(item.map(Kept::Message));
    }

    /// Keeps a piece of a message that the reader receives in pieces. If it is all of it, it is for whoever asks for
    /// a message, too.
    pub(crate) fn keep_chunk(&mut self, chunk: Chunk) {
        let whole = match &chunk {
            Chunk::Text(text, Part::Whole) => {
                Utf8Bytes::try_from(text.clone()).ok().map(Message::Text)
            }
            Chunk::Binary(data, Part::Whole) => Some(Message::Binary(data.clone())),
            _ => None,
        };
        self.push(Ok(whole.map_or(Kept::Chunk(chunk), Kept::Message)));
    }

    fn push(&mut self, item: Result<Kept>) {
        let messages = self.0.get_or_insert_default();
        messages.kept_bytes = messages.kept_bytes.saturating_add(weight(&item));
        messages.kept.push_back(item);
    }

    /// How much is kept, in bytes.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |messages| messages.kept_bytes)
    }

    /// Whether anything is kept.
    #[inline]
    pub(crate) fn has_kept(&self) -> bool {
        self.0.as_ref().is_some_and(|messages| !messages.kept.is_empty())
    }

    /// Takes the message that was kept first. Pieces of one are given up: who asks for a message wants them no more.
    pub(crate) fn take_kept(&mut self) -> Option<Result<Message>> {
        loop {
            match self.pop()? {
                Ok(Kept::Message(message) | Kept::Chunk(Chunk::Control(message))) => {
                    return Some(Ok(message));
                }
                Ok(Kept::Chunk(_)) => self.drop_pieces(),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Drops all pieces that were kept: they are of one message, for only one can be received in pieces meanwhile.
    fn drop_pieces(&mut self) {
        let Some(Messages { kept, kept_bytes, .. }) = self.0.as_deref_mut() else { return };
        kept.retain(|item| match item {
            Ok(Kept::Chunk(Chunk::Text(..) | Chunk::Binary(..))) => {
                *kept_bytes = kept_bytes.saturating_sub(weight(item));
                false
            }
            _ => true,
        });
        self.tidy();
    }

    /// Takes what was kept first, as a piece if it is a whole message.
    pub(crate) fn take_kept_chunk(&mut self) -> Option<Result<Chunk>> {
        self.pop().map(|item| {
            item.map(|kept| match kept {
                Kept::Message(message) => message.into(),
                Kept::Chunk(chunk) => chunk,
            })
        })
    }

    fn pop(&mut self) -> Option<Result<Kept>> {
        let messages = self.0.as_mut()?;
        let item = messages.kept.pop_front()?;
        messages.kept_bytes = messages.kept_bytes.saturating_sub(weight(&item));
        self.tidy();
        Some(item)
    }

    /// Puts aside a message that is to be lent until the next one is asked for.
    pub(crate) fn lend(&mut self, message: Message) {
        self.0.get_or_insert_default().lent = Some(message);
    }

    /// The message to lend.
    #[inline]
    pub(crate) fn lent(&self) -> Option<&Message> {
        self.0.as_ref()?.lent.as_ref()
    }

    /// The message that was lent is not used any more.
    #[inline]
    pub(crate) fn unlend(&mut self) {
        if let Some(messages) = &mut self.0 {
            messages.lent = None;
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        let nothing = |messages: &Messages| messages.kept.is_empty() && messages.lent.is_none();
        if self.0.as_deref().is_some_and(nothing) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_a_whole_message_is_received_either_way() {
        let whole = [Message::text("text"), Message::binary(vec![1]), Message::Ping("?".into())];
        let mut aside = Aside::default();
        for message in &whole {
            aside.keep_chunk(message.clone().into());
            assert_eq!(aside.take_kept().map(Result::ok), Some(Some(message.clone())));
            let chunk = Chunk::from(message.clone());
            aside.keep_chunk(chunk.clone());
            assert_eq!(aside.take_kept_chunk().map(Result::ok), Some(Some(chunk)));
            assert_eq!(aside.kept_bytes(), 0);
        }
    }

    #[test]
    fn with_one_piece_all_are_given_up_and_nothing_else_is() {
        let mut aside = Aside::default();
        let piece = |part| Chunk::Binary(vec![0; 10].into(), part);
        aside.keep_chunk(piece(Part::Middle));
        aside.keep_chunk(Chunk::Control(Message::Ping("?".into())));
        aside.keep_chunk(piece(Part::Last));
        aside.keep(Ok("whole".into()));
        assert_eq!(aside.take_kept().map(Result::ok), Some(Some(Message::Ping("?".into()))));
        assert_eq!(
            aside.take_kept_chunk().map(Result::ok),
            Some(Some(Message::text("whole").into()))
        );
        assert_eq!(aside.kept_bytes(), 0);
        assert!(!aside.has_kept());
    }
}
