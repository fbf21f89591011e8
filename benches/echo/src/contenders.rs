//! Who serves: each library in the loop that its documentation shows, on one tokio thread, a task for each
//! connection.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::BytesMut;
use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use fullduplex::handshake::{Answer, HeadLimits, ServerHandshake};
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// No WebSocket: what the others are measured by.
    Unit,
    Ours,
    Peer,
}

/// What it is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discipline {
    Echo,
    Idle,
    Both,
}

type Serving = Pin<Box<dyn Future<Output = io::Result<()>>>>;
type Served = Result<(), Box<dyn Error + Send + Sync>>;

/// A server.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) discipline: Discipline,
    /// The package whose version is told.
    pub(crate) package: Option<&'static str>,
    pub(crate) usage: &'static str,
    pub(crate) serve: fn(TcpListener) -> Serving,
}

/// What the others are measured by.
pub(crate) const UNIT: &str = "tokio TCP";

/// What idle connections are measured by.
pub(crate) const BASE: &str = "tokio TCP, no buffer";

/// Our natural loop, and the one that lends.
pub(crate) const OWNED: &str = "fullduplex-tokio";
pub(crate) const LENT: &str = "fullduplex-tokio, lent";

/// How many messages are gathered at most where it is done by hand.
const AT_ONCE: usize = 64;

/// All of them.
pub(crate) const ALL: [Contender; 9] = [
    Contender {
        name: UNIT,
        side: Side::Unit,
        discipline: Discipline::Echo,
        package: Some("tokio"),
        usage: "no WebSocket: read into 64 KiB, write_all; echoes the frames as they came",
        serve: |listener| Box::pin(accept(listener, tcp)),
    },
    Contender {
        name: BASE,
        side: Side::Unit,
        discipline: Discipline::Idle,
        package: Some("tokio"),
        usage: "no WebSocket: a task that waits for readable(), and has a buffer only while it echoes",
        serve: |listener| Box::pin(accept(listener, tcp_without_buffer)),
    },
    Contender {
        name: OWNED,
        side: Side::Ours,
        discipline: Discipline::Both,
        package: Some("fullduplex-tokio"),
        usage: "while let Some(message) = ws.next().await { ws.feed(message?).await? }",
        serve: |listener| Box::pin(accept(listener, owned)),
    },
    Contender {
        name: LENT,
        side: Side::Ours,
        discipline: Discipline::Echo,
        package: Some("fullduplex-tokio"),
        usage: "recv_each(|message, reply| reply.send(message)).await",
        serve: |listener| Box::pin(accept(listener, lent)),
    },
    Contender {
        name: "tokio-tungstenite",
        side: Side::Peer,
        discipline: Discipline::Both,
        package: Some("tokio-tungstenite"),
        usage: "while let Some(message) = ws.next().await { ws.send(message?).await? }",
        serve: |listener| Box::pin(accept(listener, tungstenite)),
    },
    Contender {
        name: "tokio-tungstenite, batched",
        side: Side::Peer,
        discipline: Discipline::Echo,
        package: Some("tokio-tungstenite"),
        usage: "by hand: next().now_or_never() up to 64 times, then feed each, then flush",
        serve: |listener| Box::pin(accept(listener, tungstenite_batched)),
    },
    Contender {
        name: "tokio-websockets",
        side: Side::Peer,
        discipline: Discipline::Both,
        package: Some("tokio-websockets"),
        usage: "while let Some(message) = ws.next().await { ws.send(message?).await? }",
        serve: |listener| Box::pin(accept(listener, websockets)),
    },
    Contender {
        name: "tokio-websockets, batched",
        side: Side::Peer,
        discipline: Discipline::Echo,
        package: Some("tokio-websockets"),
        usage: "by hand: next().now_or_never() up to 64 times, then feed each, then flush",
        serve: |listener| Box::pin(accept(listener, websockets_batched)),
    },
    Contender {
        name: "fastwebsockets",
        side: Side::Peer,
        discipline: Discipline::Both,
        package: Some("fastwebsockets"),
        usage: "the loop of its echo server: FragmentCollector, read_frame, write_frame; our core's handshake",
        serve: |listener| Box::pin(accept(listener, fastwebsockets)),
    },
];

/// The contender of that name.
pub(crate) fn named(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// Those that take part in a discipline: whose name contains one of `filters`, or all when there are none, and
/// always what they are measured by.
pub(crate) fn chosen(discipline: Discipline, filters: &[String]) -> Vec<&'static Contender> {
    let chosen = |contender: &&Contender| {
        (contender.discipline == discipline || contender.discipline == Discipline::Both)
            && (filters.is_empty()
                || contender.side == Side::Unit
                || filters.iter().any(|filter| contender.name.contains(filter.as_str())))
    };
    ALL.iter().filter(chosen).collect()
}

/// A task for each connection.
async fn accept<F>(listener: TcpListener, serve: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = Served> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // The load sees that a connection ends, and says whose.
            let _ = serve(stream).await;
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
    let mut ws = fullduplex_tokio::accept_async(stream).await?;
    while let Some(message) = ws.next().await {
        ws.feed(message?).await?;
    }
    Ok(())
}

async fn lent(stream: TcpStream) -> Served {
    let mut ws = fullduplex_tokio::accept_async(stream).await?;
    Ok(ws.recv_each(|message, reply| reply.send(message)).await?)
}

async fn tungstenite(stream: TcpStream) -> Served {
    let mut ws = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

async fn tungstenite_batched(stream: TcpStream) -> Served {
    batched(tokio_tungstenite::accept_async(stream).await?).await
}

async fn websockets(stream: TcpStream) -> Served {
    let (_, mut ws) = tokio_websockets::ServerBuilder::new().accept(stream).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
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
    // Its own handshake comes with hyper.
    let mut handshake = ServerHandshake::new(HeadLimits::DEFAULT);
    let (mut head, mut answer) = (BytesMut::new(), [0; 512]);
    let len = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if let Some(request) = handshake.poll(&head)? {
            break request.accept(&Answer::new(), &mut answer)?.0;
        }
    };
    stream.write_all(&answer[..len]).await?;
    let mut ws = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
