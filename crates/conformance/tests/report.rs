//! Reports on a server that is wrong on purpose: written, read back, and parsed by other programs.
#![cfg(feature = "report")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use fullduplex_conformance::report::{
    Difference, ErrorKind, FailOn, Index, Measure, Policy, Tested, Trend, badge, compare, hex,
    html, junit, pcap, read, summary, write,
};
use fullduplex_conformance::{
    Behavior, BehaviorClose, CaseId, Options, Party, Report, Side, Subject, Transport, What, cases,
    run_in_memory,
};
use pcap_parser::{Linktype, PcapCapture};
use wrong::{MARKUP, Wrong};

#[path = "support/wrong.rs"]
mod wrong;

/// Two subjects. The name of one is hostile.
fn reports() -> &'static [Report; 2] {
    static REPORTS: LazyLock<[Report; 2]> = LazyLock::new(|| {
        [wrong::report_of("careless 1.0", false, ""), wrong::report_of(MARKUP, true, "")]
    });
    &REPORTS
}

/// The report on these cases.
fn report_of(ids: &[&str]) -> Report {
    let options = Options::default();
    let mut report = Report::new("careless", Side::Server, &options);
    for case in cases::all().iter().filter(|case| ids.contains(&&*case.id.to_string())) {
        report.add(case, run_in_memory(case, Side::Server, &options, &mut Wrong::new(false)));
    }
    report
}

fn id(text: &str) -> CaseId {
    text.parse().unwrap()
}

/// The outcome without the bytes of its log.
fn without_bytes(tested: &Tested) -> Tested {
    let mut tested = tested.clone();
    tested.outcome.wire = Default::default();
    tested
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut reports = reports().clone();
    reports[0].selection = vec!["*".into()];
    write(directory.path(), &reports, &Measure::default()).unwrap();
    let back = read(directory.path()).unwrap();
    assert_eq!(back.len(), 2);
    for report in &reports {
        let back = back.iter().find(|back| back.agent == report.agent).unwrap();
        let run = |report: &Report| {
            let Report { side, started, duration, seed, scale, .. } = *report;
            (side, started, duration, seed, scale, report.selection.clone())
        };
        assert_eq!(run(back), run(report));
        assert_eq!(back.results().len(), report.results().len());
        for (back, tested) in back.results().zip(report.results()) {
            if !tested.outcome.is_ok() {
                assert_eq!(back, tested);
                continue;
            }
            // For these cases, only the beginnings of writes are kept.
            assert_eq!(without_bytes(back), without_bytes(tested));
            let (back, wire) = (&back.outcome.wire, &tested.outcome.wire);
            assert_eq!(back.entries().len(), wire.entries().len());
            assert_eq!(back.len(Party::Runner), wire.len(Party::Runner));
            assert_eq!(back.len(Party::Subject), wire.len(Party::Subject));
        }
    }
    assert_eq!(Index::read(directory.path()).unwrap(), Index::of(&reports));
}

#[test]
fn the_files_are_in_the_form_of_wstest() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[report_of(&["1.1.2", "6.3.1", "12.1.1"])], &Measure::default())
        .unwrap();
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(directory.path().join(name)).unwrap()).unwrap()
    };
    let index = json("index.json");
    let case = &index["careless"]["6.3.1"];
    assert_eq!(case["behavior"], "FAILED");
    assert_eq!(case["reportfile"], "careless_case_6_3_1.json");
    assert!(case["duration"].is_u64());
    assert_eq!(index["careless"]["1.1.2"]["remoteCloseCode"], 1000);
    assert_eq!(index["careless"]["12.1.1"]["behavior"], "UNIMPLEMENTED");
    let file = json("careless_case_1_1_2.json");
    for (field, value) in [
        ("agent", "careless"),
        ("id", "1.1.2"),
        ("behavior", "OK"),
        ("behaviorClose", "OK"),
        ("remoteCloseReason", MARKUP),
    ] {
        assert_eq!(file[field], value, "{field}");
    }
    assert_eq!(file["isServer"], false);
    assert_eq!(file["closedByMe"], true);
    assert_eq!(file["wasClean"], true);
    assert_eq!(file["localCloseCode"], 1000);
    assert!(file["httpRequest"].as_str().unwrap().starts_with("GET / HTTP/1.1\r\n"));
    assert!(file["httpResponse"].as_str().unwrap().ends_with("\r\n\r\n"));
    assert_eq!(file["rxFrameStats"], serde_json::json!({ "1": 1, "8": 1 }));
    let log = file["wirelog"].as_array().unwrap();
    let kinds: Vec<&str> = log.iter().map(|entry| entry[0].as_str().unwrap()).collect();
    assert_eq!(kinds, ["TO", "RO", "TO", "TF", "RO", "RF", "TO", "TF", "RO", "RF"]);
    for name in
        ["careless_case_6_3_1.hex.txt", "careless_case_6_3_1.pcap", "badge.svg", "junit.xml"]
    {
        assert!(directory.path().join(name).exists(), "{name}");
    }
    assert!(!directory.path().join("careless_case_1_1_2.pcap").exists());
}

