//! The crates that are tried: published ones that depend on `tungstenite` or `tokio-tungstenite`.

use crate::shell::{Outcome, fail};

/// A crate that is tried, and how an application that wants its WebSockets would name it in its `Cargo.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The requirement of its version.
    pub(super) version: String,
    /// The features that enable its WebSockets, in addition to its default ones.
    pub(super) features: Vec<&'static str>,
}

/// One row of [`ROWS`].
struct Row(&'static str, &'static str, &'static [&'static str], Runs);

enum Runs {
    /// In every run, even in CI: small crates.
    Always,
    /// With `--all`, or by name.
    Asked,
}

use Runs::{Always, Asked};

/// Every crate whose newest version requires tungstenite 0.26 or newer, of those that were examined.
const ROWS: [Row; 34] = [
    // These are compiled in CI: two that most applications get WebSockets from, and one that uses tungstenite itself.
    Row("axum", "0.8", &["ws"], Always),
    Row("warp", "0.4", &["websocket", "server"], Always),
    Row("async-tungstenite", "0.35", &["tokio-runtime", "tokio-native-tls", "url"], Always),
    // Servers and their parts.
    Row("async-graphql-axum", "7", &[], Asked),
    Row("axum-test", "21", &["ws"], Asked),
    Row("ezsockets", "0.7", &["axum", "tungstenite"], Asked),
    Row("foxglove", "0.30", &[], Asked),
    Row("hudsucker", "0.25", &[], Asked),
    Row("hyper-tungstenite", "0.30", &[], Asked),
    Row("matchbox_signaling", "0.15", &[], Asked),
    Row("poem", "3", &["websocket"], Asked),
    Row("salvo", "1", &["websocket"], Asked),
    Row("socketioxide", "0.18", &[], Asked),
    // Layers above it.
    Row("async-wsocket", "0.17", &[], Asked),
    Row("reqwest-websocket", "0.6", &[], Asked),
    Row("tokio-tungstenite-wasm", "0.9", &["rustls-tls-webpki-roots"], Asked),
    Row("websocket-util", "0.14", &[], Asked),
    Row("socketeer", "0.5", &[], Asked),
    Row("ws_stream_tungstenite", "0.15", &["tokio_io"], Asked),
    // Clients for specific services.
    Row("alloy-transport-ws", "2", &[], Asked),
    Row("async-openai", "0.43", &["realtime"], Asked),
    Row("barter-integration", "0.12", &[], Asked),
    Row("bollard", "0.21", &["websocket"], Asked),
    Row("chromiumoxide", "0.9", &[], Asked),
    Row("deepgram", "0.14", &[], Asked),
    Row("graphql-ws-client", "0.13", &["tungstenite-0.28"], Asked),
    Row("headless_chrome", "1", &[], Asked),
    Row("kube-client", "5", &["ws", "rustls-tls"], Asked),
    Row("lavalink-rs", "0.15", &[], Asked),
    Row("nostr-relay-pool", "0.44", &[], Asked),
    Row("nostr-sdk", "0.44", &[], Asked),
    Row("rumqttc", "0.25", &["websocket"], Asked),
    Row("slack-morphism", "2", &["hyper", "axum"], Asked),
    Row("solana-pubsub-client", "4", &[], Asked),
];

/// What an application must name in addition to a crate that does not compile without it.
const BESIDE: [(&str, &str); 1] =
    [("kube-client", "k8s-openapi = { version = \"*\", features = [\"latest\"] }\n")];

/// The crates that a run without arguments tries.
pub(super) fn default() -> Vec<Entry> {
    ROWS.iter().filter(|row| matches!(row.3, Always)).map(Row::entry).collect()
}

/// Every crate of the table.
pub(super) fn all() -> Vec<Entry> {
    ROWS.iter().map(Row::entry).collect()
}

/// The crate that `word` names: `name` as in the table, or `name@version`. A crate that is not in the table needs its
/// version, and is tried with its default features.
pub(super) fn named(word: &str) -> Outcome<Entry> {
    let (name, version) = match word.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (word, None),
    };
    let entry = ROWS.iter().find(|row| row.0 == name).map(Row::entry);
    match (entry, version) {
        (Some(entry), None) => Ok(entry),
        (Some(entry), Some(version)) => Ok(Entry { version: version.to_owned(), ..entry }),
        (None, Some(version)) => {
            Ok(Entry { name: name.to_owned(), version: version.to_owned(), features: Vec::new() })
        }
        (None, None) => {
            let names: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
            fail(format!(
                "`{name}` is not in the table, so it needs a version, as in {name}@1; there are {}",
                names.join(", ")
            ))
        }
    }
}

impl Row {
    fn entry(&self) -> Entry {
        Entry { name: self.0.to_owned(), version: self.1.to_owned(), features: self.2.to_vec() }
    }
}

impl Entry {
    /// Its line below `[dependencies]`, and what must be named in addition.
    pub(super) fn dependency(&self) -> String {
        let Self { name, version, features } = self;
        let beside = BESIDE.iter().find(|(beside, _)| beside == name).map_or("", |(_, line)| line);
        format!("{name} = {{ version = \"{version}\", features = {features:?} }}\n{beside}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    #[test]
    fn a_crate_is_named_with_or_without_its_version() {
        let axum = named("axum").unwrap();
        assert_eq!(axum.dependency(), "axum = { version = \"0.8\", features = [\"ws\"] }\n");
        assert_eq!(named("axum@0.8.4").unwrap(), Entry { version: "0.8.4".into(), ..axum });
        let unknown = named("no-such-crate@1").unwrap();
        assert_eq!(unknown.dependency(), "no-such-crate = { version = \"1\", features = [] }\n");
        assert!(named("no-such-crate").unwrap_err().to_string().contains("needs a version"));
    }

    #[test]
    fn no_crate_stands_twice_in_the_table() {
        let names: BTreeSet<String> = all().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), ROWS.len());
        assert_eq!(default().len(), 3);
    }
}
