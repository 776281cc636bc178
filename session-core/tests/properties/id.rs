//! The text of session ids.

use proptest::prelude::*;
use session_core::{ErrorKind, SessionId, model::IdDigest};

/// Decodes the 24 characters of base64url bit by bit into 18 bytes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextets: Option<Vec<usize>> = text.chars().map(|c| ALPHABET.find(c)).collect();
    let bits = sextets?.into_iter().flat_map(|sextet| (0..6).rev().map(move |bit| sextet >> bit & 1));
    let bits: Vec<usize> = bits.collect();
    Some(bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::try_from(*bit).unwrap())).collect())
}

fn is_an_id(text: &str) -> bool {
    text.len() == 24 && bytes(text).is_some()
}

proptest! {
    #[test]
    fn parsing_accepts_exactly_what_is_printed(text in prop_oneof![
        "[A-Za-z0-9_-]{24}",
        "[A-Za-z0-9_-]{10}[\\PC]{14}",
        "[A-Za-z0-9_-]{23,25}",
        ".{0,30}",
    ]) {
        match text.parse::<SessionId>() {
            Ok(id) => {
                prop_assert!(is_an_id(&text));
                prop_assert_eq!(id.expose(), text);
            }
            Err(error) => {
                prop_assert!(!is_an_id(&text));
                prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
            }
        }
    }

    #[test]
    fn an_id_is_printed_and_parsed(first: u16, random: u128) {
        let id = make(first, random);
        let text = id.expose();
        prop_assert!(is_an_id(&text));
        let parsed: SessionId = text.parse().unwrap();
        prop_assert_eq!(parsed, id);
        prop_assert_eq!(parsed.digest(), id.digest());
        prop_assert_eq!(id.digest().partition(), first & 0x0fff);
        prop_assert_eq!(IdDigest::from(&id.digest().to_bytes()), *id.digest());
        for shown in [format!("{id:?}"), format!("{id}"), format!("{:?}", id.digest())] {
            prop_assert!(!shown.contains(&text[4..]));
        }
    }

    #[test]
    fn other_ids_have_other_digests(first: u16, a: u128, b: u128) {
        let (a, b) = (make(first, a), make(first, b));
        prop_assert_eq!(a.expose() == b.expose(), a.digest() == b.digest());
    }
}

/// The id with these bytes.
fn make(first: u16, random: u128) -> SessionId {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let bytes = [&first.to_be_bytes()[..], &random.to_be_bytes()].concat();
    Base64UrlUnpadded::encode_string(&bytes).parse().unwrap()
}