#[test]
fn two_reports_of_the_same_name_are_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let same = report_of(&["1.1.1"]);
    let error = write(directory.path(), &[same.clone(), same], &Measure::default()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SameAgent(_)), "{error}");
}

/// Writes an index and a file of a case like `wstest` does.
fn of_wstest(directory: &Path) {
    let index = r#"{"fullduplex-std": {
        "1.1.1": {"behavior": "OK", "behaviorClose": "OK", "duration": 2, "remoteCloseCode": 1000,
                  "reportfile": "fullduplex_std_case_1_1_1.json"},
        "6.4.1": {"behavior": "NON-STRICT", "behaviorClose": "OK", "duration": 2004, "remoteCloseCode": 1007,
                  "reportfile": "fullduplex_std_case_6_4_1.json"},
        "7.1.6": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL", "duration": 6,
                  "remoteCloseCode": null, "reportfile": "fullduplex_std_case_7_1_6.json"}}}"#;
    fs::write(directory.join("index.json"), index).unwrap();
    let case =
        r#"{"agent": "fullduplex-std", "behavior": "OK", "behaviorClose": "OK", "id": "1.1.1"}"#;
    fs::write(directory.join("fullduplex_std_case_1_1_1.json"), case).unwrap();
}

#[test]
fn the_verdicts_of_wstest_are_read_and_compared() {
    let directory = tempfile::tempdir().unwrap();
    of_wstest(directory.path());
    let index = Index::read(&directory.path().join("index.json")).unwrap();
    let cases = &index.agents["fullduplex-std"];
    assert_eq!(cases[&id("6.4.1")].behavior, Behavior::NonStrict);
    assert_eq!(cases[&id("6.4.1")].duration, Duration::from_millis(2004));
    assert_eq!(cases[&id("7.1.6")].remote_close_code, None);
    // The files of `wstest` do not contain what is needed to run a case again, and the error says so.
    let error = read(directory.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::OfWstest), "{error}");
    assert!(error.to_string().contains("fullduplex_std_case_1_1_1.json"), "{error}");

    let report = report_of(&["1.1.1", "6.4.1", "9.1.1"]);
    let comparison = compare(&index, &Index::of(&[report]));
    assert_eq!(comparison.same, 1);
    let changed: Vec<(String, Trend)> =
        comparison.changes.iter().map(|change| (change.case.to_string(), change.trend())).collect();
    let expected = [
        ("6.4.1".to_owned(), Trend::Worse),
        ("7.1.6".to_owned(), Trend::Neither),
        ("9.1.1".to_owned(), Trend::Neither),
    ];
    assert_eq!(changed, expected);
    let text = comparison.to_string();
    assert!(text.contains("- 6.4.1: NON-STRICT / OK (1007) -> FAILED"), "{text}");
    assert!(text.ends_with("1 worse, 0 better, 2 otherwise different, 1 the same"), "{text}");
    assert!(compare(&index, &index).is_empty());
}

#[test]
fn a_file_that_is_damaged_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let index = directory.path().join("index.json");
    for (text, part) in [
        ("{", "EOF"),
        (r#"{"a": {"1.1.1": {"behavior": "FINE", "behaviorClose": "OK"}}}"#, "FINE"),
        (r#"{"a": {"one": {"behavior": "OK", "behaviorClose": "OK"}}}"#, "one"),
    ] {
        fs::write(&index, text).unwrap();
        let error = Index::read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("index.json") && error.contains(part), "{error}");
    }
    let outside =
        r#"{"a": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "../x.json"}}}"#;
    fs::write(&index, outside).unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("../x.json"));
}

