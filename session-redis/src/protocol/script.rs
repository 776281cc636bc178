//! The scripts, which are called by digest.

use std::{fmt::Write as _, sync::LazyLock};

use redis::Cmd;
use sha1::{Digest as _, Sha1};

use super::meta::LUA_CONSTANTS;

/// A script of `src/lua/`.
#[derive(Debug)]
pub(crate) struct Script {
    pub(super) source: String,
    digest: String,
}

/// All scripts.
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) create: Script,
    pub(crate) apply: Script,
    pub(crate) touch: Script,
    pub(crate) rotate: Script,
    pub(crate) sign_in: Script,
    pub(crate) destroy: Script,
    pub(crate) revoke: Script,
    pub(crate) acquire: Script,
    pub(crate) tenure: Script,
    pub(crate) index_add: Script,
    pub(crate) index_remove: Script,
    pub(crate) index_page: Script,
    pub(crate) index_sort: Script,
    pub(crate) record_revocation: Script,
    pub(crate) permissions: Script,
}

/// Parts that scripts share. A line `--@name` stands for the part of that name. A part may name only later parts.
const PARTS: [(&str, &str); 16] = [
    ("--@size_change\n", include_str!("../lua/size_change.lua")),
    ("--@write_entries\n", include_str!("../lua/write_entries.lua")),
    ("--@renewal_used\n", include_str!("../lua/renewal_used.lua")),
    ("--@renewal\n", include_str!("../lua/renewal.lua")),
    ("--@prelude\n", include_str!("../lua/prelude.lua")),
    ("--@absent\n", include_str!("../lua/absent.lua")),
    ("--@publish\n", include_str!("../lua/publish.lua")),
    ("--@seed_sequence\n", include_str!("../lua/seed_sequence.lua")),
    ("--@left_ids\n", include_str!("../lua/left_ids.lua")),
    ("--@tombstone\n", include_str!("../lua/tombstone.lua")),
    ("--@check_permitted\n", include_str!("../lua/check_permitted.lua")),
    ("--@ring_contains\n", include_str!("../lua/ring_contains.lua")),
    ("--@check_limits\n", include_str!("../lua/check_limits.lua")),
    ("--@op_ring\n", include_str!("../lua/op_ring.lua")),
    ("--@new_deadlines\n", include_str!("../lua/new_deadlines.lua")),
    ("--@chunks\n", include_str!("../lua/chunks.lua")),
];

pub(crate) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts {
    create: Script::new(include_str!("../lua/create.lua")),
    apply: Script::new(include_str!("../lua/apply.lua")),
    touch: Script::new(include_str!("../lua/touch.lua")),
    rotate: Script::new(include_str!("../lua/rotate.lua")),
    sign_in: Script::new(include_str!("../lua/sign_in.lua")),
    destroy: Script::new(include_str!("../lua/destroy.lua")),
    revoke: Script::new(include_str!("../lua/revoke.lua")),
    acquire: Script::new(include_str!("../lua/acquire.lua")),
    tenure: Script::new(include_str!("../lua/tenure.lua")),
    index_add: Script::new(include_str!("../lua/index_add.lua")),
    index_remove: Script::new(include_str!("../lua/index_remove.lua")),
    index_page: Script::new(include_str!("../lua/index_page.lua")),
    index_sort: Script::new(include_str!("../lua/index_sort.lua")),
    record_revocation: Script::new(include_str!("../lua/record_revocation.lua")),
    permissions: Script::new(include_str!("../lua/permissions.lua")),
});

impl Scripts {
    /// The scripts that are loaded on each new connection, besides `permissions`.
    pub(crate) fn all(&self) -> [&Script; 14] {
        let Self {
            create,
            apply,
            touch,
            rotate,
            sign_in,
            destroy,
            revoke,
            acquire,
            tenure,
            index_add,
            index_remove,
            index_page,
            index_sort,
            record_revocation,
            permissions: _,
        } = self;
        [
            create,
            apply,
            touch,
            rotate,
            sign_in,
            destroy,
            revoke,
            acquire,
            tenure,
            index_add,
            index_remove,
            index_page,
            index_sort,
            record_revocation,
        ]
    }
}

impl Script {
    fn new(text: &str) -> Self {
        let source = PARTS.iter().fold(text.to_owned(), |source, (name, part)| source.replace(name, part));
        let source = LUA_CONSTANTS.iter().fold(source, |source, (name, value)| source.replace(name, value));
        let mut digest = String::with_capacity(40);
        for byte in Sha1::digest(&source) {
            let _ = write!(digest, "{byte:02x}");
        }
        Self { source, digest }
    }

    /// The command that calls the script with these keys. The caller appends the arguments. `room` is their number and
    /// their bytes.
    pub(crate) fn command(&self, keys: &[&[u8]], (arguments, bytes): (usize, usize)) -> Cmd {
        let room = keys.iter().map(|key| key.len()).sum::<usize>() + bytes + 64;
        let mut cmd = Cmd::with_capacity(3 + keys.len() + arguments, room);
        cmd.arg("EVALSHA").arg(&self.digest).arg(keys.len());
        for key in keys {
            cmd.arg(*key);
        }
        cmd
    }

    /// The command that makes the script known to a server.
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
    fn scripts_are_complete_and_begin_with_their_header() {
        for script in SCRIPTS.all().into_iter().chain([&SCRIPTS.permissions]) {
            assert!(script.source.starts_with("#!lua"), "the server accepts a header on the first line only");
            assert!(!script.source.contains("--@"), "a part is missing");
            assert!(!script.source.contains('$'), "a constant is missing");
            assert_eq!(script.digest.len(), 40);
        }
    }
}
