//! A client that stays connected: it prints what a server sends, sends what is typed, and connects again by itself after the
//! server or the network was gone.
//!
//! ```sh
//! cargo run -p fullduplex-app --example stays_connected -- ws://127.0.0.1:9001/
//! ```
//!
//! Start and stop a server (`fullduplex listen`, or the example `many_servers`) to see what it does.

use std::io::stdin;
use std::thread;
use std::time::Duration;

use fullduplex_app::{Backoff, Event, Stay};
use fullduplex_tokio::{
    ConnectOptions, Error, Message, OwnedClientRequest, WebSocketConfig, connect_with,
};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::args().nth(1) {
        Some(url) => run(&url).await,
        None => {
            eprintln!("usage: stays_connected URL");
            Ok(())
        }
    }
}

pub(crate) async fn run(url: &str) -> Result<(), Error> {
    let request = OwnedClientRequest::new(url)?;
    // Each connection begins here, so this is the place for a fresh token.
    let connect = || {
        let request = request.clone();
        async {
            // Without a keepalive, the client would not notice that the network is gone.
            let config =
                WebSocketConfig::new().keepalive(Duration::from_secs(20), Duration::from_secs(10));
            Ok(connect_with(request, &ConnectOptions::new().config(config)).await?.0)
        }
    };
    let mut client = Stay::new(connect, Backoff::new());
    // Standard input is read on a thread of its own, because tokio's would keep the program from ending until the next line.
    let (tell, mut typed) = mpsc::channel(1);
    thread::spawn(move || {
        stdin().lines().map_while(Result::ok).try_for_each(|line| tell.blocking_send(line))
    });
    loop {
        tokio::select! {
            event = client.next() => match event {
                Some(Event::Connecting { failures: 0 }) => println!("connecting"),
                Some(Event::Connecting { failures }) => println!("connecting, after {failures} failures"),
                // A real client logs in and subscribes again here, because the server knows nothing of the last connection.
                Some(Event::Open) => println!("connected"),
                Some(Event::Message(Message::Text(text))) => println!("> {:?}", text.as_str()),
                Some(Event::Lost { error: Some(error), retry_in }) => println!("{error}; again in {retry_in:.1?}"),
                Some(Event::Lost { error: None, retry_in }) => println!("closed; again in {retry_in:.1?}"),
                Some(Event::GaveUp { error: Some(error) }) => return Err(error),
                Some(_) => {}
                None => return Ok(()),
            },
            line = typed.recv() => match line {
                Some(line) => {
                    if client.send(Message::text(line)).await.is_err() {
                        println!("not sent");
                    }
                }
                None => return client.close(None).await,
            },
        }
    }
}
