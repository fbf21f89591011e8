//! The file of a case: the fields that Autobahn's `wstest` writes, as far as they have a meaning here, and in addition the
//! field `conformance` with all that is needed to read a report back.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ErrorKind;
use super::frames::{CLOSE, Found, Part, Seen, decode};
use super::hex::{digits, parse};
use super::value::{Report, Tested, rfc3339};
use super::words;
use crate::case::Level;
use crate::id::CaseId;
use crate::side::Side;
use crate::verdict::{Behavior, BehaviorClose, Outcome};
use crate::wirelog::{Entry, Party, What, WireLog};

/// How many bytes of the log are in the file of a case that is OK. Otherwise it has all that the log has kept.
const SHORT: usize = 4 << 10;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CaseFile {
    agent: String,
    behavior: String,
    behavior_close: String,
    /// Its place among the cases of the report, counted from 1.
    case: usize,
    closed_by_me: bool,
    create_stats: bool,
    create_wirelog: bool,
    description: String,
    duration: u64,
    expectation: String,
    http_request: String,
    http_response: String,
    id: String,
    is_server: bool,
    local_close_code: Option<u16>,
    local_close_reason: Option<String>,
    remote_close_code: Option<u16>,
    remote_close_reason: Option<String>,
    result: String,
    result_close: String,
    rx_frame_stats: BTreeMap<u8, usize>,
    rx_octet_stats: BTreeMap<usize, usize>,
    started: String,
    tx_frame_stats: BTreeMap<u8, usize>,
    tx_octet_stats: BTreeMap<usize, usize>,
    was_clean: bool,
    wirelog: Vec<Value>,
    conformance: Own,
}

/// The fields that `wstest` does not have.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Own {
    run: Run,
    title: String,
    sends: String,
    section: String,
    sentence: String,
    level: String,
    differs: Option<String>,
    duration_nanos: u64,
    wire: Vec<WireEntry>,
}

