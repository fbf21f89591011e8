//! How far one end of the connection has come, and how it uses its transport.

use std::collections::VecDeque;
use std::time::Duration;

use fullduplex::{BufMut, Connecting, Endpoint, Incoming, Refusal, SendError, Shutdown};
use fullduplex_fuzz::Oracle;
use fullduplex_testkit::TestEntropy;

/// How far an end has come.
pub(crate) enum Phase {
    Incoming(Incoming<TestEntropy>),
    Connecting(Connecting<TestEntropy>),
    Open(Endpoint<TestEntropy>),
    /// A server that has refused the request.
    Refusal(Refusal),
    /// Only the transport is left to be dropped.
    Over,
}

impl Phase {
    /// Calls `f` if the connection is open.
    pub(crate) fn send(
        &mut self,
        f: impl FnOnce(&mut Endpoint<TestEntropy>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        match self {
            Self::Open(endpoint) => f(endpoint),
            _ => Err(SendError::Closed),
        }
    }

    /// Takes the next bytes of the output, at most `most`.
    pub(crate) fn write(&mut self, most: usize) -> Vec<u8> {
        let cut = |output: &[u8]| output[..output.len().min(most)].to_vec();
        match self {
            Self::Incoming(_) | Self::Over => Vec::new(),
            Self::Connecting(connecting) => {
                let output = cut(connecting.output());
                connecting.advance_output(output.len());
                output
            }
            Self::Refusal(refusal) => {
                let output = cut(refusal.output());
                refusal.advance_output(output.len());
                output
            }
            Self::Open(endpoint) => {
                let writer = endpoint.output().expect("entropy never fails here");
                let output: Vec<u8> = writer.slices().flatten().take(most).copied().collect();
                writer.advance(output.len());
                output
            }
        }
    }

    pub(crate) fn shutdown(&mut self) -> Shutdown {
        match self {
            Self::Incoming(_) | Self::Connecting(_) => Shutdown::No,
            Self::Refusal(refusal) if !refusal.output().is_empty() => Shutdown::No,
            Self::Refusal(_) => Shutdown::Write,
            Self::Open(endpoint) => endpoint.shutdown(),
            Self::Over => Shutdown::Both,
        }
    }

    /// Reads up to `most` bytes of `inbox`, into `room_buf` or into `room`. Returns how many.
    pub(crate) fn read(&mut self, inbox: &mut VecDeque<u8>, most: usize, by_buf: bool) -> usize {
        let most = most.min(inbox.len());
        let fill = |mut room: &mut [u8], inbox: &mut VecDeque<u8>| {
            if Oracle::EndpointRoom.faulty() {
                room = &mut [];
            }
            Oracle::EndpointRoom.holds(!room.is_empty(), "nowhere to read into");
            let read = most.min(room.len());
            for (slot, byte) in room.iter_mut().zip(inbox.drain(..read)) {
                *slot = byte;
            }
            read
        };
        let put = |room: &mut dyn BufMut, inbox: &mut VecDeque<u8>| {
            let has_room = room.has_remaining_mut() && !Oracle::EndpointRoomBuf.faulty();
            Oracle::EndpointRoomBuf.holds(has_room, "nowhere to read into");
            let read = most.min(room.remaining_mut());
            inbox.drain(..read).for_each(|byte| room.put_u8(byte));
            read
        };
        macro_rules! take {
            ($it:expr) => {{
                let read =
                    if by_buf { put(&mut $it.room_buf(), inbox) } else { fill($it.room(), inbox) };
                $it.advance(read);
                read
            }};
        }
        match self {
            Self::Incoming(incoming) => take!(incoming),
            Self::Connecting(connecting) => take!(connecting),
            Self::Open(endpoint) => take!(endpoint.reader),
            Self::Refusal(_) | Self::Over => inbox.drain(..most).count(),
        }
    }

    pub(crate) fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::Incoming(incoming) => incoming.poll_timeout(now),
            Self::Connecting(connecting) => connecting.poll_timeout(now),
            Self::Open(endpoint) => endpoint.poll_timeout(now),
            Self::Refusal(refusal) => refusal.poll_timeout(now),
            Self::Over => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, mut now: Duration) {
        if Oracle::EndpointPunctual.faulty()
            && let Self::Open(endpoint) = self
        {
            // A Ping that is due is written, and never answered.
            let _ = endpoint.handle_timeout(now);
            let _ = endpoint.output();
            now += Duration::from_secs(3_600);
        }
        let late = match self {
            Self::Incoming(incoming) => incoming.handle_timeout(now).map_err(|it| it.to_string()),
            Self::Connecting(connecting) => {
                connecting.handle_timeout(now).map_err(|error| error.to_string())
            }
            Self::Open(endpoint) => endpoint.handle_timeout(now).map_err(|it| it.to_string()),
            Self::Refusal(refusal) => {
                if refusal.handle_timeout(now).is_err() {
                    *self = Self::Over;
                }
                Ok(())
            }
            Self::Over => Ok(()),
        };
        Oracle::EndpointPunctual.ok(late);
    }
}
