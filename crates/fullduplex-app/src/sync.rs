//! The locks and notifications of gates and rooms. `crates/concurrency` compiles this crate a second time with loom's
//! versions of them, and with a hash map whose order is the same in each run.

#[cfg(fullduplex_loom)]
pub(crate) use fullduplex_concurrency::{AsyncMutex, Mutex, MutexGuard, Notify, watch};
#[cfg(not(fullduplex_loom))]
pub(crate) use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};
#[cfg(not(fullduplex_loom))]
pub(crate) use tokio::sync::{Mutex as AsyncMutex, Notify, watch};

#[cfg(fullduplex_loom)]
pub(crate) type HashMap<K, V> =
    std::collections::HashMap<K, V, std::hash::BuildHasherDefault<std::hash::DefaultHasher>>;
