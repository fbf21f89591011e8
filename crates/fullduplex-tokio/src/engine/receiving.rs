//! The reader's side: what was kept for it or is found in what is received, given, lent, or handed to a closure.

use std::task::{Context, Poll, ready};

use fullduplex::{Chunk, Endpoint, FoundMessage, Message, MessageRef};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Engine, Waited};
use crate::aside::Aside;
use crate::clock::LastRead;
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::waiters::Side;

/// A message that was found and is to be lent.
#[derive(Debug)]
pub(crate) enum Found {
    /// It lies in the receive buffer.
    Here(FoundMessage),
    /// It was received while a writer waited.
    Aside,
}

impl Found {
    /// Takes a message that was kept, to be lent.
    pub(crate) fn take_kept(aside: &mut Aside) -> Option<Result<Self>> {
        let item = aside.take_kept()?;
        Some(item.map(|message| {
            aside.lend(message);
            Self::Aside
        }))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// The next message of what was kept for the reader.
    #[inline]
    fn take_kept<T>(
        &mut self,
        take: impl FnOnce(&mut Aside) -> Option<Result<T>>,
    ) -> Option<Result<T>> {
        if self.aside.has_kept() { self.take_message_aside(take) } else { None }
    }

    #[cold]
    fn take_message_aside<T>(
        &mut self,
        take: impl FnOnce(&mut Aside) -> Option<Result<T>>,
    ) -> Option<Result<T>> {
        // What follows the pieces that are dropped now must not be taken for what follows those before them.
        self.endpoint.give_up_message();
        self.take_aside(take)
    }

    #[cold]
    fn take_aside<T>(
        &mut self,
        take: impl FnOnce(&mut Aside) -> Option<Result<T>>,
    ) -> Option<Result<T>> {
        self.waiters.done(Side::Reader);
        // A writer may have stopped reading because too much was kept.
        self.waiters.wake(Side::Writer);
        take(&mut self.aside)
    }

    /// The next of what `find` finds in what is received; `None` at the end. Whoever looks again in any case has the
    /// peer's Close answered then.
    #[inline]
    fn poll_find<T>(
        &mut self,
        cx: &mut Context<'_>,
        looks_again: bool,
        mut find: impl FnMut(
            &mut Endpoint<OsEntropy>,
            &mut LastRead,
        ) -> Result<Option<T>, fullduplex::Error>,
    ) -> Poll<Option<Result<T>>> {
        loop {
            // Whoever is woken by new input has looked through the old one before.
            if !self.drained {
                match find(&mut self.endpoint, &mut self.last_read) {
                    Ok(Some(found)) => {
                        self.drained = self.endpoint.is_drained();
                        if !self.drained && !looks_again {
                            self.answer_close(cx);
                        }
                        self.waiters.done(Side::Reader);
                        return Poll::Ready(Some(Ok(found)));
                    }
                    Ok(None) => self.drained = true,
                    Err(error) => return Poll::Ready(Some(Err(self.found_fault(error, cx)))),
                }
            }
            match ready!(self.poll_input(cx)) {
                Waited::Progress => {}
                Waited::End => return Poll::Ready(None),
                Waited::Failed(error) => return Poll::Ready(Some(Err(*error))),
            }
        }
    }

    /// What was received breaks the protocol.
    #[cold]
    fn found_fault(&mut self, error: fullduplex::Error, cx: &mut Context<'_>) -> Error {
        self.waiters.done(Side::Reader);
        self.fail(cx);
        error.into()
    }

    /// The next message or control frame; `None` at the end.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        if let Some(kept) = self.take_kept(Aside::take_kept) {
            return Poll::Ready(Some(kept));
        }
        self.poll_find(cx, false, |endpoint, now| endpoint.poll_owned(now))
    }

    /// The next piece of a message, or a control frame; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        // What is no message may be a piece of one.
        self.drained = false;
        if self.aside.has_kept()
            && let Some(kept) = self.take_aside(Aside::take_kept_chunk)
        {
            return Poll::Ready(Some(kept));
        }
        self.poll_find(cx, false, |endpoint, now| endpoint.poll_chunk(now))
    }

    /// Finds the next message or control frame, to be [lent](Self::lend); `None` at the end.
    #[inline]
    pub(crate) fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Found>>> {
        self.aside.unlend();
        if let Some(kept) = self.take_kept(Found::take_kept) {
            return Poll::Ready(Some(kept));
        }
        self.poll_find(cx, false, |endpoint, now| Ok(endpoint.poll_found(now)?.map(Found::Here)))
    }

    /// Lends each message to `f`, with a way to answer it, until the end or until `f` fails.
    #[inline]
    pub(crate) fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        mut f: impl FnMut(MessageRef<'_>, fullduplex::Reply<'_, OsEntropy>) -> Result<()>,
    ) -> Poll<Result<()>> {
        // An error in a place of its own, so that few bytes are returned for each message.
        let mut failed = Ok(());
        loop {
            if self.has_much_to_write() {
                ready!(self.poll_room(cx))?;
            }
            if let Some(kept) = self.take_kept(Aside::take_kept) {
                self.lend_kept(&kept?, &mut f)?;
                continue;
            }
            let found = self.poll_find(cx, true, |endpoint, now| {
                endpoint.poll_with(now, |message, reply| {
                    failed = f(message, reply);
                    failed.is_ok()
                })
            });
            match ready!(found) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(true)) => {}
                Some(Ok(false)) => break,
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        self.answer_close(cx);
        Poll::Ready(failed)
    }

    /// Lends a message that was kept. `f` is called in one other place, where it is to be inlined.
    #[inline(never)]
    fn lend_kept(
        &mut self,
        message: &Message,
        f: &mut dyn FnMut(MessageRef<'_>, fullduplex::Reply<'_, OsEntropy>) -> Result<()>,
    ) -> Result<()> {
        match self.endpoint.reply(&mut self.last_read) {
            Some(reply) => f(message.as_message_ref(), reply),
            None => Ok(()),
        }
    }

    /// Lends what was found.
    ///
    /// # Errors
    /// For text that is not UTF-8. The next call that reads tells the peer.
    #[inline]
    pub(crate) fn lend(&mut self, found: Found) -> Result<MessageRef<'_>> {
        match found {
            Found::Here(found) => Ok(self.endpoint.lend(found, &mut self.last_read)?),
            Found::Aside => {
                Ok(self.aside.lent().map_or(MessageRef::Binary(&[]), Message::as_message_ref))
            }
        }
    }
}
