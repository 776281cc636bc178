//! The rate at which deadlines are renewed.
//!
//! `Sessions` renews a deadline when it opens a session whose last renewal was more than D ago, a tenth of the idle
//! timeout. Consider a session that is requested λ times a second; a share w of the requests update it, which renews it
//! too:
//!
//! - The mean time between renewals is (1 - p) / λw + p / λ, where p = e^(-λwD) is the probability that no update arrives
//!   within D. With that probability the next renewal is a touch.
//! - Touches are not published, and changes carry no deadlines. A node whose copy was revalidated before another node
//!   renewed the deadline may therefore touch once more, until it asks the store again, after at most `max_age` A. Of the
//!   N - 1 other nodes x / (1 + x) have such a copy, where x = λA / N, and 1 - (1 - e^(-x)) / x of those are requested
//!   within the rest of A.
//! - For the same reason, updates by other nodes within the age of the copy do not count as renewals. This increases p by
//!   the factor (e^y - 1) / y for a copy of an age between 0 and A, where y = λwA (N - 1) / N.
//! - A session with a lifetime of L starts renewed, so it is touched within L - D only, and never if L is shorter than D.

use super::{
    hits::shares,
    popularity::Class,
    workload::{Routing, Workload},
};

/// The idle timeout divided by this is the time after which opening a session renews its deadline, as in the table of
/// `session_core::defaults`.
const TOUCH_SHARE: f64 = 10.0;

/// Touches of all sessions, per second.
pub(super) fn touches(workload: &Workload, classes: &[Class]) -> f64 {
    let pause = workload.idle / TOUCH_SHARE;
    let lives = (1.0 - pause / workload.life).max(0.0);
    classes.iter().map(|class| class.sessions * lives * of_one(workload, class.rate, pause)).sum()
}

/// Touches of one session that does not end.
fn of_one(workload: &Workload, rate: f64, pause: f64) -> f64 {
    let nodes = match workload.routing {
        Routing::Random => workload.nodes,
        Routing::Sticky => 1.0,
    };
    let age = workload.max_age.min(pause);
    let (updates, of_a_copy) = (rate * workload.write_share, rate * shares(workload).1 * age);
    let fresh = of_a_copy / (1.0 + of_a_copy);
    let (by_others, quiet) = (updates * age * (nodes - 1.0) / nodes, (-updates * pause).exp());
    // For a fresh copy: e^-λwD · (e^y - 1) / y, as one power, since e^y alone may overflow.
    let unheard = if by_others > 1e-9 { ((by_others - updates * pause).exp() - quiet) / by_others } else { quiet };
    let unwritten = quiet + fresh * (unheard - quiet);
    let until_written = if updates * pause > 1e-9 { (1.0 - unwritten) / updates } else { pause };
    let again = if of_a_copy > 1e-9 { 1.0 + (-of_a_copy).exp_m1() / of_a_copy } else { 0.0 };
    unwritten / (until_written + unwritten / rate) * (1.0 + (nodes - 1.0) * fresh * again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use replay::trace::Rng;

    const PAUSE: f64 = 180.0;
    const AGE: f64 = 60.0;

    /// A node's knowledge: the last renewal of the session, and the time of the store's answer.
    #[derive(Clone, Copy)]
    struct Copy {
        renewed: f64,
        vouched: f64,
    }

    /// Touches per second of one session after another, each with this lifetime in seconds.
    fn simulated(rate: f64, nodes: u32, write_share: f64, life: f64, requests: f64) -> f64 {
        let mut rng = Rng::new(7);
        let (mut touched, mut seconds) = (0.0, 0.0);
        while seconds * rate < requests {
            let (mut now, mut renewed, mut copies) = (0.0, 0.0, vec![None::<Copy>; nodes as usize]);
            loop {
                now -= (1.0 - rng.unit()).ln() / rate;
                if now > life {
                    break;
                }
                let copy = &mut copies[rng.below(nodes) as usize];
                let known = copy.filter(|copy| now - copy.vouched < AGE);
                let mut known = known.unwrap_or(Copy { renewed, vouched: now });
                if now - known.renewed >= PAUSE {
                    touched += 1.0;
                    (renewed, known.renewed) = (now, now);
                }
                if rng.chance(write_share) {
                    renewed = now;
                    known = Copy { renewed, vouched: now };
                }
                *copy = Some(known);
            }
            seconds += life;
        }
        touched / seconds
    }

    fn model(rate: f64, nodes: u32, write_share: f64, life: f64) -> f64 {
        let workload = Workload { nodes: f64::from(nodes), write_share, life, ..Workload::default() };
        touches(&workload, &[Class { sessions: 1.0, rate }])
    }

    #[test]
    fn they_are_those_of_simulated_nodes() {
        for (rate, nodes, writes) in [
            (0.01, 8, 0.1),
            (0.05, 1, 0.1),
            (0.1, 1, 0.1),
            (0.1, 8, 0.1),
            (0.3, 8, 0.1),
            (0.1, 8, 0.02),
            (1.0, 8, 0.02),
            (1.0, 50, 0.01),
            (3.0, 50, 0.003),
            (1.0, 8, 0.0),
            (10.0, 100, 0.0),
            (1.0, 100, 0.0),
        ] {
            let (simulated, model) =
                (simulated(rate, nodes, writes, 20_000.0, 120_000.0), model(rate, nodes, writes, 20_000.0));
            let ratio = model / simulated;
            assert!((0.75..1.3).contains(&ratio), "{rate}, {nodes}, {writes}: {model} against {simulated}");
        }
    }

    #[test]
    fn short_sessions_are_touched_less_or_never() {
        assert_eq!((model(1.0, 8, 0.0, 170.0), simulated(1.0, 8, 0.0, 170.0, 1e4)), (0.0, 0.0));
        let (simulated, model) = (simulated(0.1, 1, 0.1, 600.0, 120_000.0), model(0.1, 1, 0.1, 600.0));
        assert!((0.75..1.3).contains(&(model / simulated)), "{model} against {simulated}");
    }

    /// Frequent updates make touches unnecessary.
    #[test]
    fn updates_renew() {
        assert_eq!(model(2e4, 500, 0.1, 3_600.0), 0.0);
        assert!(model(1.0, 8, 1.0, 3_600.0) < 1e-6 && model(1.0, 8, 0.0, 3_600.0) > 1e-3);
    }
}
