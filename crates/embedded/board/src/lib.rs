//! The board that the images run on: an LM3S6965 (Cortex-M3), as QEMU emulates it. Input and output go through a debugger
//! (semihosting). Nothing here formats text, because that code would be larger than all the rest.
#![no_std]

use core::arch::asm;
use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::{nr, syscall, syscall1};

/// The arguments that the image was started with. `space` limits their length.
pub fn arguments(space: &mut [u8]) -> &str {
    let mut block = [space.as_mut_ptr() as usize, space.len()];
    // SAFETY: the debugger writes the text into `space`, at most as many bytes as the block says, and its length into the
    // block.
    let failed = unsafe { syscall1!(GET_CMDLINE, block.as_mut_ptr()) };
    let text = space.get(..if failed == 0 { block[1] } else { 0 }).unwrap_or_default();
    core::str::from_utf8(text).unwrap_or_default()
}

/// A file on the machine that the debugger runs on.
#[derive(Clone, Copy, Debug)]
pub struct File(usize);

impl File {
    /// The debugger's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::open(":tt\0", nr::open::W_TRUNC)
    }

    /// The debugger's standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::open(":tt\0", nr::open::W_APPEND)
    }

    /// Opens a file for reading; `name` ends in a zero.
    #[must_use]
    pub fn read_from(name: &str) -> Self {
        Self::open(name, nr::open::R_BINARY)
    }

    fn open(name: &str, mode: usize) -> Self {
        let length = name.len().saturating_sub(1);
        // SAFETY: the debugger reads the name, whose length is in the block.
        Self(unsafe { syscall!(OPEN, name.as_ptr(), mode, length) })
    }

    /// Reads until `into` is full or the file ends. Returns how many bytes were read.
    pub fn read(&self, into: &mut [u8]) -> usize {
        // SAFETY: the debugger writes at most as many bytes as the block says.
        let left = unsafe { syscall!(READ, self.0, into.as_mut_ptr(), into.len()) };
        into.len().saturating_sub(left)
    }

    /// Writes all bytes.
    pub fn write(&self, bytes: &[u8]) {
        // SAFETY: the debugger reads as many bytes as the block says.
        unsafe { syscall!(WRITE, self.0, bytes.as_ptr(), bytes.len()) };
    }

    /// Writes a line: `name`, an equals sign, and a number in decimal.
    pub fn write_number(&self, name: &str, number: usize) {
        let mut digits = [b'0'; 10];
        let mut rest = number;
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        self.write(name.as_bytes());
        self.write(b"=");
        self.write(&digits);
        self.write(b"\n");
    }
}

/// Ends the image.
pub fn exit(success: bool) -> ! {
    loop {
        debug::exit(if success { EXIT_SUCCESS } else { EXIT_FAILURE });
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    File::stderr().write(b"the image panicked\n");
    exit(false)
}

unsafe extern "C" {
    /// The end of the static variables.
    static mut __sheap: u32;
    /// The start of the stack, which grows downwards.
    static mut _stack_start: u32;
}

/// The content of memory that the stack has not reached.
const UNTOUCHED: u32 = 0xa5a5_a5a5;

/// Fills the memory that the stack may still reach.
#[inline(never)]
pub fn paint_stack() {
    let pointer: usize;
    // SAFETY: this reads a register.
    unsafe { asm!("mov {}, sp", out(reg) pointer) };
    let mut place = &raw mut __sheap;
    // Some space below the stack pointer is left alone: this function's own calls may need it.
    while (place as usize) < pointer - 128 {
        // SAFETY: the memory between the static variables and the stack is unused.
        unsafe {
            place.write_volatile(UNTOUCHED);
            place = place.add(1);
        }
    }
}

/// The largest number of bytes of stack that were in use since it was painted.
#[must_use]
pub fn stack_used() -> usize {
    let start = (&raw mut _stack_start) as usize;
    let mut place = &raw mut __sheap;
    while (place as usize) < start {
        // SAFETY: as above, and from there to its start is the stack itself.
        unsafe {
            if place.read_volatile() != UNTOUCHED {
                break;
            }
            place = place.add(1);
        }
    }
    start - place as usize
}
