//! A node's clock: virtual time with an offset and a drift. It goes on while the node is paused.

use std::{pin::Pin, time::Duration};

use session_core::{Clock, model::Timestamp};

use super::{Millis, Sim, time::BEGINNING};

/// The clock of one node.
#[derive(Clone, Debug)]
pub struct NodeClock {
    sim: Sim,
    node: usize,
    offset: Millis,
    /// Parts per million by which it is too fast.
    drift: i64,
}

impl NodeClock {
    pub(crate) fn random(sim: Sim, node: usize, rng: &mut fastrand::Rng) -> Self {
        Self { sim, node, offset: BEGINNING + rng.u64(..120_000), drift: rng.i64(-5_000..=5_000) }
    }

    fn local(&self) -> Millis {
        self.offset + scaled(self.sim.now(), 1_000_000 + self.drift, 1_000_000)
    }

    /// The first virtual time at which this clock shows `local`.
    fn virtual_time(&self, local: Millis) -> Millis {
        let elapsed = local.saturating_sub(self.offset);
        let mut at = scaled(elapsed, 1_000_000, 1_000_000 + self.drift);
        while scaled(at, 1_000_000 + self.drift, 1_000_000) < elapsed {
            at += 1;
        }
        at
    }
}

fn scaled(millis: Millis, by: i64, of: i64) -> Millis {
    (i128::from(millis) * i128::from(by) / i128::from(of)) as Millis
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.local())
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let until = self.virtual_time(self.local() + duration.as_nanos().div_ceil(1_000_000) as Millis);
        let (sim, node) = (self.sim.clone(), self.node);
        Box::pin(async move {
            sim.sleep_until(until).await;
            sim.running(node).await;
        })
    }
}
