//! The reader's side: finds messages in the receive buffer, and gives them, lends them, or hands them to a closure.

use std::task::{Context, Poll, ready};

use fullduplex::{Chunk, Endpoint, Message, MessageRef, Writer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Engine, Waited};
use crate::entropy::OsEntropy;
use crate::error::{Error, Result};
use crate::waiters::Side;

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// The next of what `find` finds in what is received; `None` at the end. Whoever looks again in any case has the
    /// peer's Close answered then.
    #[inline]
    fn poll_find<T>(
        &mut self,
        cx: &mut Context<'_>,
        looks_again: bool,
        mut find: impl FnMut(&mut Endpoint<OsEntropy>) -> Result<Option<T>, fullduplex::Error>,
    ) -> Poll<Option<Result<T>>> {
        loop {
            // Whoever is woken by new input has looked through the old one before.
            if !self.drained {
                match find(&mut self.endpoint) {
                    Ok(Some(found)) => {
                        self.drained = self.endpoint.reader.is_drained();
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
        self.poll_find(cx, false, Endpoint::poll_owned)
    }

    /// The next piece of a message, or a control frame; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        // What is no message may be a piece of one.
        self.drained = false;
        self.poll_find(cx, false, Endpoint::poll_chunk)
    }

    /// Finds the next message or control frame, to be [lent](Self::message); `None` at the end.
    #[inline]
    pub(crate) fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<()>>> {
        self.poll_find(cx, false, |endpoint| Ok(endpoint.find()?.then_some(())))
    }

    /// Lends what was found.
    ///
    /// # Errors
    /// For text that is not UTF-8. The next call that reads tells the peer.
    #[inline]
    pub(crate) fn message(&mut self) -> Option<Result<MessageRef<'_>>> {
        Some(self.endpoint.reader.message().transpose()?.map_err(Error::from))
    }

    /// Lends each message to `f`, with the writer to answer it with, until the end or until `f` fails.
    #[inline]
    pub(crate) fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        mut f: impl FnMut(MessageRef<'_>, &mut Writer<OsEntropy>) -> Result<()>,
    ) -> Poll<Result<()>> {
        // An error in a place of its own, so that few bytes are returned for each message.
        let mut failed = Ok(());
        loop {
            if self.has_much_to_write() {
                ready!(self.poll_room(cx))?;
            }
            let found = self.poll_find(cx, true, |endpoint| {
                let Some((message, writer)) = endpoint.poll()? else { return Ok(None) };
                failed = f(message, writer);
                Ok(Some(failed.is_ok()))
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
}
