//! The stream below a WebSocket: one end of a connection's two pipes.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use fullduplex_tokio::IntoHalves;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};

use crate::between::{Between, both};
use crate::memory::uncounted;
use crate::pipe::Found;
use crate::plan::Side;

/// One end of a stream in memory.
pub(super) struct Wire {
    side: Side,
    between: Rc<RefCell<Between>>,
    /// Whether a vectored write takes several pieces at once.
    is_vectored: bool,
}

impl Wire {
    pub(super) fn new(side: Side, between: Rc<RefCell<Between>>, is_vectored: bool) -> Self {
        Self { side, between, is_vectored }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut between = self.between.borrow_mut();
        match between.read(self.side, buf.remaining(), |bytes| buf.put_slice(bytes)) {
            Found::Bytes(_) | Found::End => Poll::Ready(Ok(())),
            Found::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Found::Nothing => {
                both(&mut between.pipes, self.side).1.wait_to_read(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut between = self.between.borrow_mut();
        match uncounted(|| between.write(self.side, pieces)) {
            Some(written) => {
                // Waking a task that has ended frees its memory, which is counted.
                both(&mut between.pipes, self.side).0.wake_reader();
                Poll::Ready(written)
            }
            None => {
                both(&mut between.pipes, self.side).0.wait_to_write(cx.waker());
                Poll::Pending
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut between = self.between.borrow_mut();
        both(&mut between.pipes, self.side).0.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut between = self.between.borrow_mut();
        let (out, inbound) = both(&mut between.pipes, self.side);
        out.end();
        inbound.drop_reader();
        // A waker that is never woken would keep the memory of its task alive.
        out.forget_writer();
        inbound.forget_reader();
    }
}

impl IntoHalves for Wire {
    type ReadHalf = ReadHalf<Self>;
    type WriteHalf = WriteHalf<Self>;

    fn into_halves(self) -> (Self::ReadHalf, Self::WriteHalf) {
        split(self)
    }

    fn from_halves(read: Self::ReadHalf, write: Self::WriteHalf) -> Option<Self> {
        read.is_pair_of(&write).then(|| read.unsplit(write))
    }
}
