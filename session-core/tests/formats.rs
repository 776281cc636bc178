//! The format that is written by default for each set of features. CI runs this test with each feature alone.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use session_core::{
    ErrorKind,
    codec::{Codecs, Location},
    model::{Entry, Field, Format, Incarnation, Value},
};

/// The features that other crates turn on decide what is read, and never what is written.
#[test]
fn the_default_writes_json_whichever_features_are_on() {
    let field = Field::new("f").unwrap();
    let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
    let written = Codecs::default().encode(&7u32, &at);
    match cfg!(feature = "json") {
        true => assert_eq!(written.unwrap().as_bytes(), b"\x037"),
        false => assert_eq!(written.unwrap_err().kind(), ErrorKind::Configuration),
    }
}

#[test]
fn the_default_reads_every_format_whose_feature_is_on() {
    let field = Field::new("f").unwrap();
    let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
    let written = [
        (cfg!(feature = "json"), Value::new(Format::JSON, b"7")),
        (cfg!(feature = "postcard"), Value::new(Format::POSTCARD, &[9, 7])),
        (cfg!(feature = "bincode"), Value::new(Format::BINCODE, &[9, 7])),
    ];
    for (is_on, value) in written {
        assert_eq!(Codecs::default().decode::<u32>(&value, &at).ok(), is_on.then_some(7), "{value:?}");
    }
}
