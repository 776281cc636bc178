#![no_main]

use libfuzzer_sys::fuzz_target;
use session_core::{
    codec::{Codecs, Json},
    model::Format,
};

fuzz_target!(|payload: &[u8]| session_fuzz::reads_strictly(&Codecs::new(Json), Format::JSON, payload));
