#![no_main]

use libfuzzer_sys::fuzz_target;
use session_core::{
    Format,
    codec::{Bincode, Codecs},
};

fuzz_target!(|payload: &[u8]| session_fuzz::reads_strictly(&Codecs::new(Bincode), Format::BINCODE, payload));
