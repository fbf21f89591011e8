//! Sends the lines that are typed, and prints what is received: `cargo run --example client [URL]`.

use fullduplex_tokio::{Error, Message, connect};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let (mut socket, response) = connect(url).await?;
    println!("{}", response.as_response().status());
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            // Both futures can be dropped without losing anything.
            line = lines.next_line() => match line? {
                Some(line) => socket.send(Message::text(line)).await?,
                None => break,
            },
            message = socket.recv() => match message {
                Some(message) => println!("{}", message?),
                None => return Ok(()),
            },
        }
    }
    // What the server sends before its Close is still received after ours.
    socket.send(Message::Close(None)).await?;
    while let Some(message) = socket.recv().await {
        println!("{}", message?);
    }
    Ok(())
}
