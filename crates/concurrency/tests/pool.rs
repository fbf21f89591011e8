//! The core's pools under loom.

#[expect(dead_code, reason = "a model has pools, and no thread-local ones")]
#[path = "../../fullduplex/src/pool.rs"]
mod pool;
