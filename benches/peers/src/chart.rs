//! The outcome as a picture: for each kind of case, each contender's time as a multiple of the
//! limit's.

use std::error::Error;
use std::path::Path;

use fullduplex_benches::measure::size;
use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::case::{Kind, SIZES};
use crate::contenders::{ALL, Candidate, Side};
use crate::measure::Outcome;

/// Width and height of the picture; it scales.
const PICTURE: (u32, u32) = (1500, 1900);

/// The legend's height.
const LEGEND: u32 = 130;

/// Ratios outside of this range are drawn at the picture's edge.
const SMALLEST: f64 = 0.35;
const LARGEST: f64 = 30.0;

/// The ratios that have a line across the picture.
const LINES: [f64; 6] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0];

/// Draws the outcomes that were measured.
pub(crate) fn draw(path: &Path, outcomes: &[Outcome]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, PICTURE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(
        "Time per message, as a multiple of the limit: lower is faster, each step is a factor",
        ("sans-serif", 30),
    )?;
    let (panels, legend) = root.split_vertically(root.dim_in_pixel().1 - LEGEND);
    for (kind, panel) in Kind::ALL.into_iter().zip(panels.split_evenly((3, 2))) {
        draw_kind(&panel, kind, outcomes)?;
    }
    for (place, (name, (color, width))) in legend_lines().enumerate() {
        let (column, row) = (place as i32 % 5, place as i32 / 5);
        let (x, y) = (60 + column * 285, 20 + row * 34);
        legend.draw(&PathElement::new([(x, y), (x + 40, y)], color.stroke_width(width)))?;
        if name != LIMIT {
            legend.draw(&Circle::new((x + 20, y), width + 2, color.filled()))?;
        }
        legend.draw(&Text::new(name, (x + 50, y - 10), ("sans-serif", 20)))?;
    }
    root.present()?;
    Ok(())
}

fn draw_kind(
    panel: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    kind: Kind,
    outcomes: &[Outcome],
) -> Result<(), Box<dyn Error>> {
    let last = (SIZES.len() - 1) as f64;
    let (left, right) = (-0.2, last + 0.2);
    let mut chart = ChartBuilder::on(panel)
        .margin(14)
        .caption(kind.title(), ("sans-serif", 24))
        .x_label_area_size(34)
        .y_label_area_size(56)
        .build_cartesian_2d(left..right, (SMALLEST..LARGEST).log_scale())?;
    // The mesh would place lines and labels by itself. We want them at round ratios and at the sizes.
    let area = chart.plotting_area();
    let style = ("sans-serif", 19).into_text_style(area);
    for at in LINES {
        let line = if at == 1.0 { LIMIT_LINE } else { (BLACK.mix(0.15), 1) };
        let label = style.pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&PathElement::new([(left, at), (right, at)], line.0.stroke_width(line.1)))?;
        area.draw(&(EmptyElement::at((left, at)) + Text::new(format!("{at}x"), (-8, 0), label)))?;
    }
    for (place, len) in SIZES.into_iter().enumerate() {
        let at = (place as f64, SMALLEST);
        let label = style.pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&(EmptyElement::at(at) + Text::new(size(len), (0, 8), label)))?;
    }
    // Our lines are drawn last, above the others.
    let mut drawn: Vec<&&Candidate> =
        ALL.iter().filter(|candidate| candidate.side != Side::Limit).collect();
    drawn.reverse();
    for candidate in drawn {
        let points: Vec<(f64, f64)> = outcomes
            .iter()
            .filter(|outcome| outcome.case.kind == kind)
            .filter_map(|outcome| {
                let x = SIZES.iter().position(|len| *len == outcome.case.len)?;
                let ratio = outcome.of(candidate.name)?.ratio_to(outcome.limit()?).median;
                Some((x as f64, ratio.clamp(SMALLEST, LARGEST)))
            })
            .collect();
        let (color, width) = look(candidate);
        chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(width)))?;
        let dots = points.into_iter().map(|at| Circle::new(at, width + 2, color.filled()));
        chart.draw_series(dots)?;
    }
    Ok(())
}

const LIMIT: &str = "the limit: copy, unmask, check";
const LIMIT_LINE: (RGBAColor, u32) = (RGBAColor(0, 0, 0, 0.7), 2);

/// The name and the look of each contender, and of the limit.
fn legend_lines() -> impl Iterator<Item = (&'static str, (RGBAColor, u32))> {
    let drawn = ALL.iter().filter(|candidate| candidate.side != Side::Limit);
    drawn.map(|candidate| (candidate.name, look(candidate))).chain([(LIMIT, LIMIT_LINE)])
}

/// Colour and width of a contender's line: ours are blue and thick, the others thin and pale.
fn look(candidate: &Candidate) -> (RGBAColor, u32) {
    const OURS: [RGBColor; 4] = [
        RGBColor(3, 20, 90),
        RGBColor(20, 80, 220),
        RGBColor(70, 165, 255),
        RGBColor(110, 60, 200),
    ];
    const PEERS: [RGBColor; 9] = [
        RGBColor(214, 39, 40),
        RGBColor(255, 127, 14),
        RGBColor(44, 160, 44),
        RGBColor(140, 86, 75),
        RGBColor(227, 119, 194),
        RGBColor(127, 127, 127),
        RGBColor(168, 169, 14),
        RGBColor(200, 150, 100),
        RGBColor(0, 150, 136),
    ];
    let of_side = ALL.iter().filter(|other| other.side == candidate.side);
    let place = of_side.map(|other| other.name).position(|name| name == candidate.name);
    let place = place.unwrap_or_default();
    match candidate.side {
        Side::Ours => (OURS[place % OURS.len()].mix(1.0), 4),
        Side::Peer | Side::Limit => (PEERS[place % PEERS.len()].mix(0.7), 2),
    }
}
