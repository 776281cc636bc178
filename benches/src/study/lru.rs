//! The hits of a cache of a given size that evicts the least recently used copy: the result of a policy that ignores
//! frequency, on the same requests. Nothing is ever stale.

use std::collections::{BTreeMap, HashMap};

/// The number of hits among the requests to each place, with this many copies per place.
pub fn hits(sequences: &[Vec<u32>], copies: u64) -> u64 {
    sequences.iter().map(|sequence| hits_of_one(sequence, copies)).sum()
}

fn hits_of_one(sequence: &[u32], copies: u64) -> u64 {
    let (mut by_use, mut last_uses) = (BTreeMap::new(), HashMap::new());
    let mut hits = 0;
    for (at, session) in sequence.iter().enumerate() {
        if let Some(last) = last_uses.insert(*session, at) {
            by_use.remove(&last);
            hits += 1;
        }
        by_use.insert(at, *session);
        if by_use.len() as u64 > copies
            && let Some((_, oldest)) = by_use.pop_first()
        {
            last_uses.remove(&oldest);
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_copy_is_evicted() {
        let sequence = [1, 2, 1, 3, 1, 2, 3];
        assert_eq!(hits_of_one(&sequence, 2), 2, "1 hits twice; 3 evicts 2, and 2 evicts 3");
        assert_eq!(hits_of_one(&sequence, 3), 4);
        assert_eq!(hits_of_one(&sequence, 0), 0);
    }
}
