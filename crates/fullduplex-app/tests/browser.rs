//! A real browser: the chat of the examples over ws and wss, an echo of every size, closes from both ends, a server that is
//! killed, and a WebSocket over HTTP/2. Pictures of the pages are in `target/browser-pictures` of the workspace.
//!
//! It needs Chromium.

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_testkit::browser::{Browser, skipped};
use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo};
use fullduplex_tokio::rustls::ServerConfig;
use fullduplex_tokio::rustls::pki_types::PrivateKeyDer;
use fullduplex_tokio::tokio_rustls::TlsAcceptor;
use fullduplex_tokio::{
    CloseCode, CloseFrame, DeflateConfig, Error, Message, OwnedAcceptance, OwnedRejection,
    UpgradeResponse, WebSocketConfig, WebSocketStream, accept_or_respond, tls, upgrade,
};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Version};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/chat/main.rs"]
mod chat;

/// The environment variable with the address for the chat, in a child process that runs this program again.
const ADDRESS: &str = "CHAT_ADDRESS";

/// The environment variable with the files of the chat's certificate and key.
const IDENTITY: &str = "CHAT_IDENTITY";

fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let pictures = target.join("browser-pictures");
    fs::create_dir_all(&pictures).unwrap();
    pictures
}

/// Waits until the expression is true.
fn wait(browser: &mut Browser, expression: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while browser.eval(expression) != json!(true) {
        if Instant::now() > end {
            let text = browser.eval("document.body.innerText");
            panic!("{expression} does not become true; the page reads {text}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The chat in a process of its own, which can be killed. It ends when this is dropped.
struct Chat {
    child: Child,
    url: String,
}

impl Chat {
    fn start(address: &str, identity: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--nocapture", "--exact", TEST]).env(ADDRESS, address);
        let mut child =
            command.env(IDENTITY, identity).stdout(Stdio::piped()).spawn().expect("this program");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.find_map(|line| Some(line.unwrap().strip_prefix("open ")?.to_owned()));
        // The rest of its output must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, url: url.expect("it says where it is") }
    }

    fn address(&self) -> &str {
        self.url.trim_end_matches('/').rsplit('/').next().unwrap()
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The test that runs the chat if the environment says so.
const TEST: &str = "people_talk_in_the_chat_over_ws_and_wss_and_come_back_when_it_was_killed";

#[test]
fn people_talk_in_the_chat_over_ws_and_wss_and_come_back_when_it_was_killed() {
    if let Ok(address) = env::var(ADDRESS) {
        let identity = env::var(IDENTITY).unwrap();
        let identity = identity.split_once(':').map(|(cert, key)| (cert.into(), key.into()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(chat::run(address.parse().unwrap(), identity)).unwrap();
        return;
    }
    let (Some(mut ann), Some(mut bob)) = (Browser::start(TRUSTING), Browser::start(TRUSTING))
    else {
        return skipped();
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = certificate();
    let key = file("key.pem", &made.signing_key.serialize_pem());
    let identity = format!("{}:{key}", file("cert.pem", &made.cert.pem()));
    for identity in ["", &identity] {
        talk(&mut ann, &mut bob, identity);
    }
}

fn talk(ann: &mut Browser, bob: &mut Browser, identity: &str) {
    let name = if identity.is_empty() { "ws" } else { "wss" };
    let chat = Chat::start("127.0.0.1:0", identity);
    let connected = |name: &str| {
        format!(
            "document.getElementById('state').textContent === 'connected as {name}, compressed'"
        )
    };
    let says = |text: &str| format!("document.getElementById('said').innerText.includes('{text}')");
    for (browser, name) in [(&mut *ann, "Ann"), (&mut *bob, "Bob")] {
        browser.screen(500, 500, false);
        browser.open(&format!("{}?name={name}", chat.url));
        wait(browser, &connected(name));
    }
    wait(ann, &says("has come"));
    ann.eval("document.getElementById('text').focus()");
    ann.call("Input.insertText", json!({ "text": "Hello <b>Bob</b>, \u{1f642}" }));
    ann.key("Enter", "\r");
    for browser in [&mut *ann, &mut *bob] {
        wait(browser, &says("Hello <b>Bob</b>, \u{1f642}"));
    }
    // Ann draws a picture and sends it.
    ann.eval(
        "new Promise((done) => {
           const canvas = document.createElement('canvas');
           canvas.width = 300; canvas.height = 80;
           const context = canvas.getContext('2d');
           context.fillStyle = 'teal'; context.fillRect(0, 0, 300, 80);
           context.fillStyle = 'white'; context.font = '40px sans-serif'; context.fillText('a picture', 60, 54);
           canvas.toBlob(async (blob) => { socket.send(await blob.arrayBuffer()); done(0); });
         })",
    );
    for browser in [&mut *ann, &mut *bob] {
        wait(browser, "document.querySelector('#said img')?.naturalWidth === 300");
    }
    bob.picture(&pictures().join(format!("chat-{name}.png")));
    bob.screen(390, 844, true);
    assert_eq!(bob.eval("document.documentElement.scrollWidth - innerWidth"), json!(0));
    bob.picture(&pictures().join(format!("chat-{name}-phone.png")));

    // A page that navigates away or is reloaded has left the room.
    ann.open(&format!("{}?name=Cleo", chat.url));
    wait(ann, &connected("Cleo"));
    wait(bob, &says("has gone"));
    // A new member receives the earlier messages.
    wait(ann, &says("Hello"));

    // A killed server sends no Close; once it runs again, the page connects again.
    let address = chat.address().to_owned();
    drop(chat);
    wait(ann, "document.getElementById('state').textContent.startsWith('not connected: 1006')");
    let _chat = Chat::start(&address, identity);
    wait(ann, &connected("Cleo"));
    wait(bob, &connected("Bob"));
}

/// Chromium may keep a page that was left, with its connection, so that going back is quick. Then it sends no Close.
const WITHOUT_CACHE: &str = "--disable-features=BackForwardCache";

/// A self-signed certificate needs the first option.
const TRUSTING: &[&str] = &["--ignore-certificate-errors", WITHOUT_CACHE];

fn certificate() -> rcgen::CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap()
}

/// Where a server reports what it has seen: requests, and how connections ended.
type Seen = Sender<String>;

/// Starts a server on a thread of its own.
fn start<F>(
    serve: impl FnOnce(TcpListener, Seen) -> F + Send + 'static,
) -> (SocketAddr, Receiver<String>)
where
    F: Future<Output = ()>,
{
    let (sender, seen) = channel();
    let (tell, told) = channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, sender).await;
        });
    });
    (told.recv().unwrap(), seen)
}

async fn echo<S>(socket: &mut WebSocketStream<S>, seen: &Seen) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = socket.recv().await {
        let message = message?;
        if let Message::Close(close) = &message {
            let close = close.as_ref().map(|close| (close.code.to_u16(), close.reason.as_str()));
            let _ = seen.send(format!("{close:?}"));
        }
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

/// What a path of the server does.
async fn connection(stream: TcpStream, seen: Seen) -> Result<(), Error> {
    let mut path = String::new();
    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
    let decide = |request: &fullduplex_tokio::fullduplex::handshake::Request<'_>| {
        path = request.path().to_owned();
        match request.choose_subprotocol(&["echo"]) {
            _ if path == "/refused" => Err(OwnedRejection::new(403)),
            Some(chosen) => Ok(OwnedAcceptance::new().subprotocol(chosen)),
            None => Ok(OwnedAcceptance::new()),
        }
    };
    let page = |_: &fullduplex_tokio::fullduplex::handshake::PlainRequest<'_>| {
        Some(
            OwnedRejection::new(200)
                .header("Content-Type", "text/html")
                .body("<title>Empty</title>"),
        )
    };
    let mut socket = accept_or_respond(stream, config, decide, page).await?;
    match path.as_str() {
        "/closes" => {
            let code = CloseCode::from_u16(4001);
            socket.close(Some(CloseFrame { code, reason: "bye, \u{fc}".into() })).await
        }
        "/gone" => {
            drop(socket.into_inner());
            Ok(())
        }
        "/dropped" => Ok(()),
        _ => echo(&mut socket, &seen).await,
    }
}

