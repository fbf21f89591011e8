//! What gates and rooms are synchronised with. In `crates/concurrency`, which compiles this crate a second time, it is the same for
//! loom, and members of a room come in the same order in each run.

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
