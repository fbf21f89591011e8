//! tokio-tungstenite.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, connect_async_with_config};

use crate::tungstenite::config;
use crate::{Endpoint, Result};

pub(crate) struct Peer;

impl Endpoint for Peer {
    const AGENT: &str = "tokio-tungstenite";

    async fn serve(stream: TcpStream) -> Result {
        echo(accept_async_with_config(stream, Some(config())).await?).await
    }

    async fn echo(url: &str) -> Result {
        echo(connect_async_with_config(url, Some(config()), false).await?.0).await
    }

    async fn first_message(url: &str) -> Result<String> {
        let (mut socket, _) = connect_async_with_config(url, Some(config()), false).await?;
        let message = socket.next().await.ok_or("there is no message")??;
        socket.close(None).await?;
        Ok(message.into_text()?.to_string())
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) -> Result {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
