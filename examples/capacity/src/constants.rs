//! The measured costs of single operations.

use serde::{Deserialize, Serialize};

use super::{Invalid, Workload};

/// The costs of single operations on one machine. [`Constants::default`] returns those of the last full run of the
/// benches' report; every run measures them again and writes them as `constants`.
///
/// The server's processor time is split in two: the work for each request or message, and the system calls around it.
/// The number of requests that a server finds in one read, and of messages that it puts into one write, depends on its
/// load. All figures are medians, so none relies on the lower costs of a quiet moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constants {
    /// The machine on which they were measured.
    pub machine: String,
    /// A load: microseconds of the server, excluding system calls, entries and bytes.
    pub load_us: f64,
    /// Each entry of the session adds this to a load.
    pub load_entry_us: f64,
    /// Each byte of its names and values adds this.
    pub load_byte_us: f64,
    /// A conditional load that finds the stamp unchanged.
    pub conditional_us: f64,
    /// An update of one field, excluding the messages to subscribers.
    pub apply_us: f64,
    /// A renewal of the idle deadline.
    pub touch_us: f64,
    /// A new session, excluding its entries.
    pub create_us: f64,
    /// Each of its entries adds this.
    pub create_entry_us: f64,
    /// A destroy.
    pub destroy_us: f64,
    /// A heartbeat.
    pub heartbeat_us: f64,
    /// One read of a connection's requests, with the write of the answers.
    pub call_us: f64,
    /// The overhead of one turn of the event loop: waking up and waiting. A request that arrives alone has its own turn.
    pub turn_us: f64,
    /// The extra time of the first script of a turn, whose interpreter's memory is no longer in the processor's caches.
    pub script_us: f64,
    /// One message for one subscriber.
    pub message_us: f64,
    /// The system call that sends pending messages to a subscriber.
    pub write_us: f64,
    /// One change received by a node without a copy of the session: microseconds of the node.
    pub hear_us: f64,
    /// The time from the start of an update until another node receives it, in microseconds, on idle machines.
    pub heard_after_us: f64,
    /// The bytes of a session in Redis, excluding its entries, while Redis stores it as a listpack.
    pub redis_session_bytes: f64,
    /// The bytes of each entry there, excluding its name and value.
    pub redis_entry_bytes: f64,
    /// The bytes there for each byte of names and values.
    pub redis_bytes_per_byte: f64,
    /// The bytes of a session in Redis, excluding its entries, when Redis stores it as a hash table: see
    /// [`Workload::is_table`].
    pub table_session_bytes: f64,
    /// The bytes of each entry there, excluding its name and value.
    pub table_entry_bytes: f64,
    /// The bytes there for each byte of names and values.
    pub table_bytes_per_byte: f64,
    /// The bytes of a copy on a node, excluding its entries.
    pub copy_bytes: f64,
    /// The bytes of each entry there, excluding its name and value.
    pub copy_entry_bytes: f64,
    /// The bytes there for each byte of names and values.
    pub copy_bytes_per_byte: f64,
    /// A load on the wire, both directions, excluding entries.
    pub load_wire_bytes: f64,
    /// Each entry adds this, excluding its name and value.
    pub load_entry_wire_bytes: f64,
    /// A conditional load that finds no change, both directions.
    pub conditional_wire_bytes: f64,
    /// An update, both directions, excluding its delta, which is sent twice: for the session and for the message.
    pub apply_wire_bytes: f64,
    /// A touch, both directions.
    pub touch_wire_bytes: f64,
    /// A message, excluding its delta.
    pub message_wire_bytes: f64,
    /// A heartbeat, both directions.
    pub heartbeat_wire_bytes: f64,
}

/// The constants of the last full run: the object `constants` of its `report.json`.
const LAST_RUN: &str = include_str!("constants.json");

impl Default for Constants {
    #[expect(clippy::expect_used, reason = "a test reads the file, which is part of the program")]
    fn default() -> Self {
        serde_json::from_str(LAST_RUN).expect("the constants of the last run are complete")
    }
}

impl Constants {
    /// Microseconds of the server for a load of one session, excluding system calls.
    pub fn load(&self, workload: &Workload) -> f64 {
        self.load_us + self.load_entry_us * workload.entries + self.load_byte_us * workload.session_bytes
    }

    /// Microseconds of the server for a new session, excluding system calls.
    pub fn create(&self, workload: &Workload) -> f64 {
        self.create_us + self.create_entry_us * workload.entries
    }

