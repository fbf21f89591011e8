//! An endpoint, whole or in halves.

use std::time::Duration;

use fullduplex::{Endpoint, Error, Reader, SendError, Shutdown, Signals, Writer};
use fullduplex_testkit::TestEntropy;

use super::outside::Outside;

/// An endpoint, whole or in halves.
pub(super) enum Body {
    Whole(Box<Endpoint<TestEntropy>>),
    Halves(Box<Halves>),
    Dropped,
}

pub(super) struct Halves {
    pub(super) reader: Reader,
    pub(super) writer: Writer<TestEntropy>,
    pub(super) to_writer: Option<Signals>,
    pub(super) to_reader: Option<Signals>,
    /// Whether nothing more will come from the transport, or the endpoint no longer waits for it.
    pub(super) ended: bool,
}

fn post(mail: &mut Option<Signals>, signals: Option<Signals>) {
    match (mail, signals) {
        (Some(mail), Some(later)) => mail.merge(later),
        (mail, Some(first)) => *mail = Some(first),
        (_, None) => {}
    }
}

impl Halves {
    pub(super) fn post(&mut self) {
        post(&mut self.to_writer, self.reader.receiver_mut().signals());
        post(&mut self.to_reader, self.writer.sender_mut().signals());
    }

    /// Exchanges the signals of the halves. Returns whether there were any.
    pub(super) fn carry(&mut self) -> bool {
        let mut carried = false;
        if let Some(signals) = self.to_writer.take() {
            self.writer.sender_mut().handle_signals(signals);
            carried = true;
        }
        if let Some(signals) = self.to_reader.take() {
            self.reader.receiver_mut().handle_signals(signals);
            carried = true;
        }
        self.post();
        carried
    }
}

impl Body {
    pub(super) fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Whole(endpoint) => Some(&endpoint.reader),
            Self::Halves(halves) => Some(&halves.reader),
            Self::Dropped => None,
        }
    }

    pub(super) fn reader_mut(&mut self) -> Option<&mut Reader> {
        match self {
            Self::Whole(endpoint) => Some(&mut endpoint.reader),
            Self::Halves(halves) => Some(&mut halves.reader),
            Self::Dropped => None,
        }
    }

    pub(super) fn writer(&self) -> Option<&Writer<TestEntropy>> {
        match self {
            Self::Whole(endpoint) => Some(&endpoint.writer),
            Self::Halves(halves) => Some(&halves.writer),
            Self::Dropped => None,
        }
    }

    pub(super) fn writer_mut(&mut self) -> Option<&mut Writer<TestEntropy>> {
        match self {
            Self::Whole(endpoint) => Some(&mut endpoint.writer),
            Self::Halves(halves) => Some(&mut halves.writer),
            Self::Dropped => None,
        }
    }

    pub(super) fn post(&mut self) {
        if let Self::Halves(halves) = self {
            halves.post();
        }
    }

    /// Queues replies, and returns the writer.
    pub(super) fn output(&mut self) -> Option<Result<&mut Writer<TestEntropy>, SendError>> {
        match self {
            Self::Whole(endpoint) => Some(endpoint.output()),
            Self::Halves(halves) => {
                let queued = halves.writer.queue_answers();
                halves.post();
                Some(queued.map(|()| &mut halves.writer))
            }
            Self::Dropped => None,
        }
    }

    pub(super) fn shutdown(&mut self) -> Shutdown {
        match self {
            Self::Whole(endpoint) => endpoint.shutdown(),
            Self::Halves(halves) if halves.ended => Shutdown::Both,
            Self::Halves(halves)
                if halves.writer.sender().may_send() || halves.writer.pending() > 0 =>
            {
                Shutdown::No
            }
            Self::Halves(halves) => halves.reader.receiver().shutdown(),
            Self::Dropped => Shutdown::Both,
        }
    }

    pub(super) fn end(&mut self, reset: bool) -> Result<(), Error> {
        match self {
            Self::Whole(endpoint) if reset => endpoint.handle_reset(),
            Self::Whole(endpoint) => endpoint.handle_eof(),
            Self::Halves(halves) => {
                halves.ended = true;
                let receiver = halves.reader.receiver_mut();
                let result = if reset { receiver.handle_reset() } else { receiver.handle_eof() };
                halves.post();
                result
            }
            Self::Dropped => Ok(()),
        }
    }

    pub(super) fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        match self {
            Self::Whole(endpoint) => endpoint.poll_timeout(now),
            Self::Halves(halves) if !halves.ended => halves.reader.receiver_mut().poll_timeout(now),
            Self::Halves(_) | Self::Dropped => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        match self {
            Self::Whole(endpoint) => endpoint.handle_timeout(now),
            Self::Halves(halves) => {
                let receiver = halves.reader.receiver_mut();
                if halves.ended || receiver.poll_timeout(now).is_none_or(|at| now < at) {
                    return Ok(());
                }
                let result = receiver.handle_timeout(now);
                halves.ended |= receiver.is_closed();
                halves.post();
                result
            }
            Self::Dropped => Ok(()),
        }
    }
}

/// Drops an endpoint. Its box was allocated uncounted, so it is freed uncounted too.
pub(super) fn drop_body(body: Body, outside: &mut Outside) {
    match body {
        Body::Whole(endpoint) => {
            let endpoint = *endpoint;
            outside.held.count(|| drop(endpoint));
        }
        Body::Halves(halves) => {
            let halves = *halves;
            outside.held.count(|| drop(halves));
        }
        Body::Dropped => {}
    }
}
