//! Sends back each message: `cargo run --example echo_server [ADDRESS]`.

use std::time::Duration;

use fullduplex_tokio::{Error, OwnedAcceptance, WebSocketConfig, accept_with};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long the loop waits when it cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await; // there may be too many open files, until a connection ends
            continue;
        };
        tokio::spawn(async move {
            match serve(stream).await {
                Ok(()) => println!("{peer}: closed"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::new().keepalive(Duration::from_secs(30), Duration::from_secs(10));
    let mut socket = accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await?;
    while let Some(message) = socket.recv().await {
        let message = message?; // Pings and Closes are answered already
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?; // written before `recv` waits again
        }
    }
    Ok(())
}
