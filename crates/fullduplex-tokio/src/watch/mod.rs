//! What is seen of a connection for counters and for `tracing`. Without these features everything here is empty, and so
//! costs nothing.

#[cfg(not(feature = "counters"))]
mod off;
#[cfg(feature = "counters")]
mod on;
#[cfg(feature = "tracing")]
mod shown;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(all(feature = "counters", not(feature = "tracing")))]
mod untraced;

#[cfg(not(feature = "counters"))]
pub(crate) use off::{Found, Tally, Watch};
#[cfg(feature = "counters")]
pub(crate) use on::{Found, Outbound, Tally, Watch};
