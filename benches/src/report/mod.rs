//! Measuring the claims, and writing the results: a table for the terminal, a page, plots, and all figures as JSON.

mod machine;
mod needs;
mod page;
mod plot;
mod run;
mod scale;

use std::{fmt::Write as _, fs, io, path::Path};

use capacity::Constants;
use serde::Serialize;

pub use self::{machine::Machine, needs::MissingProgram, run::Failure};
use crate::{
    claim::{Claim, Number},
    effort::Effort,
    section::Section,
};

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether it was a quick run, whose figures are not for quoting.
    pub is_quick: bool,
    /// The machine of the run.
    pub machine: Machine,
    /// The settings of the stores: the defaults, unless a section says otherwise.
    pub configuration: Vec<(String, String)>,
    /// The results.
    pub sections: Vec<Section>,
    /// The sections that could not be measured.
    pub failures: Vec<Failure>,
    /// The constants of this machine for the capacity model, if they were measured.
    pub constants: Option<Constants>,
}

impl Report {
    /// An empty report on this machine.
    fn new(effort: Effort) -> Self {
        Self {
            is_quick: effort == Effort::Quick,
            machine: Machine::this(),
            configuration: machine::configuration(),
            sections: Vec::new(),
            failures: Vec::new(),
            constants: None,
        }
    }

    /// All claims.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.sections.iter().flat_map(|section| &section.claims)
    }

    /// The number of claims that do not hold.
    pub fn missed(&self) -> usize {
        self.claims().filter(|claim| !claim.holds()).count()
    }

    /// A table with one line per claim.
    pub fn table(&self) -> String {
        let head = ["claim", "ours", "reference", "ratio", "95 % within this run", "target", ""].map(str::to_owned);
        let rows: Vec<[String; 7]> = std::iter::once(head).chain(self.claims().map(cells)).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..7).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let pad = width - cell.chars().count();
                // Numbers are aligned to the right.
                let (before, after) = if (1..=4).contains(&at) { (pad, 0) } else { (0, pad) };
                let _ = write!(text, "{:before$}{cell}{:after$}  ", "", "");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// Writes `report.json`, `report.md` and the plots.
    ///
    /// # Errors
    /// Those of the file system, and of drawing.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let json = serde_json::to_string_pretty(self)?;
        fs::write(folder.join("report.json"), json + "\n")?;
        for plot in self.sections.iter().flat_map(|section| &section.plots) {
            let path = folder.join(format!("{}.svg", plot.name));
            plot::draw(plot, &path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        }
        fs::write(folder.join("report.md"), page::markdown(self))
    }
}

fn cells(claim: &Claim) -> [String; 7] {
    let ratio = &claim.ratio;
    let interval =
        if ratio.samples > 1 { format!("{}-{}", Number(ratio.low), Number(ratio.high)) } else { String::new() };
    [
        claim.id.clone(),
        claim.ours.to_string(),
        claim.reference.to_string(),
        Number(ratio.median).to_string(),
        interval,
        claim.target.to_string(),
        verdict(claim),
    ]
}

/// The verdict, which says if the claim is so close to its target that another run may decide otherwise.
fn verdict(claim: &Claim) -> String {
    let verdict = if claim.holds() { "pass" } else { "MISS" };
    if claim.is_close() { format!("{verdict}, close") } else { verdict.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claim::{Figure, Ratio, Target},
        section::{Axis, Drawing, Plot, Series, Table},
    };

    fn claim(id: &str, ratio: Ratio) -> Claim {
        Claim {
            id: id.to_owned(),
            text: "Something | is quick".to_owned(),
            ours: Figure::new("ours", 1_234.5, "ns"),
            reference: Figure::new("theirs", 1_000.0, "ns"),
            ratio,
            target: Target::AtMost(1.0),
            missed_because: None,
        }
    }

    fn report() -> Report {
        let mut section = Section::new("Speed", "Measured.");
        section.claims.push(claim("a.b", Ratio { median: 0.9, low: 0.8, high: 1.1, samples: 40 }));
        section.claims.push(claim("a.c", Ratio::exact(5.0, 4.0)).missed_because("the reference does less", 1.0..=1.3));
        let mut table = Table::new("Times", ["what", "ns"]);
        table.row(["one".to_owned(), "2".to_owned()]);
        section.tables.push(table);
        let axes = || (Axis::logarithmic("nodes"), Axis::linear("hit rate"));
        let lines = |name: &str, points: &[(f64, f64)]| Series { name: name.to_owned(), points: points.to_vec() };
        let drawings = [
            Drawing::Lines(vec![lines("patched", &[(1.0, 0.5), (64.0, 0.6)]), lines("none", &[])]),
            Drawing::Bars { groups: vec!["x".to_owned()], series: vec![("y".to_owned(), vec![f64::NAN])] },
            Drawing::Lines(Vec::new()),
        ];
        for (at, drawing) in drawings.into_iter().enumerate() {
            let (x, y) = axes();
            section.plots.push(Plot { name: format!("plot-{at}"), title: "A <plot>".to_owned(), x, y, drawing });
        }
        let failures = vec![Failure { section: "others".to_owned(), why: "no server".to_owned() }];
        Report { sections: vec![section], failures, ..Report::new(Effort::Quick) }
    }

    #[test]
    fn a_line_for_each_claim_says_whether_it_holds() {
        let (report, table) = (report(), report().table());
        let ends: Vec<_> = table.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
        assert_eq!(ends, ["target", "pass, close", "MISS"], "{table}");
        assert_eq!(report.missed(), 1);
    }

    #[test]
    fn everything_is_written_even_without_figures() {
        let folder = tempfile::tempdir().unwrap();
        report().write(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
        assert_eq!(json["sections"][0]["claims"][1]["ratio"]["median"], 1.25);
        assert_eq!(json["sections"][0]["claims"][0]["verdict"], "pass");
        assert_eq!(
            (&json["failures"][0]["section"], json["machine"]["revision"].is_string()),
            (&"others".into(), true)
        );
        let page = read("report.md");
        assert!(page.contains("`others` could not be measured**: no server"), "{page}");
        assert!(page.contains("the reference does less") && page.contains("(plot-1.svg)"), "{page}");
        assert!(page.contains("Something \\| is quick"), "a bar must be escaped in a cell");
        for plot in 0..3 {
            let svg = read(&format!("plot-{plot}.svg"));
            assert!(svg.contains("A &lt;plot&gt;") && svg.ends_with("</svg>\n"), "{svg}");
        }
    }
}
