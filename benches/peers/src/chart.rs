//! The outcome as a picture: for each kind of case, everybody's time as a multiple of the limit's.

use std::error::Error;
use std::path::Path;

use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;

use crate::case::{Kind, SIZES, size};
use crate::contenders::{ALL, Candidate, Side};
use crate::measure::Outcome;

/// Width and height of the picture; it scales.
const PICTURE: (u32, u32) = (1500, 1900);

/// The legend's height.
const LEGEND: u32 = 130;

/// Ratios beyond these end at the picture's edge.
const SMALLEST: f64 = 0.3;
const LARGEST: f64 = 50.0;

/// Draws what there is of the outcomes.
pub(crate) fn draw(path: &Path, outcomes: &[Outcome]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, PICTURE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(
        "Time per message, as a multiple of the limit: only to copy, unmask and check",
        ("sans-serif", 30),
    )?;
    let (panels, legend) = root.split_vertically(root.dim_in_pixel().1 - LEGEND);
    for (kind, panel) in Kind::ALL.into_iter().zip(panels.split_evenly((3, 2))) {
        draw_kind(&panel, kind, outcomes)?;
    }
    let drawn = ALL.iter().filter(|candidate| candidate.side != Side::Limit);
    for (place, candidate) in drawn.enumerate() {
        let (column, row) = (place as i32 % 5, place as i32 / 5);
        let (x, y) = (60 + column * 285, 20 + row * 34);
        let (color, width) = look(candidate);
        legend.draw(&PathElement::new([(x, y), (x + 40, y)], color.stroke_width(width)))?;
        legend.draw(&Circle::new((x + 20, y), width + 2, color.filled()))?;
        legend.draw(&Text::new(candidate.name, (x + 50, y - 10), ("sans-serif", 20)))?;
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
    let mut chart = ChartBuilder::on(panel)
        .margin(14)
        .caption(kind.title(), ("sans-serif", 22))
        .x_label_area_size(32)
        .y_label_area_size(44)
        .build_cartesian_2d(-0.2..last + 0.2, (SMALLEST..LARGEST).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(2 * SIZES.len())
        .x_label_formatter(&|x| match SIZES.get(x.round() as usize) {
            Some(len) if x.fract() == 0.0 && *x >= 0.0 => size(*len),
            _ => String::new(),
        })
        .y_label_formatter(&|y| if *y < 1.0 { format!("{y:.1}") } else { format!("{y:.0}") })
        .label_style(("sans-serif", 16))
        .y_labels(20)
        .max_light_lines(1)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.15))
        .draw()?;
    // Ours are drawn last, above the others.
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

/// Colour and width of somebody's line: ours are blue and thick.
fn look(candidate: &Candidate) -> (RGBColor, u32) {
    const OURS: [RGBColor; 4] = [
        RGBColor(3, 30, 110),
        RGBColor(20, 80, 200),
        RGBColor(60, 140, 250),
        RGBColor(120, 190, 255),
    ];
    const PEERS: [RGBColor; 9] = [
        RGBColor(214, 39, 40),
        RGBColor(255, 127, 14),
        RGBColor(44, 160, 44),
        RGBColor(140, 86, 75),
        RGBColor(227, 119, 194),
        RGBColor(127, 127, 127),
        RGBColor(188, 189, 34),
        RGBColor(148, 103, 189),
        RGBColor(0, 150, 136),
    ];
    let of_side = ALL.iter().filter(|other| other.side == candidate.side);
    let place = of_side.map(|other| other.name).position(|name| name == candidate.name);
    let place = place.unwrap_or_default();
    match candidate.side {
        Side::Ours => (OURS[place % OURS.len()], 4),
        Side::Peer | Side::Limit => (PEERS[place % PEERS.len()], 2),
    }
}
