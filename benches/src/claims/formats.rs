//! The formats of values, compared with each other.

use crate::{
    claim::{Claim, Figure, Number, Ratio, Target},
    effort::Effort,
    formats::{Case, FORMATS, ReadBack, Typical, cases, typical},
    in_turn::{Costs, InTurn, each},
    section::{Section, Table},
};

const DEFAULT: &str = FORMATS[0];
const OTHER: &str = FORMATS[1];
/// The values whose sizes and times are claims.
const CLAIMED: [&str; 2] = ["struct", "list"];
/// The bytes that one batch encodes or decodes.
const BATCH: usize = 200_000;

/// Compares the default with MessagePack, the other format that describes itself, and with the compact formats.
pub(super) fn compare(section: &mut Section, effort: Effort) {
    let mut sizes = Table::new("Sizes of values by format, bytes", ["value"].into_iter().chain(FORMATS));
    let head = ["value", "", "JSON, ns"].into_iter().map(str::to_owned);
    let mut times = Table::new("Times of the formats, against those of JSON in the same rounds", []);
    times.head = head.chain(FORMATS[1..].iter().map(|format| format!("{format} / JSON"))).collect();
    for value in typical() {
        let bytes = FORMATS.map(|format| value.of(format).bytes.to_string());
        sizes.row([value.name.to_owned()].into_iter().chain(bytes));
        if CLAIMED.contains(&value.id) {
            section.claims.push(size(&value));
        }
        for (way, verb) in [("encode", "Encoding"), ("decode", "Decoding")] {
            let costs = time(&value, way, effort);
            if CLAIMED.contains(&value.id) {
                let text = format!("{verb} {} in {DEFAULT} through `Codecs`, against {OTHER} by rmp-serde", value.name);
                let id = format!("format.{way}.{}", value.id);
                section.claims.push(costs.claim(id, &text, (DEFAULT, OTHER), bound(way)));
            }
            let ratios = FORMATS[1..].iter().map(|format| Number(costs.ratio(format, DEFAULT).median).to_string());
            let head = [value.name.to_owned(), way.to_owned(), Number(costs.median(DEFAULT)).to_string()];
            times.row(head.into_iter().chain(ratios));
        }
    }
    section.tables.extend([sizes, times]);
    let cases = cases();
    section.claims.push(wrong(&cases));
    let mut table = Table::new("What becomes of a value", ["value"].into_iter().chain(FORMATS));
    for case in &cases {
        let results = case.results.iter().map(ReadBack::to_string);
        table.row([case.name.to_owned()].into_iter().chain(results));
    }
    section.tables.push(table);
}

fn bound(way: &str) -> Target {
    Target::AtMost(if way == "encode" { 4.5 } else { 3.0 })
}

fn time(value: &Typical, way: &str, effort: Effort) -> Costs {
    let all = FORMATS.iter().fold(InTurn::new("ns"), |comparison, format| {
        let it = value.of(format);
        let batch = (BATCH / value.of(DEFAULT).bytes) as u32;
        comparison.subject(*format, move || match way {
            "encode" => each(batch, || it.encode()),
            _ => each(batch, || it.decode()),
        })
    });
    all.until_decided(DEFAULT, OTHER, bound(way)).run(effort)
}

fn size(value: &Typical) -> Claim {
    let [ours, reference] = [DEFAULT, OTHER].map(|format| value.of(format).bytes as f64);
    Claim {
        id: format!("format.size.{}", value.id),
        text: format!("Size of {} in {DEFAULT}, against {OTHER} with the names of fields", value.name),
        ours: Figure::new(DEFAULT, ours, "B"),
        reference: Figure::new(OTHER, reference, "B"),
        ratio: Ratio::exact(ours, reference),
        target: Target::AtMost(1.6),
        missed_because: None,
    }
}

/// Counts the values that are wrong without an error.
fn wrong(cases: &[Case]) -> Claim {
    let count = |format: usize| cases.iter().filter(|case| case.results[format] == ReadBack::Wrong).count() as f64;
    let [ours, reference] = [0, 1].map(count);
    Claim {
        id: "format.wrong".to_owned(),
        text: format!(
            "Values, of the {} in the table, that are read as something else without an error in {DEFAULT}, against \
             {OTHER}",
            cases.len()
        ),
        ours: Figure::new(DEFAULT, ours, ""),
        reference: Figure::new(OTHER, reference, ""),
        ratio: Ratio::exact(ours, reference),
        target: Target::AtMost(0.0),
        missed_because: None,
    }
}
