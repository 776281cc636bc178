//! Lists or counts the public surface of a crate, from the JSON that rustdoc writes about it.
//!
//! ```text
//! session-surface list FILE.json
//! session-surface count FILE.json MOST_NAMES MOST_ITEMS
//! ```
//!
//! The scripts `.ci/public-api` and `.ci/public-items` make the JSON and call this program.

mod count;

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use count::Surface;
use public_api::Builder;
use serde_json::Value;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["list", file] => list(Path::new(file)),
        ["count", file, names, items] => count(Path::new(file), names, items),
        _ => Err("usage: session-surface list FILE | session-surface count FILE MOST_NAMES MOST_ITEMS".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one line for each public item, sorted. Blanket, automatic and derived implementations are left out: they are
/// long and say little, and `.ci/semver` notices when one is lost.
fn list(file: &Path) -> Result<(), Box<dyn Error>> {
    read(file)?;
    let listing = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(write!(io::stdout(), "{listing}")?)
}

fn count(file: &Path, most_names: &str, most_items: &str) -> Result<(), Box<dyn Error>> {
    let surface = Surface::of(&serde_json::from_value(read(file)?)?);
    let (most_names, most_items) = (most_names.parse::<usize>()?, most_items.parse::<usize>()?);
    write!(io::stdout(), "{surface}")?;
    let (names, items) = (surface.names(), surface.items());
    if names > most_names || items > most_items {
        return Err(format!("the limits are {most_names} names at the root and {most_items} items").into());
    }
    Ok(())
}

/// Reads the JSON, and refuses a format that this program does not know.
fn read(file: &Path) -> Result<Value, Box<dyn Error>> {
    let json: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let (found, known) = (json["format_version"].as_u64(), u64::from(rustdoc_types::FORMAT_VERSION));
    if found == Some(known) {
        return Ok(json);
    }
    let found = found.map_or_else(|| "no".to_owned(), |found| found.to_string());
    Err(format!(
        "{} has {found} format version, and this program knows {known}. The toolchain has changed: in \
         .ci/surface/Cargo.toml, take the versions of public-api and rustdoc-types that fit it.",
        file.display()
    )
    .into())
}
