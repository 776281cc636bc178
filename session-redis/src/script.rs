//! The scripts, sent by digest.

use std::{fmt::Write as _, sync::LazyLock};

use redis::Cmd;
use sha1::{Digest as _, Sha1};

/// A script of `src/lua/`.
#[derive(Debug)]
pub(crate) struct Script {
    source: String,
    digest: String,
}

/// All scripts.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) apply: Script,
    pub(crate) touch: Script,
    pub(crate) rotate: Script,
    pub(crate) destroy: Script,
    pub(crate) revoke: Script,
    pub(crate) acquire: Script,
    pub(crate) tenure: Script,
    pub(crate) enlist: Script,
    pub(crate) unlist: Script,
    pub(crate) permissions: Script,
}

/// What scripts share stands where they name it: `--@name` on a line of its own. A part may name those behind it.
const SHARED: [(&str, &str); 11] = [
    ("--@sizes\n", include_str!("lua/sizes.lua")),
    ("--@write\n", include_str!("lua/write.lua")),
    ("--@shared\n", include_str!("lua/shared.lua")),
    ("--@absent\n", include_str!("lua/absent.lua")),
    ("--@announce\n", include_str!("lua/announce.lua")),
    ("--@seed\n", include_str!("lua/seed.lua")),
    ("--@bury\n", include_str!("lua/bury.lua")),
    ("--@has\n", include_str!("lua/has.lua")),
    ("--@limits\n", include_str!("lua/limits.lua")),
    ("--@remember\n", include_str!("lua/remember.lua")),
    ("--@chunks\n", include_str!("lua/chunks.lua")),
];

pub(crate) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
    create: Script::new(include_str!("lua/create.lua")),
    apply: Script::new(include_str!("lua/apply.lua")),
    touch: Script::new(include_str!("lua/touch.lua")),
    rotate: Script::new(include_str!("lua/rotate.lua")),
    destroy: Script::new(include_str!("lua/destroy.lua")),
    revoke: Script::new(include_str!("lua/revoke.lua")),
    acquire: Script::new(include_str!("lua/acquire.lua")),
    tenure: Script::new(include_str!("lua/tenure.lua")),
    enlist: Script::new(include_str!("lua/enlist.lua")),
    unlist: Script::new(include_str!("lua/unlist.lua")),
    permissions: Script::new(include_str!("lua/permissions.lua")),
});

impl Scripts {
    /// Those that a connection is prepared for.
    pub(crate) fn all(&self) -> [&Script; 10] {
        let Self { create, apply, touch, rotate, destroy, revoke, acquire, tenure, enlist, unlist, permissions: _ } =
            self;
        [create, apply, touch, rotate, destroy, revoke, acquire, tenure, enlist, unlist]
    }
}

impl Script {
    fn new(text: &str) -> Self {
        let source = SHARED.iter().fold(text.to_owned(), |source, (name, part)| source.replace(name, part));
        let mut digest = String::with_capacity(40);
        for byte in Sha1::digest(&source) {
            let _ = write!(digest, "{byte:02x}");
        }
        Self { source, digest }
    }

    /// A call with these keys; arguments are appended. `room` is how many arguments and how many bytes there will be.
    pub(crate) fn call(&self, keys: &[&[u8]], (arguments, bytes): (usize, usize)) -> Cmd {
        let room = keys.iter().map(|key| key.len()).sum::<usize>() + bytes + 64;
        let mut cmd = Cmd::with_capacity(3 + keys.len() + arguments, room);
        cmd.arg("EVALSHA").arg(&self.digest).arg(keys.len());
        for key in keys {
            cmd.arg(*key);
        }
        cmd
    }

    /// What makes the script known to a server.
    pub(crate) fn load(&self) -> Cmd {
        let mut cmd = redis::cmd("SCRIPT");
        cmd.arg("LOAD").arg(&self.source);
        cmd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_whole_and_begin_with_their_header() {
        for script in SCRIPTS.all().into_iter().chain([&SCRIPTS.permissions]) {
            assert!(script.source.starts_with("#!lua"), "the server takes a header on the first line only");
            assert!(!script.source.contains("--@"), "a part is missing");
            assert_eq!(script.digest.len(), 40);
        }
    }
}
