//! The codecs.

use std::hint::black_box;

use super::formats;
use crate::{
    claim::{Number, Target},
    codecs::{Shop, subjects},
    effort::Effort,
    in_turn::{InTurn, each},
    section::{Section, Table},
};

/// Compares each codec with the library of its format, which is the cost of the format byte, of the registry and of the
/// checks; then the formats with each other.
pub fn section(effort: Effort) -> Section {
    let method = "One value as an application stores it: an optional number, a text, a map of 6 entries, a set of 2. \
                  It is encoded and decoded through `Codecs`, with its format byte, against the format's library \
                  called directly. `Codecs` calls the formats of session-core itself with the concrete type; a format \
                  that an application adds goes through erased serializers. The formats are compared with each other \
                  by typical values; MessagePack is the reference, encoded and decoded by rmp-serde with the names of \
                  fields, which it needs if structs are to gain and lose fields. Each value has its format byte. The \
                  last table has values that some format cannot have, or that are read as another type than was \
                  written.";
    let mut section = Section::new("Codecs", method);
    let mut table =
        Table::new("Time to encode or decode one value, ns", ["format", "bytes", "encode", "bare", "decode", "bare"]);
    for subject in subjects() {
        let shop = Shop::default();
        let name = subject.name;
        let target = Target::AtMost(1.5);
        let costs = InTurn::new("ns")
            .until_decided("encode", "encode, bare", target)
            .until_decided("decode", "decode, bare", target)
            .subject("encode", || each(500, || drop(black_box(subject.encoded(black_box(&shop))))))
            .subject("encode, bare", || each(500, || drop(black_box(subject.encoded_bare(black_box(&shop))))))
            .subject("decode", || each(500, || drop(black_box(subject.decoded()))))
            .subject("decode, bare", || each(500, || drop(black_box(subject.decoded_bare()))))
            .run(effort);
        for (way, verb) in [("encode", "Encoding"), ("decode", "Decoding")] {
            let text = format!("{verb} a value in {name} through `Codecs`, against the library called directly");
            let pair = (way, &*format!("{way}, bare"));
            section.claims.push(costs.claim(format!("codec.{name}.{way}"), &text, pair, target));
        }
        let [encode, bare_encode, decode, bare_decode] =
            ["encode", "encode, bare", "decode", "decode, bare"].map(|way| Number(costs.median(way)).to_string());
        table.row([name.to_owned(), subject.bytes().to_string(), encode, bare_encode, decode, bare_decode]);
    }
    section.tables.push(table);
    formats::compare(&mut section, effort);
    section
}
