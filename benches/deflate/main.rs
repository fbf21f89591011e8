//! Compressed messages, compared with zlib-rs alone: in one program, interleaved, with the same settings and the same
//! messages, and with context takeover.
//!
//! `cargo xtask bench-deflate` builds and runs it. The endpoints are a server that sends and a client that receives, so
//! nothing is masked. Messages are binary, because zlib-rs does not check text either. zlib-rs alone has one output buffer,
//! large enough for everything and never cleared, and one call for each message.

mod contenders;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use cpu_time::ThreadTime;
use fullduplex_benches::compression::Setting;
use fullduplex_benches::measure::{Spread, order, size};
use serde::Serialize;

use contenders::{Contender, Messages, compressors, decompressors};

/// Compares permessage-deflate with zlib-rs alone.
#[derive(Parser)]
struct Arguments {
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Only cases with this in their names, such as decompress, level-6 or 65536
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// The folder for results.txt and results.json
    #[arg(long, default_value = "target/bench-deflate")]
    out: PathBuf,
}

/// The sizes of the messages.
const SIZES: [usize; 2] = [1 << 10, 64 << 10];

/// The compression settings.
const SETTINGS: [Setting; 3] =
    [Setting::zlib(1), Setting::zlib(6), Setting::default_of_fullduplex()];

/// One contender in one case.
#[derive(Serialize)]
struct Line {
    direction: &'static str,
    level: u8,
    window_bits: u8,
    mem_level: u8,
    /// The length of a message before compression.
    bytes: usize,
    name: &'static str,
    /// Megabytes of uncompressed messages per second.
    megabytes_per_second: Spread,
    /// Its speed as a ratio to the speed of zlib-rs alone, round by round.
    to_direct: Spread,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let (rounds, busy) = match arguments.quick {
        true => (11, Duration::from_millis(2)),
        // Rounds are short, because a machine's speed changes over time.
        false => (75, Duration::from_millis(5)),
    };
    fs::create_dir_all(&arguments.out)?;

    let mut text = format!(
        "CPU time: medians (smallest-largest) of {rounds} rounds; ratios of speed, taken round by round\n{:<32}{:>8}  \
         {:<20}{:>24}{:>20}\n",
        "", "", "", "MB/s", "/ zlib-rs alone"
    );
    print!("{text}");
    let mut lines = Vec::new();
    for (setting, len) in SETTINGS.iter().flat_map(|setting| SIZES.map(|len| (*setting, len))) {
        let messages = Messages::new(setting, len);
        for (direction, contenders) in
            [("compress", compressors(&messages)), ("decompress", decompressors(&messages))]
        {
            let Setting { level, window_bits, mem_level } = setting;
            let case = format!("{direction}-level-{level}-{window_bits}-{mem_level}-{len}");
            let chosen = |filter: &String| format!("-{case}-").contains(&format!("-{filter}-"));
            if !arguments.case.is_empty() && !arguments.case.iter().any(chosen) {
                continue;
            }
            for line in measure(direction, &messages, contenders, rounds, busy) {
                let row = row(&line);
                print!("{row}");
                text += &row;
                lines.push(line);
            }
        }
    }
    fs::write(arguments.out.join("results.txt"), &text)?;
    fs::write(arguments.out.join("results.json"), serde_json::to_string_pretty(&lines)?)?;
    println!("written to {}: results.txt, results.json", arguments.out.display());
    Ok(())
}

fn row(line: &Line) -> String {
    let Line { direction, level, window_bits, mem_level, bytes, name, .. } = line;
    let case = format!("{direction}, level {level}, {window_bits}/{mem_level}");
    let mut row = String::new();
    let _ = writeln!(
        row,
        "{case:<32}{:>8}  {name:<20}{:>24}{:>20}",
        size(*bytes),
        line.megabytes_per_second,
        line.to_direct,
    );
    row
}

/// Measures the contenders in turn. The others are compared with the first.
fn measure(
    direction: &'static str,
    messages: &Messages,
    mut contenders: Vec<(&'static str, Contender)>,
    rounds: usize,
    busy: Duration,
) -> Vec<Line> {
    for (_, contender) in &mut contenders {
        contender(messages.count());
    }
    let begun = ThreadTime::now();
    contenders[0].1(messages.count());
    let passes = (busy.as_secs_f64() / begun.elapsed().as_secs_f64().max(1e-6)).ceil() as usize;
    let count = passes * messages.count();

    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for place in order(round, contenders.len()) {
            let begun = ThreadTime::now();
            contenders[place].1(count);
            times[place].push(begun.elapsed().as_secs_f64());
        }
    }
    let direct = &times[0];
    let megabytes = (count * messages.len) as f64 / 1e6;
    let Setting { level, window_bits, mem_level } = messages.setting;
    let line = |(place, times): (usize, &Vec<f64>)| Line {
        direction,
        level,
        window_bits,
        mem_level,
        bytes: messages.len,
        name: contenders[place].0,
        megabytes_per_second: Spread::of(times.iter().map(|time| megabytes / time).collect()),
        to_direct: Spread::of(direct.iter().zip(times).map(|(it, own)| it / own).collect()),
    };
    times.iter().enumerate().map(line).collect()
}
