//! Every session over every stream.

use std::fmt;
use std::task::Poll;

use crate::judge::judge;
use crate::script::{Break, Pause, Pieces, Script};
use crate::session::{Role, Session, sessions};
use crate::stream::{Shared, Stream, Waits};

/// So often a step may find that it would block before the endpoint counts as stuck.
const MOST_STEPS: u32 = 20_000;

/// Sessions of a peer, and streams on which an endpoint has to stand them.
///
/// The endpoint echoes: it opens a WebSocket over the [`Stream`] that it is given, sends each message back as it came, and
/// is done when the connection is over, however it ended. What it returns does not matter; what it wrote does.
///
/// Each session is run with bytes that arrive whole, one at a time and in pieces of random sizes, with pauses between
/// the calls where the stream can pause, and on streams that break at the first call, the second, the third, and so on until
/// the session gets through. After each run it is checked that
///
/// * each message came back once, unchanged and in order; of a peer that ends without a Close at least those that had come
///   whole before that, if the stream takes them at once;
/// * Pongs answer Pings, in their order, and the last one has its Pong;
/// * the Close has the code that is due, and nothing follows it;
/// * each frame is one that this end may send;
/// * the endpoint has come to an end, has not gone on with a stream that is broken, and was not waiting for a peer that
///   waits for it.
///
/// # Panics
///
/// Each `check_` function panics at the first run that is not in order, and says which session and which [`Script`] it
/// was: [`only`](Kit::only) runs that one again.
#[derive(Clone, Debug)]
pub struct Kit {
    role: Role,
    only: Option<(String, Script)>,
}

/// What was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// How often the endpoint was started.
    pub runs: u64,
    /// How many of these runs were on a stream that broke.
    pub broken: u64,
    /// How many calls of the streams that took.
    pub calls: u64,
}

impl Kit {
    /// The endpoint is a server: the peer sends it a request, and frames right behind that.
    #[must_use]
    pub fn server() -> Self {
        Self { role: Role::Server, only: None }
    }

    /// The endpoint is a client: the peer responds to its request.
    #[must_use]
    pub fn client() -> Self {
        Self { role: Role::Client, only: None }
    }

    /// One run alone: the session with this name, on such a stream.
    #[must_use]
    pub fn only(self, session: &str, script: Script) -> Self {
        Self { only: Some((session.to_owned(), script)), ..self }
    }

    /// Checks an endpoint over a stream that blocks, and whose calls are interrupted at times.
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

    /// Checks an endpoint over a stream that does not block.
    ///
    /// `endpoint` begins; what it returns is called again and again, as an event loop would call it when the stream is ready,
    /// until it is [`Poll::Ready`].
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
            (0..MOST_STEPS)
                .any(|_| step().is_ready())
                .then_some(())
                .ok_or("it never comes to its end")
        })
    }

    /// Checks an endpoint over tokio, on a runtime of its own whose clock is paused: a time that nothing but a timer waits for
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
            let runtime = runtime.map_err(|_| "there is no runtime of tokio")?;
            let ended =
                runtime.block_on(async { tokio::time::timeout(EVER, endpoint(stream)).await });
            ended.map(drop).map_err(|_| "it waits for ever, for nobody will wake it")
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
            let shared = Shared::new(self.role, session, script, waits);
            let named = Named { role: self.role, session: session.name, script };
            // The name of the run is told even if it is the endpoint or the stream that panics.
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
                    // The last run is the one that is done before its stream would break.
                    (0..).find(|call| !run(session, script.breaking(*call, how)));
                }
            }
        }
        runs
    }
}

/// The streams that do not break: byte by byte only what is not long.
fn whole(session: &Session, pause: Pause) -> impl Iterator<Item = Script> {
    let long = session.bytes.len() > 5_000;
    let by_bytes = |script: &Script| [script.reads, script.writes].contains(&Pieces::Byte);
    Script::deliveries(pause).filter(move |script| !long || !by_bytes(script))
}

/// The streams on which a session is run again and again, to break at each call: those of few calls, and for the shortest
/// session those that go byte by byte.
fn breaking(session: &Session, pause: Pause) -> impl Iterator<Item = Script> {
    let length = session.bytes.len();
    whole(session, pause).filter(move |script| match (script.reads, script.writes) {
        (Pieces::Whole, Pieces::Whole) => length < 1_000,
        (Pieces::Byte, Pieces::Byte) => length < 10 && script.pause == Pause::None,
        _ => false,
    })
}

/// A run, as a person can run it again.
struct Named<'a> {
    role: Role,
    session: &'a str,
    script: Script,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kit = match self.role {
            Role::Server => "server",
            Role::Client => "client",
        };
        write!(f, "Kit::{kit}().only({:?}, {:?})", self.session, self.script)
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
