//! Nothing is traced: the shape of `trace`, without a body.

use std::fmt;

use fullduplex::{CloseCode, CloseFrameRef, Role};

use crate::counters::{Cause, Flow};
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Trace;

impl Trace {
    pub(super) fn begin(_: Role) -> Self {
        Self
    }

    pub(super) fn is_on(&self) -> bool {
        false
    }

    pub(super) fn peer(&self, _: &str, _: u16) {}

    pub(super) fn requested(&self, _: &str) {}

    pub(super) fn accepted(&self, _: &str) {}

    pub(super) fn negotiated(&self, _: bool) {}

    pub(super) fn not_opened(&self, _: Cause, _: Option<&Error>) {}

    pub(super) fn responded(&self, _: u16) {}

    pub(super) fn opened(&mut self) {}

    pub(super) fn add_received(&mut self, _: &Flow) {}

    pub(super) fn add_sent(&mut self, _: &Flow) {}

    pub(super) fn closes(&mut self, _: &'static str, _: Option<CloseFrameRef<'_>>) {}

    pub(super) fn fails(&mut self, _: &dyn fmt::Display, _: Option<CloseCode>) {}

    pub(super) fn closed(&self) {}

    pub(super) fn dropped(&self) {}

    pub(super) fn failed(&self, _: Cause) {}
}
