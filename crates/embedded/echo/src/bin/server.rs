//! The image of an echo server.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use image_conversation::serve;

#[entry]
fn main() -> ! {
    image_echo::run(serve)
}
