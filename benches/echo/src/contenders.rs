//! The servers: each library in the loop that its documentation shows, on one tokio thread, with a task for each connection.

use std::error::Error;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::BytesMut;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use fullduplex::handshake::{Acceptance, HeadLimits, ServerHandshake};
use fullduplex_benches::SERVER_RESPONSE;
use fullduplex_tokio::hyper_util::rt::TokioIo;
use fullduplex_tokio::{WebSocketConfig, WebSocketStream};
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fanout::servers;
use crate::handshake::{CLOSE, CLOSE_RESPONSE};
use Discipline::{Echo, Fanout, Handshake, Idle};

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// No WebSocket: the unit that the others are compared with.
    Unit,
    Ours,
    Peer,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discipline {
    Echo,
    Handshake,
    Idle,
    Fanout,
}

impl Discipline {
    /// The contender that the others are compared with.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Echo => UNIT,
            Self::Handshake => FIXED,
            Self::Idle => BASE,
            Self::Fanout => FANOUT,
        }
    }
}

pub(crate) type Serving = Pin<Box<dyn Future<Output = io::Result<()>>>>;
pub(crate) type Served = Result<(), Box<dyn Error + Send + Sync>>;

/// Where the code of a server is.
#[derive(Debug)]
pub(crate) enum Serve {
    /// In this program.
    Here(fn(TcpListener) -> Serving),
    /// In another program, which follows the protocol of [`server`](crate::server).
    Program(PathBuf),
}

/// A server.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// The disciplines that it takes part in.
    pub(crate) disciplines: &'static [Discipline],
    /// The package whose version is reported.
    pub(crate) package: Option<&'static str>,
    pub(crate) usage: &'static str,
    pub(crate) serve: Serve,
}

/// The unit of echo.
pub(crate) const UNIT: &str = "tokio TCP";

/// The unit of handshakes.
const FIXED: &str = "tokio TCP, fixed answer";

/// The unit of idle connections.
pub(crate) const BASE: &str = "tokio TCP, no buffer";

/// The unit of fan-out.
pub(crate) const FANOUT: &str = "tokio TCP, broadcast";

/// Our usual loop, and the one that lends messages.
pub(crate) const OWNED: &str = "fullduplex-tokio";
pub(crate) const LENT: &str = "fullduplex-tokio, lent";

/// How many messages are gathered at most where a server gathers them by hand.
const AT_ONCE: usize = 64;

/// Our server on a port where hyper speaks HTTP.
pub(crate) const BEHIND_HYPER: &str = "fullduplex-tokio, hyper";

