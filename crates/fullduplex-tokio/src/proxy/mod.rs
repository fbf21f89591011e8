//! Proxies: streams to servers through them, by HTTP `CONNECT` or SOCKS5.

mod dial;
mod environment;
mod socks;
mod stream;
mod tunnel;
mod url;

pub use dial::ProxyDial;
pub use stream::{ProxyReadHalf, ProxyStream};
pub use url::Proxy;
