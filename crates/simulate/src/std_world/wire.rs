//! The stream below a WebSocket: a handle to one end of a connection's two pipes. It does not block.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use fullduplex_std::IntoHalves;

use crate::between::{Between, both};
use crate::memory::uncounted;
use crate::pipe::Found;
use crate::plan::Side;

/// A handle to one end of a stream in memory.
pub(super) struct Wire(Rc<Open>);

/// After how many blocked writes in a row the network takes more from a WebSocket in halves. Its halves are made for two
/// threads: where the connection ends, the receiver waits until the last bytes are written.
const PATIENCE: u32 = 3;

/// One end of the stream. Dropping its last handle closes it.
struct Open {
    side: Side,
    between: Rc<RefCell<Between>>,
    /// How many writes in a row were blocked, if there is a write timeout: only halves set one.
    blocked: Cell<Option<u32>>,
}

impl Wire {
    pub(super) fn new(side: Side, between: Rc<RefCell<Between>>) -> Self {
        Self(Rc::new(Open { side, between, blocked: Cell::new(None) }))
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut between = self.0.between.borrow_mut();
        let found =
            between.read(self.0.side, buf.len(), |bytes| buf[..bytes.len()].copy_from_slice(bytes));
        match found {
            Found::Bytes(len) => Ok(len),
            Found::End => Ok(0),
            Found::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Found::Nothing => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut between = self.0.between.borrow_mut();
        if self.0.blocked.get() >= Some(PATIENCE) {
            let (out, _) = both(&mut between.pipes, self.0.side);
            out.capacity = out.capacity.max(out.under_way() + 1000);
        }
        let written = uncounted(|| between.write(self.0.side, pieces));
        let blocked = self.0.blocked.get();
        self.0.blocked.set(blocked.map(|times| if written.is_none() { times + 1 } else { 0 }));
        written.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoHalves for Wire {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone()))
    }

    /// Nothing waits here, so the timeout does not matter.
    fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.blocked.set(timeout.map(|_| self.0.blocked.get().unwrap_or(0)));
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let mut between = self.0.between.borrow_mut();
        let (out, inbound) = both(&mut between.pipes, self.0.side);
        match how {
            Shutdown::Write => out.end(),
            Shutdown::Read => inbound.drop_reader(),
            Shutdown::Both => {
                out.end();
                inbound.drop_reader();
            }
        }
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut between = self.between.borrow_mut();
        let (out, inbound) = both(&mut between.pipes, self.side);
        out.end();
        inbound.drop_reader();
    }
}
