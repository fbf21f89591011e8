//! What the halves of a WebSocket are synchronised with, and how they wait. In `crates/concurrency`, which compiles this
//! crate a second time, it is what loom has of the same names, with a clock that goes only while a thread waits.

#[cfg(fullduplex_loom)]
pub(crate) use fullduplex_concurrency::{Instant, Mutex, MutexGuard, sleep};
#[cfg(not(fullduplex_loom))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard},
    thread::sleep,
    time::Instant,
};
