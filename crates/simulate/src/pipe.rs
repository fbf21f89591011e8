//! One direction of a network: the bytes under way, and what happens to them.

use std::collections::VecDeque;
use std::task::Waker;

use crate::plan::Net;

/// The least number of bytes that can be under way when the network is open.
const OPEN: usize = 4096;

/// No more bytes can be written: the reader is gone, or the direction was cut.
#[derive(Debug)]
pub(crate) struct Gone;

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many bytes were read.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The end of input.
    End,
    /// The direction was cut.
    Reset,
}

/// One direction of a network.
#[derive(Debug)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    /// How many bytes were read.
    read: u64,
    /// How many bytes have arrived, and when the later ones arrive.
    arrived: u64,
    arrivals: VecDeque<(u64, u64)>,
    /// How many bytes can be under way.
    pub(crate) capacity: usize,
    /// How many bytes a read or a write moves at most.
    pub(crate) split: usize,
    /// How long bytes are under way, in milliseconds.
    pub(crate) delay: u64,
    /// Whether the network holds all bytes back.
    pub(crate) stalled: bool,
    /// Whether the last byte is never delivered to the reader.
    pub(crate) holds_last: bool,
    /// Whether the direction ends after the bytes under way.
    ended: bool,
    /// Whether the network has ended it, and not the writer.
    cut: bool,
    reset: bool,
    /// Whether the reader was dropped.
    reader_gone: bool,
    /// A change that is made to bytes that are not written yet: how far ahead, and the pattern.
    armed: Option<(usize, u8)>,
    /// The first byte that did not arrive as it was written.
    pub(crate) damaged_at: Option<u64>,
    /// When a byte was last read.
    pub(crate) read_at: u64,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            read: 0,
            arrived: 0,
            arrivals: VecDeque::new(),
            capacity,
            split: usize::MAX,
            delay: 0,
            stalled: false,
            holds_last: false,
            ended: false,
            cut: false,
            reset: false,
            reader_gone: false,
            armed: None,
            damaged_at: None,
            read_at: 0,
            reading: None,
            writing: None,
        }
    }

    /// How many bytes could be written now.
    pub(crate) fn space(&self) -> usize {
        let free = self.capacity.saturating_sub(self.bytes.len());
        if self.cut { self.capacity } else { free }.min(self.split)
    }

    /// Whether a write fails.
    pub(crate) fn is_broken(&self) -> bool {
        self.reset || self.reader_gone
    }

    /// Whether what is written arrives.
    pub(crate) fn is_sound(&self) -> bool {
        !self.reset && !self.cut && self.damaged_at.is_none()
    }

    /// Whether the writer has ended this direction.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended && !self.cut
    }

    /// How many bytes are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes were read.
    pub(crate) fn offset(&self) -> u64 {
        self.read
    }

    /// Whether the reader has all bytes before this one.
    pub(crate) fn has_read(&self, offset: u64) -> bool {
        self.read >= offset
    }

    /// Whether a read would return something.
    pub(crate) fn is_readable(&self) -> bool {
        self.reset || self.ready() > 0 || (self.ended && self.bytes.is_empty())
    }

    fn ready(&self) -> usize {
        if self.stalled {
            return 0;
        }
        let ready = self.arrived.saturating_sub(self.read) as usize;
        ready.min(self.bytes.len() - usize::from(self.holds_last && !self.bytes.is_empty()))
    }

    /// Puts bytes under way. There must be [space](Self::space) for them. The caller wakes the reader.
    ///
    /// # Errors
    /// [`Gone`].
    pub(crate) fn write(&mut self, bytes: &[u8], now: u64) -> Result<(), Gone> {
        if self.is_broken() {
            return Err(Gone);
        }
        if self.cut || self.ended || bytes.is_empty() {
            return Ok(());
        }
        self.bytes.extend(bytes);
        if let Some((ahead, pattern)) = self.armed.take() {
            self.corrupt(ahead, pattern, true);
        }
        let end = self.read + self.bytes.len() as u64;
        if self.delay == 0 && self.arrivals.is_empty() {
            self.arrived = end;
        } else {
            let last = self.arrivals.back().map_or(0, |(_, at)| *at);
            self.arrivals.push_back((end, last.max(now + self.delay)));
        }
        Ok(())
    }

    /// When the next bytes arrive.
    pub(crate) fn next_arrival(&self) -> Option<u64> {
        let (_, at) = self.arrivals.front().filter(|_| !self.stalled)?;
        Some(*at)
    }

    /// The bytes whose time has come arrive.
    pub(crate) fn arrive(&mut self, now: u64) {
        while let Some((end, _)) = self.arrivals.front().copied().filter(|(_, at)| *at <= now) {
            self.arrivals.pop_front();
            self.arrived = self.arrived.max(end);
            if !self.stalled {
                self.wake_reader();
            }
        }
    }

    /// Delivers everything at once, and removes the limits.
    pub(crate) fn open(&mut self) {
        self.stalled = false;
        self.delay = 0;
        self.split = usize::MAX;
        self.capacity = self.capacity.max(OPEN);
        self.arrivals.clear();
        self.arrived = self.read + self.bytes.len() as u64;
        self.wake_reader();
        self.wake_writer();
    }

    /// Reads up to `most` bytes.
    pub(crate) fn read(&mut self, most: usize, now: u64, put: impl FnOnce(&[u8])) -> Found {
        if self.reset {
            return Found::Reset;
        }
        let len = most.min(self.ready()).min(self.split);
        if len > 0 {
            let (first, _) = self.bytes.as_slices();
            let len = len.min(first.len());
            put(&first[..len]);
            self.bytes.drain(..len);
            self.read += len as u64;
            self.read_at = now;
            self.wake_writer();
            return Found::Bytes(len);
        }
        if self.ended && self.bytes.is_empty() && !self.stalled {
            return Found::End;
        }
        Found::Nothing
    }

    /// The network acts on this direction; `back` is the other one.
    pub(crate) fn undergo(&mut self, net: Net, back: &mut Self, now: u64) {
        match net {
            Net::Split(most) => self.split = most.max(1) as usize,
            Net::Capacity(bytes) => {
                self.capacity = bytes.max(1) as usize;
                self.wake_writer();
            }
            Net::Delay(millis) => self.delay = millis.into(),
            Net::Stall => self.stalled = true,
            Net::Go => {
                self.stalled = false;
                self.arrive(now);
                self.wake_reader();
            }
            Net::HalfClose => self.half_close(),
            Net::Reset => {
                self.cut();
                back.cut();
            }
            Net::Corrupt(ahead, pattern) => self.corrupt_soon(ahead as usize, pattern),
        }
    }

    /// The writer ends the direction.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.wake_reader();
    }

    /// The network ends the direction after the bytes under way.
    pub(crate) fn half_close(&mut self) {
        // If the writer has already ended the direction, the network has not cut it.
        if !self.ended {
            self.cut = true;
        }
        self.end();
        self.wake_writer();
    }

    pub(crate) fn cut(&mut self) {
        self.reset = true;
        self.bytes.clear();
        self.arrivals.clear();
        self.wake_reader();
        self.wake_writer();
    }

    /// The reader was dropped.
    pub(crate) fn drop_reader(&mut self) {
        self.reader_gone = true;
        self.bytes.clear();
        self.arrivals.clear();
        self.wake_writer();
    }

    /// Changes a byte under way, or one that is written next.
    pub(crate) fn corrupt_soon(&mut self, ahead: usize, pattern: u8) {
        if !self.corrupt(ahead, pattern, true) {
            self.armed = Some((ahead, pattern));
        }
    }

    /// Changes a byte under way, and records it if `is_told` is set. Returns whether there was one.
    pub(crate) fn corrupt(&mut self, ahead: usize, pattern: u8, is_told: bool) -> bool {
        if self.bytes.is_empty() || pattern == 0 {
            return false;
        }
        let at = ahead % self.bytes.len();
        self.bytes[at] ^= pattern;
        if is_told {
            let offset = self.read + at as u64;
            self.damaged_at = Some(self.damaged_at.map_or(offset, |before| before.min(offset)));
        }
        true
    }

    /// Loses a byte under way without recording it.
    pub(crate) fn lose(&mut self) {
        if self.bytes.len() > 1 {
            self.bytes.pop_front();
            self.read += 1;
        }
    }

    /// Whether bytes can be written, or a write fails.
    pub(crate) fn is_writable(&self) -> bool {
        self.is_broken() || self.space() > 0
    }

    pub(crate) fn forget_reader(&mut self) {
        self.reading = None;
    }

    pub(crate) fn forget_writer(&mut self) {
        self.writing = None;
    }

    pub(crate) fn wait_to_read(&mut self, waker: &Waker) {
        self.reading = Some(waker.clone());
    }

    pub(crate) fn wait_to_write(&mut self, waker: &Waker) {
        self.writing = Some(waker.clone());
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(waker) = self.reading.take() {
            waker.wake();
        }
    }

    pub(crate) fn wake_writer(&mut self) {
        if let Some(waker) = self.writing.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pipe: &mut Pipe, most: usize) -> (Found, Vec<u8>) {
        let mut bytes = Vec::new();
        let found = pipe.read(most, 0, |read| bytes.extend(read));
        (found, bytes)
    }

    #[test]
    fn bytes_arrive_in_order_and_when_they_are_due() {
        let mut pipe = Pipe::new(10);
        pipe.write(b"ab", 0).unwrap();
        pipe.delay = 5;
        pipe.write(b"cd", 0).unwrap();
        pipe.delay = 1;
        pipe.write(b"ef", 1).unwrap();
        assert_eq!(pipe.space(), 4);
        assert_eq!(read(&mut pipe, 9).1, b"ab");
        assert_eq!(read(&mut pipe, 9).0, Found::Nothing);
        assert_eq!(pipe.next_arrival(), Some(5));
        pipe.arrive(5);
        pipe.end();
        assert_eq!(read(&mut pipe, 3).1, b"cde");
        assert_eq!(read(&mut pipe, 3).1, b"f");
        assert_eq!(read(&mut pipe, 3).0, Found::End);
    }

    #[test]
    fn what_the_network_does_is_noted() {
        let mut pipe = Pipe::new(10);
        assert!(!pipe.corrupt(0, 1, true));
        pipe.write(b"abc", 0).unwrap();
        assert!(pipe.corrupt(4, 1, true));
        assert_eq!(pipe.damaged_at, Some(1));
        assert_eq!(read(&mut pipe, 9).1, b"acc");
        pipe.half_close();
        assert!(!pipe.is_sound() && !pipe.has_ended());
        pipe.write(b"lost", 0).unwrap();
        assert_eq!(read(&mut pipe, 9).0, Found::End);
        pipe.cut();
        assert!(pipe.write(b"x", 0).is_err());
        assert_eq!(read(&mut pipe, 9).0, Found::Reset);
    }
}
