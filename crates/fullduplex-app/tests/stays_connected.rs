//! The example `stays_connected`, over a server that comes and goes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use fullduplex_tokio::{OwnedRejection, WebSocketConfig, accept, accept_with};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/stays_connected.rs"]
mod stays_connected;

/// The environment variable with the server's URL, in a child process that runs this program again.
const URL: &str = "STAYS_CONNECTED_URL";

/// How long the test may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The test that runs the client if the environment says so.
const TEST: &str = "what_is_typed_is_sent_before_and_after_the_server_was_gone";

#[test]
fn what_is_typed_is_sent_before_and_after_the_server_was_gone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match env::var(URL) {
        Ok(url) => std::process::exit(runtime.block_on(stays_connected::run(&url)).is_err().into()),
        Err(_) => runtime.block_on(async { timeout(LIMIT, talk()).await.unwrap() }),
    }
}

async fn talk() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--nocapture", "--exact", TEST]).env(URL, format!("ws://{address}/"));
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut typed = client.stdin.take().unwrap();
    let printed = BufReader::new(client.stdout.take().unwrap()).lines();
    let (tell, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || printed.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    // Other lines may come first, for example from the test harness.
    let mut prints = async |wanted: &str| {
        while !lines.recv().await.expect("the client has ended").contains(wanted) {}
    };

    for round in ["first", "second"] {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream).await.unwrap();
        prints("connected").await;
        writeln!(typed, "{round}").unwrap();
        let message = socket.recv().await.unwrap().unwrap();
        socket.send(message).await.unwrap();
        prints(&format!("> {round:?}")).await;
        // The server ends without a Close.
        drop(socket.into_inner());
        prints("again in").await;
    }
    // A refusal that another try would not change ends the client.
    let (stream, _) = listener.accept().await.unwrap();
    let decide = |_: &fullduplex_tokio::Request<'_>| Err(OwnedRejection::new(403));
    drop(accept_with(stream, WebSocketConfig::new(), decide).await);
    // The client prints nothing more: it has ended, although its standard input has not.
    while lines.recv().await.is_some() {}
    assert!(!client.wait().unwrap().success());
    drop(typed);
}
