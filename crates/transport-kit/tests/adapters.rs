//! Runs the kit on our own adapters, on the loop that the core's documentation begins with, and on faulty endpoints. Each
//! faulty endpoint shows that one of the kit's checks can fail.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use fullduplex::handshake::{Acceptance, HeadLimits, OwnedClientRequest, ServerHandshake};
use fullduplex::{
    Config, Connected, Connecting, Connection, Endpoint, EndpointConfig, Entropy, EntropyError,
    Event, Incoming, Input, MessageKind, MessageRef, NoEntropy, Progress, Role, Shutdown,
};
use fullduplex_std::{HandshakeError, WebSocket};
use fullduplex_transport_kit::{Break, Kit, Runs, Script, Stream};
use tokio::io::{AsyncRead, ReadBuf};

/// Numbers that are good enough for masking keys in a test.
struct Numbers(u32);

impl Entropy for Numbers {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        self.0 = self.0.wrapping_mul(0x9e37_79b1).wrapping_add(1);
        Ok(self.0)
    }
}

#[test]
fn std_servers_and_clients_that_block_stand_every_session() {
    for kit in both(Kit::server()) {
        assert_many(kit.check_blocking(|stream| {
            let Ok(socket) = fullduplex_std::accept(stream) else { return };
            echo_blocking(socket);
        }));
    }
    for kit in both(Kit::client()) {
        assert_many(kit.check_blocking(|stream| {
            let opening = fullduplex_std::client("ws://server.example.com/chat", stream);
            let Ok((socket, _)) = opening else { return };
            echo_blocking(socket);
        }));
    }
}

fn echo_blocking(mut socket: WebSocket<Stream>) {
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.feed(message).is_err() {
            break;
        }
    }
}

/// The kit as it is, and over streams whose writes need a flush.
fn both(kit: Kit) -> [Kit; 2] {
    [kit.clone(), kit.buffered()]
}

/// Far fewer runs would mean that the kit has lost some of its sessions or scripts.
fn assert_many(runs: Runs) {
    assert!(runs.runs > 300 && runs.broken > 100, "{runs:?}");
}

#[test]
fn std_servers_and_clients_that_do_not_block_stand_every_session() {
    for kit in both(Kit::server()) {
        assert_many(kit.check_nonblocking(|stream| {
            step_by_step(fullduplex_std::accept(stream), fullduplex_std::MidAccept::handshake)
        }));
    }
    for kit in both(Kit::client()) {
        assert_many(kit.check_nonblocking(|stream| {
            let socket = |opened: (WebSocket<Stream>, _)| opened.0;
            let begun = fullduplex_std::client("ws://server.example.com/", stream).map(socket);
            step_by_step(begun, move |mid| mid.handshake().map(socket))
        }));
    }
}

/// Continues a handshake until it is complete, then echoes what has arrived.
fn step_by_step<M>(
    begun: Result<WebSocket<Stream>, HandshakeError<M>>,
    again: impl Fn(M) -> Result<WebSocket<Stream>, HandshakeError<M>>,
) -> impl FnMut() -> Poll<()> {
    let mut opening = Some(begun);
    move || loop {
        match opening.take() {
            Some(Err(HandshakeError::Interrupted(mid))) => {
                let next = again(mid);
                let waits = matches!(next, Err(HandshakeError::Interrupted(_)));
                opening = Some(next);
                if waits {
                    return Poll::Pending;
                }
            }
            Some(Ok(mut socket)) => {
                let ended = echo_what_is_there(&mut socket);
                // The messages that were queued before the end must still be written.
                let written = socket.flush();
                opening = Some(Ok(socket));
                return if written.is_err_and(|error| would_block(&error)) {
                    Poll::Pending
                } else {
                    ended
                };
            }
            Some(Err(HandshakeError::Failure(_))) | None => return Poll::Ready(()),
        }
    }
}

fn echo_what_is_there(socket: &mut WebSocket<Stream>) -> Poll<()> {
    loop {
        let done = match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.feed(message),
            Ok(_) => Ok(()),
            Err(error) if would_block(&error) => return Poll::Pending,
            Err(error) => Err(error),
        };
        match done {
            Err(error) if !would_block(&error) => return Poll::Ready(()),
            _ => {}
        }
    }
}

