//! `connect`: a conversation with a server.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fullduplex_app::asked_to_end;
#[cfg(unix)]
use fullduplex_tokio::UnixDial;
use fullduplex_tokio::{
    CloseCode, CloseFrame, Connector, DeflateConfig, Dial, Message, OwnedClientRequest,
    OwnedResponse, Proxy, ProxyDial, ProxyUrlError, Target, WebSocketConfig, WebSocketStream,
    client_with,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::end;
use crate::explain::Failure;
use crate::input::Lines;
use crate::show;
use crate::tls::Trust;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The server's URL, ws:// or wss://
    url: String,
    /// One more header field, as 'Name: value'
    #[arg(long, short = 'H', value_name = "FIELD", value_parser = field)]
    header: Vec<(String, String)>,
    /// A subprotocol to offer; may be given more than once
    #[arg(long, short = 's', value_name = "NAME")]
    subprotocol: Vec<String>,
    /// The origin, as a browser would send it
    #[arg(long)]
    origin: Option<String>,
    /// User and password for HTTP's Basic authentication. Other users of this machine can see them in the list of processes
    #[arg(long, value_name = "USER:PASSWORD")]
    auth: Option<String>,
    /// Send each line as a binary message
    #[arg(long, short = 'b')]
    binary: bool,
    /// Offer no compression
    #[arg(long)]
    no_deflate: bool,
    /// Ping the server after so many seconds without a word, and fail if nothing comes back
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    ping: Option<u64>,
    /// The largest message to take, in bytes
    #[arg(long, value_name = "BYTES")]
    max_size: Option<usize>,
    /// End after so many messages of the server
    #[arg(long, short = 'n', value_name = "COUNT")]
    messages: Option<u64>,
    /// Say what each phase of the handshake took
    #[arg(long)]
    timing: bool,
    /// How long each phase of the handshake may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
    /// Connect through this proxy, http://, https:// or socks5://; without this, as HTTPS_PROXY and its like say. The
    /// certificate of an https:// proxy is checked like the server's
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Connect to this Unix socket, whatever the URL's host
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", conflicts_with = "proxy")]
    unix: Option<std::path::PathBuf>,
    #[command(flatten)]
    trust: Trust,
}

/// A header field, as it is typed.
fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it has the form 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    #[cfg(unix)]
    if let Some(path) = &arguments.unix {
        return arguments.connect(UnixDial::new(path)).await;
    }
    let no_proxy = |error: ProxyUrlError| Failure::new(error.to_string());
    let dial = match &arguments.proxy {
        Some(url) => ProxyDial::new(Proxy::parse(url).map_err(no_proxy)?),
        None => ProxyDial::from_env().map_err(no_proxy)?,
    };
    // Without a connector, the system's certificates are read only for a proxy that needs them.
    let dial = if arguments.trust.is_own() {
        dial.connector(Connector::Rustls(arguments.trust.config()?))
    } else {
        dial
    };
    arguments.connect(dial).await
}

/// Says what each phase took.
struct Watch {
    begun: Instant,
    shown: bool,
}

impl Watch {
    fn phase(&mut self, name: &str, result: &str) {
        let took = self.begun.elapsed().as_secs_f64() * 1e3;
        self.begun = Instant::now();
        if self.shown {
            show::note(format_args!("{name:<14}{took:>9.2} ms  {result}"));
        }
    }
}

impl Arguments {
    fn request(&self) -> Result<OwnedClientRequest, Failure> {
        let mut request = OwnedClientRequest::new(&self.url)
            .map_err(|error| Failure::new(format!("{}: {error}", self.url)))?;
        for subprotocol in &self.subprotocol {
            request = request.subprotocol(subprotocol);
        }
        if let Some(origin) = &self.origin {
            request = request.origin(origin);
        }
        if let Some(auth) = &self.auth {
            request = request.header("Authorization", format!("Basic {}", STANDARD.encode(auth)));
        }
        for (name, value) in &self.header {
            request = request.header(name, value);
        }
        Ok(request)
    }

    fn config(&self) -> WebSocketConfig {
        let mut config = WebSocketConfig::new();
        config.handshake_timeout = Some(Duration::from_secs(self.timeout));
        if !self.no_deflate {
            config = config.deflate(DeflateConfig::new());
        }
        if let Some(seconds) = self.ping {
            let interval = Duration::from_secs(seconds);
            config = config.keepalive(interval, interval);
        }
        if let Some(bytes) = self.max_size {
            // A compressed message may take more bytes on the wire than it has.
            config = config.max_message_size(Some(bytes)).max_frame_size(None);
        }
        config
    }

