//! A part of the report: claims, and what is worth seeing beside them.

use serde::Serialize;

use crate::claim::Claim;

/// What was measured of one thing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// How it was measured: the configuration, the load, where the time runs from and to.
    pub method: String,
    /// The claims.
    pub claims: Vec<Claim>,
    /// Further figures.
    pub tables: Vec<Table>,
    /// Pictures of them.
    pub plots: Vec<Plot>,
}

impl Section {
    /// Nothing yet.
    pub fn new(title: &str, method: impl Into<String>) -> Self {
        Self { title: title.to_owned(), method: method.into(), ..Self::default() }
    }
}

/// Figures in rows.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What it shows, with units.
    pub title: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// The cells, as text.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub fn new<'a>(title: impl Into<String>, head: impl IntoIterator<Item = &'a str>) -> Self {
        Self { title: title.into(), head: head.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    /// One more.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// A picture: lines over numbers, or bars over names.
#[derive(Clone, Debug, Serialize)]
pub struct Plot {
    /// The file's name without its ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What stands below, with its unit.
    pub x: Axis,
    /// What stands at the side, with its unit.
    pub y: Axis,
    /// What is drawn.
    pub drawing: Drawing,
}

/// One side of a plot.
#[derive(Clone, Debug, Serialize)]
pub struct Axis {
    /// The quantity and its unit.
    pub label: String,
    /// Whether each step multiplies.
    pub is_logarithmic: bool,
}

impl Axis {
    /// Each step adds.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), is_logarithmic: false }
    }

    /// Each step multiplies.
    pub fn logarithmic(label: &str) -> Self {
        Self { label: label.to_owned(), is_logarithmic: true }
    }
}

/// What a plot consists of.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drawing {
    /// A line for each series.
    Lines(Vec<Series>),
    /// A bar for each name; groups of them side by side, one bar for each series.
    Bars {
        /// The groups, from left to right.
        groups: Vec<String>,
        /// The bars of each group: as many values as there are groups.
        series: Vec<(String, Vec<f64>)>,
    },
}

/// Points that belong together.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// What they are of.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}
