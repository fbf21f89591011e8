//! `keys.json`: the keys that clients used at the beginning of more than one connection. Autobahn's `index.json` has no
//! place for them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::value::Report;
use crate::id::CaseId;
use crate::keys::KeyKind;

/// The name of the file in a report.
pub(super) const KEYS: &str = "keys.json";

#[derive(Serialize)]
struct Repeated {
    /// `Sec-WebSocket-Key` or `masking key`.
    kind: &'static str,
    key: String,
    cases: Vec<String>,
}

/// The text of the file: a list for each subject, which may be empty.
pub(super) fn text(reports: &[Report]) -> Vec<u8> {
    let agents: BTreeMap<&str, Vec<Repeated>> =
        reports.iter().map(|report| (&*report.agent, repeated(report))).collect();
    // Serializing text to memory cannot fail.
    serde_json::to_vec_pretty(&agents).unwrap_or_default()
}

fn repeated(report: &Report) -> Vec<Repeated> {
    let keys = report.repeated_keys().into_iter().map(|key| Repeated {
        kind: match key.kind {
            KeyKind::Handshake => "Sec-WebSocket-Key",
            KeyKind::Masking => "masking key",
        },
        key: key.key,
        cases: key.cases.iter().map(CaseId::to_string).collect(),
    });
    keys.collect()
}
