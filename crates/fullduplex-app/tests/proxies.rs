//! A server behind nginx and haproxy: which clients it sees, how long a silent connection lives, and how a wrong
//! configuration shows.
//!
//! It needs both programs (Debian: `nginx-light`, `haproxy`).
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fullduplex_app::{Forwarding, Gate, GateLimits, Pass, serve};
use fullduplex_tokio::{
    ConnectOptions, Error, Message, OwnedAcceptance, OwnedClientRequest, WebSocketConfig,
    accept_with, connect_with,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// How long the proxies let a connection be silent, in seconds.
const SILENCE: u64 = 2;

/// A proxy that runs until this is dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_there(program: &str) -> bool {
    let there =
        Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        // `eprintln!` would not do: the test harness hides what it prints in a test that passes.
        let skipped = format!("SKIPPED: no {program} is installed\n");
        let _ = std::io::stderr().write_all(skipped.as_bytes());
    }
    there.is_ok()
}

/// A port on which nothing listens at the moment.
fn free_address() -> SocketAddr {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts the program with this configuration, and waits until it listens.
fn start(program: &str, arguments: &[&str], config: impl Fn(&Path, SocketAddr) -> String) -> Proxy {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let file = folder.path().join("config");
    fs::write(&file, config(folder.path(), address)).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(&file).stdin(Stdio::null());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let proxy = Proxy { child, address, _folder: folder };
    let end = Instant::now() + Duration::from_secs(10);
    while StdStream::connect(address).is_err() {
        assert!(Instant::now() < end, "{program} does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    proxy
}

/// nginx with the usual configuration for WebSockets, and with a path that lacks it.
fn nginx(server: SocketAddr) -> Proxy {
    start("nginx", &["-c"], |folder, address| {
        let folder = folder.display();
        format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
             events {{ }}
             http {{
               access_log off;
               client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
               uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
               map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
               server {{
                 listen {address};
                 location / {{
                   proxy_pass http://{server};
                   proxy_http_version 1.1;
                   proxy_set_header Upgrade $http_upgrade;
                   proxy_set_header Connection $connection_upgrade;
                   proxy_set_header Host $http_host;
                   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                   proxy_read_timeout {SILENCE}s;
                 }}
                 location /forgotten {{ proxy_pass http://{server}; }}
               }}
             }}"
        )
    })
}

fn haproxy(server: SocketAddr) -> Proxy {
    start("haproxy", &["-db", "-f"], |_, address| {
        format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n  \
             timeout tunnel {SILENCE}s\nfrontend front\n  bind {address}\n  option forwardfor\n  \
             default_backend back\nbackend back\n  server one {server}\n"
        )
    })
}

/// Tells each client which address it has.
async fn tell(stream: TcpStream, mut pass: Pass) -> Result<(), Error> {
    let mut seen = None;
    let decide = |request: &fullduplex_tokio::Request<'_>| {
        seen = Some(pass.identify(request).map_err(fullduplex_app::Denied::rejection)?);
        Ok(OwnedAcceptance::new())
    };
    let mut socket = accept_with(stream, WebSocketConfig::new(), decide).await?;
    socket.send(Message::text(format!("{seen:?}"))).await?;
    while let Some(message) = pass.recv(&mut socket).await {
        message?;
    }
    Ok(())
}

async fn server() -> SocketAddr {
    let trusted = ["127.0.0.0/8".parse().unwrap()];
    let gate =
        Gate::new(GateLimits::new().per_address(2).behind(Forwarding::XForwardedFor, trusted));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, gate, tell));
    address
}

async fn behind(proxy: &Proxy) {
    let connect = async |forged: &str, config| {
        let url = format!("ws://{}/", proxy.address);
        let request = OwnedClientRequest::new(url).unwrap().header("X-Forwarded-For", forged);
        connect_with(request, &ConnectOptions::new().config(config)).await
    };
    let config = WebSocketConfig::new();
    let keepalive = config.keepalive(Duration::from_millis(500), Duration::from_secs(5));
    // The client has the proxy's address, so it is trusted as well, and its header counts.
    let (mut silent, _) = connect("198.51.100.7", config).await.unwrap();
    let told = silent.recv().await.unwrap().unwrap();
    assert_eq!(told, Message::text("Some(198.51.100.7)"));
    let (mut alive, _) = connect("198.51.100.7", keepalive).await.unwrap();
    alive.recv().await.unwrap().unwrap();
    // The keepalive works only while a call waits for a message.
    let living = tokio::spawn(async move {
        loop {
            match alive.recv().await {
                Some(Ok(Message::Pong(_))) => {}
                other => return other,
            }
        }
    });
    // A third connection from this address is refused, and a connection from another address is not.
    let Err(Error::Http(refused)) = connect("198.51.100.7", config).await else { panic!() };
    assert_eq!(refused.response.as_response().status(), 429);
    let (mut other, _) = connect("198.51.100.8", config).await.unwrap();
    other.recv().await.unwrap().unwrap();

    // A silent connection is ended by the proxy, without a Close; with a keepalive it lives.
    let begun = Instant::now();
    let ended = silent.recv().await.unwrap();
    assert!(matches!(ended, Err(Error::Protocol(_))), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(SILENCE + 3));
    tokio::time::sleep(Duration::from_secs(SILENCE)).await;
    assert!(!living.is_finished(), "{:?}", living.await);
    living.abort();
}

#[tokio::test]
async fn behind_nginx_clients_have_their_addresses_and_keepalive_keeps_connections() {
    if !is_there("nginx") {
        return;
    }
    let proxy = nginx(server().await);
    behind(&proxy).await;
    // By default nginx speaks HTTP/1.0 to the server, and no WebSocket can be opened over that.
    let url = format!("ws://{}/forgotten", proxy.address);
    let Err(Error::Http(refused)) = connect_with(url, &ConnectOptions::new()).await else {
        panic!()
    };
    assert_eq!(refused.response.as_response().status(), 505);
}

#[tokio::test]
async fn behind_haproxy_clients_have_their_addresses_and_keepalive_keeps_connections() {
    if !is_there("haproxy") {
        return;
    }
    behind(&haproxy(server().await)).await;
}
