//! Looks for the peer's Close in input that will be polled later. A caller needs it that waits for the closing
//! handshake and cannot deliver what precedes the Close.

use alloc::boxed::Box;

use crate::closing::Ended;
use crate::connection::receiver::Receiver;
use crate::error::Error;
use crate::frame::decoder::{Decoded, Decoder};
use crate::frame::header::OpCode;
use crate::input::Input;

/// How far a search for the peer's Close has come: see [`Reader::find_close`](crate::Reader::find_close).
#[derive(Debug, Default)]
pub struct CloseScan(Option<Box<Scan>>);

#[derive(Debug)]
struct Scan {
    decoder: Decoder,
    /// Whether the current frame is a Close.
    in_close: bool,
    /// Whether another frame has been found, which precedes the Close.
    has_found_other: bool,
    /// Whether a message has begun whose last frame has not.
    in_message: bool,
    /// How many unread bytes have been scanned.
    scanned: usize,
}

impl CloseScan {
    /// A search that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// How the input ends if nothing follows what was scanned. [`Receiver::handle_eof`](crate::Receiver::handle_eof) says the
    /// same once all of it has been polled.
    #[must_use]
    pub fn ended(&self) -> Ended {
        match &self.0 {
            Some(scan) if scan.in_message || !scan.decoder.at_boundary() => Ended::InsideMessage,
            _ => Ended::WithoutClose,
        }
    }

    /// Whether nothing precedes the Close that was found.
    pub(crate) fn is_close_next(&self) -> bool {
        self.0.as_ref().is_some_and(|scan| !scan.has_found_other)
    }
}

impl Receiver {
    /// Looks for a whole Close frame in `unread`, the input that has not been polled. Payloads stay masked.
    pub(crate) fn find_close(
        &self,
        scan: &mut CloseScan,
        unread: &mut [u8],
    ) -> Result<bool, Error> {
        let scan = scan.0.get_or_insert_with(|| {
            let in_close = self.receiving_control == Some(OpCode::Close);
            let in_other = self.decoder.remaining() > 0 && !in_close;
            Box::new(Scan {
                decoder: self.decoder.clone(),
                in_close,
                has_found_other: in_other || !self.inbound.is_idle(),
                // Of a message whose last frame has begun, only the rest of that frame is missing, which the decoder knows.
                in_message: !self.inbound.is_idle() && !self.inbound.is_last_frame(),
                scanned: 0,
            })
        });
        let begun = scan.scanned;
        // A caller that has polled since must begin a new scan. For one that has not done so, there is nothing to scan.
        let mut input = Input::new(unread.get_mut(begun..).unwrap_or_default());
        loop {
            let decoded = scan.decoder.poll(&mut input);
            scan.scanned = begun + input.consumed();
            match decoded? {
                Decoded::Header(header) => {
                    scan.in_close = header.opcode == OpCode::Close;
                    scan.has_found_other |= !scan.in_close;
                    if !header.opcode.is_control() {
                        scan.in_message = !header.fin;
                    }
                }
                Decoded::Payload(payload) if payload.ends_frame && scan.in_close => {
                    return Ok(true);
                }
                Decoded::Payload(_) => {}
                Decoded::NeedMore => return Ok(false),
            }
        }
    }
}
