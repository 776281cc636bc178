#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use session_core::{ErrorKind, model::Record};

fuzz_target!(|input: &[u8]| match Record::from_bytes(Bytes::copy_from_slice(input)) {
    Err(error) => assert_eq!(error.kind(), ErrorKind::UnreadableField),
    Ok(record) => {
        assert_eq!(record.to_bytes(), input);
        let deadlines = record.deadlines();
        assert!(deadlines.idle().is_some() || deadlines.absolute().is_some());
        let state = record.state();
        let scalars = state.scalars().map(|(field, value)| field.as_str().len() + value.as_bytes().len());
        let keyed = state.keyed_fields().flat_map(|field| {
            let entries = state.keyed(field.as_str());
            entries.map(|(key, value)| field.as_str().len() + key.as_str().len() + value.as_bytes().len())
        });
        let entries: Vec<usize> = scalars.chain(keyed).collect();
        assert_eq!((state.len(), state.size_in_bytes()), (entries.len(), entries.iter().sum()));
    }
});
