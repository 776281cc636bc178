//! The plots.

use std::{error::Error, path::Path};

use plotters::{
    coord::types::RangedCoordf64,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::scale::Scale;
use crate::{
    claim::Number,
    section::{Drawing, Plot, Series},
};

/// Distinguishable with any kind of colour vision: M. Okabe, K. Ito, "Color Universal Design", 2008. Lines also differ
/// in their marks.
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
/// The height of title and legend.
const HEAD: u32 = 62;
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Bars<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;

/// Draws a plot into a file.
pub(super) fn draw(plot: &Plot, path: &Path) -> Result<(), Box<dyn Error>> {
    let height = match &plot.drawing {
        Drawing::Lines(_) => 500,
        Drawing::Bars { groups, series } => HEAD + 80 + 20 * u32::try_from(groups.len() * (series.len() + 1))?,
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

/// Draws the title and, below it, the legend. Returns the rest of the area.
fn headed<'a>(title: &str, names: &[&str], area: &Area<'a>) -> Result<Area<'a>, Box<dyn Error>> {
    let (head, rest) = area.split_vertically(HEAD);
    let centred = (FONT, 18).into_font().into_text_style(&head).pos(Pos::new(HPos::Center, VPos::Center));
    let middle = i32::try_from(WIDTH)? / 2;
    head.draw(&Text::new(title, (middle, 20), centred))?;
    let widths: Vec<i32> = names.iter().map(|name| 44 + 8 * name.chars().count() as i32).collect();
    let mut x = (middle - widths.iter().sum::<i32>() / 2).max(8);
    for (at, (name, width)) in names.iter().zip(&widths).enumerate() {
        head.draw(&Rectangle::new([(x, 41), (x + 16, 51)], colour(at).filled()))?;
        let beside = (FONT, 13).into_font().into_text_style(&head).pos(Pos::new(HPos::Left, VPos::Center));
        head.draw(&Text::new(*name, (x + 22, 46), beside))?;
        x += width;
    }
    Ok(rest)
}

fn lines(plot: &Plot, series: &[Series], area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let names: Vec<_> = series.iter().map(|series| series.name.as_str()).collect();
    let area = headed(&plot.title, &names, area)?;
    let points = || series.iter().flat_map(|series| &series.points);
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(46)
        .y_label_area_size(70)
        .build_cartesian_2d(
            Scale::across(&plot.x, points().map(|point| point.0)),
            Scale::up(&plot.y, points().map(|point| point.1)),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(&plot.x.label)
        .y_desc(&plot.y.label)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|at| Number(*at).to_string())
        .y_label_formatter(&|at| Number(*at).to_string())
        .draw()?;
    for (at, series) in series.iter().enumerate() {
        line(&mut chart, at, series.points.clone())?;
    }
    Ok(())
}

fn line(chart: &mut Chart<'_, '_>, at: usize, points: Vec<(f64, f64)>) -> Result<(), Box<dyn Error>> {
    let style = ShapeStyle { color: colour(at).to_rgba(), filled: at.is_multiple_of(2), stroke_width: 2 };
    // Each point has a mark if there are few.
    let has_marks = points.len() <= 24;
    let marks: Vec<_> = if has_marks { points.clone() } else { Vec::new() };
    chart.draw_series(LineSeries::new(points, style))?;
    match at % 3 {
        0 => chart.draw_series(marks.into_iter().map(|point| Circle::new(point, 4, style)))?,
        1 => chart.draw_series(marks.into_iter().map(|point| TriangleMarker::new(point, 5, style)))?,
        _ => chart.draw_series(marks.into_iter().map(|point| Cross::new(point, 4, style)))?,
    };
    Ok(())
}

/// Horizontal bars, so that the names can be read.
fn bars(plot: &Plot, groups: &[String], series: &[(String, Vec<f64>)], area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let values = || series.iter().flat_map(|(_, values)| values).copied().filter(|value| value.is_finite());
    let longest = values().fold(0.0, f64::max).max(1e-9);
    let block = (series.len() + 1) as f64;
    let names = groups.iter().map(String::len).max().unwrap_or_default();
    let keys: Vec<_> = series.iter().map(|(name, _)| name.as_str()).collect();
    let below = headed(&plot.title, &keys, area)?;
    let mut chart = ChartBuilder::on(&below)
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
        .x_label_formatter(&|at| Number(*at).to_string())
        .draw()?;
    name_groups(&chart, groups, block, area)?;
    let height = block * groups.len() as f64;
    for (which, (_, values)) in series.iter().enumerate() {
        let top = |at: usize| height - block * at as f64 - 0.5 - which as f64;
        let style = colour(which).filled();
        let known = || values.iter().copied().enumerate().filter(|(_, value)| value.is_finite());
        chart
            .draw_series(known().map(|(at, value)| Rectangle::new([(0.0, top(at)), (value, top(at) - 0.85)], style)))?;
        let figure = |(at, value): (usize, f64)| {
            let style = (FONT, 12).into_font().into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
            EmptyElement::at((value, top(at) - 0.42)) + Text::new(Number(value).to_string(), (5, 0), style)
        };
        chart.draw_series(known().map(figure))?;
    }
    Ok(())
}

/// Writes the name of each group to its left.
fn name_groups(chart: &Bars<'_, '_>, groups: &[String], block: f64, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let beside = Pos::new(HPos::Right, VPos::Center);
    for (at, name) in groups.iter().enumerate() {
        let middle = block * (groups.len() - at) as f64 - block / 2.0;
        let (x, y) = chart.backend_coord(&(0.0, middle));
        area.draw(&Text::new(name.as_str(), (x - 8, y), (FONT, 13).into_font().into_text_style(area).pos(beside)))?;
    }
    Ok(())
}
