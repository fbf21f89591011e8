//! Runs one case over one stream.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use crate::run::{Action, Run};
use crate::verdict::Outcome;

/// The size of the read buffer.
const READ: usize = 64 << 10;

/// Runs a case over a stream on which nothing was sent yet. `read` is what was already received from it. If a case resets
/// the connection, the stream is dropped.
pub async fn drive<S>(run: Run<'_>, stream: S, read: &[u8], patience: Duration) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    drive_with(run, stream, read, patience, async |_| Ok(())).await
}

/// The same. `reset` resets the connection. Its error says, as the rest of a sentence, why the subject still holds it.
pub(super) async fn drive_with<S>(
    mut run: Run<'_>,
    stream: S,
    read: &[u8],
    patience: Duration,
    reset: impl AsyncFnOnce(S) -> Result<(), String>,
) -> Outcome
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (reader, writer) = tokio::io::split(stream);
    let mut driver =
        Driver { reader, writer, buffer: vec![0; READ], start: Instant::now(), patience };
    if !read.is_empty() {
        run.receive(Duration::ZERO, read);
    }
    loop {
        match run.poll(driver.start.elapsed()) {
            Action::Send(bytes) => {
                driver.send(&mut run, &bytes).await;
                run.sent(driver.start.elapsed());
            }
            Action::EndOutput => {
                // If the connection is broken, the next read shows it.
                let _ = driver.writer.shutdown().await;
            }
            Action::Reset => {
                let Driver { reader, writer, start, .. } = driver;
                match reset(reader.unsplit(writer)).await {
                    Ok(()) => run.let_go(start.elapsed()),
                    Err(how) => run.hung(start.elapsed(), &how),
                }
                return run.outcome();
            }
            Action::Wait(until) => {
                let left = until.saturating_sub(driver.start.elapsed());
                if let Ok(read) = timeout(left, driver.reader.read(&mut driver.buffer)).await {
                    driver.received(&mut run, read);
                }
            }
            Action::Done => break,
        }
    }
    // Without this, the Close that was sent last would be lost if the connection were dropped with
    // unread input.
    let _ = timeout(patience, driver.writer.shutdown()).await;
    run.outcome()
}

struct Driver<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    buffer: Vec<u8>,
    start: Instant,
    patience: Duration,
}

impl<S: AsyncRead + AsyncWrite> Driver<S> {
    /// Writes these bytes, and reads at the same time: a subject that echoes may not read on until its own output was taken.
    async fn send(&mut self, run: &mut Run<'_>, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A subject that reads nothing but sends now and then must not prolong the case.
            if run.is_late(self.start.elapsed()) {
                return run.stalled(self.start.elapsed());
            }
            tokio::select! {
                biased;
                written = self.writer.write(bytes) => match written {
                    Ok(len @ 1..) => bytes = &bytes[len..],
                    // The subject reads no more. What it has sent before that must still be read.
                    Ok(0) | Err(_) => return self.read_rest(run).await,
                },
                read = self.reader.read(&mut self.buffer) => {
                    let is_end = !matches!(read, Ok(1..));
                    self.received(run, read);
                    if is_end {
                        return;
                    }
                }
                () = tokio::time::sleep(self.patience) => {
                    return run.stalled(self.start.elapsed());
                }
            }
        }
        if self.writer.flush().await.is_err() {
            self.read_rest(run).await;
        }
    }

    async fn read_rest(&mut self, run: &mut Run<'_>) {
        while !run.is_late(self.start.elapsed())
            && let Ok(read) = timeout(self.patience, self.reader.read(&mut self.buffer)).await
        {
            let is_end = !matches!(read, Ok(1..));
            self.received(run, read);
            if is_end {
                return;
            }
        }
        run.broken(self.start.elapsed());
    }

    fn received(&self, run: &mut Run<'_>, read: std::io::Result<usize>) {
        let now = self.start.elapsed();
        match read {
            Ok(0) => run.end_of_input(now),
            Ok(len) => run.receive(now, &self.buffer[..len]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                run.end_of_input(now);
            }
            Err(_) => run.broken(now),
        }
    }
}
