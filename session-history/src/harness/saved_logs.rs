//! The logs of the servers, which are removed together with them.

use std::{fs, path::PathBuf, sync::Arc};

use super::deployment::Deployment;

/// Copies the logs of all servers into a directory when it is dropped, however the run ends.
#[derive(Debug)]
pub(super) struct SavedLogs {
    pub(super) deployment: Arc<Deployment>,
    pub(super) dir: PathBuf,
}

impl Drop for SavedLogs {
    fn drop(&mut self) {
        for (kind, server) in self.deployment.all_servers() {
            let path = self.dir.join(format!("{kind}-{}.log", server.port()));
            if let Err(error) = fs::write(&path, server.log()) {
                eprintln!("cannot write {}: {error}", path.display());
            }
        }
    }
}
