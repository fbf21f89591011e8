//! TCP to whichever address of a host answers first (RFC 8305, Happy Eyeballs).

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::Instant;

use super::target::{Dial, Target, until};
use crate::error::{Attempt, AttemptError, DialError};

/// How long an attempt is waited for before the next one is started beside it. RFC 8305 §5: "Recommended value is 250
/// milliseconds."
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses are tried at most, so that an answer to a name look-up cannot make us open hundreds of
/// connections. The system's resolver returns a few for nearly every name.
const MAX_ATTEMPTS: usize = 16;

/// Connects by TCP to the first address of the host that answers (RFC 8305, Happy Eyeballs): the next address is tried
/// when the one before it has failed, or has not answered for 250 ms. Addresses of IPv6 and IPv4 take turns, 16 at most.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcpDial {
    /// Whether to set `TCP_NODELAY`. It should be set: messages are written whole, so Nagle's algorithm has nothing to
    /// combine and only delays them.
    pub nodelay: bool,
}

impl TcpDial {
    /// The default: `TCP_NODELAY` is set.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodelay: true }
    }
}

impl Default for TcpDial {
    fn default() -> Self {
        Self::new()
    }
}

impl Dial for TcpDial {
    type Stream = TcpStream;

    async fn dial(&self, target: Target<'_>) -> Result<TcpStream, DialError> {
        let looking_up = lookup_host((target.host, target.port));
        let addresses = match until(target.deadline, looking_up).await {
            None => return Err(DialError::LookupTimedOut),
            Some(Err(error)) => return Err(DialError::Lookup(error)),
            Some(Ok(addresses)) => in_turns(addresses),
        };
        let socket = race(addresses, target.deadline, TcpStream::connect).await?;
        socket.set_nodelay(self.nodelay)?;
        Ok(socket)
    }
}

/// The first addresses, such that the families take turns.
///
/// RFC 8305 §4: "the client SHOULD modify the ordered list to interleave address families. Whichever address family is
/// first in the list should be followed by an address of the other address family".
fn in_turns(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| address.is_ipv6() == is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut in_turns = Vec::new();
    while in_turns.len() < MAX_ATTEMPTS {
        let before = in_turns.len();
        in_turns.extend(first.next());
        in_turns.extend(second.next());
        if in_turns.len() == before {
            break;
        }
    }
    in_turns.truncate(MAX_ATTEMPTS);
    in_turns
}

/// An address that is being tried, or was.
enum Trying<F> {
    Running(Pin<Box<F>>),
    Failed(io::Error),
}

/// Connects to the first address that answers. The attempts for the others are dropped, and with them their sockets.
async fn race<F, T>(
    addresses: Vec<SocketAddr>,
    deadline: Option<Instant>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = io::Result<T>>,
{
    if addresses.is_empty() {
        return Err(DialError::NoAddress);
    }
    let mut waiting = addresses.iter();
    let mut attempts: Vec<Trying<F>> = Vec::new();
    loop {
        attempts.extend(waiting.next().map(|address| Trying::Running(Box::pin(connect(*address)))));
        // RFC 8305 §5: "start one connection attempt, and then wait". Behind the last address, only the deadline ends
        // the wait.
        let next = (waiting.len() > 0).then(|| Instant::now() + ATTEMPT_DELAY);
        let wait = deadline.into_iter().chain(next).min();
        match until(wait, poll_fn(|cx| poll_each(&mut attempts, cx))).await {
            Some(Some(stream)) => return Ok(stream),
            // One has failed, and the next one need not wait for the delay.
            Some(None) => {
                let all_failed = attempts.iter().all(|one| matches!(one, Trying::Failed(_)));
                if waiting.len() == 0 && all_failed {
                    break;
                }
            }
            None => {
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    break;
                }
            }
        }
    }
    let mut attempts = attempts.into_iter();
    let report = addresses.iter().map(|address| Attempt {
        address: *address,
        error: match attempts.next() {
            Some(Trying::Failed(error)) => AttemptError::Failed(error),
            Some(Trying::Running(_)) => AttemptError::TimedOut,
            None => AttemptError::NotTried,
        },
    });
    Err(DialError::Addresses(report.collect()))
}

/// Waits until an attempt ends: its stream, or `None` when it has failed.
fn poll_each<F, T>(attempts: &mut [Trying<F>], cx: &mut Context<'_>) -> Poll<Option<T>>
where
    F: Future<Output = io::Result<T>>,
{
    let mut has_failed = false;
    for attempt in attempts {
        let Trying::Running(connecting) = attempt else { continue };
        match connecting.as_mut().poll(cx) {
            Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
            Poll::Ready(Err(error)) => {
                *attempt = Trying::Failed(error);
                has_failed = true;
            }
            Poll::Pending => {}
        }
    }
    if has_failed { Poll::Ready(None) } else { Poll::Pending }
}

#[cfg(test)]
mod tests;