fn would_block(error: &fullduplex_std::Error) -> bool {
    matches!(error, fullduplex_std::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn tokio_servers_and_clients_stand_every_session() {
    for kit in both(Kit::server()) {
        assert_many(kit.check_tokio(async |stream| {
            let Ok(socket) = fullduplex_tokio::accept(stream).await else { return };
            echo_async(socket).await;
        }));
    }
    for kit in both(Kit::client()) {
        assert_many(kit.check_tokio(async |stream| {
            let opening = fullduplex_tokio::client("ws://server.example.com/chat", stream).await;
            let Ok((socket, _)) = opening else { return };
            echo_async(socket).await;
        }));
    }
}

async fn echo_async(mut socket: fullduplex_tokio::WebSocketStream<Stream>) {
    // Continue after an error: the Close with its code is being written until `recv` returns `None`.
    while let Some(message) = socket.recv().await {
        if let Ok(message) = message
            && (message.is_text() || message.is_binary())
        {
            let _ = socket.feed(message).await;
        }
    }
}

#[test]
fn the_loop_over_a_blocking_stream_stands_every_session() {
    assert_many(Kit::server().check_blocking(|mut stream| {
        let _ = serve(&mut stream);
    }));
    assert_many(Kit::client().check_blocking(|mut stream| {
        let _ = connect(&mut stream, Numbers(2));
    }));
}

fn serve(stream: &mut Stream) -> io::Result<()> {
    let mut incoming = Incoming::new(EndpointConfig::new(), Numbers(1));
    loop {
        let read = retried(|| stream.read(incoming.room()))?;
        if read == 0 {
            return Ok(());
        }
        incoming.advance(read);
        match incoming.poll() {
            Ok(Progress::Waiting(waiting)) => incoming = waiting,
            Ok(Progress::Done(request)) => {
                let accepted = request.accept(&Acceptance::<&str>::new());
                let (endpoint, _) = accepted.map_err(|_| io::ErrorKind::InvalidInput)?;
                return echo(endpoint, stream);
            }
            Err(_) => return Ok(()),
        }
    }
}

fn connect(stream: &mut Stream, entropy: impl Entropy) -> io::Result<()> {
    let request = OwnedClientRequest::new("ws://server.example.com/chat").unwrap();
    let mut connecting = Connecting::new(request, EndpointConfig::new(), entropy).unwrap();
    while !connecting.output().is_empty() {
        let written = retried(|| stream.write(connecting.output()))?;
        connecting.advance_output(written);
    }
    loop {
        let read = retried(|| stream.read(connecting.room()))?;
        if read == 0 {
            return Ok(());
        }
        connecting.advance(read);
        match connecting.poll() {
            Ok(Progress::Waiting(waiting)) => connecting = waiting,
            Ok(Progress::Done(Connected::Open { endpoint, .. })) => return echo(endpoint, stream),
            Ok(Progress::Done(_)) | Err(_) => return Ok(()),
        }
    }
}

/// The loop that the core's documentation begins with, with calls that may be interrupted.
fn echo<E: Entropy>(mut endpoint: Endpoint<E>, stream: &mut Stream) -> io::Result<()> {
    loop {
        // Deliver.
        let delivered = loop {
            match endpoint.poll() {
                Ok(Some((message @ (MessageRef::Text(_) | MessageRef::Binary(_)), writer))) => {
                    writer.send(message).map_err(|_| io::ErrorKind::InvalidInput)?;
                }
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(_) => break Err(io::ErrorKind::InvalidData),
            }
        };
        // Write, after a failure as well, because the Close with its code is queued.
        let writer = endpoint.output().map_err(|_| io::ErrorKind::Other)?;
        while writer.pending() > 0 {
            let written = retried(|| stream.write(writer.first()))?;
            writer.advance(written);
        }
        // End.
        delivered?;
        if endpoint.shutdown() == Shutdown::Both {
            return Ok(());
        }
        // Wait.
        match retried(|| stream.read(endpoint.reader.room()))? {
            0 => endpoint.handle_eof().map_err(|_| io::ErrorKind::UnexpectedEof)?,
            len => endpoint.reader.advance(len),
        }
    }
}

#[test]
fn the_loop_without_a_heap_stands_every_session() {
    let runs = Kit::server().check_blocking(|stream| drop(echo_without_a_heap(Patient(stream))));
    assert_many(runs);
}

/// The loop from the README.
fn echo_without_a_heap(mut wire: impl Read + Write) -> Result<(), Box<dyn std::error::Error>> {
    let (mut buf, mut out, mut len) = ([0; 4096], [0; 8192], 0);
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let request = loop {
        match wire.read(&mut buf[len..])? {
            0 => return Err(handshake.handle_eof().into()),
            more => len += more,
        }
        if let Some(request) = handshake.poll(&buf[..len])? {
            break request;
        }
    };
    let (response_len, negotiated) = request.accept(&Acceptance::new(), &mut out)?;
    wire.write_all(&out[..response_len])?;

    let mut start = request.head_len();
    let mut conn = Connection::new(Role::Server, negotiated, Config::new());
    loop {
        let mut input = Input::new(&mut buf[start..len]);
        loop {
            let event = conn.poll_event(&mut input);
            while let Some(bytes) = conn.poll_transmit(&mut out, NoEntropy)? {
                wire.write_all(bytes)?;
            }
            let (kind, chunk, part) = match event? {
                Some(Event::Text(chunk, part)) => (MessageKind::Text, chunk, part),
                Some(Event::Binary(chunk, part)) => (MessageKind::Binary, chunk, part),
                Some(_) => continue,
                None => break,
            };
            let frame = conn.send_fragment(kind, chunk, part.is_last(), &mut out, NoEntropy)?;
            wire.write_all(&out[..frame])?;
        }
        if conn.is_closed() {
            return Ok(());
        }
        (start, len) = (0, wire.read(&mut buf)?);
        if len == 0 {
            return Ok(conn.handle_eof()?);
        }
    }
}

/// A stream that repeats interrupted calls.
struct Patient(Stream);

impl Read for Patient {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        retried(|| self.0.read(buf))
    }
}

impl Write for Patient {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        retried(|| self.0.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        retried(|| self.0.flush())
    }
}

/// Repeats a call that was interrupted.
fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The fault that the kit reports for a server.
fn complaint(check: impl FnOnce(&Kit) -> Runs) -> String {
    complaint_of(&Kit::server(), check)
}

/// The fault that this kit reports.
fn complaint_of(kit: &Kit, check: impl FnOnce(&Kit) -> Runs) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(|| check(kit)));
    let payload = panicked.expect_err("the kit has found nothing");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

