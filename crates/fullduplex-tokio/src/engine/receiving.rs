//! Finds messages in the receive buffer, and gives them, lends them, or hands them to a closure.

use std::task::{Context, Poll, ready};

use fullduplex::{Chunk, Message, MessageRef, Reader};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::engine::link::Link;
use crate::engine::{Engine, Outcome, Receiving};
use crate::error::{Error, Result};
use crate::sending::Sending;
use crate::watch::{Found, Tally};

impl<L: Link> Receiving<L> {
    /// The next item that `find` finds in the input; `None` at the end.
    #[inline]
    fn poll_find<T: Found>(
        &mut self,
        cx: &mut Context<'_>,
        mut find: impl FnMut(&mut Reader, &mut L) -> Result<Option<T>, fullduplex::Error>,
    ) -> Poll<Option<Result<T>>> {
        loop {
            // A task that is woken by new input has already searched the old input.
            if !self.drained {
                if self.reader.receiver().has_signals() {
                    ready!(self.poll_pass_signals(cx));
                }
                let found = find(&mut self.reader, &mut self.link);
                if self.reader.receiver().has_signals() {
                    self.answer(cx);
                }
                match found {
                    Ok(Some(found)) => {
                        self.tally.found(&found);
                        self.drained = self.reader.is_drained();
                        self.link.end_wait();
                        return Poll::Ready(Some(Ok(found)));
                    }
                    Ok(None) => self.drained = true,
                    Err(error) => return Poll::Ready(Some(Err(self.found_fault(error, cx)))),
                }
            }
            match ready!(self.poll_input(cx)) {
                Outcome::Progress => {}
                Outcome::End => return Poll::Ready(None),
                Outcome::Failed(error) => return Poll::Ready(Some(Err(*error))),
            }
        }
    }

    /// What was received breaks the protocol.
    #[cold]
    fn found_fault(&mut self, error: fullduplex::Error, cx: &mut Context<'_>) -> Error {
        self.link.end_wait();
        self.fail(cx);
        error.into()
    }

    /// A control frame was found. Its signal is passed to the sender now, before the application gets the frame, unless the
    /// sender is busy.
    #[cold]
    fn answer(&mut self, cx: &mut Context<'_>) {
        let Self { reader, link, .. } = self;
        if reader.receiver().peer_close().is_some() {
            // Nothing follows the peer's Close, so an application may never receive again.
            self.write_now(cx);
        } else {
            link.try_with_sending(cx, |sending, _, _| sending.pass_signals(reader.receiver_mut()));
        }
    }

    /// The sender was busy when a control frame was found. Its signal must be passed before the next control frame is
    /// found, so that each of two Pings gets its Pong.
    #[cold]
    fn poll_pass_signals(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { reader, link, .. } = self;
        link.begin_wait(cx.waker());
        match link.try_with_sending(cx, |sending, _, _| sending.pass_signals(reader.receiver_mut()))
        {
            Some(()) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }

    /// The next message or control frame; `None` at the end.
    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        self.poll_find(cx, |reader, _| reader.poll_owned())
    }

    /// The next piece of a message, or a control frame; `None` at the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        // A part of a message is no message yet, but it may be a piece.
        self.drained = false;
        self.poll_find(cx, |reader, _| reader.poll_chunk())
    }

    /// Finds the next message or control frame, which [`message`](Self::message) then lends; `None` at the end.
    #[inline]
    pub(crate) fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<()>>> {
        self.poll_find(cx, |reader, _| Ok(reader.find()?.then_some(())))
    }

    /// Lends what was found.
    ///
    /// # Errors
    /// For text that is not UTF-8. The next call that receives sends the Close to the peer.
    #[inline]
    pub(crate) fn message(&mut self) -> Option<Result<MessageRef<'_>>> {
        let message = self.reader.message().transpose()?;
        if let Ok(message) = &message {
            self.tally.found(message);
        }
        Some(message.map_err(Error::from))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Engine<S> {
    /// Lends each message to `f`, with the writer for replies, until the end or until `f` fails.
    #[inline]
    pub(crate) fn poll_each(
        &mut self,
        cx: &mut Context<'_>,
        mut f: impl FnMut(MessageRef<'_>, &mut Sending) -> Result<()>,
    ) -> Poll<Result<()>> {
        // The error has its own variable, so that little is returned for each message.
        let mut failed = Ok(());
        let mut lent = Tally::of(0);
        loop {
            if self.link.sending.has_much_to_write() {
                ready!(self.poll_room(cx))?;
            }
            let found = self.poll_find(cx, |reader, link| {
                if !reader.find()? {
                    return Ok(None);
                }
                if reader.receiver().has_signals() {
                    // An answer is written before what the application sends.
                    link.sending.pass_signals(reader.receiver_mut());
                }
                let Some(message) = reader.message()? else { return Ok(None) };
                lent.found(&message);
                failed = f(message, &mut link.sending);
                Ok(Some(failed.is_ok()))
            });
            self.tally.add(&mut lent);
            match ready!(found) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(true)) => {}
                Some(Ok(false)) => {
                    if self.reader.receiver().peer_close().is_some() {
                        self.answer(cx);
                    }
                    return Poll::Ready(failed);
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }
}
