//! An image without a WebSocket, which the others are compared with. It sends back what it reads.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use image_conversation::Wire;

#[entry]
fn main() -> ! {
    image_echo::run(|recording, _| {
        let mut bytes = [0; 64];
        while let Some(len) = recording.read(&mut bytes) {
            recording.write_all(bytes.get(..len)?)?;
        }
        Some(true)
    })
}
