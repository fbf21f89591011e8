//! Reads and writes the head of a handshake.

use std::io::{Read, Write};

use bytes::Buf;

use crate::error::{Error, ProtocolError, Result};
use crate::util::NonBlockingResult;

/// The largest head, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// Writes a head, or reads one.
#[derive(Debug)]
pub struct HandshakeMachine<Stream> {
    stream: Stream,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(Vec<u8>),
    Writing(std::io::Cursor<Vec<u8>>),
}

impl<Stream> HandshakeMachine<Stream> {
    /// Starts reading.
    pub fn start_read(stream: Stream) -> Self {
        Self { stream, state: State::Reading(Vec::new()) }
    }

    /// Starts writing `data`.
    pub fn start_write<D: Into<Vec<u8>>>(stream: Stream, data: D) -> Self {
        Self { stream, state: State::Writing(std::io::Cursor::new(data.into())) }
    }

    /// The stream.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The stream, mutably.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }
}

impl<Stream: Read + Write> HandshakeMachine<Stream> {
    /// Reads once, or writes once.
    ///
    /// # Errors
    /// [`Error::Io`]; [`ProtocolError::HandshakeIncomplete`] at the end of the stream; [`Error::AttackAttempt`] for a head
    /// of more than 64 KiB; the errors of parsing the head.
    pub fn single_round<Obj: TryParse>(mut self) -> Result<RoundResult<Obj, Stream>> {
        match &mut self.state {
            State::Reading(head) => {
                let mut chunk = [0; 4 << 10];
                let Some(len) = self.stream.read(&mut chunk).no_block()? else {
                    return Ok(RoundResult::WouldBlock(self));
                };
                if len == 0 {
                    return Err(ProtocolError::HandshakeIncomplete.into());
                }
                head.extend(chunk.iter().take(len));
                if head.len() > MAX_HEAD {
                    return Err(Error::AttackAttempt);
                }
                match Obj::try_parse(head)? {
                    None => Ok(RoundResult::Incomplete(self)),
                    Some((len, result)) => {
                        let tail = head.split_off(len.min(head.len()));
                        let stream = self.stream;
                        Ok(RoundResult::StageFinished(StageResult::DoneReading {
                            result,
                            stream,
                            tail,
                        }))
                    }
                }
            }
            State::Writing(data) if data.has_remaining() => {
                let Some(len) = self.stream.write(data.chunk()).no_block()? else {
                    return Ok(RoundResult::WouldBlock(self));
                };
                if len == 0 {
                    return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into());
                }
                data.advance(len);
                Ok(RoundResult::Incomplete(self))
            }
            State::Writing(_) => Ok(match self.stream.flush().no_block()? {
                None => RoundResult::WouldBlock(self),
                Some(()) => RoundResult::StageFinished(StageResult::DoneWriting(self.stream)),
            }),
        }
    }
}

/// How a round ended.
#[derive(Debug)]
pub enum RoundResult<Obj, Stream> {
    /// The stream would block.
    WouldBlock(HandshakeMachine<Stream>),
    /// There is more to read or to write.
    Incomplete(HandshakeMachine<Stream>),
    /// A head was read or written.
    StageFinished(StageResult<Obj, Stream>),
}

/// A head that was read or written.
#[derive(Debug)]
pub enum StageResult<Obj, Stream> {
    /// Read.
    DoneReading {
        /// The head.
        result: Obj,
        /// The stream.
        stream: Stream,
        /// What was read after the head.
        tail: Vec<u8>,
    },
    /// Written.
    DoneWriting(Stream),
}

/// Something that can be parsed at the front of a buffer.
pub trait TryParse: Sized {
    /// The object and its length in bytes; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When `data` does not begin with one.
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>>;
}
