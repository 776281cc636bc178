//! The pictures.

use std::{error::Error, path::Path};

use plotters::{
    coord::types::RangedCoordf64,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    claim::Number,
    section::{Axis, Drawing, Plot, Series},
};

/// Told apart by all who see colours, whichever way: M. Okabe, K. Ito, "Color Universal Design", 2008. Lines also
/// differ in their marks.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const WIDTH: u32 = 900;
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws a plot into a file.
pub(super) fn draw(plot: &Plot, path: &Path) -> Result<(), Box<dyn Error>> {
    let height = match &plot.drawing {
        Drawing::Lines(_) => 480,
        Drawing::Bars { groups, series } => 130 + 20 * u32::try_from(groups.len() * (series.len() + 1))?,
    };
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    match &plot.drawing {
        Drawing::Lines(series) => lines(plot, series, &area)?,
        Drawing::Bars { groups, series } => bars(plot, groups, series, &area)?,
    }
    area.present()?;
    Ok(())
}

fn colour(at: usize) -> RGBColor {
    PALETTE[at % PALETTE.len()]
}

/// Where a number stands on an axis.
fn placed(axis: &Axis, number: f64) -> f64 {
    if axis.is_logarithmic { number.max(f64::MIN_POSITIVE).log10() } else { number }
}

fn label(axis: &Axis, at: f64) -> String {
    Number(if axis.is_logarithmic { 10_f64.powf(at) } else { at }).to_string()
}

/// From the least to the greatest, with some room; something in any case.
fn range(numbers: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = numbers
        .filter(|number| number.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.04).max(1e-9);
    low - room..high + room
}

fn lines(plot: &Plot, series: &[Series], area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let points = || series.iter().flat_map(|series| &series.points);
    let x = range(points().map(|point| placed(&plot.x, point.0)));
    let mut y = range(points().map(|point| placed(&plot.y, point.1)));
    // A share is read against nothing and all.
    if !plot.y.is_logarithmic && y.start > -0.1 && y.end < 1.1 {
        y = 0.0..1.0;
    } else if !plot.y.is_logarithmic {
        y.start = y.start.min(0.0);
    }
    let mut chart = ChartBuilder::on(area)
        .caption(&plot.title, (FONT, 18))
        .margin(12)
        .margin_right(28)
        .x_label_area_size(46)
        .y_label_area_size(70)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(&plot.x.label)
        .y_desc(&plot.y.label)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|at| label(&plot.x, *at))
        .y_label_formatter(&|at| label(&plot.y, *at))
        .draw()?;
    for (at, series) in series.iter().enumerate() {
        let points = series.points.iter().map(|point| (placed(&plot.x, point.0), placed(&plot.y, point.1))).collect();
        line(&mut chart, at, &series.name, points)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font((FONT, 13))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

fn line(chart: &mut Chart<'_, '_>, at: usize, name: &str, points: Vec<(f64, f64)>) -> Result<(), Box<dyn Error>> {
    let style = ShapeStyle { color: colour(at).to_rgba(), filled: at.is_multiple_of(2), stroke_width: 2 };
    // Where there are few points each has a mark.
    let has_marks = points.len() <= 24;
    let marks: Vec<_> = if has_marks { points.clone() } else { Vec::new() };
    chart
        .draw_series(LineSeries::new(points, style))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    match at % 3 {
        0 => chart.draw_series(marks.into_iter().map(|point| Circle::new(point, 4, style)))?,
        1 => chart.draw_series(marks.into_iter().map(|point| TriangleMarker::new(point, 5, style)))?,
        _ => chart.draw_series(marks.into_iter().map(|point| Cross::new(point, 4, style)))?,
    };
    Ok(())
}

/// Lying, so that the names can be read.
fn bars(plot: &Plot, groups: &[String], series: &[(String, Vec<f64>)], area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let values = || series.iter().flat_map(|(_, values)| values).copied().filter(|value| value.is_finite());
    let longest = values().fold(0.0, f64::max).max(1e-9);
    let block = (series.len() + 1) as f64;
    let names = groups.iter().map(String::len).max().unwrap_or_default();
    let mut chart = ChartBuilder::on(area)
        .caption(&plot.title, (FONT, 18))
        .margin(12)
        .margin_right(28)
        .x_label_area_size(46)
        .y_label_area_size(20 + 7 * u32::try_from(names)?)
        .build_cartesian_2d(0.0..longest * 1.15, 0.0..(block * groups.len() as f64).max(1.0))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .y_labels(0)
        .x_desc(&plot.y.label)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|at| label(&plot.y, *at))
        .draw()?;
    let height = block * groups.len() as f64;
    let beside = Pos::new(HPos::Right, VPos::Center);
    for (at, name) in groups.iter().enumerate() {
        let middle = height - block * at as f64 - block / 2.0;
        let (x, y) = chart.backend_coord(&(0.0, middle));
        area.draw(&Text::new(name.as_str(), (x - 8, y), (FONT, 13).into_font().into_text_style(area).pos(beside)))?;
    }
    for (which, (name, values)) in series.iter().enumerate() {
        let top = |at: usize| height - block * at as f64 - 0.5 - which as f64;
        let style = colour(which).filled();
        let known = || values.iter().copied().enumerate().filter(|(_, value)| value.is_finite());
        chart
            .draw_series(known().map(|(at, value)| Rectangle::new([(0.0, top(at)), (value, top(at) - 0.85)], style)))?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 16, y + 5)], style));
        let figure = |(at, value): (usize, f64)| {
            let style = (FONT, 12).into_font().into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
            EmptyElement::at((value, top(at) - 0.42)) + Text::new(Number(value).to_string(), (5, 0), style)
        };
        chart.draw_series(known().map(figure))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font((FONT, 13))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
