//! websocket-sans-io: frames without I/O or checks. The application gathers messages, as in its examples, checks text, and
//! draws the masking keys, with the generator of our adapters.

use std::io::{IoSlice, Read, Write};

use ::websocket_sans_io::{
    FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent,
};
use fullduplex::Entropy;
use fullduplex_std::OsEntropy;

use crate::contenders::{Candidate, Contender, Parts, Payloads, Side, checked};
use crate::memory::{Memory, READ_SIZE};
use crate::tally::Tally;

pub(super) const CANDIDATE: Candidate = Candidate {
    name: "websocket-sans-io",
    side: Side::Peer,
    package: Some("websocket-sans-io"),
    usage: "WebsocketFrameDecoder::add_data over a buffer of 64 KiB, messages gathered, text checked by \
            simdutf8; WebsocketFrameEncoder into a buffer",
    make: |parts| {
        let Parts { case, memory, payloads } = parts;
        Some(match case.kind.is_sending() {
            false => Box::new(Receive {
                memory,
                decoder: WebsocketFrameDecoder::new(),
                buffer: vec![0; READ_SIZE],
                start: 0,
                end: 0,
                message: Vec::new(),
                is_masked: case.kind.is_masked(),
            }),
            true => Box::new(Send {
                memory,
                payloads,
                encoder: WebsocketFrameEncoder::new(),
                is_masked: case.kind.is_masked(),
                frame: Vec::new(),
            }),
        })
    },
};

struct Receive {
    memory: Memory,
    decoder: WebsocketFrameDecoder,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    message: Vec<u8>,
    is_masked: bool,
}

impl Contender for Receive {
    fn run(&mut self, messages: usize, tally: &mut Tally) {
        let goal = tally.messages + messages as u64;
        while tally.messages < goal {
            let unread = &mut self.buffer[self.start..self.end];
            let Ok(found) = self.decoder.add_data(unread);
            match found.event {
                Some(WebsocketFrameEvent::Start { frame_info, .. }) => {
                    assert!(frame_info.is_reasonable(), "valid frames");
                    assert_eq!(frame_info.mask.is_some(), self.is_masked, "valid frames");
                }
                Some(WebsocketFrameEvent::PayloadChunk { .. }) => {
                    self.message.extend_from_slice(&unread[..found.consumed_bytes]);
                }
                Some(WebsocketFrameEvent::End { frame_info, original_opcode })
                    if frame_info.fin =>
                {
                    match original_opcode {
                        Opcode::Binary => tally.binary(&self.message),
                        Opcode::Text => tally.text(checked(&self.message)),
                        _ => panic!("nothing but messages"),
                    }
                    self.message.clear();
                }
                None if found.consumed_bytes == 0 => {
                    self.start = 0;
                    self.end = self.memory.read(&mut self.buffer).expect("never fails");
                    continue;
                }
                Some(WebsocketFrameEvent::End { .. }) | None => {}
            }
            self.start += found.consumed_bytes;
        }
    }
}

struct Send {
    memory: Memory,
    payloads: Payloads,
    encoder: WebsocketFrameEncoder,
    is_masked: bool,
    frame: Vec<u8>,
}

impl Contender for Send {
    fn run(&mut self, messages: usize, _: &mut Tally) {
        for _ in 0..messages {
            let payload = self.payloads.next();
            let mask = self.is_masked.then(|| OsEntropy.next_u32().expect("entropy").to_ne_bytes());
            let header = self.encoder.start_frame(&FrameInfo {
                opcode: Opcode::Binary,
                payload_length: payload.len() as u64,
                mask,
                fin: true,
                reserved: 0,
            });
            if self.encoder.transform_needed() {
                self.frame.clear();
                self.frame.extend_from_slice(&header);
                self.frame.extend_from_slice(payload);
                self.encoder.transform_frame_payload(&mut self.frame[header.len()..]);
                self.memory.write_all(&self.frame).expect("never fails");
            } else {
                let frame = [IoSlice::new(&header), IoSlice::new(payload)];
                let _ = self.memory.write_vectored(&frame).expect("never fails");
            }
            self.memory.flush().expect("never fails");
        }
    }
}
