#![no_main]

use libfuzzer_sys::fuzz_target;
use session_core::{ErrorKind, SessionId, model::IdDigest};

fuzz_target!(|text: &str| match text.parse::<SessionId>() {
    Ok(id) => {
        assert_eq!(id.expose(), text);
        assert_eq!(IdDigest::from(&id.digest().to_bytes()), *id.digest());
    }
    Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
});
