//! A subscriber that keeps events, and WebSockets to observe.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};
use std::time::Duration;

use fullduplex_testkit::Frame;
use fullduplex_tokio::{
    Cause, Counters, Counts, OwnedAcceptance, Result, Role, WebSocketConfig, WebSocketStream,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// An event about the opening or the end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) what: String,
    pub(crate) level: Level,
    pub(crate) target: String,
    /// The fields of the event and of the spans around it.
    fields: BTreeMap<String, String>,
}

impl Told {
    /// The value of a field; empty if it has none.
    pub(crate) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// As [`get`](Self::get), of several fields.
    pub(crate) fn all<const N: usize>(&self, fields: [&str; N]) -> [&str; N] {
        fields.map(|field| self.get(field))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &String> {
        self.fields.values()
    }
}

/// The events of this thread until the guard is dropped.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Vec<Told>>>);

impl Ear {
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let ear = Self::default();
        let guard = set_default(Registry::default().with(ear.clone()));
        (ear, guard)
    }

    /// As [`listen`](Self::listen), without events that are less important than `level`.
    pub(crate) fn listen_from(level: LevelFilter) -> (Self, DefaultGuard) {
        let ear = Self::default();
        let guard = set_default(Registry::default().with(ear.clone().with_filter(level)));
        (ear, guard)
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }

    /// The events about connections of this role.
    pub(crate) fn of(&self, role: &str) -> Vec<Told> {
        self.told().into_iter().filter(|told| told.get("role") == role).collect()
    }

    /// The only event `what` about connections of this role.
    pub(crate) fn one(&self, role: &str, what: &str) -> Told {
        let told = self.of(role);
        let mut found = told.iter().filter(|told| told.what == what);
        match (found.next(), found.next()) {
            (Some(found), None) => found.clone(),
            _ => panic!("{what} of {role}: {told:#?}"),
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        record.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("fullduplex") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let what = fields.0.remove("message").unwrap_or_default();
        for span in context.event_scope(event).into_iter().flatten() {
            fields.0.extend(span.extensions().get::<Fields>().unwrap().0.clone());
        }
        let (level, target) = (*metadata.level(), metadata.target().to_owned());
        self.0.lock().unwrap().push(Told { what, level, target, fields: fields.0 });
    }
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Counters of a test's own.
pub(crate) fn counters() -> &'static Counters {
    Box::leak(Box::default())
}

/// The failures that were counted.
pub(crate) fn failures(counts: &Counts) -> Vec<(Cause, u64)> {
    counts.failures().filter(|(_, count)| *count > 0).collect()
}

/// A configuration with these counters.
pub(crate) fn counted(counters: &'static Counters) -> WebSocketConfig {
    WebSocketConfig::new().counters(counters)
}

/// Our server, and the client's end of its pipe, which the test plays.
pub(crate) fn our_server(config: WebSocketConfig) -> (WebSocketStream<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    (WebSocketStream::from_raw_socket(near, Role::Server, config), far)
}

/// A frame as a client sends it.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Frame {
    Frame::new(opcode, payload).masked()
}

/// A stream whose reads fail, or whose writes fail while its reads are pending.
pub(crate) struct Broken {
    pub(crate) kind: ErrorKind,
    pub(crate) writes: bool,
}

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.writes { Poll::Pending } else { Poll::Ready(Err(self.kind.into())) }
    }
}

impl AsyncWrite for Broken {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(if self.writes { Err(self.kind.into()) } else { Ok(bytes.len()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Our client and our server, with the opening handshake, over a pipe.
pub(crate) async fn pair(
    url: &str,
    client: WebSocketConfig,
    server: WebSocketConfig,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let accepting = fullduplex_tokio::accept_with(far, server, |_| Ok(OwnedAcceptance::new()));
    let connecting = fullduplex_tokio::client_with(url, near, client);
    let (accepted, connected) = tokio::join!(accepting, connecting);
    (connected.unwrap().0, accepted.unwrap())
}

/// Echoes messages until the end.
pub(crate) async fn echo<S>(mut socket: WebSocketStream<S>) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = socket.recv().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}
