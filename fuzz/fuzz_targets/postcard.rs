#![no_main]

use libfuzzer_sys::fuzz_target;
use session_core::{
    codec::{Codecs, Postcard},
    model::Format,
};

fuzz_target!(|payload: &[u8]| session_fuzz::reads_strictly(&Codecs::new(Postcard), Format::POSTCARD, payload));
