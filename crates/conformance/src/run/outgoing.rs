//! What the runner sends: encodes pieces, and splits them into writes.

use std::collections::VecDeque;

use crate::case::{Cut, Piece};
use crate::side::Side;
use crate::wire::{Deflater, Frame, LengthForm, Mask, Params};

/// The writes that wait to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The side that the subject is on.
    to: Side,
    /// The source of masking keys.
    random: fastrand::Rng,
    deflater: Option<Deflater>,
    writes: VecDeque<Vec<u8>>,
}

/// Whether this is a Close. If it is cut, masked wrongly or has reserved bits, it is only a fault.
pub(super) fn is_close(piece: &Piece) -> bool {
    let Piece::Frame(frame) = piece else { return false };
    let cut = !frame.fin || matches!(frame.length, LengthForm::Claim(_));
    frame.opcode == 8 && !cut && frame.rsv == 0 && frame.mask != Mask::Wrong
}

impl Outgoing {
    pub(super) const fn new(to: Side, random: fastrand::Rng) -> Self {
        Self { to, random, deflater: None, writes: VecDeque::new() }
    }

    /// Compresses messages with these parameters from now on.
    pub(super) fn deflate(&mut self, params: Params) {
        self.deflater = Some(Deflater::new(params));
    }

    /// Takes the bytes of the next write.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.writes.pop_front()
    }

    /// Discards what was not sent.
    pub(super) fn clear(&mut self) {
        self.writes.clear();
    }

    /// Queues pieces. The caller handles the waits of [`Cut::Slowly`].
    pub(super) fn send(&mut self, pieces: Vec<Piece>, cut: Cut) {
        let pieces = self.encode_all(pieces);
        match cut {
            Cut::Pieces => self.writes.extend(pieces),
            Cut::Whole => self.writes.push_back(pieces.concat()),
            Cut::Every(bytes) | Cut::Slowly { bytes, .. } => {
                self.writes.extend(pieces.concat().chunks(bytes.max(1)).map(<[u8]>::to_vec));
            }
        }
    }

    /// Encodes pieces, frame by frame.
    pub(super) fn encode_all(&mut self, pieces: Vec<Piece>) -> Vec<Vec<u8>> {
        let mut encoded = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Piece::Raw(bytes) => encoded.push(bytes),
                Piece::Frame(frame) => encoded.push(self.encode(&frame)),
                Piece::Message { binary, payload, fragment } => {
                    for frame in self.message(binary, payload, fragment) {
                        encoded.push(self.encode(&frame));
                    }
                }
            }
        }
        encoded
    }

    /// The frames of a message, compressed if that was negotiated (RFC 7692 §6.1).
    fn message(&mut self, binary: bool, payload: Vec<u8>, fragment: usize) -> Vec<Frame> {
        let (payload, rsv) = match &mut self.deflater {
            Some(deflater) => (deflater.message(&payload), 4),
            None => (payload, 0),
        };
        let fragment = if fragment == 0 { payload.len().max(1) } else { fragment };
        let opcode = if binary { 2 } else { 1 };
        let mut frames: Vec<Frame> =
            payload.chunks(fragment).map(|part| Frame::continuation(part).unfinished()).collect();
        if frames.is_empty() {
            frames.push(Frame::continuation([]));
        }
        if let Some(first) = frames.first_mut() {
            (first.opcode, first.rsv) = (opcode, rsv);
        }
        if let Some(last) = frames.last_mut() {
            last.fin = true;
        }
        frames
    }

    fn encode(&mut self, frame: &Frame) -> Vec<u8> {
        let key = self.random.u32(..).to_be_bytes();
        let key = if let Mask::Key(key) = frame.mask { key } else { key };
        frame.encode(self.to, key)
    }
}
