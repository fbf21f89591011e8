//! A server by hyper with a page at `/` and its WebSocket at `/echo`, on one port, over HTTP/1.1 and HTTP/2: `cargo run
//! --example hyper_server --features http2 [ADDRESS]`. Browsers speak HTTP/2 only over TLS, which this example leaves out.

use std::convert::Infallible;
use std::time::Duration;

use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use fullduplex_tokio::{Error, UpgradeResponse, Upgrading, WebSocketConfig, upgrade};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::time::sleep;

const PAGE: &str = r#"<!DOCTYPE html>
<meta charset="utf-8">
<title>Echo</title>
<input id="text" placeholder="Say something" autofocus>
<pre id="log"></pre>
<script>
  const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "echo"));
  const say = line => document.getElementById("log").append(line + "\n");
  socket.onmessage = event => say(event.data);
  socket.onclose = event => say(`closed: ${event.code}`);
  document.getElementById("text").onchange = event => {
    socket.send(event.target.value);
    event.target.value = "";
  };
</script>
"#;

/// How long a client may take to send the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the loop waits when it cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    serve(listener).await;
    Ok(())
}

pub(crate) async fn serve(listener: TcpListener) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await; // there may be too many open files, until a connection ends
            continue;
        };
        // Messages are written whole, so there is nothing to wait for. The call fails only if the client has gone.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            // Without a timer, hyper waits for a request for ever.
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            builder.http2().enable_connect_protocol(); // announces WebSockets over HTTP/2
            let serving =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), service_fn(handle));
            if let Err(error) = serving.await {
                println!("{peer}: {error}");
            }
        });
    }
}

async fn handle(mut request: Request<Incoming>) -> Result<UpgradeResponse, Infallible> {
    Ok(match request.uri().path() {
        "/" => UpgradeResponse::new(PAGE.into()),
        "/echo" => {
            let (response, socket) = upgrade(&mut request, WebSocketConfig::new());
            match socket {
                Ok(socket) => drop(tokio::spawn(echo(socket))),
                Err(error) => println!("no WebSocket: {error}"),
            }
            response
        }
        _ => {
            let mut response = UpgradeResponse::default();
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

async fn echo(socket: Upgrading) -> Result<(), Error> {
    let mut socket = socket.await?; // once the response has been sent
    while let Some(message) = socket.recv().await {
        let message = message?; // Pings and Closes are answered already
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?; // written before `recv` waits again
        }
    }
    Ok(())
}
