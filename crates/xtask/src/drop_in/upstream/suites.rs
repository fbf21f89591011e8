//! The projects whose tests are run, and the tests that are selected.

use super::units::Unit;

/// The tests of one published package.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// Exactly this version, because only its tests are known here.
    pub(super) version: &'static str,
    /// Whether it runs if no names are given.
    pub(super) small: bool,
    pub(super) kind: Kind,
    /// Tests that are allowed to fail with ours, by the ends of their names, each with the reason.
    pub(super) differences: &'static [(&'static str, &'static str)],
}

pub(super) enum Kind {
    /// The tests of a package that ours replaces, as far as they use nothing private, and its examples, which only have to
    /// compile.
    Own {
        /// Their dependencies, as lines below `[dependencies]`.
        dependencies: &'static str,
        units: &'static [Unit],
        /// Files whose tests use private items, with the number of their tests.
        left_out: &'static [(&'static str, usize)],
    },
    /// The tests of a package that uses one of ours, unchanged.
    Users(Users),
}

pub(super) struct Users {
    /// The arguments of `cargo` that build its tests without running them.
    pub(super) build: &'static str,
    /// Only tests with this in their names are run.
    pub(super) filter: &'static str,
    /// Further dependencies, as lines at the end of its manifest: a published package lacks its dependencies by path.
    pub(super) addition: &'static str,
}

/// A suite of a crate that uses WebSockets.
const fn users(
    name: &'static str,
    version: &'static str,
    small: bool,
    build: &'static str,
    filter: &'static str,
) -> Suite {
    let kind = Kind::Users(Users { build, filter, addition: "" });
    Suite { name, version, small, kind, differences: &[] }
}

/// A file of a package that ours replaces.
const fn unit(
    file: &'static str,
    module: &'static str,
    imports: &'static str,
    without: &'static [&'static str],
    changes: &'static [(&'static str, &'static str)],
) -> Unit {
    Unit { file, module, imports, without, changes }
}

/// All suites, in the order in which they run.
pub(super) const ALL: [Suite; 12] = [
    Suite {
        name: "tungstenite",
        version: "0.30.0",
        small: true,
        kind: Kind::Own {
            dependencies: "bytes = \"1\"\nhttp = \"1\"\nenv_logger = \"0.11\"\nlog = \"0.4\"",
            units: &TUNGSTENITE,
            // A private field of the buffer, and two ways to apply a mask.
            left_out: &[("buffer.rs", 2), ("protocol/frame/mask.rs", 1)],
        },
        differences: &[],
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
            // A private view of its stream as a blocking one.
            left_out: &[("lib.rs", 1)],
        },
        differences: &[],
    },
    Suite {
        name: "axum",
        version: "0.8.9",
        small: true,
        kind: Kind::Users(Users {
            build: "test --no-run --lib --all-features",
            filter: "extract::ws",
            addition: "[dev-dependencies.axum-macros]\nversion = \"0.5\"\nfeatures = [\"__private\"]\n",
        }),
        differences: &[],
    },
    users("hyper-tungstenite", "0.30.0", true, "build --keep-going --tests", ""),
    users("poem", "3.1.12", true, "test --no-run --lib --features websocket,test", "websocket"),
    Suite {
        differences: &ENGINEIOXIDE,
        ..users(
            "engineioxide",
            "0.17.9",
            false,
            "build --keep-going --tests --features v3,__test_harness",
            "",
        )
    },
    users(
        "ezsockets",
        "0.7.2",
        false,
        "build --keep-going --tests --features axum,tungstenite",
        "",
    ),
    users("axum-test", "21.1.0", false, "test --no-run --lib --features ws", "web_socket"),
    users("reqwest-websocket", "0.6.0", false, "test --no-run --lib", ""),
    users("tokio-tungstenite-wasm", "0.9.0", false, "test --no-run --lib", ""),
    users("async-wsocket", "0.17.0", false, "test --no-run --lib", ""),
    users("alloy-transport-ws", "2.5.0", false, "test --no-run --lib", ""),
];

/// Why a test fails if it drops a client at its end.
const WRITES_WHEN_DROPPED: &str = "a socket that is dropped writes a Close, and the stream of this test panics when it is \
                                   written to without a peer";

/// The differences of engineioxide.
const ENGINEIOXIDE: [(&str, &str); 7] = [
    ("::ws_heartbeat_timeout", WRITES_WHEN_DROPPED),
    ("::ws_packet_parsing", WRITES_WHEN_DROPPED),
    ("::ws_server_closing", WRITES_WHEN_DROPPED),
    ("::ws_transport_closed", WRITES_WHEN_DROPPED),
    ("::ws_upgrade_abandoned_parked_heartbeat_timeout", WRITES_WHEN_DROPPED),
    ("::ws_upgrade_abandoned_timeout", WRITES_WHEN_DROPPED),
    ("::heartbeat_still_times_out_without_a_new_pong", WRITES_WHEN_DROPPED),
];

/// The files of tungstenite with unit tests.
const TUNGSTENITE: [Unit; 11] = [
    unit("error.rs", "error", "", &[], &[]),
    unit("handshake/mod.rs", "handshake", "", &[], &[]),
    unit("handshake/client.rs", "handshake::client", "", &[], &[]),
    unit("handshake/headers.rs", "handshake::headers", "use http::HeaderMap;", &[], &[]),
    unit("handshake/server.rs", "handshake::server", "", &[], &[]),
    unit("protocol/mod.rs", "protocol", "", &[], &CONFIG),
    unit("protocol/message.rs", "protocol::message", "use bytes::Bytes;", &[], &[]),
    unit("protocol/frame/mod.rs", "protocol::frame", "", &[], &[]),
    unit("protocol/frame/coding.rs", "protocol::frame::coding", "", &[], &[]),
    unit(
        "protocol/frame/frame.rs",
        "protocol::frame::frame",
        "use std::io::Read;\nuse bytes::Bytes;",
        &["format_into_buf"],
        &[],
    ),
    unit("protocol/frame/utf8.rs", "protocol::frame::utf8", "", &[], &[]),
];

/// Outside its crate, a configuration cannot be written field by field, so its builder is called.
const CONFIG: [(&str, &str); 2] = [
    ("WebSocketConfig { max_message_size: ", "WebSocketConfig::default().max_message_size("),
    (", ..WebSocketConfig::default() }", ")"),
];
