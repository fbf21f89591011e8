//! The servers of the fan-out: every connection receives what one connection sends.

use std::io;

use axum::Router;
use axum::extract::ws::{Message as AxumMessage, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt;
use bytes::Bytes;
use fullduplex_app::{Room, Slow};
use fullduplex_tokio::{Message, PreparedMessage};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::broadcast::{self, Sender};

use crate::contenders::{Served, accept_with};

/// How many messages may wait for one connection.
const WAITING: usize = 256;

pub(crate) async fn tcp(listener: TcpListener) -> io::Result<()> {
    let (to_all, _) = broadcast::channel(WAITING);
    accept_with(listener, to_all, tcp_subscriber).await
}

async fn tcp_subscriber(mut stream: TcpStream, to_all: Sender<Bytes>) -> Served {
    let (mut heard, mut buffer) = (to_all.subscribe(), vec![0; 4 << 10]);
    loop {
        select! {
            len = stream.read(&mut buffer) => match len? {
                0 => return Ok(()),
                len => drop(to_all.send(Bytes::copy_from_slice(&buffer[..len]))),
            },
            bytes = heard.recv() => stream.write_all(&bytes?).await?,
        }
    }
}

pub(crate) async fn room(listener: TcpListener) -> io::Result<()> {
    accept_with(listener, Room::new(), room_member).await
}

async fn room_member(stream: TcpStream, room: Room) -> Served {
    let mut socket = fullduplex_tokio::accept(stream).await?;
    let mut member = room.join(WAITING, Slow::Leave);
    loop {
        select! {
            biased;
            message = member.next() => match message {
                Some(message) if member.feed(&mut socket, &message).await? => {}
                _ => return Ok(()),
            },
            message = socket.recv() => match message.transpose()? {
                Some(Message::Binary(data)) => {
                    room.send(&PreparedMessage::binary(&data)).await;
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

pub(crate) async fn tungstenite(listener: TcpListener) -> io::Result<()> {
    let (to_all, _) = broadcast::channel(WAITING);
    accept_with(listener, to_all, tungstenite_subscriber).await
}

async fn tungstenite_subscriber(
    stream: TcpStream,
    to_all: Sender<tokio_tungstenite::tungstenite::Message>,
) -> Served {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    let mut heard = to_all.subscribe();
    loop {
        select! {
            message = socket.next() => match message.transpose()? {
                Some(message) if message.is_binary() => drop(to_all.send(message)),
                Some(_) => {}
                None => return Ok(()),
            },
            message = heard.recv() => socket.send(message?).await?,
        }
    }
}

pub(crate) async fn axum(listener: TcpListener) -> io::Result<()> {
    let (to_all, _) = broadcast::channel(WAITING);
    let upgrade = |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(async move |socket| drop(axum_subscriber(socket, to_all).await))
    };
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().route("/", any(upgrade))).await
}

async fn axum_subscriber(mut socket: WebSocket, to_all: Sender<AxumMessage>) -> Served {
    let mut heard = to_all.subscribe();
    loop {
        select! {
            message = socket.recv() => match message.transpose()? {
                Some(message @ AxumMessage::Binary(_)) => drop(to_all.send(message)),
                Some(_) => {}
                None => return Ok(()),
            },
            message = heard.recv() => socket.send(message?).await?,
        }
    }
}