/// All contenders.
pub(crate) const ALL: &[Contender] = &[
    Contender {
        name: UNIT,
        side: Side::Unit,
        disciplines: &[Echo],
        package: Some("tokio"),
        usage: "no WebSocket: read into 64 KiB, write_all; echoes the frames as they came",
        serve: Serve::Here(|listener| Box::pin(accept(listener, tcp))),
    },
    Contender {
        name: FIXED,
        side: Side::Unit,
        disciplines: &[Handshake],
        package: Some("tokio"),
        usage: "no WebSocket: read up to the empty line, write_all the same 129 bytes, read 8, write_all 4, drop",
        serve: Serve::Here(|listener| Box::pin(accept(listener, tcp_with_fixed_answer))),
    },
    Contender {
        name: BASE,
        side: Side::Unit,
        disciplines: &[Idle],
        package: Some("tokio"),
        usage: "no WebSocket: a task that waits for readable(), and has a buffer only while it echoes",
        serve: Serve::Here(|listener| Box::pin(accept(listener, tcp_without_buffer))),
    },
    Contender {
        name: OWNED,
        side: Side::Ours,
        disciplines: &[Echo, Handshake, Idle],
        package: Some("fullduplex-tokio"),
        usage: "while let Some(message) = ws.next().await { ws.feed(message?).await? }",
        serve: Serve::Here(|listener| Box::pin(accept(listener, owned))),
    },
    Contender {
        name: LENT,
        side: Side::Ours,
        disciplines: &[Echo],
        package: Some("fullduplex-tokio"),
        usage: "recv_each(|message, reply| reply.send(message)).await",
        serve: Serve::Here(|listener| Box::pin(accept(listener, lent))),
    },
    #[cfg(feature = "seen")]
    Contender {
        name: "fullduplex-tokio, counted",
        side: Side::Ours,
        disciplines: &[Echo, Handshake, Idle],
        package: Some("fullduplex-tokio"),
        usage: "the loop of fullduplex-tokio, with `WebSocketConfig::counters`",
        serve: Serve::Here(|listener| Box::pin(accept(listener, seen::counted))),
    },
    #[cfg(feature = "seen")]
    Contender {
        name: "fullduplex-tokio, traced",
        side: Side::Ours,
        disciplines: &[Echo, Handshake, Idle],
        package: Some("fullduplex-tokio"),
        usage: "the same, and a subscriber that formats each event and throws the text away",
        serve: Serve::Here(|listener| Box::pin(accept(listener, seen::traced))),
    },
    Contender {
        name: "tokio-tungstenite",
        side: Side::Peer,
        disciplines: &[Echo, Handshake, Idle],
        package: Some("tokio-tungstenite"),
        usage: "while let Some(message) = ws.next().await, and ws.send(message).await if it is text or binary",
        serve: Serve::Here(|listener| Box::pin(accept(listener, tungstenite))),
    },
    Contender {
        name: "tokio-tungstenite, batched",
        side: Side::Peer,
        disciplines: &[Echo],
        package: Some("tokio-tungstenite"),
        usage: "by hand: next().now_or_never() up to 64 times, then feed each, then flush",
        serve: Serve::Here(|listener| Box::pin(accept(listener, tungstenite_batched))),
    },
    Contender {
        name: "tokio-websockets",
        side: Side::Peer,
        disciplines: &[Echo, Handshake, Idle],
        package: Some("tokio-websockets"),
        usage: "while let Some(message) = ws.next().await, and ws.send(message).await if it is text or binary",
        serve: Serve::Here(|listener| Box::pin(accept(listener, websockets))),
    },
    Contender {
        name: "tokio-websockets, batched",
        side: Side::Peer,
        disciplines: &[Echo],
        package: Some("tokio-websockets"),
        usage: "by hand: next().now_or_never() up to 64 times, then feed each, then flush",
        serve: Serve::Here(|listener| Box::pin(accept(listener, websockets_batched))),
    },
    Contender {
        name: "fastwebsockets",
        side: Side::Peer,
        disciplines: &[Echo, Idle],
        package: Some("fastwebsockets"),
        usage: "the loop of its echo server: FragmentCollector, read_frame, write_frame; our core's handshake",
        serve: Serve::Here(|listener| Box::pin(accept(listener, fastwebsockets))),
    },
    Contender {
        name: BEHIND_HYPER,
        side: Side::Ours,
        disciplines: &[Handshake],
        package: Some("fullduplex-tokio"),
        usage: "its example hyper_server: hyper reads the request, upgrade, a task for the connection; the same loop",
        serve: Serve::Here(|listener| Box::pin(accept(listener, behind_hyper))),
    },
    Contender {
        name: "fastwebsockets, hyper",
        side: Side::Peer,
        disciplines: &[Handshake],
        package: Some("fastwebsockets"),
        usage: "its echo server: hyper reads the request, upgrade::upgrade, a task for the connection; the same loop",
        serve: Serve::Here(|listener| Box::pin(accept(listener, fastwebsockets_behind_hyper))),
    },
    Contender {
        name: FANOUT,
        side: Side::Unit,
        disciplines: &[Fanout],
        package: Some("tokio"),
        usage: "no WebSocket: tokio::sync::broadcast of bytes, write_all; sends the frames as they came",
        serve: Serve::Here(|listener| Box::pin(servers::tcp(listener))),
    },
    Contender {
        name: "fullduplex-app, Room",
        side: Side::Ours,
        disciplines: &[Fanout],
        package: Some("fullduplex-app"),
        usage: "room.send(&PreparedMessage), and a task for each connection: member.next(), member.feed()",
        serve: Serve::Here(|listener| Box::pin(servers::room(listener))),
    },
    Contender {
        name: "tokio-tungstenite, broadcast",
        side: Side::Peer,
        disciplines: &[Fanout],
        package: Some("tokio-tungstenite"),
        usage: "tokio::sync::broadcast of messages, and a task for each connection: ws.send(message).await",
        serve: Serve::Here(|listener| Box::pin(servers::tungstenite(listener))),
    },
    Contender {
        name: "axum, broadcast",
        side: Side::Peer,
        disciplines: &[Fanout],
        package: Some("axum"),
        usage: "the same over axum's WebSocket",
        serve: Serve::Here(|listener| Box::pin(servers::axum(listener))),
    },
];