/// The run that a case is part of. Each file has it, so that each can be used alone.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    side: String,
    started: String,
    duration_nanos: u64,
    seed: u64,
    scale: String,
    selection: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEntry {
    at_nanos: u64,
    /// `runner` or `subject`.
    from: String,
    #[serde(flatten)]
    what: WireWhat,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireWhat {
    Bytes { len: usize, hex: String },
    End(bool),
    Reset(bool),
}

/// The text of a case's file.
pub(super) fn text(report: &Report, number: usize, tested: &Tested) -> Vec<u8> {
    let outcome = &tested.outcome;
    let found = decode(&outcome.wire, outcome.side);
    let [local, remote] = [Party::Runner, Party::Subject].map(|from| close(&found, from));
    let reason = |close: Option<&Seen>| {
        close.map(|close| String::from_utf8_lossy(close.reason()).into_owned())
    };
    let (request, response) = match outcome.side {
        Side::Server => (Party::Runner, Party::Subject),
        Side::Client => (Party::Subject, Party::Runner),
    };
    let file = CaseFile {
        agent: report.agent.clone(),
        behavior: outcome.behavior.word().into(),
        behavior_close: outcome.behavior_close.word().into(),
        case: number,
        closed_by_me: found.iter().find_map(closer) == Some(Party::Runner),
        create_stats: true,
        create_wirelog: true,
        description: description(tested),
        duration: outcome.duration.as_millis() as u64,
        expectation: tested.expects.clone(),
        http_request: head(&found, request),
        http_response: head(&found, response),
        id: outcome.id.to_string(),
        is_server: outcome.side == Side::Client,
        local_close_code: local.and_then(Seen::code),
        local_close_reason: reason(local),
        remote_close_code: outcome.remote_close_code,
        remote_close_reason: reason(remote),
        result: outcome.observed.clone(),
        result_close: outcome.observed_close.clone(),
        rx_frame_stats: frames(&found, Party::Subject),
        rx_octet_stats: octets(&outcome.wire, Party::Subject),
        started: rfc3339(tested.started),
        tx_frame_stats: frames(&found, Party::Runner),
        tx_octet_stats: octets(&outcome.wire, Party::Runner),
        was_clean: local.is_some() && remote.is_some(),
        wirelog: wirelog(&outcome.wire, found),
        conformance: Own {
            run: Run {
                side: words::side_word(report.side).into(),
                started: rfc3339(report.started),
                duration_nanos: nanos(report.duration),
                seed: report.seed,
                scale: words::scale_word(report.scale).into(),
                selection: report.selection.clone(),
            },
            title: tested.title.clone(),
            sends: tested.sends.clone(),
            section: tested.section.clone(),
            sentence: tested.sentence.clone(),
            level: words::level_word(tested.level).into(),
            differs: tested.differs.clone(),
            duration_nanos: nanos(outcome.duration),
            wire: wire(outcome),
        },
    };
    // Serializing text and numbers to memory cannot fail.
    serde_json::to_vec_pretty(&file).unwrap_or_default()
}

/// Reads the file of a case into a report with the values of its run.
pub(super) fn parse_case(text: &[u8]) -> Result<(Report, Tested), ErrorKind> {
    let value: Value = serde_json::from_slice(text)?;
    if value.get("conformance").is_none() && value.get("behaviorClose").is_some() {
        return Err(ErrorKind::OfWstest);
    }
    let file: CaseFile = serde_json::from_value(value)?;
    let own = file.conformance;
    let side = words::side(&own.run.side)?;
    let report = Report {
        agent: file.agent,
        side,
        started: time(&own.run.started)?,
        duration: Duration::from_nanos(own.run.duration_nanos),
        seed: own.run.seed,
        scale: words::scale(&own.run.scale)?,
        selection: own.run.selection,
        results: BTreeMap::new(),
    };
    let behavior: Behavior = words::behavior(&file.behavior)?;
    let behavior_close: BehaviorClose = words::behavior_close(&file.behavior_close)?;
    let level: Level = words::level(&own.level)?;
    let id: CaseId = words::case_id(&file.id)?;
    let entries: Result<Vec<Entry>, ErrorKind> =
        own.wire.into_iter().map(WireEntry::read).collect();
    let tested = Tested {
        title: own.title,
        sends: own.sends,
        expects: file.expectation,
        section: own.section,
        sentence: own.sentence,
        level,
        differs: own.differs,
        started: time(&file.started)?,
        outcome: Outcome {
            id,
            side,
            behavior,
            behavior_close,
            observed: file.result,
            observed_close: file.result_close,
            remote_close_code: file.remote_close_code,
            duration: Duration::from_nanos(own.duration_nanos),
            wire: WireLog::from_entries(entries?),
        },
    };
    Ok((report, tested))
}

/// The title of a case and what it sends, only once if both are the same.
fn description(tested: &Tested) -> String {
    match tested.sends.trim_end_matches('.') {
        sends if sends.is_empty() || sends == tested.title => format!("{}.", tested.title),
        _ => format!("{}. {}", tested.title, tested.sends),
    }
}

fn wire(outcome: &Outcome) -> Vec<WireEntry> {
    let mut left = if outcome.is_ok() { SHORT } else { usize::MAX };
    let entry = |entry: &Entry| WireEntry {
        at_nanos: nanos(entry.at),
        from: match entry.from {
            Party::Runner => "runner".into(),
            Party::Subject => "subject".into(),
        },
        what: match &entry.what {
            What::Bytes { len, kept } => {
                let kept = &kept[..kept.len().min(left)];
                left -= kept.len();
                WireWhat::Bytes { len: *len, hex: digits(kept) }
            }
            What::End => WireWhat::End(true),
            What::Reset => WireWhat::Reset(true),
        },
    };
    outcome.wire.entries().iter().map(entry).collect()
}

impl WireEntry {
    fn read(self) -> Result<Entry, ErrorKind> {
        let word = |what, word| ErrorKind::Word { what, word };
        let from = match &*self.from {
            "runner" => Party::Runner,
            "subject" => Party::Subject,
            _ => return Err(word("runner or subject", self.from)),
        };
        let what = match self.what {
            WireWhat::End(_) => What::End,
            WireWhat::Reset(_) => What::Reset,
            WireWhat::Bytes { len, hex } => match parse(&hex) {
                Some(kept) if kept.len() <= len => What::Bytes { len, kept },
                _ => return Err(word("bytes in hexadecimal digits, as many as it says", hex)),
            },
        };
        Ok(Entry { at: Duration::from_nanos(self.at_nanos), from, what })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn time(text: &str) -> Result<SystemTime, ErrorKind> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(Into::into)
        .map_err(|_| ErrorKind::Word { what: "a time", word: text.into() })
}

/// The first Close of one side.
fn close(found: &[Found], from: Party) -> Option<&Seen> {
    found.iter().filter(|found| found.from == from).find_map(|found| match &found.what {
        Part::Frame(frame) if frame.opcode == CLOSE => Some(frame),
        _ => None,
    })
}

fn closer(found: &Found) -> Option<Party> {
    matches!(&found.what, Part::Frame(frame) if frame.opcode == CLOSE).then_some(found.from)
}

fn head(found: &[Found], from: Party) -> String {
    let head =
        found.iter().filter(|found| found.from == from).find_map(|found| match &found.what {
            Part::Head(head) => Some(head.replace('\n', "\r\n")),
            Part::Frame(_) => None,
        });
    head.unwrap_or_default()
}

/// How many frames there are of each opcode.
fn frames(found: &[Found], from: Party) -> BTreeMap<u8, usize> {
    let mut stats = BTreeMap::new();
    for found in found.iter().filter(|found| found.from == from) {
        if let Part::Frame(frame) = &found.what {
            *stats.entry(frame.opcode).or_default() += 1;
        }
    }
    stats
}

/// How many writes there are of each length.
fn octets(wire: &WireLog, from: Party) -> BTreeMap<usize, usize> {
    let mut stats = BTreeMap::new();
    for entry in wire.entries().iter().filter(|entry| entry.from == from) {
        if let What::Bytes { len, .. } = entry.what {
            *stats.entry(len).or_default() += 1;
        }
    }
    stats
}

/// The log in `wstest`'s form: `TO` and `RO` for bytes, `TF` and `RF` for the frames in them, all of it shortened.
fn wirelog(wire: &WireLog, found: Vec<Found>) -> Vec<Value> {
    const SHOWN: usize = 64;
    let mut log = Vec::new();
    let mut found = found.into_iter().peekable();
    for (number, entry) in wire.entries().iter().enumerate() {
        let What::Bytes { len, kept } = &entry.what else { continue };
        let mut octets = digits(&kept[..kept.len().min(SHOWN)]);
        if *len > SHOWN {
            octets += " ...";
        }
        match entry.from {
            Party::Runner => log.push(json!(["TO", [len, octets], false])),
            Party::Subject => log.push(json!(["RO", [len, octets]])),
        }
        while let Some(found) = found.next_if(|found| found.entry == number) {
            let Part::Frame(frame) = found.what else { continue };
            let shown = &frame.payload[..frame.payload.len().min(SHOWN)];
            let mut payload = match std::str::from_utf8(shown) {
                Ok(text) if frame.opcode == 1 => text.to_owned(),
                _ => format!("0x{}", digits(shown)),
            };
            if frame.len > SHOWN as u64 {
                payload += " ...";
            }
            let key = frame.key.map(|key| digits(&key));
            log.push(match found.from {
                Party::Runner => json!([
                    "TF",
                    [frame.len, payload],
                    frame.opcode,
                    frame.fin,
                    frame.rsv,
                    key,
                    null,
                    null,
                    false
                ]),
                Party::Subject => json!([
                    "RF",
                    [frame.len, payload],
                    frame.opcode,
                    frame.fin,
                    frame.rsv,
                    key.is_some(),
                    key
                ]),
            });
        }
    }
    log
}
