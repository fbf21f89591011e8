//! A conversation with a recorded peer: the peer's bytes come from a file, and what is sent goes to standard output.
#![no_std]

use image_board::{File, arguments, exit, paint_stack, stack_used};
use image_conversation::{Buffers, CONNECTION_SIZE, Wire};

/// A recorded peer.
#[derive(Debug)]
pub struct Recording {
    from: File,
    to: File,
    /// How many bytes each read returns at most.
    at_once: usize,
}

impl Wire for Recording {
    fn read(&mut self, into: &mut [u8]) -> Option<usize> {
        let len = into.len().min(self.at_once);
        match self.from.read(into.get_mut(..len)?) {
            0 => None,
            len => Some(len),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> Option<()> {
        self.to.write(bytes);
        Some(())
    }
}

/// Runs a conversation, reports the memory that it took, and exits. Its arguments are the name of the image, a file, and `1`
/// if the bytes come one at a time.
pub fn run(talk: impl FnOnce(&mut Recording, &mut Buffers) -> Option<bool>) -> ! {
    let mut space = [0; 512];
    let mut words = arguments(&mut space).split_ascii_whitespace().skip(1);
    let mut name = [0; 256];
    let file = words.next().unwrap_or_default().as_bytes();
    if let Some(place) = name.get_mut(..file.len()) {
        place.copy_from_slice(file);
    }
    let name = name.get(..=file.len()).and_then(|name| core::str::from_utf8(name).ok());
    let at_once = if words.next() == Some("1") { 1 } else { usize::MAX };
    let mut recording =
        Recording { from: File::read_from(name.unwrap_or("\0")), to: File::stdout(), at_once };
    paint_stack();
    let clean = converse(&mut recording, talk);
    let said = File::stderr();
    said.write_number("stack", stack_used());
    said.write_number("connection", CONNECTION_SIZE);
    said.write_number("buffers", size_of::<Buffers>());
    exit(clean == Some(true))
}

/// Has its own stack frame, below the frame of `run`, so that all that it uses is painted.
#[inline(never)]
fn converse(
    recording: &mut Recording,
    talk: impl FnOnce(&mut Recording, &mut Buffers) -> Option<bool>,
) -> Option<bool> {
    let mut buffers = Buffers::new();
    talk(recording, &mut buffers)
}
