//! Nothing is seen: the shape of `on`, without a body.

use fullduplex::handshake::OwnedClientRequest;
use fullduplex::{CloseFrameRef, Receiver, Role};

use crate::config::WebSocketConfig;
use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Watch;

#[derive(Debug, Default)]
pub(crate) struct Tally;

/// What an application gets.
pub(crate) trait Found {}

impl<T> Found for T {}

impl Tally {
    #[inline(always)]
    pub(crate) fn of(_: usize) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn read(&mut self, _: usize) {}

    #[inline(always)]
    pub(crate) fn found(&mut self, _: &impl Found) {}

    #[inline(always)]
    pub(crate) fn add(&mut self, _: &mut Self) {}

    #[inline(always)]
    pub(crate) fn sent_ping(&mut self) {}
}

impl Watch {
    /// Whether anything is seen.
    pub(crate) const ON: bool = false;

    #[inline(always)]
    pub(crate) fn begin(_: Role, _: &WebSocketConfig) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn calls(self, _: &OwnedClientRequest) -> Self {
        self
    }

    #[inline(always)]
    pub(crate) fn requested<'p>(&mut self, _: impl FnOnce() -> &'p str) {}

    #[inline(always)]
    pub(crate) fn accepted(&mut self, _: Option<&str>) {}

    #[inline(always)]
    pub(crate) fn failed(&mut self, error: Error) -> Error {
        error
    }

    #[inline(always)]
    pub(crate) fn tls_failed(&mut self, error: Error) -> Error {
        error
    }

    #[inline(always)]
    pub(crate) fn negotiated(&mut self, _: bool, _: usize) {}

    #[inline(always)]
    pub(crate) fn opened(&mut self) {}

    #[inline(always)]
    pub(crate) fn sent_fragment(&mut self, _: usize, _: bool) {}

    #[inline(always)]
    pub(crate) fn wrote(&mut self, _: usize, _: usize) {}

    #[inline(always)]
    pub(crate) fn heard(&mut self, _: &mut Tally) {}

    #[inline(always)]
    pub(crate) fn closes(&mut self, _: Option<CloseFrameRef<'_>>) {}

    #[inline(always)]
    pub(crate) fn found_close(&mut self) {}

    #[inline(always)]
    pub(crate) fn note(&mut self, _: &Error) {}

    #[inline(always)]
    pub(crate) fn see(&mut self, _: &Receiver) {}

    #[inline(always)]
    pub(crate) fn end(&mut self) {}
}
