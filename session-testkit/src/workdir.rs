//! Temporary directories.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::watchdog;

/// A temporary directory that is removed on drop, and also when the process is killed.
#[derive(Debug)]
pub(crate) struct Workdir {
    dir: TempDir,
}

impl Workdir {
    pub(crate) fn new() -> Self {
        // The name is short because the path of a unix socket has at most 107 bytes.
        let dir = tempfile::Builder::new().prefix("session-testkit-").tempdir();
        let dir = dir.expect("a temporary directory can be made; is there room, and is TMPDIR writable?");
        watchdog::watch_dir(dir.path());
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, text).expect("a file in the temporary directory can be written; is the disk full?");
        path
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        watchdog::forget_dir(self.dir.path());
    }
}
