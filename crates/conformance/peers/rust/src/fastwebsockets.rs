//! fastwebsockets, with hyper for the opening handshake.

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{FragmentCollector, Frame, OpCode, WebSocket, WebSocketError, handshake};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Endpoint, LIMIT, Result, parts};

pub(crate) struct Peer;

type Socket = FragmentCollector<TokioIo<Upgraded>>;

impl Endpoint for Peer {
    const AGENT: &str = "fastwebsockets";

    async fn serve(stream: TcpStream) -> Result {
        let (sender, mut sockets) = tokio::sync::mpsc::unbounded_channel();
        let service = service_fn(move |request| answer(request, sender.clone()));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        connection.with_upgrades().await?;
        let socket = sockets.recv().await.ok_or("there was no request for a WebSocket")?;
        let mut socket = collector(socket.await?);
        loop {
            let frame = socket.read_frame().await?;
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
                _ => {}
            }
        }
    }

    async fn echo(url: &str) -> Result {
        let mut socket = connect(url).await?;
        loop {
            let frame = match socket.read_frame().await {
                Ok(frame) => frame,
                Err(_) => {
                    return Ok(socket.write_frame(Frame::close_raw(Vec::new().into())).await?);
                }
            };
            match frame.opcode {
                OpCode::Close => return Ok(()),
                OpCode::Text | OpCode::Binary => {
                    let echo = Frame::new(true, frame.opcode, None, frame.payload);
                    socket.write_frame(echo).await?;
                }
                _ => {}
            }
        }
    }

    async fn first_message(url: &str) -> Result<String> {
        let mut socket = connect(url).await?;
        let message = String::from_utf8(socket.read_frame().await?.payload.to_vec())?;
        socket.write_frame(Frame::close(1000, &[])).await?;
        Ok(message)
    }
}

fn collector(mut socket: WebSocket<TokioIo<Upgraded>>) -> Socket {
    socket.set_max_message_size(LIMIT);
    FragmentCollector::new(socket)
}

async fn answer(
    mut request: Request<Incoming>,
    sockets: tokio::sync::mpsc::UnboundedSender<UpgradeFut>,
) -> std::result::Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, socket) = upgrade(&mut request)?;
    // If nothing waits for the connection any more, it is dropped.
    let _ = sockets.send(socket);
    Ok(response)
}

async fn connect(url: &str) -> Result<Socket> {
    let (address, target) = parts(url);
    let stream = TcpStream::connect(address).await?;
    let request = Request::builder()
        .method("GET")
        .uri(format!("http://{address}{target}"))
        .header(HOST, address)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header("Sec-WebSocket-Key", handshake::generate_key())
        .header("Sec-WebSocket-Version", "13")
        .body(Empty::<Bytes>::new())?;
    let (socket, _) = handshake::client(&Spawn, request, stream).await?;
    Ok(collector(socket))
}

struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}