/// The contender with this name.
pub(crate) fn named(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// The contender for another program, from `NAME=PROGRAM`.
pub(crate) fn program(argument: &str) -> Result<&'static Contender, String> {
    let (name, program) = argument.split_once('=').ok_or("it has the form NAME=PROGRAM")?;
    // This leaks, but there are only a few of them.
    Ok(Box::leak(Box::new(Contender {
        name: name.to_owned().leak(),
        side: Side::Peer,
        disciplines: &[Echo, Handshake, Idle, Fanout],
        package: None,
        usage: "a program of its own",
        serve: Serve::Program(program.into()),
    })))
}

/// The contenders that are compared with the unit.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// Only contenders whose name contains this, and the unit
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// Only these servers, each an external program, and the unit; for a fan-out, in addition to
    /// the others
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = program)]
    program: Vec<&'static Contender>,
}

impl Choice {
    /// The contenders that take part in a discipline.
    pub(crate) fn of(&self, discipline: Discipline) -> Vec<&'static Contender> {
        let everybody =
            self.contender.is_empty() && (self.program.is_empty() || discipline == Fanout);
        let chosen = |contender: &&Contender| {
            contender.disciplines.contains(&discipline)
                && (everybody
                    || contender.side == Side::Unit
                    || self.contender.iter().any(|filter| contender.name.contains(filter.as_str())))
        };
        ALL.iter().filter(chosen).chain(self.program.iter().copied()).collect()
    }
}

/// Spawns a task for each connection.
async fn accept<F>(listener: TcpListener, serve: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = Served> + Send + 'static,
{
    accept_with(listener, (), move |stream, ()| serve(stream)).await
}

/// The same, with a value that all connections share.
pub(crate) async fn accept_with<T, F>(
    listener: TcpListener,
    shared: T,
    serve: impl Fn(TcpStream, T) -> F,
) -> io::Result<()>
where
    T: Clone,
    F: Future<Output = Served> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let serving = serve(stream, shared.clone());
        tokio::spawn(async move {
            // The load notices that a connection has ended, and reports it.
            let _ = serving.await;
        });
    }
}

async fn tcp(mut stream: TcpStream) -> Served {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..len]).await?;
    }
}

async fn tcp_with_fixed_answer(mut stream: TcpStream) -> Served {
    let (mut buffer, mut len) = ([0; 1024], 0);
    while !buffer[..len].ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer[len..]).await? {
            0 => return Ok(()),
            more => len += more,
        }
    }
    stream.write_all(SERVER_RESPONSE).await?;
    stream.read_exact(&mut buffer[..CLOSE.len()]).await?;
    Ok(stream.write_all(&CLOSE_RESPONSE).await?)
}

