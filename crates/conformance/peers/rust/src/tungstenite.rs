//! tungstenite, which is blocking.

use tokio::net::TcpStream;
use tungstenite::client::connect_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket, accept_with_config};

use crate::{Endpoint, LIMIT, Result};

pub(crate) struct Peer;

pub(crate) fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT))
}

impl Endpoint for Peer {
    const AGENT: &str = "tungstenite";

    async fn serve(stream: TcpStream) -> Result {
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        echo(accept_with_config(stream, Some(config())).map_err(|error| error.to_string())?)
    }

    async fn echo(url: &str) -> Result {
        echo(connect_with_config(url, Some(config()), 3)?.0)
    }

    async fn first_message(url: &str) -> Result<String> {
        let (mut socket, _) = connect_with_config(url, Some(config()), 3)?;
        let message = socket.read()?;
        socket.close(None)?;
        Ok(message.into_text()?.to_string())
    }
}

fn echo<S: std::io::Read + std::io::Write>(mut socket: WebSocket<S>) -> Result {
    loop {
        match socket.read()? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message)?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
}
