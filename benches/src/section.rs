//! A part of the report: claims, and the tables and plots beside them.

use serde::Serialize;

use crate::claim::Claim;

/// The results for one subject.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The method: the configuration, the load, the start and the end of the timed interval.
    pub method: String,
    /// The claims.
    pub claims: Vec<Claim>,
    /// Further figures.
    pub tables: Vec<Table>,
    /// The plots.
    pub plots: Vec<Plot>,
}

impl Section {
    /// An empty section.
    pub fn new(title: &str, method: impl Into<String>) -> Self {
        Self { title: title.to_owned(), method: method.into(), ..Self::default() }
    }
}

/// A table of figures.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The contents, with units.
    pub title: String,
    /// The column headings.
    pub head: Vec<String>,
    /// The cells, as text.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new<'a>(title: impl Into<String>, head: impl IntoIterator<Item = &'a str>) -> Self {
        Self { title: title.into(), head: head.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// A plot: lines over numbers, or bars over names.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    /// The file name without its extension.
    pub name: String,
    /// The title.
    pub title: String,
    /// The horizontal axis, with its unit.
    pub x: Axis,
    /// The vertical axis, with its unit.
    pub y: Axis,
    /// The lines or bars.
    pub drawing: Drawing,
}

/// An axis of a plot.
#[derive(Clone, Debug, Serialize)]
pub struct Axis {
    /// The quantity and its unit.
    pub label: String,
    /// Whether each step multiplies.
    pub is_logarithmic: bool,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), is_logarithmic: false }
    }

    /// A logarithmic axis.
    pub fn logarithmic(label: &str) -> Self {
        Self { label: label.to_owned(), is_logarithmic: true }
    }
}

/// The contents of a plot.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawing {
    /// A line for each series.
    Lines(Vec<Series>),
    /// A bar per name. The groups are side by side, with one bar per series.
    Bars {
        /// The groups, from left to right.
        groups: Vec<String>,
        /// The bars of each group: one value per group.
        series: Vec<(String, Vec<f64>)>,
    },
}

/// The points of one line.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// The points, from left to right.
    pub points: Vec<(f64, f64)>,
}
