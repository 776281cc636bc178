//! The format that is written by default for each set of features. CI runs this test with each feature alone.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use session_core::{
    ErrorKind,
    codec::{Codecs, Location},
    model::{Entry, Field, Format, Incarnation},
};

/// The first format whose feature is enabled.
fn expected() -> Option<Format> {
    let enabled = [
        (cfg!(feature = "bincode"), Format::BINCODE),
        (cfg!(feature = "postcard"), Format::POSTCARD),
        (cfg!(feature = "json"), Format::JSON),
    ];
    enabled.into_iter().find(|(is_on, _)| *is_on).map(|(_, format)| format)
}

#[test]
fn the_default_writes_the_first_enabled_format() {
    let field = Field::new("f").unwrap();
    let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
    let written = Codecs::default().encode(&7u32, &at);
    match expected() {
        Some(format) => assert_eq!(written.unwrap().format(), Some(format)),
        None => assert_eq!(written.unwrap_err().kind(), ErrorKind::Configuration),
    }
}
