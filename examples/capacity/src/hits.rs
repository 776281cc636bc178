//! The share of loads that a node answers from its cache.
//!
//! A copy may be missing for four reasons. Each has a formula for a session that is requested λ times a second on a
//! node:
//!
//! | reason for a miss | share of loads that find a copy |
//! |---|---|
//! | the copy was evicted to make room | 1 - e^(-λt), where t is the cache's characteristic time, in which as many distinct sessions are requested as there is room for (Che's approximation: H. Che, Y. Tung, Z. Wang, "Hierarchical Web Caching Systems", IEEE JSAC 20(7), 2002) |
//! | the store has not validated the copy within `max_age` A | λA / (1 + λA): one load asks the store, and λA more follow before the next |
//! | the session, with a lifetime of L, was never requested on the node | 1 - (1 - e^(-λL)) / λL |
//! | another node made a change whose delta was too large to be published, μ times a second | λ / (λ + μ): a load was the last of both |
//!
//! The model takes the smallest of the four, for independent requests; this is exact if one of them dominates. A copy
//! that is too old still exists, and costs a conditional load. Changes whose deltas are published cause no misses: they
//! are applied to the copy (invariant I8). Che's approximation describes LRU, and moka's policy keeps at least what LRU
//! keeps.
//!
//! Expiry is not published, so copies of expired sessions stay until they are evicted: in the long run every cache is
//! full.

use super::{
    popularity::Class,
    traffic::is_published,
    workload::{Routing, Workload},
};

/// The bytes that the cache counts for a copy, excluding names and values (`session-tiered/src/copy.rs`). They determine
/// how many copies fit.
const COUNTED_COPY: f64 = 760.0;
const COUNTED_ENTRY: f64 = 76.0;

/// Shares of all loads by who answers them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hits {
    /// Answered by the node.
    pub hits: f64,
    /// Answered by the store, which confirms the node's copy.
    pub revalidated: f64,
    /// Answered by the store, in full.
    pub filled: f64,
    /// Loads of the most requested session that the store finds unchanged, per second.
    pub hottest_revalidated: f64,
    /// Loads of that session that the store answers in full, per second.
    pub hottest_filled: f64,
}

/// The number of copies that fit on a node.
pub fn room(workload: &Workload) -> f64 {
    workload.local_bytes / (COUNTED_COPY + COUNTED_ENTRY * workload.entries + workload.session_bytes)
}

/// The share of sessions that one node serves, and its share of the requests to such a session.
pub(super) fn shares(workload: &Workload) -> (f64, f64) {
    match workload.routing {
        Routing::Random => (1.0, 1.0 / workload.nodes),
        Routing::Sticky => (1.0 / workload.nodes, 1.0),
    }
}

/// Computes who answers the loads.
pub fn hits(workload: &Workload, classes: &[Class]) -> Hits {
    let time = characteristic_time(classes, shares(workload), room(workload));
    let (mut fresh, mut there, mut loads) = (0.0, 0.0, 0.0);
    for class in classes {
        let answered = answered(workload, class, time);
        let requests = class.sessions * class.rate;
        loads += requests;
        there += requests * answered.there;
        fresh += requests * answered.fresh;
    }
    let hottest = classes[0].rate;
    let Answered { fresh: its_fresh, there: its_there } = answered(workload, &classes[0], time);
    Hits {
        hits: fresh / loads,
        revalidated: (there - fresh) / loads,
        filled: 1.0 - there / loads,
        hottest_revalidated: hottest * (its_there - its_fresh),
        hottest_filled: hottest * (1.0 - its_there),
    }
}

/// The shares of a session's loads that find a copy, and that find one that may answer.
struct Answered {
    fresh: f64,
    there: f64,
}

fn answered(workload: &Workload, class: &Class, time: f64) -> Answered {
    let rate = class.rate * shares(workload).1;
    let has_room = if time.is_finite() { -(-rate * time).exp_m1() } else { 1.0 };
    let lives = rate * workload.life;
    let was_asked = if lives > 1e-6 { 1.0 + (-lives).exp_m1() / lives } else { lives / 2.0 };
    let dropped = if is_published(workload.delta_bytes) { 0.0 } else { (class.rate - rate) * workload.write_share };
    let there = has_room.min(was_asked).min(rate / (rate + dropped));
    let is_fresh = rate * workload.max_age / (1.0 + rate * workload.max_age);
    Answered { fresh: there.min(is_fresh), there }
}