#[test]
fn what_a_subject_sends_is_never_markup() {
    let page = html(reports());
    assert!(page.contains("&lt;script&gt;document.title="));
    assert!(!page.contains(MARKUP));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("<img").count(), 0);
    // The policy in the head would apply even if something were not escaped.
    assert!(page.contains("default-src 'none'"));
    for loading in ["src=\"", "url(", "@import", "<iframe", "<link rel=\"stylesheet"] {
        assert!(!page.contains(loading), "{loading}");
    }
    let badge = badge(MARKUP, reports());
    assert!(roxmltree::Document::parse(&badge).is_ok());
    assert!(!badge.contains("<script"));
}

#[test]
fn a_page_of_two_subjects_with_all_cases_stays_small() {
    let page = html(reports());
    // The page must be small enough for a phone.
    assert!(page.len() < 6 << 20, "{} bytes", page.len());
}

/// A client that begins each connection with the same keys.
struct SameKeys(bool);

impl Subject for SameKeys {
    fn receive(&mut self, _: &[u8]) {}

    fn end_of_input(&mut self) {}

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        if !std::mem::replace(&mut self.0, true) {
            out.extend(
                b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            );
            return Transport::Open;
        }
        out.extend([0x88, 0x80, 1, 2, 3, 4]);
        Transport::Closed
    }
}

