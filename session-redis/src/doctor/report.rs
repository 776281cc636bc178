//! The findings of an inspection.

use std::fmt;

use super::{Finding, Severity};

/// The findings of an inspection, the most severe first. `Display` formats them for a terminal, and merges the same finding
/// at several servers.
#[derive(Clone, Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        // The sort is stable, so findings of one severity stay in the order of the checks.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { findings }
    }

    /// The findings, the most severe first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The highest severity; [`Severity::Ok`] if there are no findings.
    pub fn worst(&self) -> Severity {
        self.findings.first().map_or(Severity::Ok, Finding::severity)
    }

    /// The number of findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<(&Finding, Vec<&str>)> = Vec::new();
        for finding in &self.findings {
            match groups.iter_mut().find(|(first, _)| same(first, finding)) {
                Some((_, nodes)) => nodes.push(&finding.node),
                None => groups.push((finding, vec![&finding.node])),
            }
        }
        for (Finding { severity, check, found, remedy, .. }, nodes) in groups {
            writeln!(f, "{severity:<9}{check:<21}{}", nodes.join(", "))?;
            paragraph(f, "         ", found)?;
            if !remedy.is_empty() {
                paragraph(f, "      -> ", remedy)?;
            }
        }
        let count = |severity| self.count(severity);
        let (critical, warnings) = (count(Severity::Critical), count(Severity::Warning));
        writeln!(
            f,
            "{critical} critical, {warnings} warnings, {} notes, {} ok",
            count(Severity::Info),
            count(Severity::Ok)
        )
    }
}

fn same(one: &Finding, other: &Finding) -> bool {
    (one.severity, one.check, &one.found, &one.remedy) == (other.severity, other.check, &other.found, &other.remedy)
}

/// Wraps a text between words, to fit a terminal of 100 columns.
fn paragraph(f: &mut fmt::Formatter<'_>, start: &str, text: &str) -> fmt::Result {
    const COLUMNS: usize = 100;
    let mut column = start.len();
    f.write_str(start)?;
    for (number, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if number > 0 && column + 1 + width > COLUMNS {
            write!(f, "\n{:9}", "")?;
            column = 9;
        } else if number > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += width;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, node: &str, remedy: &str) -> Finding {
        let found = "maxmemory-policy is allkeys-lru".to_owned();
        Finding { severity, check: "eviction", found, remedy: remedy.to_owned(), node: node.to_owned() }
    }

    #[test]
    fn severest_first_and_duplicates_merged() {
        let report = Report::new(vec![
            finding(Severity::Ok, "a:1", ""),
            finding(Severity::Critical, "a:1", "set noeviction"),
            finding(Severity::Critical, "b:2", "set noeviction"),
        ]);
        let text = "CRITICAL eviction             a:1, b:2\n         maxmemory-policy is allkeys-lru\n      -> set noeviction\n\
                    ok       eviction             a:1\n         maxmemory-policy is allkeys-lru\n\
                    2 critical, 0 warnings, 0 notes, 1 ok\n";
        assert_eq!(report.to_string(), text);
        assert_eq!((report.worst(), report.count(Severity::Critical)), (Severity::Critical, 2));
    }

    #[test]
    fn long_lines_are_wrapped() {
        let report = Report::new(vec![finding(Severity::Info, "a:1", &"word ".repeat(60))]);
        assert!(report.to_string().lines().all(|line| line.len() <= 100), "{report}");
    }
}
