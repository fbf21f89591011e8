//! Runs every session over every stream.

use std::fmt;
use std::task::Poll;

use crate::judge::judge;
use crate::script::{Break, Pause, Pieces, Script};
use crate::session::{Role, Session, sessions};
use crate::stream::{Shared, Stream, Waits};

/// The endpoint counts as stuck after this many steps that would block.
const MOST_STEPS: u32 = 20_000;

/// Sessions of a peer, and streams over which an endpoint must handle them.
///
/// The endpoint echoes: it opens a WebSocket over the [`Stream`] that it is given, sends each message back unchanged, and
/// returns when the connection is over, however it ended. What it returns does not matter; what it writes does.
///
/// Each session is run with bytes that arrive whole, one at a time and in pieces of random sizes, with pauses between the
/// calls where the stream can pause. It is also run on streams that break at the first call, the second, the third, and so
/// on until the session gets through. The kit checks after each run that
///
/// * each message came back once, unchanged and in order; if the peer ends without a Close, at least the messages that had
///   arrived whole before came back, if the stream takes them at once;
/// * Pongs answer Pings, in their order, and the last one has its Pong;
/// * the Close has the right code, and nothing follows it;
/// * each frame is one that this end may send;
/// * the endpoint has finished, has stopped using a broken stream, and was not waiting for a peer that waits for it.
///
/// A write reaches the peer at once, as over TCP. For transports that hold it back, see [`buffered`](Kit::buffered).
///
/// # Panics
///
/// Each `check_` function panics at the first run with a fault, and prints its session and its [`Script`]:
/// [`only`](Kit::only) runs it again.
#[derive(Clone, Debug)]
pub struct Kit {
    role: Role,
    buffered: bool,
    only: Option<(String, Script)>,
}

/// How much was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// How often the endpoint was started.
    pub runs: u64,
    /// How many of these runs were on a stream that broke.
    pub broken: u64,
    /// How many calls of the streams these runs made.
    pub calls: u64,
}

impl Kit {
    /// The endpoint is a server: the peer sends it a request, followed at once by frames.
    #[must_use]
    pub fn server() -> Self {
        Self { role: Role::Server, buffered: false, only: None }
    }

    /// The endpoint is a client: the peer responds to its request.
    #[must_use]
    pub fn client() -> Self {
        Self { role: Role::Client, buffered: false, only: None }
    }

    /// A write reaches the peer only with the next flush, as over TLS or a [`BufWriter`](std::io::BufWriter).
    #[must_use]
    pub fn buffered(self) -> Self {
        Self { buffered: true, ..self }
    }

    /// Runs only the session with this name, on a stream with this script.
    #[must_use]
    pub fn only(self, session: &str, script: Script) -> Self {
        Self { only: Some((session.to_owned(), script)), ..self }
    }

    /// Checks an endpoint over a blocking stream whose calls are sometimes interrupted.
    ///
    /// `endpoint` runs from beginning to end in one call. A read that would wait for ever fails with
    /// [`TimedOut`](std::io::ErrorKind::TimedOut).
    ///
    /// # Panics
    ///
    /// See [`Kit`].
    pub fn check_blocking<T>(&self, mut endpoint: impl FnMut(Stream) -> T) -> Runs {
        self.check(Pause::Interrupted, Waits::ForEver, |stream| {
            endpoint(stream);
            Ok(())
        })
    }

    /// Checks an endpoint over a non-blocking stream.
    ///
    /// `endpoint` starts the endpoint and returns a step, which is called repeatedly, as by an event loop when the stream is
    /// ready, until it returns [`Poll::Ready`].
    ///
    /// # Panics
    ///
    /// See [`Kit`].
    pub fn check_nonblocking<F: FnMut() -> Poll<T>, T>(
        &self,
        mut endpoint: impl FnMut(Stream) -> F,
    ) -> Runs {
        self.check(Pause::WouldBlock, Waits::Not, |stream| {
            let mut step = endpoint(stream);
            (0..MOST_STEPS).any(|_| step().is_ready()).then_some(()).ok_or("it never finishes")
        })
    }

