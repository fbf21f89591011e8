//! The fail loop: the Nth call on the transport fails, for every N until the session passes.

use std::io::ErrorKind;

use fullduplex_std::{
    EndpointConfig, Error, OwnedAcceptance, Result, Role, WebSocket, accept_with, client_with,
};
use fullduplex_testkit::Frame;

use crate::raw::REQUEST;
use crate::support::{bounded, is_over};
use crate::wire::{Failure, Log, Scripted};

const KINDS: [ErrorKind; 6] = [
    ErrorKind::Other,
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::UnexpectedEof,
    ErrorKind::NotConnected,
];

fn script(role: Role) -> Vec<Vec<u8>> {
    let frames = [
        Frame::text("one"),
        Frame::ping("are you there?"),
        Frame::binary(vec![2; 300]),
        Frame::text("thr").unfinished(),
        Frame::continuation("ee"),
        Frame::close(1000, "done"),
    ];
    let encode = |frame: Frame| match role {
        Role::Client => frame.encode(),
        Role::Server => frame.masked().encode(),
    };
    let request = (role == Role::Server).then(|| format!("{REQUEST}\r\n").into_bytes());
    request.into_iter().chain(frames.map(encode)).collect()
}

fn open(role: Role, stream: Scripted) -> Result<WebSocket<Scripted>> {
    let config = EndpointConfig::new();
    Ok(match role {
        Role::Server => accept_with(stream, config, |_| Ok(OwnedAcceptance::new()))?,
        Role::Client => client_with("ws://localhost/", stream, config)?.0,
    })
}

/// Echoes until the first error, which ends the session.
fn session(socket: &mut WebSocket<Scripted>) -> Error {
    loop {
        let result = match socket.read() {
            Ok(message) if message.is_text() => socket.send(message),
            Ok(message) if message.is_binary() => socket.feed(message),
            other => other.map(drop),
        };
        if let Err(error) = result {
            return error;
        }
    }
}

/// Runs a session whose transport fails like this. Returns whether the session ended before the failure.
fn run(role: Role, failure: Failure) -> bool {
    let (stream, log) = Scripted::new(script(role));
    let stream = if role == Role::Client { stream.answering() } else { stream };
    let error = match open(role, stream.failing(failure)) {
        Ok(mut socket) => {
            let error = session(&mut socket);
            // After a failed write, what has come can still be read, and at most one error follows.
            while !matches!(socket.read(), Err(Error::AlreadyClosed)) {}
            is_over(&mut socket);
            error
        }
        Err(error) => error,
    };
    let Log { failed, writes_after_failure, .. } = *log.borrow();
    assert_eq!(writes_after_failure, 0, "{role:?}, {failure:?}");
    if !failed {
        assert!(matches!(error, Error::ConnectionClosed), "{error:?}");
    } else {
        assert!(
            matches!(error, Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed),
            "{role:?}, {failure:?}: {error:?}"
        );
    }
    !failed
}

#[test]
fn whichever_call_on_the_transport_fails_there_is_one_error_and_nothing_is_written_after_it() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            for kind in KINDS {
                let passes = (0..100).find(|&at_call| run(role, Failure { at_call, kind }));
                assert!(passes.is_some_and(|calls| calls > 10), "{passes:?}");
            }
        }
    });
}

#[test]
fn an_error_before_the_peers_close_is_never_taken_for_a_clean_end() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            for kind in KINDS {
                // The handshake and the first message take more calls than this.
                for at_call in 0..5 {
                    let (stream, _) = Scripted::new(script(role).into_iter().take(3));
                    let stream = if role == Role::Client { stream.answering() } else { stream };
                    let error = open(role, stream.failing(Failure { at_call, kind }))
                        .and_then(|mut socket| Err::<(), _>(session(&mut socket)))
                        .unwrap_err();
                    assert!(
                        matches!(error, Error::Io(_) | Error::Protocol(_)),
                        "{role:?}, {kind:?}, {at_call}: {error:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn what_the_peer_sent_is_read_although_it_takes_no_answer() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            for kind in [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset] {
                let failed = (0..30).filter(|&at_call| is_read_to_its_end(role, at_call, kind));
                assert!(failed.count() >= 5);
            }
        }
    });
}

/// Answers each message, and ignores errors of that. Returns whether the write of an answer failed.
fn is_read_to_its_end(role: Role, at_call: usize, kind: ErrorKind) -> bool {
    let (stream, log) = Scripted::new(script(role));
    let stream = if role == Role::Client { stream.answering() } else { stream };
    let Ok(mut socket) = open(role, stream.failing(Failure { at_call, kind })) else {
        return false;
    };
    let (mut messages, mut error) = (0, None);
    while error.is_none() {
        match socket.read() {
            Ok(message) => {
                let _ = socket.feed(message);
                messages += 1;
            }
            Err(end) => error = Some(end),
        }
    }
    if log.borrow().failed_writing {
        assert_eq!(messages, 5, "{role:?}, {at_call}");
        assert!(matches!(error, Some(Error::ConnectionClosed)), "{role:?}, {at_call}: {error:?}");
    }
    log.borrow().failed_writing
}

#[test]
fn interrupted_calls_are_made_again() {
    bounded(|| {
        for role in [Role::Client, Role::Server] {
            for at_call in 0..40 {
                let (stream, _) = Scripted::new(script(role));
                let stream = if role == Role::Client { stream.answering() } else { stream };
                let failure = Failure { at_call, kind: ErrorKind::Interrupted };
                let mut socket = open(role, stream.failing(failure)).unwrap();
                let error = session(&mut socket);
                assert!(matches!(error, Error::ConnectionClosed), "{at_call}: {error:?}");
            }
        }
    });
}
