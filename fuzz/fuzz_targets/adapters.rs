//! Both adapters as echo servers. Their streams read and write in pieces of any size and may block at any call, and their
//! futures may be dropped at any poll. Each message must come back once, in order and intact, and nothing may hang.
#![no_main]

use std::io::{self, ErrorKind, Read, Write};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use arbitrary::Arbitrary;
use fullduplex::{EndpointConfig, Role};
use fullduplex_fuzz::{Bound, Measured, Oracle, Step, Traffic};
use fullduplex_std::WebSocket;
use fullduplex_testkit::{Frame, Seen, frames};
use fullduplex_tokio::{Message, WebSocketConfig, WebSocketStream};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A run must take fewer calls than this.
const MOST_CALLS: u32 = 200_000;

/// A runtime, both adapters' buffers, the wire, what came back and its frames.
const MEMORY: Bound = Bound { constant: 512 << 10, factor: 16 };

#[derive(Arbitrary, Debug)]
struct Input {
    key: [u8; 4],
    steps: Vec<Step>,
    /// What each call of the stream does.
    moves: Vec<u8>,
    /// After how many polls each future is dropped.
    drops: Vec<u8>,
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, run));

/// Returns how many bytes went over the wire.
fn run(input: &Input) -> usize {
    let traffic = Traffic::new(&input.steps[..input.steps.len().min(12)], Some(input.key));
    let over_std = Shared::new(&traffic.wire, &input.moves);
    blocking(Wire(over_std.clone()));
    check(&traffic, &over_std.output(), &[]);

    let over_tokio = Shared::new(&traffic.wire, &input.moves);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let dropped = runtime.block_on(async {
        let echo = asynchronous(Wire(over_tokio.clone()), &input.drops);
        let echo = async {
            if Oracle::AdaptersComeToAnEnd.faulty() {
                std::future::pending::<()>().await;
            }
            echo.await
        };
        Oracle::AdaptersComeToAnEnd.ok(tokio::time::timeout(Duration::from_secs(3_600), echo).await)
    });
    check(&traffic, &over_tokio.output(), &dropped);
    traffic.wire.len()
}

/// Checks what came back, if the traffic is valid. Messages whose sending was dropped may be missing.
fn check(traffic: &Traffic, output: &[u8], dropped: &[usize]) {
    // The application drops a connection that fails, so its output may end anywhere.
    if !traffic.valid {
        return;
    }
    let mut sent = frames(output);
    bend(&mut sent);
    let close = sent.iter().position(|frame| frame.opcode == 8);
    Oracle::AdaptersCloseLast
        .holds(close.is_none_or(|at| at + 1 == sent.len()), format_args!("{sent:?}"));
    let is_message = |seen: &&Seen| matches!(seen, Seen::Text(..) | Seen::Binary(..));
    let mut echoed = sent.iter().filter(|frame| frame.opcode < 8).peekable();
    for (number, message) in traffic.expected.iter().filter(is_message).enumerate() {
        let (Seen::Text(payload, _) | Seen::Binary(payload, _)) = message else { continue };
        let opcode = if matches!(message, Seen::Text(..)) { 1 } else { 2 };
        let same = |frame: &&Frame| frame.opcode == opcode && frame.payload == *payload;
        match echoed.next_if(same) {
            Some(frame) => Oracle::AdaptersInForm.holds(
                frame.fin && frame.mask.is_none() && frame.rsv == 0,
                format_args!("{frame:?}"),
            ),
            None => Oracle::AdaptersEcho
                .holds(dropped.contains(&number), format_args!("no message {number}")),
        }
    }
    Oracle::AdaptersNoMore.same(echoed.next(), None);
}

/// Puts in the faults of what came back.
fn bend(sent: &mut Vec<Frame>) {
    if Oracle::AdaptersCloseLast.faulty() {
        sent.push(Frame::ping([]));
    }
    let Some(at) = sent.iter().rposition(|frame| frame.opcode < 8) else { return };
    sent[at].rsv ^= u8::from(Oracle::AdaptersInForm.faulty());
    if Oracle::AdaptersNoMore.faulty() {
        sent.insert(at, sent[at].clone());
    }
    if Oracle::AdaptersEcho.faulty() {
        sent.remove(at);
    }
}

/// The std adapter over a nonblocking stream.
fn blocking(wire: Wire) {
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, EndpointConfig::new());
    let would_block = |error: &fullduplex_std::Error| matches!(error, fullduplex_std::Error::Io(error) if error.kind() == ErrorKind::WouldBlock);
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                let mut fed = socket.feed(message);
                if Oracle::AdaptersFeed.faulty() {
                    fed = Err(fullduplex_std::Error::AlreadyClosed);
                }
                let waits = fed.as_ref().err().is_none_or(would_block);
                Oracle::AdaptersFeed.holds(waits, format_args!("{fed:?}"));
            }
            Ok(_) => {}
            Err(error) if would_block(&error) => {}
            Err(_) => break,
        }
        // The peer ends its direction without a Close, so everything must be written before the next read.
        while socket.flush().is_err_and(|error| would_block(&error)) {}
    }
}

