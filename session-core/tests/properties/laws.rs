//! The laws of deltas.

use proptest::prelude::*;
use session_core::model::{Delta, Entry, Field, Key, Selector, State, Value};

use crate::{
    naive::{self, NaiveState, Step, applied, count, delta, overlap, parts, read},
    strategy::{self, full_state, naive_state, steps, tiny_steps},
};

fn after(state: &NaiveState, delta: &Delta) -> State {
    let mut state = naive::state(state);
    delta.apply_to(&mut state);
    state
}

/// The steps of `b` that do not overlap with any step of `a`.
fn apart(a: &[Step], b: Vec<Step>) -> Vec<Step> {
    b.into_iter().filter(|step| !overlap(a, std::slice::from_ref(step))).collect()
}

/// The entries that a delta sets, each with its name.
fn entries(delta: &Delta) -> Vec<(Field, Option<Key>, Value)> {
    let owned = |(entry, value): (Entry<'_>, &Value)| match entry {
        Entry::Scalar(field) => (field.clone(), None, value.clone()),
        Entry::Keyed(field, key) => (field.clone(), Some(key.clone()), value.clone()),
    };
    delta.insertions().map(owned).collect()
}

fn from_entries(entries: Vec<(Field, Option<Key>, Value)>) -> State {
    let (mut scalars, mut keyed) = (Vec::new(), Vec::new());
    for (field, key, value) in entries {
        match key {
            None => scalars.push((field, value)),
            Some(key) => keyed.push((field, key, value)),
        }
    }
    State::from_entries(scalars, keyed)
}

