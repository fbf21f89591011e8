//! A stream in memory that is always ready: its reads return the same frames again and again, and it takes whatever is
//! written. Each read and each write copies once, as a socket does.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::BufMut;
use futures::FutureExt;
use tokio::io::ReadBuf;

/// The largest size of a read: as much as a socket's buffer usually holds.
pub(crate) const READ_SIZE: usize = 64 << 10;

/// What was written to a stream that has been moved into a contender.
#[derive(Debug, Default)]
pub(crate) struct Written {
    bytes: Cell<u64>,
    recording: Cell<bool>,
    recorded: RefCell<Vec<u8>>,
}

impl Written {
    /// Records everything that is written from now on.
    pub(crate) fn record(&self) {
        self.recording.set(true);
    }

    /// Stops recording and returns what was written since.
    pub(crate) fn recorded(&self) -> Vec<u8> {
        self.recording.set(false);
        self.recorded.take()
    }

    /// How many bytes were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }
}

/// The stream in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    wire: Rc<[u8]>,
    /// Where the next read begins.
    position: usize,
    /// Where writes are copied to, again and again.
    sink: Box<[u8]>,
    /// Where the next write goes in `sink`.
    end: usize,
    written: Rc<Written>,
}

impl Memory {
    pub(crate) fn new(wire: Rc<[u8]>, written: Rc<Written>) -> Self {
        Self { wire, position: 0, sink: vec![0; READ_SIZE].into(), end: 0, written }
    }

    /// What the next read returns into `room` bytes. A read ends with the wire, as it does when a peer pauses.
    #[inline]
    fn next(&mut self, room: usize) -> &[u8] {
        let rest = self.wire.get(self.position..).unwrap_or_default();
        let len = rest.len().min(room).min(READ_SIZE);
        self.position = if len == rest.len() { 0 } else { self.position + len };
        rest.get(..len).unwrap_or_default()
    }

    /// A read into memory that may be uninitialised.
    #[inline]
    pub(crate) fn read_buf(&mut self, mut buf: impl BufMut) -> usize {
        let piece = self.next(buf.remaining_mut());
        buf.put_slice(piece);
        piece.len()
    }

    fn put(&mut self, mut bytes: &[u8]) {
        self.written.bytes.update(|count| count + bytes.len() as u64);
        if self.written.recording.get() {
            self.written.recorded.borrow_mut().extend_from_slice(bytes);
        }
        while !bytes.is_empty() {
            let room = self.sink.get_mut(self.end..).unwrap_or_default();
            let len = room.len().min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.end = if len == room.len() { 0 } else { self.end + len };
        }
    }

    #[inline]
    fn put_all(&mut self, slices: &[IoSlice<'_>]) -> usize {
        for bytes in slices {
            self.put(bytes);
        }
        slices.iter().map(|bytes| bytes.len()).sum()
    }
}

/// The result of a future that never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("the stream in memory is always ready")
}

impl Read for Memory {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let piece = self.next(buf.len());
        buf[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

impl Write for Memory {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.put(buf);
        Ok(buf.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.put_all(slices))
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Memory {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        buf.put_slice(self.get_mut().next(room));
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Memory {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().put(buf);
        Poll::Ready(Ok(buf.len()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().put_all(slices)))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::AsyncRead for Memory {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.get_mut().read(buf))
    }
}

impl futures::AsyncWrite for Memory {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.get_mut().write(buf))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.get_mut().put_all(slices)))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// wtx has its own traits for streams.
impl wtx::stream::StreamReader for Memory {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(Read::read(self, bytes)?)
    }
}

impl wtx::stream::StreamWriter for Memory {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.put(bytes);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        for bytes in slices {
            self.put(bytes);
        }
        Ok(())
    }
}