async fn tcp_without_buffer(mut stream: TcpStream) -> Served {
    loop {
        stream.readable().await?;
        let mut buffer = Vec::with_capacity(4 << 10);
        match stream.try_read_buf(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => stream.write_all(&buffer).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn owned(stream: TcpStream) -> Served {
    echo(fullduplex_tokio::accept(stream).await?).await
}

/// The servers that are observed, by counters or by a subscriber of `tracing`.
#[cfg(feature = "seen")]
mod seen {
    use std::sync::Once;

    use fullduplex_tokio::{Counters, OwnedAcceptance, WebSocketConfig, accept_with};
    use tokio::net::TcpStream;

    use super::{Served, echo};

    static COUNTERS: Counters = Counters::new();

    pub(super) async fn counted(stream: TcpStream) -> Served {
        let config = WebSocketConfig::new().counters(&COUNTERS);
        echo(accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?).await
    }

    pub(super) async fn traced(stream: TcpStream) -> Served {
        static LISTENS: Once = Once::new();
        LISTENS.call_once(|| {
            let level = tracing::Level::DEBUG;
            tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::sink).init();
        });
        counted(stream).await
    }
}

async fn echo<S>(mut ws: WebSocketStream<S>) -> Served
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = ws.next().await {
        ws.feed(message?).await?;
    }
    Ok(())
}

async fn behind_hyper(stream: TcpStream) -> Served {
    let service = service_fn(|mut request| async move {
        let (response, ws) = fullduplex_tokio::upgrade(&mut request, WebSocketConfig::new());
        let ws = ws?;
        tokio::spawn(async move { echo(ws.await?).await });
        Ok::<_, fullduplex_tokio::Error>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}

async fn lent(stream: TcpStream) -> Served {
    let mut ws = fullduplex_tokio::accept(stream).await?;
    Ok(ws.recv_each(|message, reply| reply.send(message)).await?)
}

async fn tungstenite(stream: TcpStream) -> Served {
    let mut ws = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

async fn tungstenite_batched(stream: TcpStream) -> Served {
    batched(tokio_tungstenite::accept_async(stream).await?).await
}

async fn websockets(stream: TcpStream) -> Served {
    let (_, mut ws) = tokio_websockets::ServerBuilder::new().accept(stream).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

async fn websockets_batched(stream: TcpStream) -> Served {
    batched(tokio_websockets::ServerBuilder::new().accept(stream).await?.1).await
}

/// Gathers what is there at once, then feeds all of it and flushes.
async fn batched<M, E>(
    mut ws: impl Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
) -> Served
where
    E: Error + Send + Sync + 'static,
{
    let mut messages = Vec::new();
    while let Some(message) = ws.next().await {
        messages.push(message?);
        while messages.len() < AT_ONCE
            && let Some(Some(message)) = ws.next().now_or_never()
        {
            messages.push(message?);
        }
        for message in messages.drain(..) {
            ws.feed(message).await?;
        }
        ws.flush().await?;
    }
    Ok(())
}

async fn fastwebsockets(mut stream: TcpStream) -> Served {
    // Its own handshake depends on hyper.
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let (mut head, mut answer) = (BytesMut::new(), [0; 512]);
    let len = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if let Some(request) = handshake.poll(&head)? {
            break request.accept(&Acceptance::new(), &mut answer)?.0;
        }
    };
    stream.write_all(&answer[..len]).await?;
    fastwebsockets_echo(WebSocket::after_handshake(stream, Role::Server)).await
}

async fn fastwebsockets_behind_hyper(stream: TcpStream) -> Served {
    let service = service_fn(|mut request| async move {
        let (response, ws) = fastwebsockets::upgrade::upgrade(&mut request)?;
        tokio::spawn(tokio::task::unconstrained(
            async move { fastwebsockets_echo(ws.await?).await },
        ));
        Ok::<_, WebSocketError>(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}

async fn fastwebsockets_echo<S>(ws: WebSocket<S>) -> Served
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
