//! The default format: a number is read as a float that is this number, or it is not read.
#![cfg(feature = "json")]

use std::{cmp::Ordering, collections::BTreeMap};

use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::json::{read_as, round_trips};

/// A float as a key.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct FloatKey(f64);

impl Eq for FloatKey {}

impl PartialOrd for FloatKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FloatKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Each way of serde to hold a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Holder<T> {
    Newtype(T),
    Tuple(u8, T),
    Struct { it: T },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent<T> {
    Struct { it: T },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Beside<T> {
    it: T,
    #[serde(flatten)]
    more: BTreeMap<String, u8>,
}

/// Whether `R` is read from a `W` wherever the two are.
fn is_read_everywhere<W, R>(written: W) -> bool
where
    W: Clone + Serialize,
    R: DeserializeOwned + PartialEq,
{
    let it = || written.clone();
    let read = [
        read_as::<R>(&it()).is_some(),
        read_as::<Option<R>>(&Some(it())).is_some(),
        read_as::<Vec<R>>(&vec![it()]).is_some(),
        read_as::<(u8, R)>(&(1u8, it())).is_some(),
        read_as::<BTreeMap<u8, R>>(&BTreeMap::from([(1, it())])).is_some(),
        read_as::<Holder<R>>(&Holder::Newtype(it())).is_some(),
        read_as::<Holder<R>>(&Holder::Tuple(1, it())).is_some(),
        read_as::<Holder<R>>(&Holder::Struct { it: it() }).is_some(),
        read_as::<Adjacent<R>>(&Adjacent::Struct { it: it() }).is_some(),
        read_as::<Beside<R>>(&Beside { it: it(), more: BTreeMap::new() }).is_some(),
    ];
    assert!(read.iter().all(|it| *it == read[0]), "{read:?}");
    read[0]
}

#[test]
fn a_number_that_the_float_cannot_have_is_not_read() {
    assert!(is_read_everywhere::<_, f64>(1u64 << 53) && is_read_everywhere::<_, f64>(i64::MIN));
    assert!(!is_read_everywhere::<_, f64>((1u64 << 53) + 1) && !is_read_everywhere::<_, f64>(i64::MIN + 1));
    assert!(is_read_everywhere::<_, f32>(1u32 << 24) && !is_read_everywhere::<_, f32>((1u32 << 24) + 1));
    assert!(is_read_everywhere::<_, f64>(1u128 << 100) && !is_read_everywhere::<_, f64>((1u128 << 100) + 1));
    assert!(is_read_everywhere::<_, f64>(i128::MIN) && !is_read_everywhere::<_, f64>(i128::MIN + 1));
    assert!(is_read_everywhere::<_, f32>(1u128 << 127) && !is_read_everywhere::<_, f32>(u128::MAX));
    assert!(is_read_everywhere::<_, f32>(f64::from(f32::MAX)) && !is_read_everywhere::<_, f32>(1e39));
    let key = |number: u64| read_as::<BTreeMap<FloatKey, u8>>(&BTreeMap::from([(number, 1u8)]));
    assert_eq!(key(1 << 53), Some(BTreeMap::from([(FloatKey((1u64 << 53) as f64), 1)])));
    assert_eq!(key((1 << 53) + 1), None);
}

/// A float is written with a point or an exponent, so one beside an integer of more than 64 bits is not mistaken for it.
#[test]
fn a_large_float_is_read_beside_a_large_integer() {
    assert!(round_trips(&(u128::MAX, 1e300, f64::MAX, -1e20)));
    assert!(round_trips(&(i128::MIN + 1, 18_446_744_073_709_551_616.0f64, f32::MAX)));
}

/// The author of a text beside a float cannot make the float unreadable.
#[test]
fn a_text_of_digits_is_no_number() {
    let text = |text: &str| text.to_owned();
    assert!(round_trips(&(text("10000000000000000000001"), 1e22, text("\\\"10000000000000000000001"))));
    assert_eq!(read_as::<(f64, f64)>(&(10_000_000_000_000_000_000_001i128, 1e22)), None);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Float(f64),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged<T> {
    Price { amount: T },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    more: BTreeMap<String, f32>,
}

/// The limit of the check: such a type has serde buffer the number before its type is known, and convert it by itself.
#[test]
fn where_serde_buffers_a_number_it_is_rounded() {
    let integer = (1u64 << 53) + 1;
    assert_eq!(read_as::<Untagged>(&integer), Some(Untagged::Float((1u64 << 53) as f64)));
    // `serde_json` has rounded this one before, and it is recognised.
    assert_eq!(read_as::<Untagged>(&u128::MAX), None);
    assert_eq!(read_as::<Untagged>(&1e300), Some(Untagged::Float(1e300)));
    let tagged = Tagged::Price { amount: integer };
    assert_eq!(read_as::<Tagged<f64>>(&tagged), Some(Tagged::Price { amount: (1u64 << 53) as f64 }));
    let flat = BTreeMap::from([("a", 1e39)]);
    assert_eq!(read_as::<Flat>(&flat), Some(Flat { more: BTreeMap::from([("a".to_owned(), f32::INFINITY)]) }));
}

/// Integers of every length, most of them near a power of two.
fn integer() -> impl Strategy<Value = i128> {
    let near = (0..127u32, -3..=3i128, any::<bool>()).prop_map(|(bits, by, is_negative)| {
        let near = (1i128 << bits) + by;
        if is_negative { -near } else { near }
    });
    let few_digits = (any::<u32>(), 0..96u32).prop_map(|(digits, shift)| i128::from(digits) << shift);
    prop_oneof![near, few_digits, any::<i128>(), any::<i64>().prop_map(i128::from)]
}

proptest! {
    /// A float is written out in full by `{:.0}`.
    #[test]
    fn an_integer_is_read_as_the_float_that_it_is(integer in integer()) {
        let text = integer.to_string();
        let (double, single) = (integer as f64, integer as f32);
        prop_assert_eq!(read_as::<f64>(&integer), (format!("{double:.0}") == text).then_some(double));
        prop_assert_eq!(read_as::<f32>(&integer), (format!("{single:.0}") == text).then_some(single));
    }

    #[test]
    fn a_float_is_read_as_the_nearest_one(double: f64, single: f32) {
        prop_assume!(double.is_finite() && single.is_finite());
        let nearest = double as f32;
        prop_assert_eq!(read_as::<f64>(&double), Some(double));
        prop_assert_eq!(read_as::<f32>(&double), nearest.is_finite().then_some(nearest));
        prop_assert_eq!(read_as::<f32>(&single), Some(single));
    }
}
