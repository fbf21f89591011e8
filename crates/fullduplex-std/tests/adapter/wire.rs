//! Streams in memory: [`Wire`] blocks at random, [`Scripted`] plays a script and counts calls, and the peer of a
//! [`SlowReader`] reads slowly.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_testkit::Random;

use crate::raw::response_to;
use crate::support::ms;

/// One direction between two [`Wire`]s.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    ended: bool,
}

/// One end of a connection in memory that takes or gives a random number of bytes, or would block.
#[derive(Debug)]
pub(crate) struct Wire {
    incoming: Rc<RefCell<Pipe>>,
    outgoing: Rc<RefCell<Pipe>>,
    random: Random,
    /// How many bytes the outgoing pipe holds.
    capacity: usize,
}

impl Wire {
    /// Both ends of a connection, whose random choices come from `seed`.
    pub(crate) fn pair(seed: u64, capacity: usize) -> (Self, Self) {
        let pipes: [Rc<RefCell<Pipe>>; 2] = Default::default();
        let end = |incoming: usize| Self {
            incoming: Rc::clone(&pipes[incoming]),
            outgoing: Rc::clone(&pipes[1 - incoming]),
            random: Random::new(2 * seed + incoming as u64 + 1),
            capacity,
        };
        (end(0), end(1))
    }

    /// Changes how many bytes may be under way.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// How many of `most` bytes go through now, unless the stream blocks.
    fn whim(&mut self, most: usize) -> io::Result<usize> {
        match self.random.below(4) {
            _ if most == 0 => Err(ErrorKind::WouldBlock.into()),
            0 => Err(ErrorKind::WouldBlock.into()),
            1 => Ok(1),
            _ => Ok(1 + self.random.below(most)),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let pipe = Rc::clone(&self.incoming);
        let mut pipe = pipe.borrow_mut();
        if pipe.bytes.is_empty() && pipe.ended {
            return Ok(0);
        }
        let len = self.whim(buf.len().min(pipe.bytes.len()))?;
        pipe.bytes.read(&mut buf[..len])
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let pipe = Rc::clone(&self.outgoing);
        let mut pipe = pipe.borrow_mut();
        let len = self.whim(buf.len().min(self.capacity.saturating_sub(pipe.bytes.len())))?;
        pipe.bytes.extend(&buf[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.random.below(4) == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().ended = true;
    }
}

/// What a [`Scripted`] stream has seen.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) written: Vec<u8>,
    pub(crate) calls: usize,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    /// Whether the planned failure has happened.
    pub(crate) failed: bool,
    /// Whether it happened in a call of `write` or `flush`.
    pub(crate) failed_writing: bool,
    /// How often `write` was called after the failure.
    pub(crate) writes_after_failure: usize,
}

/// A log that is shared with the stream.
pub(crate) type SharedLog = Rc<RefCell<Log>>;

/// How a [`Scripted`] stream fails, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) at_call: usize,
    pub(crate) kind: ErrorKind,
}

/// A stream that gives one item of a script per read, then an end of input, and keeps what is written.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: VecDeque<Vec<u8>>,
    /// Whether a response to the written request comes before the script.
    answers: bool,
    failure: Option<Failure>,
    log: SharedLog,
}

impl Scripted {
    pub(crate) fn new(script: impl IntoIterator<Item = Vec<u8>>) -> (Self, SharedLog) {
        let log = SharedLog::default();
        let script = script.into_iter().collect();
        (Self { script, answers: false, failure: None, log: Rc::clone(&log) }, log)
    }

    /// Plays a server: answers the request first.
    pub(crate) fn answering(mut self) -> Self {
        self.answers = true;
        self
    }

    pub(crate) fn failing(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }

    fn count(&self, writing: bool) -> io::Result<()> {
        let mut log = self.log.borrow_mut();
        log.calls += 1;
        match self.failure {
            Some(failure) if log.calls > failure.at_call && !log.failed => {
                log.failed = true;
                log.failed_writing = writing;
                Err(failure.kind.into())
            }
            _ => Ok(()),
        }
    }
}

impl Read for Scripted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.count(false)?;
        let mut log = self.log.borrow_mut();
        log.reads += 1;
        if std::mem::take(&mut self.answers) {
            let request = String::from_utf8(log.written.clone()).unwrap();
            if request.is_empty() {
                // There was no request, so nothing comes.
                self.script.clear();
            } else {
                self.script.push_front(response_to(&request).into_bytes());
            }
        }
        let Some(mut item) = self.script.pop_front() else { return Ok(0) };
        let rest = item.split_off(item.len().min(buf.len()));
        if !rest.is_empty() {
            self.script.push_front(rest);
        }
        buf[..item.len()].copy_from_slice(&item);
        Ok(item.len())
    }
}

impl Write for Scripted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.log.borrow().failed {
            self.log.borrow_mut().writes_after_failure += 1;
        }
        self.count(true)?;
        let mut log = self.log.borrow_mut();
        log.writes += 1;
        log.written.extend(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.count(true)
    }
}

/// A stream to a peer that has sent something, is silent afterwards, and reads a part of our output from time to time.
#[derive(Debug)]
pub(crate) struct SlowReader {
    said: io::Cursor<Vec<u8>>,
    /// How many bytes the peer reads at once.
    most: usize,
    /// Whether a write waits until the peer reads, or would block.
    waits: bool,
    reads_next: Instant,
    /// How many bytes the peer has read.
    pub(crate) taken: usize,
}

impl SlowReader {
    /// How long the peer pauses between two reads.
    const PAUSE: Duration = ms(60);

    pub(crate) fn new(said: Vec<u8>, most: usize, waits: bool) -> Self {
        let said = io::Cursor::new(said);
        Self { said, most, waits, reads_next: Instant::now(), taken: 0 }
    }
}

impl Read for SlowReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.said.read(buf)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for SlowReader {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let left = self.reads_next.saturating_duration_since(Instant::now());
        if self.waits {
            thread::sleep(left);
        } else if !left.is_zero() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.reads_next = Instant::now() + Self::PAUSE;
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>().min(self.most);
        self.taken += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
