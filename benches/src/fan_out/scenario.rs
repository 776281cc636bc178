//! Clients that write and nodes that hear: what the model of `capacity` says of them.

use capacity::{
    Constants, Topology, Workload,
    resources::server_cpu,
    traffic::{SIGNS_OF_LIFE, Traffic},
};

use super::Reading;

/// Clients that write, nodes that hear of it, and updates that are under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Each with a connection of its own.
    pub callers: usize,
    /// The same.
    pub subscribers: usize,
    /// By all clients together.
    pub at_once: usize,
}

/// Updates under way where there are many.
pub const MANY: usize = 64;

const fn scenario(callers: usize, subscribers: usize, at_once: usize) -> Scenario {
    Scenario { callers, subscribers, at_once }
}

/// Those from which the constants of the model are computed, in the order of [`Fitted::of`].
pub const FITTED: [Scenario; 5] =
    [scenario(1, 0, 1), scenario(1, 4, 1), scenario(1, 0, MANY), scenario(1, 4, MANY), scenario(16, 1, 16)];
/// Those that the model predicts. The last two are nodes as they are: all of them write, and all of them hear.
pub const PREDICTED: [Scenario; 8] = [
    scenario(1, 1, 1),
    scenario(1, 2, 1),
    scenario(1, 8, 1),
    scenario(1, 1, MANY),
    scenario(1, 2, MANY),
    scenario(1, 8, MANY),
    scenario(8, 8, 8),
    scenario(8, 8, MANY),
];

impl Scenario {
    /// A name for it.
    pub fn name(self) -> String {
        let Self { callers, subscribers, at_once } = self;
        format!("{callers} writing, {subscribers} hearing, {at_once} under way")
    }

    /// What was seen of a batch.
    pub fn seen(self, reading: Reading) -> Seen {
        // With each write of answers or messages goes a turn. One client's requests are read once in a turn; with
        // several, turns are told by what one subscriber is sent.
        let turns = match self.subscribers {
            0 => reading.reads,
            some => (reading.writes - reading.reads) / some as f64,
        };
        Seen { cpu: reading.cpu, reads: reading.reads, turns, micros: reading.micros }
    }

    /// What the model says that an update takes of the server, in microseconds, at the rate and with the turns that
    /// were seen.
    pub fn model(self, constants: &Constants, seen: &Seen) -> f64 {
        let (nodes, subscribers) = (self.callers as f64, self.subscribers as f64);
        let workload = Workload { nodes, topology: Topology::Standalone, ..Workload::default() };
        let signs_of_life = SIGNS_OF_LIFE * (nodes + subscribers);
        let rate = 1e6 / seen.micros;
        let traffic = Traffic { applies: rate, subscribers, signs_of_life, ..Traffic::default() };
        let turn = seen.micros * 1e-6 / seen.turns;
        server_cpu(&workload, constants, turn, &traffic, 1).total() * 1e6 / rate
    }

    /// What the model says that a load takes of the server, if one client has one under way at a time: each with a turn
    /// to itself.
    pub fn load(constants: &Constants, micros: f64) -> f64 {
        let workload = Workload { nodes: 1.0, topology: Topology::Standalone, ..Workload::default() };
        let rate = 1e6 / micros;
        let traffic = Traffic { loads: rate, signs_of_life: SIGNS_OF_LIFE, ..Traffic::default() };
        server_cpu(&workload, constants, micros * 1e-6, &traffic, 1).total() * 1e6 / rate
    }
}

/// What was seen of a batch, for each update.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Microseconds of the server.
    pub cpu: f64,
    /// Reads from connections.
    pub reads: f64,
    /// Turns of the event loop in which there was something to send.
    pub turns: f64,
    /// Microseconds from one to the next.
    pub micros: f64,
}

