//! A badge for a README.

use maud::html;

use super::value::{Counts, Report};

/// The reports as a small picture in SVG: a label, and how many of the cases are OK.
///
/// It is green if all are, red if a case has failed, and yellow otherwise.
#[must_use]
pub fn badge(label: &str, reports: &[Report]) -> String {
    let counts: Counts =
        reports.iter().flat_map(|report| report.results().map(|tested| &tested.outcome)).collect();
    let message = format!("{}/{}", counts.good, counts.all);
    let color = if counts.failed > 0 {
        "#c62828"
    } else if counts.good < counts.all || counts.all == 0 {
        "#8a6100"
    } else {
        "#2e7d32"
    };
    let (left, right) = (width(label), width(&message));
    let whole = left + right;
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(whole) height="20" role="img"
            aria-label=(format!("{label}: {message}")) {
            title { (label) ": " (message) }
            clipPath id="r" { rect width=(whole) height="20" rx="3" fill="#fff" {} }
            g clip-path="url(#r)" {
                rect width=(left) height="20" fill="#444c56" {}
                rect x=(left) width=(right) height="20" fill=(color) {}
            }
            g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" {
                // If the reader's font is wider or narrower than these, the text must still fit its
                // box.
                text x=(left / 2) y="14" textLength=(left - PADDING) { (label) }
                text x=(left + right / 2) y="14" textLength=(right - PADDING) { (message) }
            }
        }
    }
    .into_string()
}

const PADDING: usize = 12;

/// The width of the text in Verdana at 11 pixels, with padding.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ' ' | '/' | '-' | 'f' | 't' | 'r' => 46,
            'm' | 'w' | 'M' | 'W' => 102,
            'A'..='Z' => 77,
            _ => 69,
        })
        .sum();
    tenths.div_ceil(10) + PADDING
}
