//! The most hits that a cache of a given size can have, by an algorithm that knows the future.
//!
//! L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5 (1966): evict
//! the entry whose next use is latest. Here a loaded session need not be kept, since no cache is bound to admit what it
//! has loaded; so the evicted session may be the one that was just loaded. Nothing is ever stale.

use std::collections::{BTreeSet, HashMap};

/// The number of hits among the requests to each place, with this many copies per place.
pub fn hits(sequences: &[Vec<u32>], copies: u64) -> u64 {
    sequences.iter().map(|sequence| hits_of_one(sequence, copies)).sum()
}

fn hits_of_one(sequence: &[u32], copies: u64) -> u64 {
    let next_uses = next_uses(sequence);
    // The kept sessions, by their next use. A position in the sequence identifies one session.
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let mut hits = 0;
    for (at, next) in next_uses.into_iter().enumerate() {
        hits += u64::from(kept.remove(&at));
        kept.extend(next);
        if kept.len() as u64 > copies {
            kept.pop_last();
        }
    }
    hits
}

/// The position of the next request for the same session, if there is one.
fn next_uses(sequence: &[u32]) -> Vec<Option<usize>> {
    let mut seen = HashMap::new();
    let mut next: Vec<_> = sequence.iter().enumerate().rev().map(|(at, session)| seen.insert(*session, at)).collect();
    next.reverse();
    next
}

#[cfg(test)]
mod tests {
    use replay::trace::Rng;

    use super::*;

    /// The best of all ways to keep or to evict after each request: the most hits that lead to each set of copies.
    fn tried(sequence: &[u32], copies: u32) -> u64 {
        let mut best: HashMap<u32, u64> = HashMap::from([(0, 0)]);
        for session in sequence {
            let mut after = HashMap::new();
            for (kept, hits) in best {
                let (had, hits) = (kept | (1 << session), hits + u64::from(kept >> session & 1));
                for subset in (0..=had).filter(|subset| subset & !had == 0 && subset.count_ones() <= copies) {
                    let most = after.entry(subset).or_insert(0);
                    *most = hits.max(*most);
                }
            }
            best = after;
        }
        best.into_values().max().unwrap_or(0)
    }

    #[test]
    fn no_choice_gives_more_hits() {
        let mut rng = Rng::new(1);
        for _ in 0..60 {
            let sequence: Vec<u32> = (0..24).map(|_| rng.below(6)).collect();
            for copies in 0..5 {
                let best = tried(&sequence, copies);
                assert_eq!(hits_of_one(&sequence, u64::from(copies)), best, "{sequence:?}, {copies} copies");
            }
        }
    }

    #[test]
    fn a_session_just_loaded_need_not_be_kept() {
        let sequence = [1, 2, 1, 3, 1, 4, 1];
        assert_eq!(hits_of_one(&sequence, 1), 3);
        assert_eq!(hits_of_one(&sequence, 0), 0);
    }

    #[test]
    fn with_room_for_all_only_first_loads_miss() {
        let sequences = vec![vec![1, 2, 3, 1, 2, 3], vec![3, 3]];
        assert_eq!(hits(&sequences, 3), crate::study::ceiling::hits(&sequences));
    }
}
