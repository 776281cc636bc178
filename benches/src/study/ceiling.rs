//! The most hits that routing leaves: caches without bounds, and nothing that is ever out of date.

use std::collections::HashSet;

/// How many of these requests are hits if a place misses nothing but a session's first load.
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
