//! What the halves of a WebSocket are synchronised with. In `crates/concurrency`, which compiles this crate a second time,
//! it is what loom has of the same names.

#[cfg(not(fullduplex_loom))]
pub(crate) use atomic_waker::AtomicWaker;
#[cfg(fullduplex_loom)]
pub(crate) use fullduplex_concurrency::{AtomicWaker, Mutex, MutexGuard};
#[cfg(fullduplex_loom)]
pub(crate) use loom::sync::atomic::AtomicBool;
#[cfg(not(fullduplex_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicBool};
