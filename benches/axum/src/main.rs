//! An echo server over axum. It prints its port, prints the processor time in nanoseconds that it has used for each line of
//! its input, and exits at the end of its input.

use std::io;
use std::net::Ipv4Addr;
use std::thread;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::any;
use axum::serve::ListenerExt;
use cpu_time::ProcessTime;
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let upgrade = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        thread::spawn(answer);
        let listener = listener.tap_io(|stream| {
            // Without TCP_NODELAY, some bursts wait for an acknowledgement, and the bench would measure that wait.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, Router::new().route("/", any(upgrade))).await
    })
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

/// Prints the processor time for each line; exits at the end of the input.
fn answer() {
    for line in io::stdin().lines() {
        let time = ProcessTime::try_now().map(|time| time.as_duration().as_nanos());
        match (line, time) {
            (Ok(_), Ok(nanoseconds)) => println!("{nanoseconds}"),
            _ => break,
        }
    }
    std::process::exit(0);
}