#[test]
fn keys_that_a_client_used_again_are_in_each_report() {
    let options = Options::default();
    let mut report = Report::new("careless", Side::Client, &options);
    for case in cases::all().iter().filter(|case| case.id.group() == "1.1") {
        let mut subject = SameKeys(false);
        report.add(case, run_in_memory(case, Side::Client, &options, &mut subject));
    }
    let words = "8 connections have the Sec-WebSocket-Key AAECAwQFBgcICQoLDA0ODw==: cases 1.1.1, 1.1.2, 1.1.3, 1.1.4 \
                 and 4 more";
    let masks = "8 connections begin with the masking key 01020304: cases 1.1.1";
    let reports = [report];
    let text = anstream::adapter::strip_str(&summary(&reports, 300)).to_string();
    let page = html(&reports);
    for words in [words, masks] {
        assert!(text.contains(words), "{text}");
        assert!(page.contains(words), "{words}");
    }
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &reports, &Measure::default()).unwrap();
    let keys = fs::read(directory.path().join("keys.json")).unwrap();
    let keys: serde_json::Value = serde_json::from_slice(&keys).unwrap();
    assert_eq!(keys["careless"][0]["kind"], "Sec-WebSocket-Key");
    assert_eq!(keys["careless"][1]["key"], "01020304");
    assert_eq!(keys["careless"][1]["cases"].as_array().unwrap().len(), 8);
    // They fail a run, unless there is a reason.
    let shown = |text: &str| {
        policy(text)
            .unwrap()
            .compare(&reports[0])
            .iter()
            .map(Difference::to_string)
            .collect::<Vec<_>>()
    };
    let of_keys = |text: &str| shown(text).last().filter(|last| last.contains("key")).cloned();
    assert_eq!(of_keys("{}"), Some(format!("{words} (and 1 more keys)")));
    assert_eq!(of_keys(r#"{"repeatedKeys": "it has no randomness"}"#), None);
    assert!(policy(r#"{"repeatedKeys": " "}"#).unwrap_err().to_string().contains("has no reason"));
    let fresh = Report::new("fresh", Side::Client, &options);
    let gone = policy(r#"{"repeatedKeys": "why"}"#).unwrap().compare(&fresh);
    assert_eq!(gone.len(), 1);
    assert!(gone[0].to_string().contains("`repeatedKeys` has to go (listed as: why)"));
    // After reading the report back, they are still found.
    assert_eq!(read(directory.path()).unwrap()[0].repeated_keys().len(), 2);
}

#[test]
fn the_summary_fits_into_the_terminal_and_shows_what_is_not_ok() {
    for width in [40, 60, 80, 120] {
        let text = summary(reports(), width);
        let plain = anstream::adapter::strip_str(&text).to_string();
        for line in plain.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        // No text of the subject is printed unescaped.
        assert!(!plain.contains(|letter: char| letter.is_control() && letter != '\n'));
        assert!(plain.contains("2.5 FAILED"), "{plain}");
        let joined = plain.replace('\n', " ");
        assert!(joined.contains(" cases from 12.1.1 to "), "{plain}");
    }
    let text = summary(&[report_of(&["6.3.1"])], 100);
    let text = anstream::adapter::strip_str(&text).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("careless, a server: 0 of 1 cases OK"), "{text}");
    for part in ["  sent ", "  came ", "  MUST ", "(RFC 6455 §"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn junit_is_read_by_another_reader() {
    let reports = reports();
    let text = junit(reports, &Measure::FailOn(FailOn::Failed));
    let document = roxmltree::Document::parse(&text).unwrap();
    let named =
        |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
    assert_eq!(named("testsuite").count(), 2);
    let cases: usize = reports.iter().map(|report| report.results().len()).sum();
    assert_eq!(named("testcase").count(), cases);
    let outcomes = || reports.iter().flat_map(Report::results).map(|tested| &tested.outcome);
    let failed = outcomes().filter(|outcome| FailOn::Failed.fails(outcome)).count();
    assert!(failed > 0);
    assert_eq!(named("failure").count(), failed);
    assert_eq!(
        named("skipped").count(),
        outcomes().filter(|one| one.behavior == Behavior::Unimplemented).count()
    );
    let failure = named("failure").next().unwrap();
    assert!(failure.attribute("message").unwrap().starts_with("FAILED"));
    // Readers of JUnit take a dot for a level, but the name of the subject is one level.
    assert!(text.contains("classname=\"careless 1_0.6\""));
}

/// The packets of a capture, each with its original length.
fn packets(capture: &[u8]) -> Vec<(&[u8], u32)> {
    // The parser borrows from itself.
    let capture = Box::leak(Box::new(PcapCapture::from_file(capture).unwrap()));
    assert_eq!(capture.header.network, Linktype::RAW);
    capture.blocks.iter().map(|block| (block.data, block.origlen)).collect()
}

/// The Internet checksum of these bytes (RFC 1071). It is 0 if the bytes include their own checksum.
fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|word| match word {
        [high, low] => u32::from(*high) << 8 | u32::from(*low),
        odd => u32::from(odd[0]) << 8,
    });
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

#[test]
fn a_capture_is_read_by_another_reader_and_has_the_bytes_of_the_log() {
    let report = report_of(&["3.2", "9.1.5"]);
    for tested in report.results() {
        let capture = pcap(tested);
        let mut sent = [0_u64; 2];
        let mut next: [Option<u32>; 2] = [None, None];
        for (packet, len) in packets(&capture) {
            let (ip, tcp) = packet.split_at(20);
            assert_eq!(ip[0], 0x45);
            assert_eq!(u32::from(u16::from_be_bytes([ip[2], ip[3]])), len);
            assert_eq!(checksum(&[ip]), 0);
            if packet.len() == len as usize {
                let tcp_len = (len as u16 - 20).to_be_bytes();
                assert_eq!(checksum(&[&ip[12..], &[0, 6], &tcp_len, tcp]), 0);
            }
            let from = usize::from(ip[12..16] == [192, 0, 2, 2]);
            let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
            if let Some(next) = next[from] {
                assert_eq!(sequence, next);
            }
            let flags = tcp[13];
            let payload = len - 40;
            next[from] = Some(sequence.wrapping_add(payload + u32::from(flags & 3).count_ones()));
            sent[from] += u64::from(payload);
        }
        let wire = &tested.outcome.wire;
        assert_eq!(sent, [wire.len(Party::Runner), wire.len(Party::Subject)]);
    }
}

#[test]
fn a_log_as_text_has_all_bytes_that_were_kept() {
    let report = report_of(&["6.3.1"]);
    let tested = report.results().next().unwrap();
    let text = hex(tested);
    let bytes: usize = text
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_hexdigit()))
        .map(|line| line[8..56].split_whitespace().count())
        .sum();
    let kept: usize = tested
        .outcome
        .wire
        .entries()
        .iter()
        .map(|entry| if let What::Bytes { kept, .. } = &entry.what { kept.len() } else { 0 })
        .sum();
    assert_eq!(bytes, kept);
    assert!(text.contains("#   Text, masked, 20 bytes: "), "{text}");
}

fn policy(text: &str) -> Result<Policy, fullduplex_conformance::report::Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("expected.json");
    fs::write(&path, text).unwrap();
    Policy::read(&path)
}

#[test]
fn a_policy_finds_differences_in_either_direction() {
    let report = report_of(&["1.1.1", "6.3.1", "7.13.1", "12.1.1"]);
    let shown = |policy: &Policy, report: &Report| -> Vec<String> {
        policy.compare(report).iter().map(Difference::to_string).collect()
    };
    let unlisted = shown(&Policy::default(), &report);
    assert_eq!(unlisted.len(), 2, "{unlisted:?}");
    assert!(unlisted[0].starts_with("6.3.1 is FAILED"), "{unlisted:?}");
    let listed = policy(
        r#"{"cases": 4, "server": {
            "6.3.1": {"behavior": "FAILED", "behaviorClose": "FAILED", "reason": "it is careless"},
            "12.1.1": {"behavior": "UNIMPLEMENTED", "behaviorClose": "UNIMPLEMENTED", "reason": "no deflate"}}}"#,
    )
    .unwrap();
    assert_eq!(listed.compare(&report), []);
    let xml = junit(std::slice::from_ref(&report), &Measure::Policy(listed));
    assert_eq!(xml.matches("<failure").count(), 0, "{xml}");
    let xml = junit(std::slice::from_ref(&report), &Measure::default());
    assert_eq!(xml.matches("<failure").count(), 1, "{xml}");
    let better = policy(
        r#"{"cases": 5, "server": {
            "1.1.1": {"behavior": "FAILED", "behaviorClose": "FAILED", "reason": "it was worse"},
            "1.1.3": {"behavior": "FAILED", "behaviorClose": "FAILED", "reason": "not run"},
            "6.3.1": {"behavior": "NON-STRICT", "behaviorClose": "OK", "reason": "it was better"},
            "12.1.1": {"behavior": "UNIMPLEMENTED", "behaviorClose": "UNIMPLEMENTED", "reason": "no deflate"}},
            "client": {"1.1.1": {"behavior": "FAILED", "behaviorClose": "OK", "reason": "the other side"}}}"#,
    )
    .unwrap();
    let differences = shown(&better, &report);
    assert_eq!(
        differences,
        [
            "1.1.1 is OK now: its entry has to go (listed as FAILED / FAILED: it was worse)",
            "6.3.1 is FAILED (listed as NON-STRICT / OK: it was better)",
            "1.1.3 is listed, and was not run",
            "4 cases were run, and 5 are expected",
        ]
    );
    // In a run of some cases, the others are not expected.
    let mut some = report;
    some.selection = vec!["1".into()];
    assert_eq!(better.compare(&some).len(), 2);
}

