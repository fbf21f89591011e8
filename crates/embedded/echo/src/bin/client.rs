//! The image of a client.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use image_conversation::connect;

#[entry]
fn main() -> ! {
    image_echo::run(connect)
}
