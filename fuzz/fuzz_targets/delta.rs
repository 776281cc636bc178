#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use session_core::{
    ErrorKind,
    model::{Delta, State},
};

fuzz_target!(|input: &[u8]| match Delta::from_bytes(Bytes::copy_from_slice(input)) {
    Err(error) => assert_eq!(error.kind(), ErrorKind::UnreadableField),
    Ok(delta) => {
        assert_eq!(delta.to_bytes(), input);
        assert_eq!(delta.encoded_len(), input.len());
        assert_eq!(delta.clone().then(&delta), delta);
        let once = State::from(&delta);
        let mut twice = once.clone();
        delta.apply_to(&mut twice);
        assert_eq!(once, twice);
    }
});
