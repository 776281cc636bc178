#![no_main]

use libfuzzer_sys::fuzz_target;
use session_core::{
    codec::{Bincode, Codecs, KeyRing, Sealed},
    model::{Format, Value},
};

// The first byte selects what happens to the rest. It is read unchanged, under a key that has sealed nothing (the
// fuzzer learns values that were sealed here from the comparisons below, and submits them), or combined with a value
// that was sealed.
fuzz_target!(|input: &[u8]| {
    let Some((how, rest)) = input.split_first() else { return };
    if *how == 0 {
        let codecs = Codecs::new(Sealed::new(Codecs::new(Bincode), KeyRing::new([3; 32])));
        let value = Value::new(Format::SEALED, rest);
        return session_fuzz::with_location(|at| assert!(codecs.decode::<String>(&value, at).is_err()));
    }
    let codecs = Codecs::new(Sealed::new(Codecs::new(Bincode), KeyRing::new([1; 32]).also_opens([2; 32])));
    session_fuzz::with_location(|at| {
        let sealed = codecs.encode("a secret", at).expect("a string can be sealed");
        let mut bytes = sealed.as_bytes().to_vec();
        bytes.iter_mut().zip(rest).for_each(|(byte, damage)| *byte ^= damage);
        let damaged = bytes != *sealed.as_bytes();
        match codecs.decode::<String>(&Value::from(bytes), at) {
            Ok(text) => assert!(!damaged && text == "a secret"),
            Err(_) => assert!(damaged),
        }
    });
});
