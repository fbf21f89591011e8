//! Medians with their range, and the order in which contenders are measured.

use std::fmt;

use serde::Serialize;

/// A median with the smallest and the largest of the numbers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// The number in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of these numbers.
    #[must_use]
    pub fn of(numbers: Vec<f64>) -> Self {
        Self {
            min: numbers.iter().copied().fold(f64::INFINITY, f64::min),
            max: numbers.iter().copied().fold(0.0, f64::max),
            median: median(numbers),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{} ({}-{})", short(self.median), short(self.min), short(self.max));
        f.pad(&text)
    }
}

/// A ratio with three digits, or rounded to a whole number if it is large.
#[must_use]
pub fn short(number: f64) -> String {
    match number {
        0.0..9.995 => format!("{number:.2}"),
        9.995..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// The number in the middle, or the mean of the two in the middle.
#[must_use]
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.as_slice() {
        [] => f64::NAN,
        all if all.len() % 2 == 1 => all[middle],
        all => f64::midpoint(all[middle - 1], all[middle]),
    }
}

/// The order of the contenders in a round. Each round starts with a different one, and every second
/// round is reversed.
#[must_use]
pub fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.rotate_left(round * 5 % count.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// A size in bytes, KiB or MiB.
#[must_use]
pub fn size(len: usize) -> String {
    match len {
        0..1024 => format!("{len} B"),
        1024..0x10_0000 => format!("{} KiB", len >> 10),
        _ => format!("{} MiB", len >> 20),
    }
}
