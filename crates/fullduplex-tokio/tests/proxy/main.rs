//! Connections through proxies that the test plays, and through real ones.

mod http;
mod peers;
mod script;
mod socks;
mod urls;