fn delta_and_shuffled_entries() -> impl Strategy<Value = (Delta, Vec<(Field, Option<Key>, Value)>)> {
    strategy::delta().prop_flat_map(|delta| {
        let entries = entries(&delta);
        (Just(delta), Just(entries).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn identity(s in naive_state(), a in steps()) {
        let empty = Delta::new();
        prop_assert!(empty.is_empty());
        prop_assert_eq!(after(&s, &empty), naive::state(&s));
        let a = delta(&a);
        prop_assert_eq!(&empty.clone().then(&a), &a);
        prop_assert_eq!(&a.clone().then(&empty), &a);
    }

    #[test]
    fn idempotence(s in naive_state(), a in steps()) {
        let a = delta(&a);
        let once = after(&s, &a);
        let mut twice = once.clone();
        a.apply_to(&mut twice);
        prop_assert_eq!(twice, once);
        prop_assert_eq!(a.clone().then(&a), a);
    }

    #[test]
    fn closure(s in naive_state(), a in steps(), b in steps()) {
        let both = delta(&a).then(&delta(&b));
        let mut one_by_one = after(&s, &delta(&a));
        delta(&b).apply_to(&mut one_by_one);
        prop_assert_eq!(after(&s, &both), one_by_one);
        let list: Vec<Step> = a.into_iter().chain(b).collect();
        prop_assert_eq!(both, delta(&list));
    }

    #[test]
    fn associativity(a in steps(), b in steps(), c in steps()) {
        let (a, b, c) = (delta(&a), delta(&b), delta(&c));
        prop_assert_eq!(a.clone().then(&b).then(&c), a.then(&b.then(&c)));
    }

    #[test]
    fn commutation(s in naive_state(), a in steps(), b in steps()) {
        let b = apart(&a, b);
        let (a, b) = (delta(&a), delta(&b));
        prop_assert!(!a.overlaps(&b) && !b.overlaps(&a));
        let (mut ab, mut ba) = (after(&s, &a), after(&s, &b));
        b.apply_to(&mut ab);
        a.apply_to(&mut ba);
        prop_assert_eq!(ab, ba);
        prop_assert_eq!(a.clone().then(&b), b.then(&a));
    }

    #[test]
    fn overlap_is_that_of_the_selectors(a in steps(), b in steps()) {
        let expected = overlap(&a, &b);
        prop_assert_eq!(delta(&a).overlaps(&delta(&b)), expected);
        prop_assert_eq!(delta(&b).overlaps(&delta(&a)), expected);
    }

    /// The full state has every name, and values that no step sets, so it distinguishes all effects.
    #[test]
    fn the_normal_form_is_unique(a in tiny_steps(), b in tiny_steps()) {
        let one_effect = applied(&full_state(), &a) == applied(&full_state(), &b);
        prop_assert_eq!(delta(&a) == delta(&b), one_effect);
        prop_assert_eq!(delta(&a).to_bytes() == delta(&b).to_bytes(), one_effect);
    }

    #[test]
    fn the_normal_form_of_longer_lists_is_unique(a in steps(), b in steps()) {
        let list: Vec<Step> = a.iter().chain(&b).cloned().collect();
        let one_effect = applied(&full_state(), &list) == applied(&full_state(), &b);
        prop_assert_eq!(delta(&list) == delta(&b), one_effect);
    }

    #[test]
    fn equivalence(s in naive_state(), deltas in prop::collection::vec(steps(), 0..6)) {
        let (mut state, mut model) = (naive::state(&s), s);
        for steps in deltas {
            delta(&steps).apply_to(&mut state);
            naive::apply(&mut model, &steps);
            prop_assert_eq!(read(&state), model.clone());
        }
        prop_assert_eq!(state.is_empty(), model.is_empty());
        for ((field, key), value) in &model {
            let found = match key {
                None => state.get(field),
                Some(key) => state.get_keyed(field, key),
            };
            prop_assert_eq!(found.map(|value| value.as_bytes().to_vec()), Some(value.clone()));
        }
        for field in state.keyed_fields() {
            let keys = model.keys().filter(|(of, key)| of == field.as_str() && key.is_some()).count();
            prop_assert!(keys > 0);
            prop_assert_eq!(state.keyed(field.as_str()).len(), keys);
        }
    }

    #[test]
    fn an_update_is_the_difference_then_the_union(s in naive_state(), a in steps()) {
        let a = delta(&a);
        prop_assert_eq!(read(&after(&s, &a)), naive::difference_then_union(&s, &a));
    }

    #[test]
    fn equal_states_are_equal_with_different_histories(s in naive_state(), a in steps()) {
        let model = applied(&s, &a);
        prop_assert_eq!(after(&s, &delta(&a)), naive::state(&model));
    }

    #[test]
    fn entries_in_any_order_make_the_state_of_their_delta((a, shuffled) in delta_and_shuffled_entries()) {
        let (one_by_one, at_once) = (from_entries(shuffled), State::from(&a));
        prop_assert_eq!(parts(&one_by_one), count(&read(&at_once)));
        prop_assert_eq!(one_by_one, at_once);
    }

    /// Which entry is kept is unspecified.
    #[test]
    fn of_entries_with_one_name_one_is_kept(a in strategy::delta(), b in strategy::delta()) {
        let state = from_entries(entries(&a).into_iter().chain(entries(&b)).collect());
        let (a, b) = (read(&State::from(&a)), read(&State::from(&b)));
        let stayed = read(&state);
        prop_assert!(stayed.iter().all(|(name, value)| [a.get(name), b.get(name)].contains(&Some(value))));
        prop_assert!(a.keys().chain(b.keys()).all(|name| stayed.contains_key(name)));
        prop_assert_eq!(parts(&state), count(&stayed));
    }

    #[test]
    fn sizes_are_those_of_a_recount(s in naive_state(), a in steps()) {
        let before = naive::state(&s);
        prop_assert_eq!(parts(&before), count(&s));
        let after = after(&s, &delta(&a));
        prop_assert_eq!(parts(&after), count(&read(&after)));
    }

    #[test]
    fn a_delta_lists_its_edit_of_an_entry(a in steps()) {
        let model = applied(&full_state(), &a);
        let a = delta(&a);
        for (name, untouched) in full_state() {
            let field = naive::field(&name.0);
            let key = name.1.as_deref().map(naive::key);
            let entry = key.as_ref().map_or(Entry::Scalar(&field), |key| Entry::Keyed(&field, key));
            let set = a.insertions().find(|(other, _)| *other == entry).map(|(_, value)| value);
            let removed = a.removals().any(|selector| match selector {
                Selector::Scalar(field) => entry == Entry::Scalar(field),
                Selector::Keyed(field, key) => entry == Entry::Keyed(field, key),
                Selector::All(all) => matches!(entry, Entry::Keyed(field, _) if field == all),
            });
            match (set, removed, model.get(&name)) {
                (None, false, Some(value)) => prop_assert_eq!(value, &untouched),
                (None, true, None) => {}
                (Some(value), _, Some(there)) => prop_assert_eq!(value.as_bytes(), &there[..]),
                (set, removed, there) => prop_assert!(false, "{set:?} {removed} {there:?}"),
            }
        }
    }

    #[test]
    fn applying_a_delta_does_not_change_clones_of_the_state(s in naive_state(), a in steps()) {
        let before = naive::state(&s);
        let mut state = before.clone();
        delta(&a).apply_to(&mut state);
        prop_assert_eq!(read(&before), s);
    }
}
