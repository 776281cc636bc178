//! Online Retail: cart lines of a UK online gift shop (UCI, doi 10.24432/C5BW33, CC BY 4.0).
//!
//! - A session per customer; where the customer is blank, a guest's, one per invoice.
//! - A line is a keyed entry of the cart. Its key bears its line number, so no two collapse into one.
//! - A negative line takes back the last line of that customer and article that is still there. If all are gone, it
//!   takes back the last one again, which changes nothing. If there never was one, it is a request that finds nothing
//!   to take back and only reads.
//! - The last line of an invoice is followed by its checkout. A guest then signs out.

use std::{collections::HashMap, io::BufRead};

use csv::{ReaderBuilder, StringRecord};

use super::TraceError;
use crate::plan::{Planner, SessionNo};

const COLUMNS: [&str; 7] = ["time", "invoice", "customer", "stock_code", "quantity", "unit_price", "country"];

struct Row {
    number: u32,
    invoice: String,
    customer: String,
    article: String,
    quantity: i32,
}

pub(super) fn plan(input: Box<dyn BufRead>, lines: u32, planner: &mut Planner) -> Result<(), TraceError> {
    let rows = rows(input, lines)?;
    // An invoice may be interrupted by another one: its end is its last line, not the next invoice's first.
    let ends: HashMap<&str, u32> = rows.iter().map(|row| (row.invoice.as_str(), row.number)).collect();
    let mut sessions: HashMap<(&str, &str), SessionNo> = HashMap::new();
    for row in &rows {
        let guest = row.customer.is_empty();
        let owner = if guest { ("invoice", row.invoice.as_str()) } else { ("customer", row.customer.as_str()) };
        let session = *sessions.entry(owner).or_insert_with(|| planner.begin(0));
        let article = planner.article(&row.article);
        if row.quantity < 0 {
            planner.take_back(session, article);
        } else {
            planner.add(session, article, row.number, row.quantity);
        }
        if ends.get(row.invoice.as_str()) == Some(&row.number) {
            planner.checkout(session, &row.invoice);
            if guest {
                planner.logout(session, article);
            }
        }
    }
    Ok(())
}

fn rows(input: Box<dyn BufRead>, lines: u32) -> Result<Vec<Row>, TraceError> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(input);
    let mut record = StringRecord::new();
    if !next(&mut reader, &mut record)? || !record.iter().eq(COLUMNS) {
        return Err(TraceError::at(1, format!("expected the header {}", COLUMNS.join(","))));
    }
    let mut rows = Vec::new();
    while (rows.len() as u64) < u64::from(lines) && next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(row(&record, line).map_err(|message| TraceError::at(line, message))?);
    }
    Ok(rows)
}

fn next(reader: &mut csv::Reader<Box<dyn BufRead>>, record: &mut StringRecord) -> Result<bool, TraceError> {
    reader.read_record(record).map_err(|error| {
        // A file that breaks off has no record to name, only a place.
        let line = error.position().unwrap_or(reader.position()).line();
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("{len} columns, expected {expected_len}")
            }
            csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        TraceError::at(line, message)
    })
}

fn row(record: &StringRecord, line: u64) -> Result<Row, String> {
    // The reader has seen to it that a record has as many columns as the header.
    let column = |at: usize| record.get(at).unwrap_or_default().to_owned();
    let filled = |at: usize| match column(at) {
        text if text.is_empty() => Err(format!("no {}", COLUMNS[at])),
        text => Ok(text),
    };
    Ok(Row {
        number: u32::try_from(line).map_err(|_| "too many lines".to_owned())?,
        invoice: filled(1)?,
        customer: column(2),
        article: filled(3)?,
        quantity: filled(4)?.parse().map_err(|error| format!("quantity {:?}: {error}", column(4)))?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::plan::{Plan, Task};

    const HEADER: &str = "time,invoice,customer,stock_code,quantity,unit_price,country\n";

    fn planned(lines: &str) -> Result<Plan, String> {
        let mut planner = Planner::default();
        let input = Box::new(Cursor::new(format!("{HEADER}{lines}").into_bytes()));
        plan(input, u32::MAX, &mut planner).map_err(|error| error.to_string())?;
        Ok(planner.finish())
    }

    #[test]
    fn malformed_lines_are_named() {
        for (lines, message) in [
            ("t,1,c,a,2,1.0,UK\nt,1,c,a,two,1.0,UK\n", "line 3: quantity \"two\": invalid digit found in string"),
            ("t,1,c,a,2,1.0,UK\nt,1,c,a,2\n", "line 3: 5 columns, expected 7"),
            ("t,,c,a,2,1.0,UK\n", "line 2: no invoice"),
            ("t,1,c,,2,1.0,UK\n", "line 2: no stock_code"),
            ("t,1,c,a,,1.0,UK\n", "line 2: no quantity"),
            (
                "t,1,c,a,99999999999,1.0,UK\n",
                "line 2: quantity \"99999999999\": number too large to fit in target type",
            ),
        ] {
            assert_eq!(planned(lines).map(|_| ()), Err(message.to_owned()));
        }
    }

    #[test]
    fn a_wrong_header_is_named() {
        let input = Box::new(Cursor::new(b"a,b\n".to_vec()));
        let error = plan(input, u32::MAX, &mut Planner::default()).unwrap_err();
        assert!(error.to_string().starts_with("line 1: expected the header time,invoice"), "{error}");
    }

    #[test]
    fn a_negative_line_takes_back_an_earlier_one_of_the_same_customer_and_article() {
        let plan = planned(
            "t,1,c,a,2,1.0,UK\nt,1,c,a,3,1.0,UK\nt,1,c,b,4,1.0,UK\nt,2,d,a,5,1.0,UK\n\
             t,C3,c,a,-1,1.0,UK\nt,C3,c,z,-1,1.0,UK\n",
        )
        .unwrap();
        let removals: Vec<u32> = plan
            .steps
            .iter()
            .filter_map(|step| match step.task {
                Task::Remove { line, .. } => Some(line),
                _ => None,
            })
            .collect();
        assert_eq!(removals, [3], "the last line of the customer and article, header included");
        assert_eq!((plan.counts.removals, plan.counts.unmatched), (1, 1));
        assert_eq!(plan.expected.iter().map(|session| session.lines.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn guests_have_a_session_per_invoice_that_ends_with_its_last_line() {
        let plan = planned("t,1,,a,2,1.0,UK\nt,2,,a,3,1.0,UK\nt,1,,b,4,1.0,UK\n").unwrap();
        assert_eq!(plan.expected.len(), 2);
        assert!(plan.expected.iter().all(|session| session.ended && session.orders.len() == 1));
        assert_eq!(plan.expected[0].lines.len(), 2);
        assert_eq!(plan.counts.logouts, 2);
    }
}