/// Opens the WebSocket by hand, and returns the bytes that came after the request.
fn opened(stream: &mut Stream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let head = loop {
        match retried(|| stream.read(&mut piece)) {
            Ok(0) | Err(_) => return None,
            Ok(len) => bytes.extend(&piece[..len]),
        }
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let response =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    retried(|| stream.write_all(response)).ok()?;
    Some(bytes.split_off(head))
}

/// An endpoint that writes these bytes after the handshake, whatever it receives, and reads until the end.
fn writes(bytes: &'static [u8]) -> impl Fn(Stream) {
    move |mut stream| {
        if opened(&mut stream).is_some() && retried(|| stream.write_all(bytes)).is_ok() {
            let mut rest = Vec::new();
            let _ = retried(|| stream.read_to_end(&mut rest));
        }
    }
}

#[test]
fn every_fault_is_found_and_named() {
    let hello = b"\x81\x05Hello\x88\x02\x03\xe8";
    let faults: [(&'static [u8], &str); 12] = [
        (b"", "0 messages came back, of 1 that had arrived whole"),
        (b"\x81\x05hello\x88\x02\x03\xe8", "message 0 that came back is not the one"),
        (b"\x82\x05Hello\x88\x02\x03\xe8", "message 0 that came back is not the one"),
        (b"\x81\x05Hello\x81\x05Hello\x88\x02\x03\xe8", "message 1 that came back is not the one"),
        (b"\x81\x05Hello\x88\x02\x03\xe9", "a Close with the code Some(1000) is due"),
        (b"\x81\x05Hello", "a Close with the code Some(1000) is due, but None was sent"),
        (b"\x81\x05Hello\x88\x02\x03\xe8\x8a\0", "a frame after the Close"),
        (b"\x81\x85\0\0\0\0Hello\x88\x02\x03\xe8", "a frame with the wrong masking"),
        (b"\xc1\x05Hello\x88\x02\x03\xe8", "a reserved bit"),
        (b"\x8a\x01x\x81\x05Hello\x88\x02\x03\xe8", "a Pong that answers no Ping"),
        (b"\x80\x05Hello\x88\x02\x03\xe8", "a frame out of turn"),
        (b"\x81\x05Hello\x08\x02\x03\xe8", "a control frame in fragments"),
    ];
    let one = |kit: &Kit| kit.clone().only("one message", Script::WHOLE);
    for (bytes, expected) in faults {
        let found = complaint(|kit| one(kit).check_blocking(writes(bytes)));
        assert!(found.contains(expected), "{found}");
    }
    assert_eq!(one(&Kit::server()).check_blocking(writes(hello)).runs, 1);

    let found = complaint(|kit| {
        let nothing =
            |mut stream: Stream| drop(retried(|| stream.write_all(b"HTTP/1.1 400 \r\n\r\n")));
        one(kit).check_blocking(nothing)
    });
    assert!(found.contains("the response opens no WebSocket"), "{found}");
    let found = complaint(|kit| {
        let no_upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        one(kit).check_blocking(|mut stream: Stream| drop(retried(|| stream.write_all(no_upgrade))))
    });
    assert!(found.contains("the header `upgrade` has no `websocket`"), "{found}");
    let found = complaint(|kit| {
        kit.clone()
            .only("Pings between fragments and messages", Script::WHOLE)
            .check_blocking(writes(b"\x82\x0bfirst, last\x81\x04next\x88\x02\x03\xe8"))
    });
    assert!(found.contains("the last Ping has no Pong"), "{found}");
}

#[test]
fn an_endpoint_that_loses_what_came_before_the_end_is_found() {
    // This endpoint reads everything, and replies only after the peer's last byte.
    let hesitates = |mut stream: Stream| {
        let Some(mut rest) = opened(&mut stream) else { return };
        if retried(|| stream.read_to_end(&mut rest)).is_ok() && rest.len() == 11 + 8 {
            let _ = stream.write_all(b"\x81\x05Hello\x88\x02\x03\xe8");
        }
    };
    // The peer waits for a reply before it ends, so both wait.
    let found =
        complaint(|kit| kit.clone().only("one message", Script::WHOLE).check_blocking(hesitates));
    assert!(found.contains("0 messages came back, of 1"), "{found}");
    let cut = Script { breaks: Some((4, Break::EndOfInput)), ..Script::WHOLE };
    let found = complaint(|kit| kit.clone().only("one message", cut).check_blocking(writes(b"")));
    assert!(found.contains("0 messages came back, of 1 that had arrived whole"), "{found}");
}

#[test]
fn an_endpoint_that_forgets_its_close_at_the_end_of_the_input_is_found() {
    let forgets = |mut stream: Stream| {
        if opened(&mut stream).is_none() || stream.write_all(b"\x81\x05Hello").is_err() {
            return;
        }
        // The Close is answered only if the peer waits for the answer.
        if stream.read(&mut [0; 16]).is_err() {
            let _ = stream.write_all(b"\x88\x02\x03\xe8");
        }
    };
    let one = |script| Kit::server().only("one message", script);
    assert_eq!(one(Script::WHOLE).check_blocking(forgets).runs, 1);
    let cut = Script { breaks: Some((3, Break::EndOfInput)), ..Script::WHOLE };
    let found = complaint_of(&one(cut), |kit| kit.check_blocking(forgets));
    assert!(found.contains("a Close with the code Some(1000) is due, but None"), "{found}");
}

/// The mistake of a board without a source of random numbers.
struct Constant;

impl Entropy for Constant {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        Ok(0)
    }
}

#[test]
fn a_client_with_one_masking_key_is_found() {
    let found = complaint_of(&Kit::client(), |kit| {
        kit.check_blocking(|mut stream| drop(connect(&mut stream, Constant)))
    });
    assert!(found.contains("all frames have the masking key [00, 00, 00, 00]"), "{found}");
}

#[test]
fn an_endpoint_that_does_not_flush_is_found_where_that_matters() {
    let found = complaint_of(&Kit::server().buffered(), |kit| {
        kit.check_blocking(|mut stream| drop(serve(&mut stream)))
    });
    assert!(found.contains("the opening handshake was not sent whole: \"\""), "{found}");
}

#[test]
fn an_endpoint_that_never_ends_is_found() {
    let found = complaint(|kit| {
        kit.check_blocking(|mut stream| {
            loop {
                let _ = stream.read(&mut [0; 4096]);
            }
        })
    });
    assert!(found.contains("again and again") || found.contains("on and on"), "{found}");
    let found = complaint(|kit| {
        kit.check_nonblocking(|stream| {
            move || {
                let _ = stream;
                Poll::<()>::Pending
            }
        })
    });
    assert!(found.contains("it never finishes"), "{found}");
    let found = complaint(|kit| {
        kit.check_tokio(async |stream| {
            let _stream = stream;
            std::future::pending::<()>().await;
        })
    });
    assert!(found.contains("it waits for ever"), "{found}");
    let found = complaint(|kit| {
        kit.check_tokio(async |mut stream| {
            std::future::poll_fn(|cx| {
                let _ = Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut [0; 4096]));
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
            .await;
        })
    });
    assert!(found.contains("again and again"), "{found}");
}

#[test]
fn a_session_that_is_not_there_is_an_error_that_names_those_that_are() {
    let found = complaint(|kit| kit.clone().only("no such", Script::WHOLE).check_blocking(drop));
    assert!(found.contains("no session `no such` among [\"one message\""), "{found}");
}