async fn serve(listener: TcpListener, seen: Seen) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let seen = seen.clone();
        tokio::spawn(async move { connection(stream, seen).await });
    }
}

/// JavaScript that opens a WebSocket in the page, calls `act`, and returns its result and how the connection ended.
const WITH: &str = "(path, protocols, act) => new Promise((done) => {
    const url = new URL(path, location.href); url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url, protocols); socket.binaryType = 'arraybuffer';
    let result = 'never open';
    socket.onopen = async () => {
      result = await act(socket, (data) => new Promise((got) => {
        socket.onmessage = (event) => got(event.data); socket.send(data);
      }));
    };
    socket.onclose = ({ code, reason, wasClean }) => done([result, code, reason, wasClean]);
  })";

#[test]
fn a_browser_echoes_and_closes_in_every_way() {
    let Some(mut browser) = Browser::start(&[WITHOUT_CACHE]) else { return skipped() };
    let (address, seen) = start(serve);
    browser.open(&format!("http://{address}/"));
    browser.eval(&format!("window.use = {WITH}; 0"));
    let every_size = "use('/', ['other', 'echo'], async (socket, echo) => {
        for (const length of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
          const text = 'Grüße, \u{1f642} '.repeat(length).slice(0, length).replace(/[\\uD800-\\uDBFF]$/, '');
          if (await echo(text) !== text) return 'text of ' + length;
          const bytes = Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));
          const back = new Uint8Array(await echo(bytes));
          if (back.length !== length || back.some((byte, index) => byte !== bytes[index])) return 'bytes of ' + length;
        }
        socket.close(4002, 'done');
        return socket.protocol + ', ' + socket.extensions;
      })";
    // Our answer to a Close has the same code, and no reason.
    assert_eq!(browser.eval(every_size), json!(["echo, permessage-deflate", 4002, "", true]));
    assert_eq!(seen.recv_timeout(Duration::from_secs(5)).unwrap(), "Some((4002, \"done\"))");
    for (path, act, expected) in [
        ("/closes", "() => 'open'", json!(["open", 4001, "bye, \u{fc}", true])),
        // A dropped WebSocket sends 1001; a stream that was taken out of it ends without a Close.
        ("/dropped", "() => 'open'", json!(["open", 1001, "", true])),
        ("/gone", "() => 'open'", json!(["open", 1006, "", false])),
        ("/refused", "() => 'open'", json!(["never open", 1006, "", false])),
        ("/", "(socket) => { socket.close(); return 0 }", json!([0, 1005, "", true])),
        ("/", "(socket) => { socket.close(1000); return 0 }", json!([0, 1000, "", true])),
    ] {
        let ended = browser.eval(&format!("use('{path}', [], {act})"));
        assert_eq!(ended, expected, "{path} {act}");
    }
    // A page that navigates away sends 1001.
    browser.eval("window.one = new WebSocket('ws://' + location.host + '/'); 0");
    wait(&mut browser, "one.readyState === 1");
    while seen.try_recv().is_ok() {}
    browser.open(&format!("http://{address}/other"));
    assert_eq!(seen.recv_timeout(Duration::from_secs(5)).unwrap(), "Some((1001, \"\"))");
}