/// The tokio adapter. Returns the numbers of the messages whose sending was dropped.
async fn asynchronous(wire: Wire, drops: &[u8]) -> Vec<usize> {
    let mut socket = WebSocketStream::from_raw_socket(wire, Role::Server, WebSocketConfig::new());
    let mut drops = drops.iter().copied();
    let (mut number, mut dropped) = (0, Vec::new());
    loop {
        let message = match within(socket.recv(), drops.next()).await {
            None => continue,
            Some(None) => return dropped,
            Some(Some(message)) => message,
        };
        if let Ok(message @ (Message::Text(_) | Message::Binary(_))) = message {
            if within(socket.feed(message), drops.next()).await.is_none() {
                dropped.push(number);
            }
            number += 1;
        }
        // The peer ends its direction without a Close, so everything must be written before the next read.
        while within(socket.flush(), drops.next()).await.is_none() {}
    }
}

/// Polls a future as often as `polls` says, and then drops it.
async fn within<T>(future: impl Future<Output = T>, polls: Option<u8>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls.map(|polls| polls % 4);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => match &mut left {
            Some(0) => Poll::Ready(None),
            Some(left) => {
                *left -= 1;
                Poll::Pending
            }
            None => Poll::Pending,
        },
    })
    .await
}

/// A stream whose output the target reads when the endpoint has ended.
#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

struct State {
    incoming: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    moves: Vec<u8>,
    calls: u32,
    /// For reads, writes and other calls: whether the last one has blocked. If so, the next one does not.
    blocked: [bool; 3],
}

impl Shared {
    fn new(wire: &[u8], moves: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(State {
            incoming: wire.to_vec(),
            taken: 0,
            output: Vec::new(),
            moves: moves.to_vec(),
            calls: 0,
            blocked: [false; 3],
        })))
    }

    fn output(&self) -> Vec<u8> {
        self.0.lock().expect("nobody panics").output.clone()
    }
}

impl State {
    /// How many of `most` bytes are taken now; `None` if the call blocks.
    fn step(&mut self, kind: usize, most: usize) -> Option<usize> {
        self.calls += 1;
        Oracle::AdaptersCalls.holds(self.calls < MOST_CALLS, self.calls);
        let next = self.moves.get(self.calls as usize % self.moves.len().max(1));
        let next = next.copied().unwrap_or(255);
        // The sequence of Thue and Morse has no period that an endpoint's calls could have as well, so each call succeeds
        // at some time.
        let may_block = self.calls.count_ones().is_multiple_of(2);
        self.blocked[kind] = !self.blocked[kind] && may_block && next < 64;
        self.blocked[kind] |= Oracle::AdaptersCalls.faulty();
        // After a while, more than single bytes are taken, so that a run stays short.
        let least = if self.calls < 2_000 { 1 } else { 4_096 };
        (!self.blocked[kind]).then(|| match next {
            255 => most,
            next => most.min(least.max(usize::from(next - next.min(63)).pow(2))),
        })
    }

    fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        let most = buf.len().min(self.incoming.len() - self.taken);
        let len = self.step(0, most)?;
        buf[..len].copy_from_slice(&self.incoming[self.taken..self.taken + len]);
        self.taken += len;
        Some(len)
    }

    fn write(&mut self, buf: &[u8]) -> Option<usize> {
        let len = self.step(1, buf.len())?;
        self.output.extend(&buf[..len]);
        Some(len)
    }
}

struct Wire(Shared);

impl Wire {
    fn with<T>(&self, call: impl FnOnce(&mut State) -> Option<T>) -> io::Result<T> {
        let mut state = self.0.0.lock().expect("nobody panics");
        call(&mut state).ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    fn poll<T>(
        &self,
        cx: &Context<'_>,
        call: impl FnOnce(&mut State) -> Option<T>,
    ) -> Poll<io::Result<T>> {
        match self.with(call) {
            Ok(done) => Poll::Ready(Ok(done)),
            Err(_) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.with(|state| state.read(buf))
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.with(|state| state.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|state| state.step(2, 0).map(drop))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(cx, |state| {
            let len = state.read(buf.initialize_unfilled())?;
            buf.advance(len);
            Some(())
        })
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |state| state.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |state| state.step(2, 0).map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |state| state.step(2, 0).map(drop))
    }
}
