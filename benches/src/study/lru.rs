//! The hits of a cache of a given size that drops what was used least recently: what a policy without a memory of how often
//! something was used makes of the same requests. Nothing is ever out of date.

use std::collections::{BTreeMap, HashMap};

/// How many of the requests to each place are hits, with this many copies a place.
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
    fn what_was_used_least_recently_goes() {
        let sequence = [1, 2, 1, 3, 1, 2, 3];
        assert_eq!(hits_of_one(&sequence, 2), 2, "1 twice; 2 went for 3, and 3 for 2");
        assert_eq!(hits_of_one(&sequence, 3), 4);
        assert_eq!(hits_of_one(&sequence, 0), 0);
    }
}
