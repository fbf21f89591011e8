//! The example `many_servers`: two processes with a room between them, over a real Redis that comes and goes.
//!
//! It needs Redis (Debian: `redis-server`).
#![cfg(unix)]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_tokio::{CloseCode, Error, MaybeTlsStream, Message, WebSocketStream, connect};

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/many_servers.rs"]
mod many_servers;

/// The environment variable with the URL of a server's Redis, in a child process that runs this program again.
const REDIS: &str = "MANY_SERVERS_REDIS";

/// A process that is killed when this is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success()
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn redis(port: u16) -> Process {
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let redis = Process(child);
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "Redis does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    redis
}

/// A server in a process of its own, and its address.
fn server(redis: u16) -> (Process, SocketAddr) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--nocapture", "--exact", TEST]);
    command.env(REDIS, format!("redis://127.0.0.1:{redis}/"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listens =
        lines.find_map(|line| Some(line.unwrap().split_once("listens at ")?.1.to_owned()));
    // The rest of its output must not fill the pipe.
    thread::spawn(move || lines.for_each(drop));
    (Process(child), listens.expect("it says where it is").parse().unwrap())
}

type Client = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// Connects a client, once the server has found Redis.
async fn client(server: SocketAddr) -> Client {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        match connect(&*format!("ws://{server}/")).await {
            Ok((client, _)) => return client,
            Err(Error::Http(refused)) if refused.response.as_response().status() == 503 => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < end, "the server does not find Redis");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hears(client: &mut Client, text: &str) {
    let heard = tokio::time::timeout(Duration::from_secs(10), client.recv()).await;
    assert_eq!(heard.unwrap().unwrap().unwrap(), Message::text(text));
}

/// The test that runs a server if the environment says so.
const TEST: &str = "clients_of_two_servers_share_a_room_for_as_long_as_redis_is_there";

#[tokio::test]
async fn clients_of_two_servers_share_a_room_for_as_long_as_redis_is_there() {
    if let Ok(redis) = env::var(REDIS) {
        return many_servers::run("127.0.0.1:0", &redis).await.unwrap();
    }
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        // `eprintln!` would not do: the test harness hides what it prints in a test that passes.
        let _ = std::io::stderr().write_all(b"SKIPPED: no redis-server is installed\n");
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let first_redis = redis(port);
    let ((_one, one), (_other, other)) = (server(port), server(port));
    let (mut ann, mut bob) = (client(one).await, client(other).await);
    for number in 0..100 {
        let (from, to) = if number % 2 == 0 { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
        let text = format!("message {number}");
        from.send(Message::text(text.as_str())).await.unwrap();
        hears(from, &text).await;
        hears(to, &text).await;
    }

    // The servers notice that Redis hangs, and that it goes on.
    first_redis.signal("STOP");
    for client in [&mut ann, &mut bob] {
        while let Some(Ok(_)) = client.recv().await {}
        assert_eq!(client.receiver().peer_close().flatten().unwrap().code, CloseCode::Again);
    }
    first_redis.signal("CONT");
    let (mut ann, mut bob) = (client(one).await, client(other).await);

    // Redis ends, so messages may be missing, and clients are told.
    drop(first_redis);
    for client in [&mut ann, &mut bob] {
        while let Some(Ok(_)) = client.recv().await {}
        assert_eq!(client.receiver().peer_close().flatten().unwrap().code, CloseCode::Again);
    }
    let Err(Error::Http(refused)) = connect(&*format!("ws://{one}/")).await else {
        panic!("it is refused")
    };
    assert_eq!(refused.response.as_response().headers().get_str("Retry-After"), Some("1"));

    // The servers go on when Redis is there again.
    let _second_redis = redis(port);
    let mut bob = client(other).await;
    let _ = client(one).await;
    bob.send(Message::text("again")).await.unwrap();
    hears(&mut bob, "again").await;
}
