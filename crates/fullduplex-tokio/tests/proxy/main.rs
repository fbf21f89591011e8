//! Connecting through proxies: through ones that lie, and through real ones.

mod http;
mod peers;
mod script;
mod socks;
mod urls;