#[test]
fn a_policy_that_says_nothing_or_gives_no_reason_is_refused() {
    let with = |behavior: &str, reason: &str| {
        let text = format!(
            r#"{{"server": {{"1.1.1": {{"behavior": "{behavior}", "behaviorClose": "OK", "reason": "{reason}"}}}}}}"#
        );
        policy(&text).map_err(|error| format!("{error}"))
    };
    assert!(with("NON-STRICT", "why").is_ok());
    assert!(with("NON-STRICT", " ").unwrap_err().ends_with("1.1.1 has no reason"));
    assert!(with("OK", "why").unwrap_err().contains("need not be listed"));
    assert!(with("BAD", "why").unwrap_err().contains("BAD"));
    assert!(policy(r#"{"servers": {}}"#).is_err());
}

#[test]
fn the_policy_of_this_repository_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../autobahn/expected.json");
    assert_eq!(Policy::read(&path).unwrap().cases, Some(517));
}

#[test]
fn each_level_of_failing_holds_the_one_before() {
    let report = report_of(&["1.1.1"]);
    let ok = &report.results().next().unwrap().outcome;
    let with = |behavior, behavior_close| fullduplex_conformance::Outcome {
        behavior,
        behavior_close,
        ..ok.clone()
    };
    let levels = ["failed", "non-strict", "unclean"].map(|word| word.parse::<FailOn>().unwrap());
    let fails = |outcome| levels.map(|level| level.fails(&outcome));
    assert_eq!(fails(with(Behavior::Ok, BehaviorClose::Ok)), [false; 3]);
    assert_eq!(fails(with(Behavior::Failed, BehaviorClose::Ok)), [true; 3]);
    assert_eq!(fails(with(Behavior::Ok, BehaviorClose::Failed)), [true; 3]);
    assert_eq!(fails(with(Behavior::NonStrict, BehaviorClose::Ok)), [false, true, true]);
    assert_eq!(fails(with(Behavior::Ok, BehaviorClose::WrongCode)), [false, false, true]);
    assert_eq!(fails(with(Behavior::Unimplemented, BehaviorClose::Unimplemented)), [false; 3]);
    assert!("bad".parse::<FailOn>().is_err());
}