/// The number of distinct sessions requested on one node within a time: Σ 1 - e^(-λt).
fn kept(classes: &[Class], (share, rate_share): (f64, f64), time: f64) -> f64 {
    classes.iter().map(|class| class.sessions * share * -(-class.rate * rate_share * time).exp_m1()).sum()
}

/// The time in which as many distinct sessions are requested on a node as there is room for.
fn characteristic_time(classes: &[Class], shares: (f64, f64), room: f64) -> f64 {
    let all: f64 = classes.iter().map(|class| class.sessions * shares.0).sum();
    if all <= room {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (-60.0_f64, 60.0_f64);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if kept(classes, shares, middle.exp()) < room { low = middle } else { high = middle }
    }
    low.exp()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::popularity::zipf;

    fn of(workload: &Workload) -> Hits {
        hits(workload, &zipf(workload.sessions, workload.requests, workload.popularity))
    }

    /// A workload in which only the room matters.
    fn eternal() -> Workload {
        Workload { max_age: 1e12, life: 1e12, ..Workload::default() }
    }

    /// The hit rate of a warm LRU cache under random requests.
    fn simulated(classes: &[Class], room: usize, requests: u32) -> f64 {
        let (mut last, mut order, mut hits) = (BTreeMap::<u64, u32>::new(), BTreeMap::<u32, u64>::new(), 0_u32);
        let sums: Vec<f64> = classes
            .iter()
            .scan(0.0, |sum, class| {
                *sum += class.sessions * class.rate;
                Some(*sum)
            })
            .collect();
        let firsts: Vec<f64> = classes
            .iter()
            .scan(0.0, |sum, class| {
                *sum += class.sessions;
                Some(*sum - class.sessions)
            })
            .collect();
        let mut state = 88_172_645_463_325_252_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for now in 0..requests {
            let at = uniform() * sums.last().unwrap();
            let class = sums.partition_point(|sum| *sum < at).min(classes.len() - 1);
            let session = (firsts[class] + (uniform() * classes[class].sessions).floor()) as u64;
            if let Some(before) = last.insert(session, now) {
                order.remove(&before);
                hits += u32::from(now >= requests / 2);
            } else if order.len() == room {
                let (_, oldest) = order.pop_first().unwrap();
                last.remove(&oldest);
            }
            order.insert(now, session);
        }
        f64::from(hits) / f64::from(requests - requests / 2)
    }

    #[test]
    fn che_s_approximation_is_that_of_a_simulated_cache() {
        for (room_for, exponent) in [(500, 0.9), (2_500, 0.9), (1_000, 0.6), (1_000, 1.2)] {
            let mut workload = Workload { sessions: 1e4, nodes: 1.0, popularity: exponent, ..eternal() };
            workload.local_bytes *= f64::from(room_for) / room(&workload);
            let classes = zipf(1e4, workload.requests, exponent);
            let (model, simulated) = (of(&workload).hits, simulated(&classes, room_for as usize, 400_000));
            assert!((model - simulated).abs() < 0.01, "{model} against {simulated}");
        }
    }

    /// Simulates one node with an LRU cache, sessions that end and are followed by others, and copies that become too old.
    /// Returns the shares of hits and of conditional loads.
    fn simulated_in_time(workload: &Workload, room: usize, requests: u32) -> (f64, f64) {
        let weights: Vec<f64> =
            (1..=workload.sessions as u32).map(|n| f64::from(n).powf(-workload.popularity)).collect();
        let sums: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let mut rng = replay::trace::Rng::new(5);
        let begun: Vec<f64> = weights.iter().map(|_| rng.unit() * workload.life).collect();
        let mut copies = BTreeMap::<(usize, u64), (u32, f64)>::new();
        let mut order = BTreeMap::<u32, (usize, u64)>::new();
        let (mut now, mut fresh, mut there) = (0.0, 0, 0);
        for request in 0..requests {
            now -= (1.0 - rng.unit()).ln() / workload.requests;
            let drawn = rng.unit() * sums[sums.len() - 1];
            let rank = sums.partition_point(|sum| *sum < drawn).min(sums.len() - 1);
            let session = (rank, ((now + begun[rank]) / workload.life) as u64);
            let counts = u32::from(request >= requests / 2);
            let known = copies.get(&session).copied();
            let is_fresh = known.is_some_and(|(_, vouched)| now - vouched < workload.max_age);
            let vouched = known.map_or(now, |(_, vouched)| if is_fresh { vouched } else { now });
            there += counts * u32::from(known.is_some());
            fresh += counts * u32::from(is_fresh);
            if let Some((last, _)) = copies.insert(session, (request, vouched)) {
                order.remove(&last);
            } else if order.len() == room
                && let Some((_, oldest)) = order.pop_first()
            {
                copies.remove(&oldest);
            }
            order.insert(request, session);
        }
        let half = f64::from(requests - requests / 2);
        (f64::from(fresh) / half, f64::from(there - fresh) / half)
    }

    #[test]
    fn ages_and_lives_are_those_of_a_simulated_cache() {
        for (requests, share_of_room, max_age, life) in [
            (100.0, 1.5, 60.0, 3_600.0),
            (20.0, 2.0, 60.0, 3_600.0),
            (100.0, 0.5, 60.0, 3_600.0),
            (100.0, 4.0, 1e9, 600.0),
        ] {
            let mut workload =
                Workload { sessions: 6_000.0, requests, nodes: 1.0, max_age, life, ..Workload::default() };
            workload.local_bytes *= share_of_room * workload.sessions / room(&workload);
            let model = of(&workload);
            let (hits, revalidated) = simulated_in_time(&workload, room(&workload) as usize, 500_000);
            assert!((model.hits - hits).abs() < 0.02, "{requests}, {share_of_room}: {model:?} against {hits}");
            let apart = (model.revalidated - revalidated).abs();
            assert!(apart < 0.02, "{requests}, {share_of_room}: {model:?} against {revalidated}");
        }
    }

    /// If the cache counted copies differently, another number of them would fit.
    #[test]
    fn the_books_are_those_of_the_cache() {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../session-tiered/src/copy.rs");
        let source = std::fs::read_to_string(source).unwrap();
        for (name, counted) in [("FIXED", COUNTED_COPY), ("ENTRY", COUNTED_ENTRY)] {
            assert!(source.contains(&format!("const {name}: usize = {counted};")), "{name} is not {counted} there");
        }
    }

    #[test]
    fn it_grows_with_room_and_stickiness_and_shrinks_with_nodes() {
        let base = Workload { sessions: 1e7, requests: 1e5, nodes: 50.0, ..Workload::default() };
        let more_room = Workload { local_bytes: base.local_bytes * 4.0, ..base.clone() };
        let sticky = Workload { routing: Routing::Sticky, ..base.clone() };
        let more_nodes = Workload { nodes: 200.0, ..base.clone() };
        let rate = of(&base).hits;
        assert!(of(&more_room).hits > rate && of(&sticky).hits > rate && of(&more_nodes).hits < rate);
        assert!(of(&Workload { max_age: 600.0, ..base.clone() }).hits > rate);
        assert!(of(&Workload { life: 600.0, ..base }).hits <= rate);
    }

    #[test]
    fn the_limits_are_all_and_nothing() {
        let everything = Workload { local_bytes: 1e12, nodes: 1.0, ..eternal() };
        assert!((of(&everything).hits - 1.0).abs() < 1e-9);
        let nothing = of(&Workload { local_bytes: 0.0, ..Workload::default() });
        assert!(nothing.hits < 1e-9);
        let never_fresh = of(&Workload { max_age: 0.0, local_bytes: 1e12, ..Workload::default() });
        assert!(never_fresh.hits == 0.0 && never_fresh.revalidated > 0.5);
    }

    #[test]
    fn the_shares_are_all_there_is() {
        for nodes in [1.0, 8.0, 500.0] {
            let hits = of(&Workload { sessions: 1e8, requests: 1e6, nodes, ..Workload::default() });
            assert!((hits.hits + hits.revalidated + hits.filled - 1.0).abs() < 1e-9);
            assert!(hits.hits >= 0.0 && hits.revalidated >= 0.0 && hits.filled >= 0.0);
        }
    }
}