#[test]
fn a_browser_opens_websockets_over_http_2() {
    let Some(mut browser) = Browser::start(TRUSTING) else { return skipped() };
    let made = certificate();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config: ServerConfig =
        (*tls::server_config(vec![made.cert.der().clone()], key).unwrap()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (address, seen) = start(move |listener, seen| over_http_2(listener, acceptor, seen));
    browser.open(&format!("https://{address}/"));
    browser.eval(&format!("window.use = {WITH}; 0"));
    let echoed = browser.eval(
        "use('/echo', [], async (socket, echo) => {
           const text = 'over HTTP/2 '.repeat(10000), same = await echo(text) === text;
           socket.close(4003, 'enough'); return same + ', ' + socket.extensions;
         })",
    );
    assert_eq!(echoed, json!(["true, permessage-deflate", 4003, "", true]));
    let seen: Vec<String> = seen.try_iter().collect();
    assert_eq!(seen, ["GET / HTTP/2.0", "CONNECT /echo HTTP/2.0", "Some((4003, \"enough\"))"]);
}

async fn over_http_2(listener: TcpListener, acceptor: TlsAcceptor, seen: Seen) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, seen) = (acceptor.clone(), seen.clone());
        tokio::spawn(async move {
            // A browser opens more connections than it uses.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|mut request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let (method, path) =
                        (request.method().clone(), request.uri().path().to_owned());
                    if path == "/favicon.ico" {
                        return Ok::<_, Infallible>(UpgradeResponse::new("".into()));
                    }
                    assert_eq!(request.version(), Version::HTTP_2);
                    let _ = seen.send(format!("{method} {path} {:?}", request.version()));
                    if path != "/echo" {
                        let mut page = UpgradeResponse::new("<title>Empty</title>".into());
                        let html = "text/html".parse().unwrap();
                        page.headers_mut().insert("content-type", html);
                        return Ok(page);
                    }
                    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
                    let (response, socket) = upgrade(&mut request, config);
                    let socket = socket.expect("a request for a WebSocket");
                    tokio::spawn(async move { echo(&mut socket.await.unwrap(), &seen).await });
                    Ok(response)
                }
            });
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.enable_connect_protocol();
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
