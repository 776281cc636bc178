//! What single things cost, measured.

use serde::{Deserialize, Serialize};

use super::Invalid;

/// Costs of single operations on one machine. [`Constants::default`] has those of the machine that it names; the report of
/// the benches measures them anew and writes them down as `constants`.
///
/// Processor time of the server is split in two, because how many requests a server finds in one read, and how many
/// messages it puts in one write, depends on how busy it is: what is done for each request or message, and the system
/// calls around them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constants {
    /// Where they were measured.
    pub machine: String,
    /// A load of a session of 8 fields: microseconds of the server, without system calls.
    pub load_us: f64,
    /// A load that finds the stamp that it knows.
    pub conditional_us: f64,
    /// An update of one field, without what subscribers cost.
    pub apply_us: f64,
    /// A renewal of the idle deadline.
    pub touch_us: f64,
    /// A new session of 8 fields.
    pub create_us: f64,
    /// The end of a session.
    pub destroy_us: f64,
    /// A heartbeat.
    pub heartbeat_us: f64,
    /// The system calls of one request that comes by itself: what it takes of a server more than one among many.
    pub call_us: f64,
    /// One message for one subscriber.
    pub message_us: f64,
    /// The system call that sends a subscriber what there is for it.
    pub write_us: f64,
    /// One change heard by a node that has no copy of the session: microseconds of the node.
    pub hear_us: f64,
    /// From the start of an update to its being heard, in microseconds, with nothing else to do for anyone.
    pub heard_after_us: f64,
    /// What a session takes in Redis besides its names and values.
    pub redis_session_bytes: f64,
    /// What each byte of its names and values takes there.
    pub redis_bytes_per_byte: f64,
    /// What a copy takes in a node besides names and values.
    pub copy_bytes: f64,
    /// What each byte of its names and values takes there.
    pub copy_bytes_per_byte: f64,
    /// A load on the wire, both ways, besides names and values.
    pub load_wire_bytes: f64,
    /// A conditional load that finds no change, both ways.
    pub conditional_wire_bytes: f64,
    /// An update, both ways, besides its delta, which is sent twice: for the session and for the message.
    pub apply_wire_bytes: f64,
    /// A touch, both ways.
    pub touch_wire_bytes: f64,
    /// A message, besides its delta.
    pub message_wire_bytes: f64,
    /// A heartbeat, both ways.
    pub heartbeat_wire_bytes: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            machine: "a virtual machine with 2 cores of an AMD EPYC at 2.5 GHz, Redis 7.0.15, loopback".to_owned(),
            load_us: 2.6,
            conditional_us: 2.3,
            apply_us: 15.4,
            touch_us: 7.8,
            create_us: 19.5,
            destroy_us: 12.4,
            heartbeat_us: 0.4,
            call_us: 11.8,
            message_us: 0.16,
            write_us: 4.6,
            hear_us: 1.6,
            heard_after_us: 120.0,
            redis_session_bytes: 303.0,
            redis_bytes_per_byte: 1.14,
            copy_bytes: 682.0,
            copy_bytes_per_byte: 2.67,
            load_wire_bytes: 441.0,
            conditional_wire_bytes: 268.0,
            apply_wire_bytes: 436.0,
            touch_wire_bytes: 247.0,
            message_wire_bytes: 161.0,
            heartbeat_wire_bytes: 58.0,
        }
    }
}

impl Constants {
    /// Those of a report: the object under `constants`.
    ///
    /// # Errors
    /// If the text is no JSON, has no such object, or a figure in it is missing, negative or no number.
    pub fn of_report(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: String| Invalid::new("constants", why);
        let mut report: serde_json::Value =
            serde_json::from_str(text).map_err(|error| invalid(format!("the report is no JSON: {error}")))?;
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
mod tests {
    use super::*;

    #[test]
    fn those_of_a_report_are_read() {
        let constants = Constants { load_us: 3.5, ..Constants::default() };
        let text = serde_json::json!({ "claims": [], "constants": constants }).to_string();
        assert_eq!(Constants::of_report(&text), Ok(constants));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let mut negative = serde_json::json!({ "constants": Constants::default() });
        negative["constants"]["load_us"] = (-1.0).into();
        let mut missing = serde_json::json!({ "constants": Constants::default() });
        missing["constants"].as_object_mut().unwrap().remove("touch_us");
        for (text, message) in [
            ("{", "no JSON"),
            ("{}", "no object named `constants`"),
            (&missing.to_string(), "missing field `touch_us`"),
            (&negative.to_string(), "`load_us` is negative"),
        ] {
            let error = Constants::of_report(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
