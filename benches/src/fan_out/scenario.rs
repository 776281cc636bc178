//! Writing clients and subscribed nodes, and the predictions of the model of `capacity` for them.

use capacity::{
    Constants, Topology, Workload,
    resources::server_cpu,
    traffic::{HEALTH_CHECKS, Traffic},
};

use super::Reading;

/// The number of writing clients, of subscribed nodes, and of concurrent updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Writing clients, each with its own connection.
    pub callers: usize,
    /// Subscribed nodes, each with its own connection.
    pub subscribers: usize,
    /// Updates in flight, of all clients together.
    pub at_once: usize,
}

/// The updates in flight where there are many.
pub const MANY: usize = 64;

const fn scenario(callers: usize, subscribers: usize, at_once: usize) -> Scenario {
    Scenario { callers, subscribers, at_once }
}

/// The scenarios from which the constants of the model are computed, in the order of [`Fitted::of`].
pub const FITTED: [Scenario; 5] =
    [scenario(1, 0, 1), scenario(1, 4, 1), scenario(1, 0, MANY), scenario(1, 4, MANY), scenario(16, 1, 16)];
/// The scenarios that the model predicts. In the last two every node both writes and is subscribed, as in an
/// application.
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
    /// The name of the scenario.
    pub fn name(self) -> String {
        let Self { callers, subscribers, at_once } = self;
        format!("{callers} writing, {subscribers} subscribed, {at_once} in flight")
    }

    /// The observations of a batch.
    pub fn observed(self, reading: Reading) -> Observed {
        // Each turn that writes answers or messages also writes to one subscriber, so the writes to one subscriber
        // count the turns. One client's requests are read once per turn.
        let turns = match self.subscribers {
            0 => reading.reads,
            some => (reading.writes - reading.reads) / some as f64,
        };
        Observed { cpu: reading.cpu, reads: reading.reads, turns, micros: reading.micros }
    }

    /// The model's prediction of the server CPU time per update, in microseconds, at the observed rate and with the
    /// observed turns.
    pub fn model(self, constants: &Constants, observed: &Observed) -> f64 {
        let (nodes, subscribers) = (self.callers as f64, self.subscribers as f64);
        let workload = Workload { nodes, topology: Topology::Standalone, ..Workload::default() };
        let health_checks = HEALTH_CHECKS * (nodes + subscribers);
        let rate = 1e6 / observed.micros;
        let traffic = Traffic { applies: rate, subscribers, health_checks, ..Traffic::default() };
        let turn = observed.micros * 1e-6 / observed.turns;
        server_cpu(&workload, constants, turn, &traffic, 1).total() * 1e6 / rate
    }

    /// The model's prediction of the server CPU time per load, if one client has one load in flight: each has a turn to
    /// itself.
    pub fn load(constants: &Constants, micros: f64) -> f64 {
        let workload = Workload { nodes: 1.0, topology: Topology::Standalone, ..Workload::default() };
        let rate = 1e6 / micros;
        let traffic = Traffic { loads: rate, health_checks: HEALTH_CHECKS, ..Traffic::default() };
        server_cpu(&workload, constants, micros * 1e-6, &traffic, 1).total() * 1e6 / rate
    }
}

/// The observations of a batch, per update.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed {
    /// Server CPU time in microseconds.
    pub cpu: f64,
    /// Reads from connections.
    pub reads: f64,
    /// Turns of the event loop in which there was something to send.
    pub turns: f64,
    /// Microseconds from one update to the next.
    pub micros: f64,
}

/// The inputs of the model for updates and subscribers, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Fitted {
    /// An update.
    pub apply: f64,
    /// A read of a connection.
    pub call: f64,
    /// A turn that runs a script.
    pub turn: f64,
    /// A message.
    pub message: f64,
    /// A write to a subscriber.
    pub write: f64,
}

impl Fitted {
    /// Computes them from the observations of [`FITTED`]: as many equations as unknowns. One client's read is a turn of
    /// its own, so one client with few and with many updates in flight gives the sum of both; many clients tell them
    /// apart.
    pub fn of([alone, alone_subscribed, many, many_subscribed, crowd]: [Observed; 5]) -> Self {
        let lone_read = ((alone.cpu - many.cpu) / (alone.reads - many.reads)).max(0.0);
        let apply = (many.cpu - many.reads * lone_read).max(0.0);
        let each = |observed: Observed| (observed.cpu - apply - observed.reads * lone_read) / 4.0;
        let (few, some) = (each(alone_subscribed), each(many_subscribed));
        let write = ((few - some) / (alone_subscribed.turns - many_subscribed.turns)).max(0.0);
        let message = (some - write * many_subscribed.turns).max(0.0);
        let rest = crowd.cpu - apply - message - crowd.turns * (write + lone_read);
        let call = (rest / (crowd.reads - crowd.turns)).clamp(0.0, lone_read);
        Self { apply, call, turn: lone_read - call, message, write }
    }

    /// These figures as constants. All other constants are taken from `others`.
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

    /// The observations of a server that costs exactly this.
    fn model_server(scenario: Scenario, reads: f64, turns: f64) -> Observed {
        let Fitted { apply, call, turn, message, write } = TRUE;
        let received = scenario.subscribers as f64 * (message + write * turns);
        Observed { cpu: apply + reads * call + turns * turn + received, reads, turns, micros: 100.0 }
    }

    #[test]
    fn the_fit_recovers_the_constants_of_a_model_server() {
        let [alone, alone_subscribed, many, many_subscribed, crowd] = FITTED;
        let fitted = Fitted::of([
            model_server(alone, 1.0, 1.0),
            model_server(alone_subscribed, 1.0, 1.0),
            model_server(many, 0.1, 0.1),
            model_server(many_subscribed, 0.1, 0.1),
            model_server(crowd, 1.0, 0.2),
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
            let (observed, alike) =
                (model_server(scenario, reads, 0.3), scenario.model(&constants, &model_server(scenario, reads, 0.3)));
            assert!((alike / observed.cpu - 1.0).abs() < 0.01, "{}: {alike}, {}", scenario.name(), observed.cpu);
        }
    }

    /// The claims compare servers with this model: if subscribers cost nothing in it, they would not hold.
    #[test]
    fn a_model_in_which_subscribers_cost_nothing_is_detected() {
        let scenario = PREDICTED[2];
        let free = Fitted { message: 0.0, write: 0.0, ..TRUE }.constants(&Constants::default());
        let observed = model_server(scenario, 1.0, 1.0);
        assert!(crate::claim::Ratio::exact(scenario.model(&free, &observed), observed.cpu).folded().median > 1.25);
    }
}
