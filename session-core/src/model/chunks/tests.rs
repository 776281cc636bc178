use std::collections::BTreeMap;

use proptest::{collection::btree_map, prelude::*};

use super::*;
use crate::model::{Delta, Field, Key, Value};

type Map = Chunks<u16, u8>;

impl Map {
    fn chunks(&self) -> &[Arc<SortedMap<u16, u8>>] {
        match &self.0 {
            Repr::One(_) => &[],
            Repr::Many(many) => &many.chunks,
        }
    }

    fn check(&self, model: &BTreeMap<u16, u8>) {
        assert!(self.iter().eq(model) && self.iter().len() == model.len());
        assert!(self.iter().skip(70).len() == model.len().saturating_sub(70));
        assert_eq!((self.len(), self.is_empty()), (model.len(), model.is_empty()));
        (0..1_200).step_by(7).for_each(|key| assert_eq!(self.get(&key), model.get(&key)));
        let sizes: Vec<usize> = self.chunks().iter().map(|chunk| chunk.len()).collect();
        assert!(sizes.len() != 1 && sizes.iter().all(|len| (1..=MAX).contains(len)), "{sizes:?}");
        assert!(sizes.windows(2).all(|two| two[0] + two[1] > MAX / 2), "{sizes:?}");
        assert_eq!(
            *self,
            Map::from(model.iter().fold(SortedMap::EMPTY, |mut map, (key, value)| {
                assert!(map.push_last(*key, *value));
                map
            }))
        );
    }
}

fn apply(model: &mut BTreeMap<u16, u8>, changes: &BTreeMap<u16, Option<u8>>) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(model.insert(*key, *value)),
            None => drop(model.remove(key)),
        }
    }
}

/// One or a few changes, a run, or a sweep that empties or fills a range.
fn changes() -> impl Strategy<Value = BTreeMap<u16, Option<u8>>> {
    let sweep = (0u16..1_200, 0u16..900, 1usize..4, any::<Option<u8>>()).prop_map(|(start, len, step, value)| {
        (start..(start + len).min(1_200)).step_by(step).map(|key| (key, value)).collect()
    });
    prop_oneof![
        btree_map(0u16..1_200, any::<Option<u8>>(), 1..3),
        btree_map(0u16..1_200, any::<Option<u8>>(), 0..400),
        sweep,
    ]
}

proptest! {
    /// Under any splits, removals and joins, it behaves like a `BTreeMap`, and clones made on the way do not
    /// change.
    #[test]
    fn it_behaves_like_a_btree_map_and_clones_do_not_change(steps in prop::collection::vec(changes(), 0..9)) {
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        let mut clones = Vec::new();
        for step in steps {
            clones.push((map.clone(), model.clone()));
            map.merge(step.clone().into_iter().collect::<Vec<_>>().into_iter());
            apply(&mut model, &step);
            map.check(&model);
        }
        clones.iter().for_each(|(map, model)| map.check(model));
    }

    /// Single changes of a large map: chunks split, then shrink, join and become empty, down to the last one.
    #[test]
    fn single_changes_add_up(
        added in prop::collection::vec(0u16..1_200, 0..300),
        removed in Just((0u16..1_200).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut model: BTreeMap<u16, u8> = (0..1_200).step_by(2).map(|key| (key, 0)).collect();
        let mut map = Map::default();
        map.merge(model.clone().into_iter().map(|(key, value)| (key, Some(value))).collect::<Vec<_>>().into_iter());
        let changes = added.into_iter().map(|key| (key, Some(1))).chain(removed.into_iter().map(|key| (key, None)));
        for (at, change) in changes.enumerate() {
            map.merge([change].into_iter());
            apply(&mut model, &BTreeMap::from([change]));
            if at % 128 == 0 {
                map.check(&model);
            }
        }
        map.check(&model);
        prop_assert!(map.is_empty());
    }
}

#[test]
fn a_change_copies_one_chunk_and_shares_the_others() {
    let mut map = Map::default();
    map.merge((0..1_000).map(|key| (key, Some(0))));
    for change in [(500, Some(1)), (1_100, Some(1)), (3, None)] {
        let before = map.clone();
        map.merge([change].into_iter());
        let kept = |chunk: &&Arc<_>| before.chunks().iter().any(|old| Arc::ptr_eq(old, chunk));
        assert_eq!(map.chunks().len() - map.chunks().iter().filter(kept).count(), 1);
    }
    let before = map.clone();
    map.merge([(2_000, None)].into_iter());
    assert!(map.chunks().iter().zip(before.chunks()).all(|(new, old)| Arc::ptr_eq(new, old)));
}

proptest! {
    /// Changes that are recorded one by one, in any order. The keys come in a random order, so that chunks split and
    /// join everywhere.
    #[test]
    fn changes_one_by_one_behave_like_those_of_a_btree_map(
        order in Just((0u16..600).collect::<Vec<_>>()).prop_shuffle(),
        steps in prop::collection::vec((0usize..600, 0u8..4), 300..900),
    ) {
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        let filled = order.iter().map(|key| (*key, 1));
        for (at, (key, step)) in filled.chain(steps.iter().map(|(at, step)| (order[*at], *step))).enumerate() {
            let before = (at % 128 == 0).then(|| map.clone());
            let expected = model.get(&key).copied();
            match step {
                0 => prop_assert_eq!(map.insert(key, key as u8), model.insert(key, key as u8)),
                1 => {
                    let (ours, theirs) = (map.get_or_default(key), model.entry(key).or_default());
                    (*ours, *theirs) = (ours.wrapping_add(1), theirs.wrapping_add(1));
                }
                _ => prop_assert_eq!(map.remove(&key), model.remove(&key)),
            }
            if let Some(before) = before {
                map.check(&model);
                prop_assert_eq!(before.get(&key).copied(), expected, "a clone changed");
            }
        }
        map.check(&model);
        map.clear();
        prop_assert!(map.is_empty() && map.chunks().is_empty());
    }
}

#[test]
fn a_small_map_is_as_small_as_a_plain_one() {
    assert_eq!(size_of::<Chunks<Key, Value>>(), size_of::<SortedMap<Key, Value>>());
    assert_eq!(size_of::<Chunks<Field, Delta>>(), size_of::<SortedMap<Field, Delta>>());
}
