//! How far the sending direction of a stream has come: written, flushed, blocked, ended.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use fullduplex::Writer;
use tokio::io::AsyncWrite;
use tokio::task::coop::has_budget_remaining;

use crate::entropy::OsEntropy;

/// How many pieces are given to the stream at once: large messages are two each.
const MAX_PIECES: usize = 16;

/// The most bytes that a stream of HTTP/2 is given at once. Two such writes, which hyper takes at once, hold what waits by
/// default before it is written ([`DEFAULT_WRITE_BUFFER_SIZE`](crate::DEFAULT_WRITE_BUFFER_SIZE)).
const MAX_STREAM_WRITE: usize = 64 << 10;

/// What was written since the last [`take_progress`](WriteState::take_progress).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    #[default]
    None,
    /// Bytes were written, or the stream was flushed.
    Written,
    /// Bytes were written after a write had been blocked, so the peer reads.
    Resumed,
}

/// How far the sending direction of a stream has come.
#[derive(Debug, Default)]
pub(crate) struct WriteState {
    /// Whether something was written that was not flushed.
    pub(crate) unflushed: bool,
    /// What was written since the last [`take_progress`](WriteState::take_progress).
    progress: Progress,
    /// Whether the last write was blocked.
    blocked: bool,
    /// Whether a write has failed, so that nothing more can be written.
    pub(crate) unwritable: bool,
    /// Whether it was ended.
    shut: bool,
    /// Whether the transport is a stream of HTTP/2. hyper copies all that one write has, takes up to four writes before it
    /// waits for the peer, and keeps them after we have dropped the stream. So a write is short.
    over_stream: bool,
}

impl WriteState {
    /// Nothing was written yet, to a stream of HTTP/2 or to another transport.
    pub(crate) fn new(over_stream: bool) -> Self {
        Self { over_stream, ..Self::default() }
    }

    /// Whether there is nothing to write or flush.
    #[inline]
    pub(crate) fn is_idle(&self, writer: &Writer<OsEntropy>) -> bool {
        self.unwritable || (writer.pending() == 0 && !self.unflushed)
    }

    /// Writes what waits, and flushes the stream. Does nothing once a write has failed.
    #[inline(never)]
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        writer: &mut Writer<OsEntropy>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.unwritable {
            let first = writer.first();
            if first.is_empty() {
                return self.poll_flush(stream, cx);
            }
            let written = if self.over_stream {
                let part = first.get(..MAX_STREAM_WRITE).unwrap_or(first);
                Pin::new(&mut *stream).poll_write(cx, part)
            } else if first.len() < writer.pending() && stream.is_write_vectored() {
                poll_write_pieces(stream, writer, cx)
            } else {
                Pin::new(&mut *stream).poll_write(cx, first)
            };
            let Poll::Ready(written) = written else {
                // If tokio's budget for the task is used up, the write is pending as well, although the transport may not be
                // blocked.
                if has_budget_remaining() {
                    self.blocked = true;
                    writer.copy_payloads();
                }
                return Poll::Pending;
            };
            match written {
                Ok(0) => {
                    self.unwritable = true;
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                Ok(len) => {
                    writer.advance(len);
                    self.unflushed = true;
                    if std::mem::take(&mut self.blocked) {
                        self.progress = Progress::Resumed;
                    } else if self.progress == Progress::None {
                        self.progress = Progress::Written;
                    }
                }
                Err(error) => self.failed(error)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What was written since the last call.
    #[inline]
    pub(crate) fn take_progress(&mut self) -> Progress {
        std::mem::take(&mut self.progress)
    }

    #[inline]
    pub(crate) fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unflushed && !self.unwritable {
            match ready!(Pin::new(&mut *stream).poll_flush(cx)) {
                Ok(()) => {
                    self.unflushed = false;
                    // A sender may wait for the flush alone.
                    if self.progress == Progress::None {
                        self.progress = Progress::Written;
                    }
                }
                Err(error) => self.failed(error)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// A write has failed; if it was only interrupted, that is no error.
    #[cold]
    fn failed(&mut self, error: io::Error) -> io::Result<()> {
        if error.kind() == io::ErrorKind::Interrupted {
            return Ok(());
        }
        self.unwritable = true;
        Err(error)
    }

    /// Whether the sending direction was ended.
    pub(crate) fn is_shut(&self) -> bool {
        self.shut
    }

    /// Ends the sending direction if that is possible now.
    pub(crate) fn shut<W: AsyncWrite + Unpin>(&mut self, stream: &mut W, cx: &mut Context<'_>) {
        if !self.shut {
            // The transport may be gone already, which is what was wanted.
            self.shut = Pin::new(stream).poll_shutdown(cx).is_ready();
        }
    }
}

/// Writes several pieces at once.
#[inline(never)]
fn poll_write_pieces<W: AsyncWrite + Unpin>(
    stream: &mut W,
    writer: &Writer<OsEntropy>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut pieces = [IoSlice::new(&[]); MAX_PIECES];
    let mut count = 0;
    for (piece, chunk) in pieces.iter_mut().zip(writer.slices()) {
        *piece = IoSlice::new(chunk);
        count += 1;
    }
    Pin::new(stream).poll_write_vectored(cx, pieces.get(..count).unwrap_or_default())
}
