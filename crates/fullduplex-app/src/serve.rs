//! The accept loop.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::gate::{Gate, Pass, until_over};
use crate::trace;

/// How long the loop waits when there is no file descriptor or memory for one more connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until the gate closes, and runs `handle` with each of them in a task of its own, within the gate's
/// limits. A connection that the gate does not take is dropped. `TCP_NODELAY` is set.
///
/// It ends once the gate closes; then [`Gate::close`] says who has left. Whatever the listener says does not end it before:
/// a client that has gone already is passed over, and where there are too many open files, it waits a little.
///
/// What `handle` returns is dropped: log errors there. With the feature `tracing`, it runs in a span `connection` that has the
/// address of the peer, at the level of debugging.
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

/// Whether the error is that of the connection which would have been accepted (`accept(2)`).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
