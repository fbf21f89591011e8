//! The servers that are built.

use serde::Serialize;

/// A minimal echo server.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// Its package in the servers' workspace.
    pub(crate) package: &'static str,
    pub(crate) about: &'static str,
}

/// The server that the others are compared with.
pub(crate) const UNIT: &str = "tokio TCP";

/// Our server.
pub(crate) const OURS: &str = "fullduplex-tokio";

const ALL: [Server; 5] = [
    Server {
        name: UNIT,
        package: "echo-tokio",
        about: "no WebSocket: tokio with net, rt and io-util, as all have it",
    },
    Server {
        name: OURS,
        package: "echo-fullduplex-tokio",
        about: "without default features: no dialling, TLS, compression and AVX2",
    },
    Server {
        name: "tokio-websockets",
        package: "echo-tokio-websockets",
        about: "server, sha1_smol; futures-util for its methods",
    },
    Server {
        name: "tokio-tungstenite",
        package: "echo-tokio-tungstenite",
        about: "handshake; futures-util for its methods",
    },
    Server {
        name: "fastwebsockets",
        package: "echo-fastwebsockets",
        about: "upgrade; hyper for its handshake",
    },
];

/// The servers whose name contains one of `filters`, or all without filters. The server over plain TCP is always included.
pub(crate) fn chosen(filters: &[String]) -> Vec<&'static Server> {
    let chosen = |server: &&Server| {
        filters.is_empty()
            || server.name == UNIT
            || filters.iter().any(|filter| server.name.contains(filter.as_str()))
    };
    ALL.iter().filter(chosen).collect()
}
