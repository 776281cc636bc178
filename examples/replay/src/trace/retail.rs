//! Online Retail: cart lines of a UK online gift shop (UCI, doi 10.24432/C5BW33, CC BY 4.0).
//!
//! - Each customer has one session. A blank customer is a guest, with one session per invoice.
//! - A line is a keyed entry of the cart. Its key contains its line number, so no two lines share a key.
//! - A negative line removes the last remaining line of that customer and article. If all are removed already, it removes
//!   the last one again, which changes nothing. If there never was one, the request only reads.
//! - The last line of an invoice is followed by its checkout. A guest then signs out.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{self, BufRead, Read},
    rc::Rc,
};

use csv::{ReaderBuilder, StringRecord};
use session_core::model::Key;

use super::recorded::{MOST_LINES, TraceError};
use crate::plan::{Planner, SessionNo};

/// The longest record allowed, in bytes.
const LONGEST_RECORD: u64 = 1_024 * 1_024;
const COLUMNS: [&str; 7] = ["time", "invoice", "customer", "stock_code", "quantity", "unit_price", "country"];

struct Row {
    number: u32,
    invoice: String,
    customer: String,
    article: String,
    quantity: i32,
}

pub(super) fn plan(input: Box<dyn BufRead>, lines: Option<u32>, planner: &mut Planner) -> Result<(), TraceError> {
    let rows = rows(input, lines)?;
    // Invoices may interleave: an invoice ends with its last line, not where the next one starts.
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

/// Records are numbered by counting, including the header: the reader's own line numbers do not advance at a bare
/// carriage return.
fn rows(input: Box<dyn BufRead>, lines: Option<u32>) -> Result<Vec<Row>, TraceError> {
    let mut records = Records::new(input);
    if !records.next()? || !records.record.iter().eq(COLUMNS) {
        return Err(TraceError::at(1, format!("expected the header {}", COLUMNS.join(","))));
    }
    let most = lines.unwrap_or(MOST_LINES);
    let mut rows = Vec::new();
    while (rows.len() as u64) < u64::from(most) && records.next()? {
        let number = records.number;
        rows.push(row(&records.record, number).map_err(|message| TraceError::at(number, message))?);
    }
    if rows.is_empty() {
        return Err(TraceError::new("no lines"));
    }
    if lines.is_none() && rows.len() as u64 == u64::from(most) && records.next()? {
        return Err(TraceError::too_long());
    }
    Ok(rows)
}

struct Records {
    reader: csv::Reader<Metered>,
    /// Bytes read since the last record.
    read: Rc<Cell<u64>>,
    record: StringRecord,
    number: u64,
}

/// Counts the bytes read, so that an endless record cannot fill the memory.
struct Metered {
    input: Box<dyn BufRead>,
    read: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read.get() > LONGEST_RECORD {
            return Err(io::Error::other(format!("a record of more than {LONGEST_RECORD} bytes")));
        }
        let count = self.input.read(into)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

impl Records {
    fn new(input: Box<dyn BufRead>) -> Self {
        let read = Rc::new(Cell::new(0));
        let metered = Metered { input, read: read.clone() };
        let reader = ReaderBuilder::new().has_headers(false).from_reader(metered);
        Self { reader, read, record: StringRecord::new(), number: 0 }
    }

    fn next(&mut self) -> Result<bool, TraceError> {
        self.number += 1;
        let is_one = self.reader.read_record(&mut self.record).map_err(|error| {
            let message = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("{len} columns, expected {expected_len}")
                }
                csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
                _ => error.to_string(),
            };
            TraceError::at(self.number, message)
        });
        self.read.set(0);
        is_one
    }
}

fn row(record: &StringRecord, number: u64) -> Result<Row, String> {
    // The reader guarantees that a record has as many columns as the header.
    let column = |at: usize| record.get(at).unwrap_or_default().to_owned();
    let filled = |at: usize| match column(at) {
        text if text.is_empty() => Err(format!("no {}", COLUMNS[at])),
        // It becomes part of a key, possibly with a line number appended.
        text if Key::new(&format!("{text}:{}", u32::MAX)).is_err() => Err(format!("{} is too long", COLUMNS[at])),
        text => Ok(text),
    };
    Ok(Row {
        number: u32::try_from(number).map_err(|_| "too many lines".to_owned())?,
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
        plan(input, None, &mut planner).map_err(|error| error.to_string())?;
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
            ("t,1,c,a,1,1.0,UK\rt,1,c,a,no,1.0,UK\r", "line 3: quantity \"no\": invalid digit found in string"),
            (&format!("t,1,c,{},1,1.0,UK\n", "a".repeat(1_020)), "line 2: stock_code is too long"),
            (&format!("t,1,c,a,1,1.0,\"{}\"\n", "a\n".repeat(600_000)), "line 2: a record of more than 1048576 bytes"),
            ("", "no lines"),
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
        let error = plan(input, None, &mut Planner::default()).unwrap_err();
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

    /// The line number distinguishes the lines of a cart.
    #[test]
    fn lines_that_end_in_bare_carriage_returns_have_numbers_of_their_own() {
        let plan = planned("t,1,c,a,2,1.0,UK\rt,1,c,a,3,1.0,UK\r").unwrap();
        let numbers: Vec<u32> = plan.expected[0].lines.iter().map(|(_, line, _)| *line).collect();
        assert_eq!(numbers, [2, 3]);
    }
}
