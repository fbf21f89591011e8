//! An image of an echo server over the traits of `embedded-io`, here on a serial line.
#![no_std]
#![no_main]

use core::convert::Infallible;

use cortex_m_rt::entry;
use embedded_io::{ErrorType, Read, Write};
use image_board::exit;
use image_conversation::{Buffers, Wire, serve};

/// A transport with these traits.
struct Io<T>(T);

impl<T: Read + Write> Wire for Io<T> {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        self.0.read(into).ok().filter(|len| *len > 0)
    }

    fn write_all(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).ok()
    }
}

/// The first serial line of the board: a PL011.
struct Uart;

impl Uart {
    const DATA: *mut u32 = 0x4000_c000 as *mut u32;
    const FLAGS: *const u32 = 0x4000_c018 as *const u32;
    /// This flag is set while nothing has been received.
    const RECEIVE_EMPTY: u32 = 1 << 4;
    /// This flag is set while nothing more can be sent.
    const TRANSMIT_FULL: u32 = 1 << 5;

    fn is(flag: u32) -> bool {
        // SAFETY: this is the flag register, and reading it changes nothing.
        unsafe { Self::FLAGS.read_volatile() & flag != 0 }
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let mut len = 0;
        for byte in into {
            // "Blocks until at least one byte is available"; then read what else is there without
            // blocking.
            while len == 0 && Self::is(Self::RECEIVE_EMPTY) {}
            if Self::is(Self::RECEIVE_EMPTY) {
                break;
            }
            // SAFETY: this is the data register, and a byte is there.
            *byte = unsafe { Self::DATA.read_volatile() } as u8;
            len += 1;
        }
        Ok(len)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while Self::is(Self::TRANSMIT_FULL) {}
            // SAFETY: this is the data register, and it has space for a byte.
            unsafe { Self::DATA.write_volatile(u32::from(*byte)) };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[entry]
fn main() -> ! {
    let clean = serve(&mut Io(Uart), &mut Buffers::new());
    exit(clean == Some(true))
}