    /// Connects by this dial, and talks.
    async fn connect(&self, dial: impl Dial) -> Result<(), Failure> {
        let patience = Duration::from_secs(self.timeout);
        let request = self.request()?;
        let uri = request.as_request().uri;
        let (host, port) = (uri.host().to_owned(), uri.port());
        let unreachable = |error| Failure::unreachable(uri.bracketed_host(), port, &error);
        let mut watch = Watch { begun: Instant::now(), shown: self.timing };

        let mut target = Target::new(&host, port);
        target.secure = uri.is_secure();
        target.deadline = tokio::time::Instant::now().checked_add(patience);
        let stream = dial.dial(target).await.map_err(unreachable)?;
        watch.phase("name and TCP", "");
        if !target.secure {
            return self.open(request, stream, watch).await;
        }
        let connector = TlsConnector::from(self.trust.config()?);
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Failure::new(format!("no certificate can be for `{host}`")))?;
        let stream = match timeout(patience, connector.connect(name, stream)).await {
            Ok(stream) => stream.map_err(|error| Failure::not_opened(error.into()))?,
            Err(_) => return Err(Failure::new("the server does not complete the TLS handshake")),
        };
        let session = stream.get_ref().1;
        let version = session.protocol_version().map(|version| format!("{version:?}"));
        watch.phase("TLS", &version.unwrap_or_default());
        self.open(request, stream, watch).await
    }

    /// The opening handshake, and the conversation.
    async fn open<S>(
        &self,
        request: OwnedClientRequest,
        stream: S,
        mut watch: Watch,
    ) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (socket, response) =
            client_with(request, stream, self.config()).await.map_err(Failure::not_opened)?;
        watch.phase("WebSocket", "");
        show::note(opened(&socket, &response));
        self.talk(socket).await
    }

    async fn talk<S>(&self, mut socket: WebSocketStream<S>) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut lines = Lines::start()?;
        let interrupted = interruption();
        let mut received = 0;
        // Whether more lines may come, and whether our Close was sent.
        let (mut typing, mut leaving) = (true, false);
        loop {
            let has_enough = self.messages.is_some_and(|most| received >= most);
            // Once there are no more lines, the answers that are asked for are still waited for.
            if !leaving && (has_enough || !typing && self.messages.is_none()) {
                leaving = true;
                say_goodbye(&mut socket)?;
            }
            let happened = tokio::select! {
                happened = next(&mut socket, &mut lines, typing && !leaving) => happened,
                () = interrupted.notified(), if !leaving => Happened::Interrupted,
            };
            match happened {
                Happened::Message(message) => match message.transpose()? {
                    None => return Ok(()),
                    Some(Message::Close(frame)) => return hear_out(socket, frame, !leaving).await,
                    Some(message) => {
                        if let Some(shown) = show::message(&message).filter(|_| !has_enough) {
                            lines.print(shown)?;
                            received += 1;
                        }
                    }
                },
                Happened::Line(Some(line)) => self.say(&mut socket, line?).await?,
                Happened::Line(None) => typing = false,
                Happened::Interrupted => {
                    leaving = true;
                    say_goodbye(&mut socket)?;
                }
            }
        }
    }

    async fn say<S>(&self, socket: &mut WebSocketStream<S>, line: Vec<u8>) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let message = if self.binary {
            Message::binary(line)
        } else {
            match String::from_utf8(line) {
                Ok(text) => Message::text(text),
                Err(_) => {
                    return Err(Failure::new(
                        "this line is not UTF-8, so it is no text: --binary sends bytes",
                    ));
                }
            }
        };
        // It does not wait, because nothing is pending; `recv` writes it.
        Ok(socket.feed(message).await?)
    }
}

enum Happened {
    Message(Option<fullduplex_tokio::Result<Message>>),
    Line(Option<Result<Vec<u8>, Failure>>),
    Interrupted,
}

/// The next message, or the next line, if one is wanted and what was said before is written. So the program never waits for
/// a server that reads no more until what it sends is read. Cancel-safe.
async fn next<S>(socket: &mut WebSocketStream<S>, lines: &mut Lines, wants_line: bool) -> Happened
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| {
        loop {
            let is_written = socket.pending_bytes() == 0;
            // The line comes first: a server that is never silent must not keep it waiting.
            if wants_line
                && is_written
                && let Poll::Ready(line) = lines.poll_next(cx)
            {
                return Poll::Ready(Happened::Line(line));
            }
            if let Poll::Ready(message) = pin!(socket.recv()).poll(cx) {
                return Poll::Ready(Happened::Message(message));
            }
            // `recv` may have written the rest, and nothing would wake this for a line that waits.
            if is_written || socket.pending_bytes() > 0 {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Tells of the first Ctrl-C, or SIGTERM, which says goodbye. The second one ends the program, whatever it waits for: the
/// server may never answer.
fn interruption() -> Arc<Notify> {
    let first = Arc::new(Notify::new());
    let interrupted = first.clone();
    tokio::spawn(async move {
        if asked_to_end().await.is_ok() {
            interrupted.notify_one();
        }
        if asked_to_end().await.is_ok() {
            end::exit(130);
        }
    });
    first
}

/// Begins the closing handshake; what the server still says is received.
fn say_goodbye<S>(socket: &mut WebSocketStream<S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket.begin_close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))?;
    Ok(())
}

/// Waits for the end of the connection after the server's Close.
async fn hear_out<S>(
    mut socket: WebSocketStream<S>,
    frame: Option<CloseFrame>,
    by_server: bool,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = socket.recv().await {
        message?;
    }
    if !by_server {
        return Ok(());
    }
    end::restore();
    let shown = show::close(frame.as_ref());
    match frame.map(|frame| frame.code) {
        None | Some(CloseCode::Normal | CloseCode::Away) => {
            show::note(format_args!("closed by the server: {shown}"));
            Ok(())
        }
        Some(_) => Err(Failure::new(format!("the server has closed the connection: {shown}"))),
    }
}

/// What was agreed on, in a line.
fn opened<S>(socket: &WebSocketStream<S>, response: &OwnedResponse) -> String {
    let mut text = "connected".to_owned();
    if let Some(subprotocol) = response.as_response().subprotocol() {
        text += &format!(", subprotocol {subprotocol}");
    }
    if socket.deflate().is_some() {
        text += ", compressed";
    }
    text
}
