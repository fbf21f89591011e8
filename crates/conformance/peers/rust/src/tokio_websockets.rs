//! tokio-websockets.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_websockets::{
    ClientBuilder, Connector, Limits, MaybeTlsStream, ServerBuilder, WebSocketStream,
};

use crate::{Endpoint, LIMIT, Result};

pub(crate) struct Peer;

fn limits() -> Limits {
    Limits::default().max_payload_len(Some(LIMIT))
}

impl Endpoint for Peer {
    const AGENT: &str = "tokio-websockets";

    async fn serve(stream: TcpStream) -> Result {
        echo(ServerBuilder::new().limits(limits()).accept(stream).await?.1).await
    }

    async fn echo(url: &str) -> Result {
        echo(connect(url).await?).await
    }

    async fn first_message(url: &str) -> Result<String> {
        let mut socket = connect(url).await?;
        let message = socket.next().await.ok_or("there is no message")??;
        socket.close().await?;
        Ok(message.as_text().ok_or("the message is no text")?.to_owned())
    }
}

async fn connect(url: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let client = ClientBuilder::from_uri(url.parse()?).limits(limits());
    Ok(client.connector(&Connector::Plain).connect().await?.0)
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
