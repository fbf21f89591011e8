//! The accept loop.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::gate::{Gate, Pass, until_over};
use crate::trace;

/// How long the loop waits when there is no file descriptor or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the gate closes, and runs `handle` for each in a task of its own, within the gate's limits. A
/// connection that the gate denies is dropped. `TCP_NODELAY` is set.
///
/// No error of the listener ends it: a client that is gone already is skipped, and when there are too many open files, it
/// waits a little and tries again.
///
/// What `handle` returns is dropped, so log errors there. With the feature `tracing`, it runs in a span `connection` with
/// the address of the peer, at level DEBUG.
pub async fn serve<F>(listener: TcpListener, gate: Gate, handle: impl Fn(TcpStream, Pass) -> F)
where
    F: Future<Output: Send> + Send + 'static,
{
    let closing = gate.closing();
    tokio::pin!(closing);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut closing => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(pass) = gate.enter(peer.ip()) else { continue };
                // It fails only if the connection is gone, and the handler finds that out.
                let _ = stream.set_nodelay(true);
                let handler = until_over(pass.over(), handle(stream, pass));
                tokio::spawn(trace::connection(peer, handler));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// Whether the error concerns only the connection that was to be accepted (`accept(2)`).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
