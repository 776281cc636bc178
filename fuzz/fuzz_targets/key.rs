#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{ErrorKind, model::Key};

#[derive(Serialize, Deserialize)]
enum Unit {
    A,
    #[serde(rename = "b c")]
    Renamed,
}

#[derive(Serialize, Deserialize)]
struct Newtype<T>(T);

fn reads<K: Serialize + DeserializeOwned>(key: &Key) -> bool {
    match key.decode::<K>() {
        Ok(value) => {
            assert_eq!(Key::encode(&value).expect("a key that was read can be written"), *key);
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::UnreadableField);
            false
        }
    }
}

fuzz_target!(|text: &str| match Key::new(text) {
    Err(error) => {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(text.len() > 1_024);
    }
    Ok(key) => {
        assert!(reads::<String>(&key) && reads::<Newtype<String>>(&key));
        let small = [reads::<u8>(&key), reads::<u16>(&key), reads::<u32>(&key), reads::<u64>(&key)];
        assert!(small.is_sorted() && small[3] <= reads::<u128>(&key));
        let signed = [reads::<i8>(&key), reads::<i16>(&key), reads::<i32>(&key), reads::<i64>(&key)];
        assert!(signed.is_sorted() && signed[3] <= reads::<Newtype<i128>>(&key));
        reads::<bool>(&key);
        assert!(reads::<char>(&key) == (text.chars().count() == 1));
        assert!(reads::<Unit>(&key) == (text == "A" || text == "b c"));
        // The uuid crate reads several texts of one id; the target only asserts that an id it reads can be written.
        if let Ok(uuid) = key.decode::<uuid::Uuid>() {
            assert!(reads::<uuid::Uuid>(&Key::encode(&uuid).expect("a uuid is a key")));
        }
        assert!(!reads::<Newtype<Option<u8>>>(&key) && !reads::<Vec<u8>>(&key) && !reads::<()>(&key));
    }
});