/// What the model needs to know of updates and subscribers, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Fitted {
    /// An update.
    pub apply: f64,
    /// A read of a connection.
    pub call: f64,
    /// A turn, with a script in it.
    pub turn: f64,
    /// A message.
    pub message: f64,
    /// A write to a subscriber.
    pub write: f64,
}

impl Fitted {
    /// From what was seen of [`FITTED`]: so many equations as there are unknowns. One client's read is a turn of its
    /// own, so the sum of both comes from one client with few and with many under way; how it divides, from many
    /// clients.
    pub fn of([alone, alone_heard, many, many_heard, crowd]: [Seen; 5]) -> Self {
        let lone_read = ((alone.cpu - many.cpu) / (alone.reads - many.reads)).max(0.0);
        let apply = (many.cpu - many.reads * lone_read).max(0.0);
        let each = |seen: Seen| (seen.cpu - apply - seen.reads * lone_read) / 4.0;
        let (few, some) = (each(alone_heard), each(many_heard));
        let write = ((few - some) / (alone_heard.turns - many_heard.turns)).max(0.0);
        let message = (some - write * many_heard.turns).max(0.0);
        let rest = crowd.cpu - apply - message - crowd.turns * (write + lone_read);
        let call = (rest / (crowd.reads - crowd.turns)).clamp(0.0, lone_read);
        Self { apply, call, turn: lone_read - call, message, write }
    }

    /// As constants; all others are those given.
    pub fn constants(self, others: &Constants) -> Constants {
        let Self { apply, call, turn, message, write } = self;
        Constants {
            apply_us: apply,
            call_us: call,
            turn_us: turn,
            script_us: 0.0,
            message_us: message,
            write_us: write,
            ..others.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: Fitted = Fitted { apply: 12.0, call: 7.0, turn: 15.0, message: 0.3, write: 4.0 };

    /// Of a server that costs exactly this.
    fn seen(scenario: Scenario, reads: f64, turns: f64) -> Seen {
        let Fitted { apply, call, turn, message, write } = TRUE;
        let heard = scenario.subscribers as f64 * (message + write * turns);
        Seen { cpu: apply + reads * call + turns * turn + heard, reads, turns, micros: 100.0 }
    }

    #[test]
    fn a_server_that_does_as_the_model_says_is_understood() {
        let [alone, alone_heard, many, many_heard, crowd] = FITTED;
        let fitted = Fitted::of([
            seen(alone, 1.0, 1.0),
            seen(alone_heard, 1.0, 1.0),
            seen(many, 0.1, 0.1),
            seen(many_heard, 0.1, 0.1),
            seen(crowd, 1.0, 0.2),
        ]);
        for (fitted, of) in [
            (fitted.apply, TRUE.apply),
            (fitted.call, TRUE.call),
            (fitted.turn, TRUE.turn),
            (fitted.message, TRUE.message),
            (fitted.write, TRUE.write),
        ] {
            assert!((fitted - of).abs() < 1e-9, "{fitted}, {of}");
        }
        let constants = fitted.constants(&Constants { heartbeat_us: 0.0, ..Constants::default() });
        for scenario in PREDICTED {
            let reads = if scenario.callers == 1 { 0.3 } else { 1.0 };
            let (seen, alike) = (seen(scenario, reads, 0.3), scenario.model(&constants, &seen(scenario, reads, 0.3)));
            assert!((alike / seen.cpu - 1.0).abs() < 0.01, "{}: {alike}, {}", scenario.name(), seen.cpu);
        }
    }

    /// The claims compare servers with this model: were subscribers for free in it, they would not hold.
    #[test]
    fn a_model_in_which_subscribers_cost_nothing_is_found_out() {
        let scenario = PREDICTED[2];
        let free = Fitted { message: 0.0, write: 0.0, ..TRUE }.constants(&Constants::default());
        let seen = seen(scenario, 1.0, 1.0);
        assert!(crate::claim::Ratio::exact(scenario.model(&free, &seen), seen.cpu).folded().median > 1.25);
    }
}
