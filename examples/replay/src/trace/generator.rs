//! Generated traffic with the published figures of production session stores.
//!
//! - Requests per session: 3, 7 and 18 at p50, p90 and p99 (YooChoose).
//! - About 1 % of the sessions are active at once; a page sends up to three requests in parallel.
//! - The ratio of reads to writes is 7 to 1 for signed-in sessions, 1 to 2 for anonymous ones and 3 to 1 overall. There
//!   are 25 sign-outs per 2,000 reads and writes (Wikimedia). Many writes change nothing.
//! - Besides its cart, a session holds a value with a median of 230 bytes, up to a few KB (Twitter's caches).

use super::rng::Rng;
use crate::plan::{ArticleNo, Planner, SessionNo};

const REQUESTS: [(f64, f64); 5] = [(0.0, 0.6), (0.5, 3.0), (0.9, 7.0), (0.99, 18.0), (1.0, 60.0)];
const MEAN_REQUESTS: u32 = 4;
const PROFILE_BYTES: [(f64, f64); 5] = [(0.0, 150.0), (0.5, 230.0), (0.9, 1_000.0), (0.99, 3_000.0), (1.0, 4_000.0)];
/// With 7:1 and 1:2, this share of signed-in requests gives 3:1 overall.
const SIGNED_IN: f64 = 0.77;
const SIGNED_IN_WRITES: f64 = 1.0 / 8.0;
const ANONYMOUS_WRITES: f64 = 2.0 / 3.0;
const LOGOUTS_PER_REQUEST: f64 = 25.0 / 2_000.0;
const PARALLEL: u32 = 3;
const CATALOGUE: u32 = 4_070;

struct Visitor {
    session: SessionNo,
    left: u32,
    writes: f64,
    signs_out: bool,
    bought: Vec<ArticleNo>,
}

pub(super) fn plan(requests: u32, seed: u64, planner: &mut Planner) {
    let mut rng = Rng::new(seed);
    let articles: Vec<ArticleNo> = (0..CATALOGUE).map(|n| planner.article(&format!("sku-{n}"))).collect();
    let live = (requests / MEAN_REQUESTS / 100).max(8);
    let mut visitors: Vec<Visitor> = (0..live).map(|_| arrive(&mut rng, planner)).collect();
    let mut number = 0;
    while number < requests {
        let visitor = &mut visitors[rng.below(live) as usize];
        for _ in 0..=rng.below(PARALLEL).min(visitor.left - 1) {
            number += 1;
            visitor.left -= 1;
            request(visitor, number, &articles, &mut rng, planner);
        }
        if visitor.left == 0 {
            leave(visitor, number, &articles, planner);
            *visitor = arrive(&mut rng, planner);
        }
    }
}

fn arrive(rng: &mut Rng, planner: &mut Planner) -> Visitor {
    let left = rng.sample(&REQUESTS).max(1);
    Visitor {
        session: planner.begin(rng.sample(&PROFILE_BYTES)),
        left,
        writes: if rng.chance(SIGNED_IN) { SIGNED_IN_WRITES } else { ANONYMOUS_WRITES },
        signs_out: rng.chance(LOGOUTS_PER_REQUEST * f64::from(left)),
        bought: Vec::new(),
    }
}

fn request(visitor: &mut Visitor, number: u32, articles: &[ArticleNo], rng: &mut Rng, planner: &mut Planner) {
    // Squared, so that a few articles are requested often.
    let popular = (rng.unit().powi(2) * f64::from(CATALOGUE)) as usize;
    let article = articles[popular.min(articles.len() - 1)];
    if !rng.chance(visitor.writes) {
        return planner.look(visitor.session);
    }
    match rng.below(10) {
        0..5 => {
            visitor.bought.push(article);
            planner.add(visitor.session, article, number, 1 + (number % 9) as i32);
        }
        5 if !visitor.bought.is_empty() => {
            let regretted = rng.below(visitor.bought.len() as u32) as usize;
            planner.take_back(visitor.session, visitor.bought.swap_remove(regretted));
        }
        6..8 => planner.view(visitor.session, article),
        // Most likely viewed before, so this write changes nothing.
        _ => planner.view(visitor.session, articles[0]),
    }
}

fn leave(visitor: &Visitor, number: u32, articles: &[ArticleNo], planner: &mut Planner) {
    if !visitor.bought.is_empty() {
        planner.checkout(visitor.session, &format!("order-{number}"));
    }
    if visitor.signs_out {
        planner.logout(visitor.session, articles[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Task};

    fn generated(seed: u64) -> Plan {
        let mut planner = Planner::default();
        plan(100_000, seed, &mut planner);
        planner.finish()
    }

    #[test]
    fn one_seed_makes_one_traffic() {
        let (a, b, other) = (generated(7), generated(7), generated(8));
        assert_eq!(a.steps, b.steps);
        assert_ne!(a.steps, other.steps);
    }

    #[test]
    fn the_traffic_has_the_published_figures() {
        let plan = generated(1);
        let mut requests = vec![0u32; plan.expected.len()];
        let mut reads = 0u32;
        for step in &plan.steps {
            if !matches!(step.task, Task::Create { .. } | Task::Checkout { .. } | Task::Logout) {
                requests[step.session.index()] += 1;
            }
            reads += u32::from(matches!(step.task, Task::Look));
        }
        requests.sort_unstable();
        let percentile = |p: usize| requests[requests.len() * p / 100];
        assert!((2..=4).contains(&percentile(50)), "{}", percentile(50));
        assert!((6..=9).contains(&percentile(90)), "{}", percentile(90));
        assert!((15..=21).contains(&percentile(99)), "{}", percentile(99));
        assert!((70_000..80_000).contains(&reads), "{reads}");
        assert!((1_000..1_500).contains(&plan.counts.logouts), "{}", plan.counts.logouts);
    }
}