    /// Bytes of a session in Redis.
    pub fn stored(&self, workload: &Workload) -> f64 {
        let (session, entry, byte) = if workload.is_table() {
            (self.table_session_bytes, self.table_entry_bytes, self.table_bytes_per_byte)
        } else {
            (self.redis_session_bytes, self.redis_entry_bytes, self.redis_bytes_per_byte)
        };
        session + entry * workload.entries + byte * workload.session_bytes
    }

    /// Bytes of a copy on a node.
    pub fn copied(&self, workload: &Workload) -> f64 {
        self.copy_bytes + self.copy_entry_bytes * workload.entries + self.copy_bytes_per_byte * workload.session_bytes
    }
}

impl Constants {
    /// Reads the constants of a report: the object `constants`.
    ///
    /// # Errors
    /// If the text is not JSON or has no such object, or if a figure in it is missing, negative or not a number.
    pub fn of_report(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: String| Invalid::new("constants", why);
        let mut report: serde_json::Value =
            serde_json::from_str(text).map_err(|error| invalid(format!("the report is not JSON: {error}")))?;
        let constants = report.get_mut("constants").map(serde_json::Value::take);
        let constants = constants.ok_or_else(|| invalid("the report has no object named `constants`".to_owned()))?;
        let figures = constants.clone();
        let constants = serde_json::from_value(constants).map_err(|error| invalid(error.to_string()))?;
        for (name, figure) in figures.as_object().into_iter().flatten() {
            if figure.as_f64().is_some_and(|figure| figure < 0.0) {
                return Err(invalid(format!("`{name}` is negative")));
            }
        }
        Ok(constants)
    }
}

#[cfg(test)]
impl Constants {
    /// Fixed figures of no machine, so that the tests do not depend on the last run.
    pub(super) fn of_tests() -> Self {
        Self {
            machine: "none".to_owned(),
            load_us: 1.5,
            load_entry_us: 0.17,
            load_byte_us: 0.0004,
            conditional_us: 2.0,
            apply_us: 13.0,
            touch_us: 9.0,
            create_us: 18.0,
            create_entry_us: 0.6,
            destroy_us: 13.0,
            heartbeat_us: 0.6,
            call_us: 7.0,
            turn_us: 8.0,
            script_us: 4.0,
            message_us: 0.3,
            write_us: 4.0,
            hear_us: 1.2,
            heard_after_us: 175.0,
            redis_session_bytes: 280.0,
            redis_entry_bytes: 5.0,
            redis_bytes_per_byte: 1.05,
            table_session_bytes: 700.0,
            table_entry_bytes: 60.0,
            table_bytes_per_byte: 1.05,
            copy_bytes: 660.0,
            copy_entry_bytes: 66.0,
            copy_bytes_per_byte: 1.0,
            load_wire_bytes: 360.0,
            load_entry_wire_bytes: 11.0,
            conditional_wire_bytes: 264.0,
            apply_wire_bytes: 392.0,
            touch_wire_bytes: 245.0,
            message_wire_bytes: 159.0,
            heartbeat_wire_bytes: 58.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_a_report_are_read() {
        let constants = Constants { load_us: 3.5, ..Constants::default() };
        let text = serde_json::json!({ "claims": [], "constants": constants }).to_string();
        assert_eq!(Constants::of_report(&text), Ok(constants));
    }

    /// After a new full run, `ADOPT_REPORT=1 cargo test -p capacity --lib last_full_run` writes its constants into the
    /// file.
    #[test]
    fn the_built_in_ones_are_those_of_the_last_full_run() {
        let report = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/report/report.json");
        let measured = Constants::of_report(&std::fs::read_to_string(report).unwrap()).unwrap();
        if std::env::var_os("ADOPT_REPORT").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/constants.json");
            return std::fs::write(file, serde_json::to_string_pretty(&measured).unwrap() + "\n").unwrap();
        }
        assert_eq!(Constants::default(), measured);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let mut negative = serde_json::json!({ "constants": Constants::default() });
        negative["constants"]["load_us"] = (-1.0).into();
        let mut missing = serde_json::json!({ "constants": Constants::default() });
        missing["constants"].as_object_mut().unwrap().remove("touch_us");
        for (text, message) in [
            ("{", "not JSON"),
            ("{}", "no object named `constants`"),
            (&missing.to_string(), "missing field `touch_us`"),
            (&negative.to_string(), "`load_us` is negative"),
        ] {
            let error = Constants::of_report(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
