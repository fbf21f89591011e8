//! The halves of both adapters on threads of the system, over pipes in memory: what they send arrives once and in order, and
//! no thread waits for ever.
//!
//! The models run all interleavings of a few steps. This runs a few interleavings of whole conversations, and under Miri
//! with weak memory orderings and a data race detector.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use fullduplex::{EndpointConfig, Message, Role};
use fullduplex_std::{IntoHalves, WebSocket};
use fullduplex_tokio::{WebSocketConfig, WebSocketStream};
use tokio::task::JoinSet;

/// How many messages each peer sends. Miri is some hundred times slower.
const COUNT: usize = if cfg!(miri) { 12 } else { 5_000 };

/// Less than a message, so that writes are blocked again and again.
const PIPE_SIZE: usize = 30;

/// A test that takes longer has failed. The clock of Miri counts its own steps.
const LIMIT: Duration = Duration::from_secs(if cfg!(miri) { 3_600 } else { 60 });

/// The message with this number: a Ping now and then, so that receivers write as well.
fn message(number: usize) -> Message {
    match number % 5 {
        0 => Message::Ping(vec![number as u8].into()),
        _ => Message::binary(vec![number as u8; number % 90]),
    }
}

/// Checks what a peer receives.
#[derive(Default)]
struct Received(usize);

impl Received {
    /// Whether the conversation goes on after this message.
    fn goes_on(&mut self, received: Message) -> bool {
        match received {
            Message::Pong(_) => {}
            Message::Close(_) => {
                assert_eq!(self.0, COUNT, "messages before the Close");
                return false;
            }
            received => {
                assert_eq!(received, message(self.0));
                self.0 += 1;
            }
        }
        true
    }
}

#[test]
fn tasks() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(PIPE_SIZE);
        let config = WebSocketConfig::new;
        let mut receivers = JoinSet::new();
        let mut senders = JoinSet::new();
        let all_sent = Arc::new(tokio::sync::Barrier::new(2));
        for (stream, role) in [(near, Role::Client), (far, Role::Server)] {
            let socket = WebSocketStream::from_raw_socket(stream, role, config());
            let (mut sender, mut receiver) = socket.into_split();
            let all_sent = Arc::clone(&all_sent);
            senders.spawn(async move {
                for number in 0..COUNT {
                    match number % 2 {
                        0 => sender.feed(message(number)).await.unwrap(),
                        _ => sender.send(message(number)).await.unwrap(),
                    }
                }
                sender.flush().await.unwrap();
                all_sent.wait().await;
                sender.close(None).await.unwrap();
                // A sender that is dropped says goodbye.
                pending::<()>().await;
            });
            receivers.spawn(async move {
                let mut received = Received::default();
                while received.goes_on(receiver.recv().await.unwrap().unwrap()) {}
                assert!(receiver.recv().await.is_none());
            });
        }
        let all = async {
            while let Some(ended) = receivers.join_next().await {
                ended.unwrap();
            }
        };
        tokio::time::timeout(LIMIT, all).await.expect("a task waits for ever");
    });
}

/// One direction of a [`Pipe`].
#[derive(Debug, Default)]
struct Direction {
    /// The bytes that wait, and whether the writer has ended.
    state: Mutex<(VecDeque<u8>, bool)>,
    changed: Condvar,
}

impl Direction {
    fn read(&self, buf: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let state = self.state.lock().unwrap();
        let is_blocked = |(bytes, ended): &mut (VecDeque<u8>, bool)| bytes.is_empty() && !*ended;
        let (mut state, wait) =
            self.changed.wait_timeout_while(state, timeout, is_blocked).unwrap();
        if wait.timed_out() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.changed.notify_all();
        state.0.read(buf)
    }

    fn write(&self, buf: &[u8], timeout: Duration) -> io::Result<usize> {
        let state = self.state.lock().unwrap();
        let is_blocked =
            |(bytes, ended): &mut (VecDeque<u8>, bool)| bytes.len() == PIPE_SIZE && !*ended;
        let (mut state, wait) =
            self.changed.wait_timeout_while(state, timeout, is_blocked).unwrap();
        if wait.timed_out() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if state.1 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let len = buf.len().min(PIPE_SIZE - state.0.len());
        state.0.extend(&buf[..len]);
        self.changed.notify_all();
        Ok(len)
    }

    fn end(&self) {
        // A stream is ended while its thread panics, too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }
}

/// A stream that its halves share.
#[derive(Debug, Clone)]
struct Pipe {
    input: Arc<Direction>,
    output: Arc<Direction>,
    /// The timeouts of reads and of writes.
    timeouts: Arc<Mutex<[Duration; 2]>>,
}

impl Pipe {
    fn pair() -> [Self; 2] {
        let (there, back) = <(Arc<Direction>, Arc<Direction>)>::default();
        let end = |input: &Arc<Direction>, output: &Arc<Direction>| Self {
            input: Arc::clone(input),
            output: Arc::clone(output),
            timeouts: Arc::new(Mutex::new([LIMIT; 2])),
        };
        [end(&back, &there), end(&there, &back)]
    }
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let [timeout, _] = *self.timeouts.lock().unwrap();
        self.input.read(buf, timeout)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let [_, timeout] = *self.timeouts.lock().unwrap();
        self.output.write(buf, timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl IntoHalves for Pipe {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.lock().unwrap()[0] = timeout.unwrap_or(LIMIT);
        Ok(())
    }

    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.lock().unwrap()[1] = timeout.unwrap_or(LIMIT);
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.input.end();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.output.end();
        }
        Ok(())
    }
}

#[test]
fn threads() {
    let (done, ended) = mpsc::channel();
    let all_sent = Arc::new(std::sync::Barrier::new(2));
    let mut threads = Vec::new();
    for (stream, role) in Pipe::pair().into_iter().zip([Role::Client, Role::Server]) {
        let socket = WebSocket::from_raw_socket(stream, role, EndpointConfig::new());
        let (mut sender, mut receiver) = socket.into_split().unwrap();
        let all_sent = Arc::clone(&all_sent);
        threads.push(thread::spawn(move || {
            for number in 0..COUNT {
                match number % 2 {
                    0 => sender.feed(message(number)).unwrap(),
                    _ => sender.send(message(number)).unwrap(),
                }
            }
            sender.flush().unwrap();
            all_sent.wait();
            sender.close(None).unwrap();
        }));
        let done = done.clone();
        threads.push(thread::spawn(move || {
            let mut received = Received::default();
            while received.goes_on(receiver.read().unwrap()) {}
            receiver.read().unwrap_err();
            done.send(()).unwrap();
        }));
    }
    drop(done);
    for _ in 0..2 {
        ended.recv_timeout(LIMIT).expect("a thread waits for ever, or has panicked");
    }
    for thread in threads {
        thread.join().unwrap();
    }
}
