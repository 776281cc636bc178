//! A reader that reads without a pause.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use session_core::{LoadOptions, SessionId};
use tokio::task::JoinHandle;

use crate::{
    node::{Node, Seen, read},
    within,
};

/// Reads a session on one node without a pause, and fails if its reads go back.
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(node: &Node, id: &SessionId) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (store, id, ends) = (node.store.clone(), *id, is_over.clone());
        let task = tokio::spawn(async move {
            let mut latest = None;
            while !ends.load(Ordering::Relaxed) {
                match read(&store.load(&id, LoadOptions::default()).await) {
                    Seen::Step(step) => {
                        assert!(Some(step) >= latest, "reads went back from {latest:?} to {step}");
                        latest = Some(step);
                    }
                    // While no server answers.
                    Seen::Failed => {}
                    other => panic!("a session that was not ended: {other:?}"),
                }
                tokio::task::yield_now().await;
            }
            assert!(latest.is_some(), "nothing was ever read");
        });
        Self { is_over, task }
    }

    /// Ends the reader. Fails if it has failed.
    pub(crate) async fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        within("the reader ends", self.task).await.expect("reads do not go back");
    }
}
