//! Whose tests are run, and which of them.

use super::units::Unit;

/// The tests of one published package.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// Exactly this version, for its tests are what is known here.
    pub(super) version: &'static str,
    /// Whether a run without names runs it.
    pub(super) small: bool,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// Of a package that ours stands for: what of its tests uses nothing private, and its examples, which only have to
    /// compile.
    Own {
        /// What these need, as lines below `[dependencies]`.
        dependencies: &'static str,
        units: &'static [Unit],
        /// Files whose tests use what is private, with the number of their tests.
        left_out: &'static [(&'static str, usize)],
    },
    /// Of a package that uses one of ours: its own tests, where they lie.
    Users(Users),
}

pub(super) struct Users {
    /// Which of its tests are built, and with what, as arguments of `cargo test`.
    pub(super) build: &'static str,
    /// Which of these are run: those with this in their names.
    pub(super) filter: &'static str,
}

/// A suite of a crate that uses WebSockets.
const fn users(
    name: &'static str,
    version: &'static str,
    small: bool,
    build: &'static str,
    filter: &'static str,
) -> Suite {
    Suite { name, version, small, kind: Kind::Users(Users { build, filter }) }
}

/// All suites, in the order in which they run.
pub(super) const ALL: [Suite; 10] = [
    Suite {
        name: "tungstenite",
        version: "0.30.0",
        small: true,
        kind: Kind::Own {
            dependencies: "bytes = \"1\"\nhttp = \"1\"\nenv_logger = \"0.11\"\nlog = \"0.4\"",
            units: &TUNGSTENITE,
            // The buffer's field, and two ways to apply a mask.
            left_out: &[("buffer.rs", 2), ("protocol/frame/mask.rs", 1)],
        },
    },
    Suite {
        name: "tokio-tungstenite",
        version: "0.30.0",
        small: true,
        kind: Kind::Own {
            dependencies: "env_logger = \"0.10\"\n\
                           futures-channel = \"0.3\"\n\
                           futures-util = { version = \"0.3\", default-features = false, features = [\"sink\", \"std\"] }\n\
                           http-body-util = \"0.1\"\n\
                           hyper = { version = \"1\", features = [\"http1\", \"server\"] }\n\
                           hyper-util = { version = \"0.1\", features = [\"tokio\"] }\n\
                           log = \"0.4\"\n\
                           tokio = { version = \"1\", features = [\"io-std\", \"macros\", \"net\", \"rt-multi-thread\", \"time\"] }\n\
                           tungstenite = { version = \"0.30\", default-features = false }",
            units: &[],
            // Its stream seen as a blocking one.
            left_out: &[("lib.rs", 1)],
        },
    },
    // Its 0.8 is what most applications meet WebSockets in.
    users("axum", "0.8.9", true, "--lib --features ws,http2", "extract::ws"),
    users("hyper-tungstenite", "0.30.0", true, "--tests", ""),
    users("poem", "3.1.12", true, "--lib --features websocket", "websocket"),
    users("engineioxide", "0.17.9", false, "--lib --tests --features v3", ""),
    users("ezsockets", "0.7.2", false, "--tests --features axum,tungstenite", ""),
    users("axum-test", "21.1.0", false, "--lib --features ws", "web_socket"),
    users("async-tungstenite", "0.35.0", false, "--lib --examples --features tokio-runtime", ""),
    users(
        "graphql-ws-client",
        "0.13.0",
        false,
        "--tests --features client-cynic,client-graphql-client,tungstenite-0.28",
        "",
    ),
];

/// The files of tungstenite.
const TUNGSTENITE: [Unit; 11] = [
    Unit { file: "error.rs", module: "error", imports: "" },
    Unit { file: "handshake/mod.rs", module: "handshake", imports: "" },
    Unit { file: "handshake/client.rs", module: "handshake::client", imports: "" },
    Unit {
        file: "handshake/headers.rs",
        module: "handshake::headers",
        imports: "use http::HeaderMap;",
    },
    Unit { file: "handshake/server.rs", module: "handshake::server", imports: "" },
    Unit { file: "protocol/mod.rs", module: "protocol", imports: "" },
    Unit { file: "protocol/message.rs", module: "protocol::message", imports: "use bytes::Bytes;" },
    Unit { file: "protocol/frame/mod.rs", module: "protocol::frame", imports: "" },
    Unit { file: "protocol/frame/coding.rs", module: "protocol::frame::coding", imports: "" },
    Unit {
        file: "protocol/frame/frame.rs",
        module: "protocol::frame::frame",
        imports: "use std::io::{Read, Write};\nuse bytes::Bytes;",
    },
    Unit { file: "protocol/frame/utf8.rs", module: "protocol::frame::utf8", imports: "" },
];
