//! Calls every public operation of the core, each with values that the compiler cannot know.
//!
//! `cargo xtask no-panic` links this for bare metal and looks for calls of `core::panicking`. It also compares the calls in
//! these files with the public functions and trait implementations in the core's sources. So each call is written as a path,
//! `Type::function(..)` or `<Type as Trait>::function(..)`, or as a type argument of a helper in `support`, whose bounds say
//! which traits it calls.
#![no_std]
#![no_main]

#[cfg(feature = "alloc")]
extern crate alloc;

mod connection;
#[cfg(feature = "deflate")]
mod deflate;
mod handshake;
mod headers;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(feature = "alloc")]
mod opening;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(feature = "alloc")]
mod queues;
mod support;
mod values;

use core::hint::black_box;
use core::panic::PanicInfo;

/// The entry point of the image, which is linked and never run.
// SAFETY: no other function has this name.
#[unsafe(no_mangle)]
pub extern "C" fn start() {
    values::all();
    headers::all();
    handshake::all();
    connection::all();
    #[cfg(feature = "alloc")]
    {
        owned::all();
        queues::all();
        opening::all();
    }
    #[cfg(feature = "deflate")]
    deflate::all();
    #[cfg(feature = "seeded-panic")]
    seeded_panic(black_box(&[0; 4]), black_box(0));
}

/// A panic that `cargo xtask no-panic` must find, and report with this function's name.
#[cfg(feature = "seeded-panic")]
#[inline(never)]
fn seeded_panic(bytes: &[u8], at: usize) {
    black_box(bytes[at]);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    black_box(info);
    loop {
        black_box(());
    }
}
