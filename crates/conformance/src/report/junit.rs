//! A report as JUnit XML, which CI systems show.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::plain::plain;
use super::policy::Measure;
use super::value::{Report, Tested, verdicts};
use super::words::scale_word;
use crate::verdict::Behavior;

/// The reports as JUnit XML: a suite for each of them, and a test for each case.
///
/// A test has failed if `measure` says so, and was skipped if the subject does not have what the case needs. If it is
/// neither, but not OK, its output says so.
#[must_use]
pub fn junit(reports: &[Report], measure: &Measure) -> String {
    let mut junit = quick_junit::Report::new("fullduplex-conformance");
    junit.set_time(reports.iter().map(|report| report.duration).sum());
    if let Some(first) = reports.iter().map(|report| report.started).min() {
        junit.set_timestamp(date(first));
    }
    junit.add_test_suites(reports.iter().map(|report| {
        let mut suite = TestSuite::new(format!("{} ({})", plain(&report.agent), report.side));
        suite.set_timestamp(date(report.started));
        suite.set_time(report.duration);
        suite.add_property(("seed", report.seed.to_string().as_str()));
        suite.add_property(("scale", scale_word(report.scale)));
        suite.add_test_cases(report.results().map(|tested| test(report, tested, measure)));
        suite
    }));
    // Writing to memory cannot fail.
    junit.to_string().unwrap_or_default()
}

fn test(report: &Report, tested: &Tested, measure: &Measure) -> TestCase {
    let outcome = &tested.outcome;
    let verdict = verdicts(outcome);
    let said = format!("{} {}", outcome.observed, outcome.observed_close);
    let rule = format!("{} {}: {}", tested.section, tested.level, tested.sentence);
    let status = if measure.fails(outcome) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_type(&*verdict)
            .set_message(plain(&format!("{verdict}: {said}")))
            .set_description(plain_words(&[
                ("Sent", &tested.sends),
                ("Expected", &tested.expects),
                ("Seen", &said),
                ("Rule", &rule),
            ]));
        status
    } else if outcome.behavior == Behavior::Unimplemented {
        let mut status = TestCaseStatus::skipped();
        status.set_message(plain(&outcome.observed));
        status
    } else {
        TestCaseStatus::success()
    };
    let mut test = TestCase::new(format!("{} {}", outcome.id, tested.title), status);
    // Readers of the format take dots for levels.
    let agent = plain(&report.agent).replace('.', "_");
    test.set_classname(format!("{agent}.{}", outcome.id.section()));
    test.set_timestamp(date(tested.started));
    test.set_time(outcome.duration);
    if !outcome.is_ok() {
        test.set_system_out(plain(&format!("{verdict}: {said}")));
    }
    test
}

fn plain_words(words: &[(&str, &str)]) -> String {
    let lines: Vec<String> =
        words.iter().map(|(what, words)| format!("{what}: {}", plain(words))).collect();
    lines.join("\n")
}

fn date(time: SystemTime) -> DateTime<chrono::FixedOffset> {
    DateTime::<Utc>::from(time).fixed_offset()
}
