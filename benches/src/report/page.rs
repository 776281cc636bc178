//! The page `report.md`.

use std::fmt::Write as _;

use super::{Report, verdict};
use crate::{
    claim::{Claim, Number},
    section::{Section, Table},
};

/// The whole report as markdown. Plots are referred to by name.
pub(super) fn markdown(report: &Report) -> String {
    let mut page = String::from("# Report\n\n");
    let machine = &report.machine;
    let _ = writeln!(
        page,
        "Written by `cargo run --release -p session-benches --bin report{}`.\n",
        if report.is_quick { " -- --quick" } else { "" }
    );
    if report.is_quick {
        page.push_str("A quick run: the ratios are valid within their intervals; the figures are not for quoting.\n\n");
    }
    let _ = writeln!(
        page,
        "{} processors ({}), {}, {}. Revision {}.\n\nA ratio is our figure divided by the reference, taken round by \
         round in turn; its median decides. The 95 % interval beside it is the uncertainty of that median **within \
         this run**: two runs on one machine may differ by more, and some had disjoint intervals. For fewer than six \
         ratios it spans the smallest to the largest. \"Close\" marks a ratio that is within 5 % of its target, or \
         whose interval contains the target: another run may decide otherwise. Lower is better for times, higher for \
         throughputs.\n",
        machine.processors, machine.processor, machine.compiler, machine.server, machine.revision
    );
    for failure in &report.failures {
        let _ = writeln!(page, "**`{}` could not be measured**: {}.\n", failure.section, failure.why);
    }
    page.push_str("## Claims\n\n| claim | what | ours | reference | ratio | 95 % within this run | target | |\n|---|---|---|---|---|---|---|---|\n");
    report.claims().for_each(|claim| line(&mut page, claim));
    for section in &report.sections {
        write_section(&mut page, section);
    }
    page.push_str("\n## Configuration\n\nThe defaults, except where a section says otherwise:\n\n| setting | value |\n|---|---|\n");
    for (name, value) in &report.configuration {
        let _ = writeln!(page, "| {name} | {} |", cell(value));
    }
    page
}

fn line(page: &mut String, claim: &Claim) {
    let ratio = &claim.ratio;
    let interval =
        if ratio.samples > 1 { format!("{} to {}", Number(ratio.low), Number(ratio.high)) } else { String::new() };
    let _ = writeln!(
        page,
        "| `{}` | {} | {}: {} | {}: {} | {} | {interval} | {} | {} |",
        claim.id,
        cell(&claim.text),
        cell(&claim.ours.of),
        claim.ours,
        cell(&claim.reference.of),
        claim.reference,
        Number(ratio.median),
        claim.target,
        if claim.holds() { verdict(claim) } else { format!("**{}**", verdict(claim)) },
    );
}

fn write_section(page: &mut String, section: &Section) {
    let _ = writeln!(page, "\n## {}\n\n{}", section.title, section.method);
    for claim in &section.claims {
        if let Some(reason) = claim.reason() {
            let _ = writeln!(page, "\n**`{}` is missed**: {reason}.", claim.id);
        }
    }
    for plot in &section.plots {
        let _ = writeln!(page, "\n![{}]({}.svg)", plot.title, plot.name);
    }
    section.tables.iter().for_each(|table| write_table(page, table));
}

fn write_table(page: &mut String, table: &Table) {
    let _ = writeln!(page, "\n{}:\n\n| {} |", table.title, table.head.join(" | "));
    let _ = writeln!(page, "|{}", "---|".repeat(table.head.len()));
    for row in &table.rows {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

/// Escapes bars, which would end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
