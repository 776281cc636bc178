//! The most hits that routing allows: caches without bounds, in which nothing is ever stale.

use std::collections::HashSet;

/// The number of hits if a place misses only a session's first load.
pub fn hits(sequences: &[Vec<u32>]) -> u64 {
    let first_loads = |sequence: &Vec<u32>| sequence.iter().collect::<HashSet<_>>().len();
    sequences.iter().map(|sequence| (sequence.len() - first_loads(sequence)) as u64).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_place_misses_a_session_once() {
        assert_eq!(super::hits(&[vec![1, 2, 1, 1], vec![2, 2], vec![]]), 3);
    }
}
