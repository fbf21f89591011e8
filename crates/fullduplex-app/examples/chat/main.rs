//! A chat room with its page: `cargo run -p fullduplex-app --example chat [ADDRESS [CERT KEY]]`, then open the address that
//! it prints in two windows of a browser.
//!
//! One port serves the page and the WebSocket. Each member has a name. Text is sent as JSON, and pictures as binary
//! messages. A new member receives the last messages. A member that does not read is closed with 1013, and its page connects
//! again. With a certificate and its key, as PEM, everything goes over TLS.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, Room, Slow, asked_to_end, serve};
use fullduplex_tokio::rustls::pki_types::pem::PemObject;
use fullduplex_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use fullduplex_tokio::tokio_rustls::TlsAcceptor;
use fullduplex_tokio::{
    CloseCode, CloseFrame, DeflateConfig, Error, Message, OwnedAcceptance, OwnedRejection,
    PlainRequest, PreparedMessage, Request, WebSocketConfig, accept_or_respond, tls,
};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The page, which is compiled into the program.
const PAGE: &str = include_str!("page.html");

/// The largest message or picture, in bytes.
const MOST: usize = 1 << 20;

/// How many messages may wait for one member.
const WAITING: usize = 64;

/// How many messages a new member receives.
const HISTORY: usize = 20;

#[derive(Default)]
struct Chat {
    room: Room,
    /// Locked while a member joins or a message is sent, so that a new member receives each message once.
    last: Mutex<VecDeque<PreparedMessage>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:9001").parse()?;
    run(address, arguments.next().zip(arguments.next())).await
}

/// Serves until Ctrl-C or SIGTERM, over TLS if there are the files of a certificate and its key.
pub(crate) async fn run(
    address: SocketAddr,
    identity: Option<(String, String)>,
) -> Result<(), Failure> {
    let acceptor = match identity {
        Some((cert, key)) => {
            let certificates = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
            let config = tls::server_config(certificates, PrivateKeyDer::from_pem_file(key)?)?;
            Some(TlsAcceptor::from(config))
        }
        None => None,
    };
    let listener = TcpListener::bind(address).await?;
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    println!("open {scheme}://{}/", listener.local_addr()?);

    let chat = Arc::new(Chat::default());
    let gate = Gate::new(GateLimits::new());
    let handle = move |stream, pass| connection(stream, pass, chat.clone(), acceptor.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    asked_to_end().await?;
    let left = gate.close(Duration::from_secs(5)).await;
    println!("{} connections ended in time, {} were dropped", left.ended, left.dropped);
    Ok(())
}

async fn connection(
    stream: TcpStream,
    pass: Pass,
    chat: Arc<Chat>,
    acceptor: Option<TlsAcceptor>,
) -> Result<(), Failure> {
    match acceptor {
        None => chat.member(stream, pass).await?,
        Some(acceptor) => {
            let stream = timeout(Duration::from_secs(10), acceptor.accept(stream)).await??;
            chat.member(stream, pass).await?;
        }
    }
    Ok(())
}

/// The name in the request's query, if the client may talk here.
fn admit(request: &Request<'_>) -> Result<String, OwnedRejection> {
    if request.path() != "/chat" {
        return Err(OwnedRejection::new(404));
    }
    // Otherwise a script of another site could send messages in the name of that site's visitor (RFC 6455 §10.2).
    if !request.is_same_origin() {
        return Err(OwnedRejection::new(403));
    }
    let name = request.query().and_then(|query| query.strip_prefix("name=")).unwrap_or_default();
    let is_fit =
        (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_fit { Ok(name.to_owned()) } else { Err(OwnedRejection::new(400).body("no such name\n")) }
}

/// The page, for a browser that asks for it.
fn page(request: &PlainRequest<'_>) -> Option<OwnedRejection> {
    (request.path() == "/").then(|| {
        OwnedRejection::new(200)
            .header("Content-Type", "text/html; charset=utf-8")
            .header("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; img-src blob:")
            .body(PAGE)
    })
}

impl Chat {
    async fn member(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        mut pass: Pass,
    ) -> Result<(), Error> {
        let config = WebSocketConfig::new()
            .max_message_size(Some(MOST))
            .deflate(DeflateConfig::new())
            // The server notices within a minute that a laptop was closed.
            .keepalive(Duration::from_secs(40), Duration::from_secs(20));
        let mut name = String::new();
        let decide = |request: &Request<'_>| {
            name = admit(request)?;
            Ok(OwnedAcceptance::new())
        };
        let mut socket = match accept_or_respond(stream, config, decide, page).await {
            // The client has asked for the page, or for a path that does not exist.
            Err(Error::Responded(_)) => return Ok(()),
            accepted => accepted?,
        };
        let (mut heard, last) = {
            let last = self.last.lock().await;
            (self.room.join(WAITING, Slow::Leave), last.clone())
        };
        for message in last {
            socket.feed_prepared(&message).await?;
        }
        self.say(&json!({ "from": name, "event": "has come" }).to_string()).await?;
        let talked = async {
            loop {
                tokio::select! {
                    biased;
                    message = heard.next() => match message {
                        Some(message) if heard.feed(&mut socket, &message).await? => {}
                        _ => {
                            let reason = "you read too slowly".into();
                            let close = CloseFrame { code: CloseCode::Again, reason };
                            return socket.close(Some(close)).await;
                        }
                    },
                    message = pass.recv(&mut socket) => match message.transpose()? {
                        None => return Ok(()),
                        Some(Message::Text(text)) => {
                            self.say(&json!({ "from": name, "text": text.as_str() }).to_string()).await?;
                        }
                        Some(Message::Binary(picture)) => self.show(&name, &picture).await?,
                        Some(_) => {}
                    },
                }
            }
        };
        let talked: Result<(), Error> = talked.await;
        self.say(&json!({ "from": name, "event": "has gone" }).to_string()).await?;
        talked
    }

    /// Sends a text to all members.
    async fn say(&self, text: &str) -> Result<(), Error> {
        let message = PreparedMessage::text(text);
        let mut last = self.last.lock().await;
        if last.len() == HISTORY {
            last.pop_front();
        }
        last.push_back(message.clone());
        self.room.send(&message).await;
        Ok(())
    }

    /// Sends a picture to all members: the length of the name as one byte, the name, and the picture.
    async fn show(&self, name: &str, picture: &[u8]) -> Result<(), Error> {
        let message = [&[name.len() as u8], name.as_bytes(), picture].concat();
        self.room.send(&PreparedMessage::binary(&message)).await;
        Ok(())
    }
}
