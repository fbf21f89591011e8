//! What error messages say about the usual mistakes when a WebSocket cannot be opened: the page `ERRORS.md`, which says how
//! it is written.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fullduplex_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use fullduplex_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use fullduplex_tokio::tokio_rustls::TlsAcceptor;
use fullduplex_tokio::{ConnectOptions, Connector, WebSocketConfig, connect_with, tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// How long each client waits for an opening handshake.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a server does that a client does not expect.
#[derive(Clone, Copy)]
enum Server {
    /// Nothing listens.
    Absent,
    /// Responds to the first request.
    Responds(&'static str),
    /// Ends the connection at the first request.
    Closes,
    /// Says nothing.
    Silent,
    /// Begins TLS, with one of the certificates.
    Tls(Certificate),
}

#[derive(Clone, Copy)]
enum Certificate {
    Good,
    Expired,
    SelfSigned,
    ForAnotherName,
}

/// A mistake: what it is, the URL with `PORT` in it, the server, and what our message has to name.
struct Mistake(&'static str, &'static str, Server, &'static [&'static str]);

const MISTAKES: [Mistake; 17] = [
    Mistake(
        "Nothing listens there",
        "ws://127.0.0.1:PORT/",
        Server::Absent,
        &["127.0.0.1:PORT", "refused"],
    ),
    Mistake(
        "No such name",
        "ws://no-such-name.invalid/",
        Server::Absent,
        &["no-such-name.invalid", "look-up"],
    ),
    Mistake(
        "The server says nothing",
        "ws://127.0.0.1:PORT/",
        Server::Silent,
        &["handshake", "too long"],
    ),
    Mistake(
        "The server closes during the handshake",
        "ws://127.0.0.1:PORT/",
        Server::Closes,
        &["handshake", "ended"],
    ),
    Mistake(
        "An ordinary web page: 200",
        "ws://127.0.0.1:PORT/",
        Server::Responds(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhome",
        ),
        &["200 OK", "path"],
    ),
    Mistake(
        "Moved: 301",
        "ws://127.0.0.1:PORT/",
        Server::Responds(
            "HTTP/1.1 301 Moved Permanently\r\nLocation: wss://example.org/chat\r\nContent-Length: 0\r\n\r\n",
        ),
        &["301", "wss://example.org/chat", "redirects"],
    ),
    Mistake(
        "Credentials wanted: 401",
        "ws://127.0.0.1:PORT/",
        Server::Responds(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"chat\"\r\nContent-Length: 0\r\n\r\n",
        ),
        &["401", "Basic realm=\"chat\""],
    ),
    Mistake(
        "Not allowed: 403",
        "ws://127.0.0.1:PORT/",
        Server::Responds("HTTP/1.1 403 Forbidden\r\nContent-Length: 14\r\n\r\nunknown origin"),
        &["403", "unknown origin"],
    ),
    Mistake(
        "No such path: 404",
        "ws://127.0.0.1:PORT/",
        Server::Responds("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        &["404"],
    ),
    Mistake(
        "The server has failed: 500",
        "ws://127.0.0.1:PORT/",
        Server::Responds(
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 11\r\n\r\nno database",
        ),
        &["500", "no database"],
    ),
    Mistake(
        "The server speaks another protocol",
        "ws://127.0.0.1:PORT/",
        Server::Responds("SSH-2.0-OpenSSH_9.2\r\n"),
        &["HTTP"],
    ),
    Mistake(
        "A response that does not fit the key",
        "ws://127.0.0.1:PORT/",
        Server::Responds(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        ),
        &["Sec-WebSocket-Accept"],
    ),
    Mistake(
        "wss to a server without TLS",
        "wss://localhost:PORT/",
        Server::Responds("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        &["TLS", "ws://"],
    ),
    Mistake(
        "ws to a server with TLS",
        "ws://localhost:PORT/",
        Server::Tls(Certificate::Good),
        &["TLS", "wss://"],
    ),
    Mistake(
        "An expired certificate",
        "wss://localhost:PORT/",
        Server::Tls(Certificate::Expired),
        &["certificate", "expired"],
    ),
    Mistake(
        "A certificate that nobody vouches for",
        "wss://localhost:PORT/",
        Server::Tls(Certificate::SelfSigned),
        &["certificate", "trusted"],
    ),
    Mistake(
        "A certificate for another name",
        "wss://localhost:PORT/",
        Server::Tls(Certificate::ForAnotherName),
        &["certificate", "localhost", "example.org"],
    ),
];

/// A certificate authority, and the certificates of servers.
struct Certificates {
    authority: CertificateDer<'static>,
    authority_pem: String,
    servers: Vec<Arc<ServerConfig>>,
}

impl Certificates {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let (authority, authority_pem) = (authority.der().clone(), authority.pem());
        let issuer = Issuer::new(params, key);
        let server = |certificate: &Certificate| {
            let key = KeyPair::generate().unwrap();
            let name = match certificate {
                Certificate::ForAnotherName => "example.org",
                _ => "localhost",
            };
            let mut params = CertificateParams::new([name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            if let Certificate::Expired = certificate {
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2021, 1, 1);
            }
            let signed = match certificate {
                Certificate::SelfSigned => params.self_signed(&key),
                _ => params.signed_by(&key, &issuer),
            };
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            tls::server_config(vec![signed.unwrap().der().clone()], key).unwrap()
        };
        let all = [
            Certificate::Good,
            Certificate::Expired,
            Certificate::SelfSigned,
            Certificate::ForAnotherName,
        ];
        Self { authority, authority_pem, servers: all.iter().map(server).collect() }
    }

    fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        tls::client_config(roots).unwrap()
    }
}

/// Runs the server of a mistake, for each connection.
async fn serve(listener: TcpListener, server: Server, certificates: Arc<Certificates>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let certificates = Arc::clone(&certificates);
        tokio::spawn(async move {
            let mut request = [0; 4096];
            match server {
                Server::Absent => {}
                Server::Silent => sleep(10 * PATIENCE).await,
                Server::Closes => {
                    let _ = stream.read(&mut request).await;
                }
                Server::Responds(response) => {
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(response.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    while let Ok(1..) = stream.read(&mut request).await {}
                }
                Server::Tls(certificate) => {
                    let config = Arc::clone(&certificates.servers[certificate as usize]);
                    let _ = TlsAcceptor::from(config).accept(stream).await;
                }
            }
        });
    }
}

async fn ours(url: &str, tls: Arc<ClientConfig>) -> String {
    let config = WebSocketConfig::new().handshake_timeout(Some(PATIENCE));
    let options = ConnectOptions::new().config(config).connector(Connector::Rustls(tls));
    connect_with(url, &options).await.unwrap_err().to_string()
}

async fn tungstenite(url: &str, tls: Arc<ClientConfig>) -> String {
    let connector = tokio_tungstenite::Connector::Rustls(tls);
    let connecting =
        tokio_tungstenite::connect_async_tls_with_config(url, None, false, Some(connector));
    match timeout(3 * PATIENCE, connecting).await {
        Ok(connected) => connected.unwrap_err().to_string(),
        Err(_) => "(waits for ever)".to_owned(),
    }
}

/// A Python program that connects to the URL in its first argument, and trusts the certificate in the file of the second
/// one.
const PYTHON: &str = "
import ssl, sys
from websockets.sync.client import connect
url, ca, patience = sys.argv[1:]
tls = ssl.create_default_context(cafile=ca) if url.startswith('wss:') else None
try:
    connect(url, ssl=tls, open_timeout=float(patience))
except Exception as error:
    print(f'{type(error).__name__}: {error}')
";

async fn python(url: &str, python: &Path, authority: &Path) -> String {
    assert!(python.exists(), "`cargo xtask peers` installs Python's websockets");
    let patience = PATIENCE.as_secs_f64().to_string();
    let mut command = Command::new(python);
    command.args(["-c", PYTHON, url]).arg(authority).arg(patience).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The Python that has the tests' peers.
fn python_of_peers() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    target.join("peers/venv/bin/python")
}

/// The text without what differs from run to run.
fn normal(text: &str, port: u16) -> String {
    let mut text = text.replace(&port.to_string(), "PORT").replace('\n', " ");
    // Long numbers are times in seconds.
    while let Some(at) = long_number(&text) {
        text.replace_range(at, "N");
    }
    text
}

fn long_number(text: &str) -> Option<std::ops::Range<usize>> {
    let mut from = 0;
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
        if digits > 7 {
            return Some(from..from + digits);
        }
        from += part.len();
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_is_named() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ERRORS.md");
    let blesses = std::env::var_os("FULLDUPLEX_BLESS").is_some();
    let certificates = Arc::new(Certificates::new());
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    fs::write(&authority, &certificates.authority_pem).unwrap();

    let before = fs::read_to_string(&page).unwrap_or_default();
    let mut text = HEAD.to_owned();
    let mut wrong = Vec::new();
    for Mistake(name, url, server, named) in &MISTAKES {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = match server {
            Server::Absent => {
                drop(listener);
                None
            }
            _ => Some(tokio::spawn(serve(listener, *server, Arc::clone(&certificates)))),
        };
        let url = url.replace("PORT", &port.to_string());
        let ours = normal(&ours(&url, certificates.client()).await, port);
        for word in named.iter().filter(|word| !ours.contains(**word)) {
            wrong.push(format!("{name}: `{word}` is not in `{ours}`"));
        }
        let section = format!("\n## {name}\n\n* ``{ours}``\n");
        text += &section;
        if blesses {
            let theirs = [
                tungstenite(&url, certificates.client()).await,
                python(&url, &python_of_peers(), &authority).await,
            ];
            for theirs in theirs {
                let _ = writeln!(text, "* ``{}``", normal(&theirs, port));
            }
        } else if cfg!(target_os = "linux") && !before.contains(&section) {
            // Other systems use other words.
            wrong.push(format!("ERRORS.md does not have, of `{name}`: `{ours}`"));
        }
        if let Some(serving) = serving {
            serving.abort();
        }
    }
    if blesses {
        fs::write(&page, text).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const HEAD: &str = "# What is said of the usual mistakes

What clients say when a WebSocket cannot be opened, in this order: `fullduplex_tokio::connect_with`, `connect_async` of
tokio-tungstenite 0.30, `connect` of Python's websockets. Ports and times are replaced by words. `tests/mistakes.rs` makes each
of these mistakes and compares our text with this page; `FULLDUPLEX_BLESS=1 cargo test -p fullduplex-tokio --test mistakes`,
after `cargo xtask peers`, writes it anew. Each error is also a variant of an enumeration, with the same in typed form.
";