    /// Checks an endpoint over tokio, on its own runtime with a paused clock: when everything waits for a timer, its time
    /// passes at once.
    ///
    /// # Panics
    ///
    /// See [`Kit`].
    #[cfg(feature = "tokio")]
    pub fn check_tokio<F: Future>(&self, mut endpoint: impl FnMut(Stream) -> F) -> Runs {
        // Longer than any deadline of an endpoint.
        const EVER: std::time::Duration = std::time::Duration::from_secs(86_400);
        self.check(Pause::WouldBlock, Waits::UntilWoken, |stream| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            let runtime = runtime.map_err(|_| "tokio's runtime cannot be built")?;
            let ended =
                runtime.block_on(async { tokio::time::timeout(EVER, endpoint(stream)).await });
            ended.map(drop).map_err(|_| "it waits for ever, because nothing will wake it")
        })
    }

    fn check(
        &self,
        pause: Pause,
        waits: Waits,
        mut endpoint: impl FnMut(Stream) -> Result<(), &'static str>,
    ) -> Runs {
        let mut runs = Runs::default();
        let sessions = sessions(self.role);
        let mut run = |session: &Session, script: Script| {
            let shared = Shared::new(self.role, self.buffered, session, script, waits);
            let named = Named { kit: self, session: session.name, script };
            // This prints the name of the run also if the endpoint or the stream panics.
            let _told = TellPanic(&named);
            let ended = endpoint(Stream::new(&shared));
            let state = shared.lock();
            let verdict = ended.map_err(str::to_owned);
            if let Err(reason) = verdict.and_then(|()| judge(self.role, session, &state)) {
                panic!("{reason}");
            }
            runs.runs += 1;
            runs.broken += u64::from(state.broken.is_some());
            runs.calls += state.calls;
            state.broken.is_some()
        };
        if let Some((name, script)) = &self.only {
            let session = sessions.iter().find(|session| session.name == name);
            let names: Vec<&str> = sessions.iter().map(|session| session.name).collect();
            let session = session.unwrap_or_else(|| panic!("no session `{name}` among {names:?}"));
            run(session, *script);
            return runs;
        }
        for session in &sessions {
            for script in whole(session, pause) {
                run(session, script);
            }
            for script in breaking(session, pause) {
                for how in [Break::Reset, Break::EndOfInput] {
                    // The last run finishes before its stream would break.
                    (0..).find(|call| !run(session, script.breaking(*call, how)));
                }
            }
        }
        runs
    }
}

/// The streams that do not break. Long sessions are not run byte by byte.
fn whole(session: &Session, pause: Pause) -> impl Iterator<Item = Script> {
    let long = session.bytes.len() > 5_000;
    let by_bytes = |script: &Script| [script.reads, script.writes].contains(&Pieces::Byte);
    Script::deliveries(pause).filter(move |script| !long || !by_bytes(script))
}

/// The streams on which a session is run again and again, to break at each call. They are those with few calls: whole for
/// sessions that are not long, and byte by byte for the shortest session.
fn breaking(session: &Session, pause: Pause) -> impl Iterator<Item = Script> {
    let length = session.bytes.len();
    whole(session, pause).filter(move |script| match (script.reads, script.writes) {
        (Pieces::Whole, Pieces::Whole) => length < 1_000,
        (Pieces::Byte, Pieces::Byte) => length < 10 && script.pause == Pause::None,
        _ => false,
    })
}

/// A run, displayed as the code that runs it again.
struct Named<'a> {
    kit: &'a Kit,
    session: &'a str,
    script: Script,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kit = match self.kit.role {
            Role::Server => "server()",
            Role::Client => "client()",
        };
        let buffered = if self.kit.buffered { ".buffered()" } else { "" };
        write!(f, "Kit::{kit}{buffered}.only({:?}, {:?})", self.session, self.script)
    }
}

struct TellPanic<'a>(&'a Named<'a>);

impl Drop for TellPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}", self.0);
        }
    }
}
