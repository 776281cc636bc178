//! Copies the sources of session-tiered, and applies the patches to the copy.

mod patches;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use patches::PATCHES;

const SOURCES: &str = "../session-tiered/src";

fn main() {
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"metrics\", \"tracing\"))");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for entry in fs::read_dir(SOURCES).expect("the sources of session-tiered") {
        let path = entry.expect("an entry of the directory").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a file with a plain name");
        fs::write(out.join(name), patched(&path, name)).expect("OUT_DIR can be written to");
    }
}

/// A source file with its patches.
fn patched(path: &Path, name: &str) -> String {
    let mut source = fs::read_to_string(path).expect("a source file");
    for patch in PATCHES.iter().filter(|patch| patch.file == name) {
        let found = source.matches(patch.find).count();
        assert_eq!(found, 1, "a patch must match {name} exactly once: {}", patch.find);
        source = source.replace(patch.find, patch.replace);
    }
    // The unit tests run in session-tiered.
    source = source.replace("#[cfg(test)]", "#[cfg(any())]");
    if name == "lib.rs" {
        // A file that is included cannot have inner attributes and inner docs.
        let is_inner = |line: &&str| line.starts_with("//!") || line.starts_with("#![");
        source = source.lines().filter(|line| !is_inner(line)).collect::<Vec<_>>().join("\n");
    }
    source
}
