//! A watchdog, pairs of sockets, configurations with short deadlines.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_std::{
    EndpointConfig, Error, Message, Timeouts, WebSocket, accept_with, client_with,
};

/// How long a test may take before it counts as hanging.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs `test`, and fails if it does not come to its end within [`LONG`].
pub(crate) fn bounded<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        // The watchdog may have gone.
        let _ = done.send(());
        result
    });
    match wait.recv_timeout(LONG) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        },
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
    }
}

/// Runs `action` and checks that it took `at_least` and not much more.
pub(crate) fn takes<T>(at_least: Duration, action: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = action();
    let took = begin.elapsed();
    assert!(took + ms(20) >= at_least, "{took:?} is too short, {at_least:?} expected");
    assert!(took < at_least + ms(2500), "{took:?} is too long, {at_least:?} expected");
    result
}

/// Two connected sockets: first the dialling one, then the accepted one.
pub(crate) fn sockets() -> (TcpStream, TcpStream) {
    let (listener, address) = listener();
    let dialled = TcpStream::connect(address).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    for socket in [&dialled, &accepted] {
        socket.set_nodelay(true).unwrap();
    }
    (dialled, accepted)
}

pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Our client and our server, connected.
pub(crate) fn pair(
    client: EndpointConfig,
    server: EndpointConfig,
) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (near, far) = sockets();
    let accepting = thread::spawn(move || accept_with(far, server, |_| Ok(Default::default())));
    let (client, _) = client_with("ws://localhost/", near, client).unwrap();
    (client, accepting.join().unwrap().unwrap())
}

/// A configuration whose timeouts `set` changes.
pub(crate) fn timeouts(set: impl FnOnce(&mut Timeouts)) -> EndpointConfig {
    let mut config = EndpointConfig::new();
    set(&mut config.connection.timeouts);
    config
}

/// A configuration with this handshake timeout and this close timeout.
pub(crate) fn handshake_timeout(timeout: Duration) -> EndpointConfig {
    let mut config = timeouts(|timeouts| timeouts.close_timeout = timeout);
    config.handshake_timeout = Some(timeout);
    config
}

/// Reads until the end: the messages, and the error that told the end.
pub(crate) fn drain<S: std::io::Read + std::io::Write + 'static>(
    socket: &mut WebSocket<S>,
) -> (Vec<Message>, Error) {
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, error),
        }
    }
}

/// Checks that the connection is over for good: nothing can be read or sent, and nothing panics.
pub(crate) fn is_over<S: std::io::Read + std::io::Write + 'static>(socket: &mut WebSocket<S>) {
    for _ in 0..2 {
        assert!(matches!(socket.read(), Err(Error::AlreadyClosed)));
        assert!(matches!(socket.send("late".into()), Err(Error::AlreadyClosed)));
        socket.close(None).unwrap();
    }
    assert!(!socket.can_read() && !socket.can_send());
}

/// Ends the sending direction and reads on until the peer has done the same.
pub(crate) fn finish(mut socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let mut buf = [0; 4096];
    loop {
        match std::io::Read::read(&mut socket, &mut buf) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}
