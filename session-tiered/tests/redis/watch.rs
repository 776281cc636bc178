//! Somebody who reads without a pause, whatever happens.

use session_core::SessionId;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    node::{Node, Seen, read},
    within,
};

/// Reads a session on one node all the time, and fails if what it sees goes back.
pub(crate) struct Watch {
    seen: watch::Receiver<Option<u64>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn start(node: &Node, id: &SessionId) -> Self {
        let (tell, seen) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let (store, id) = (node.store.clone(), *id);
        let task = tokio::spawn(async move {
            let (mut latest, mut reads) = (None, 0);
            while !*stopped.borrow() {
                let seen = read(&session_core::SessionStoreExt::get(&store, &id).await);
                reads += 1;
                match seen {
                    Seen::Step(step) => {
                        assert!(Some(step) >= latest, "reads went back from {latest:?} to {step}");
                        latest = Some(step);
                        tell.send_replace(latest);
                    }
                    // While nobody answers.
                    Seen::Failed => {}
                    other => panic!("a session that nobody ended: {other:?}"),
                }
                tokio::task::yield_now().await;
            }
            reads
        });
        Self { seen, stop, task }
    }

    /// Waits until it has seen this step, or a later one.
    #[allow(dead_code)]
    pub(crate) async fn wait_for(&mut self, step: u64) {
        let waited = within("a change is seen", self.seen.wait_for(|seen| *seen >= Some(step))).await;
        assert!(waited.is_ok(), "the reader has failed");
    }

    /// Ends it; fails if it has failed.
    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        let reads = within("the reader ends", self.task).await.expect("reads do not go back");
        assert!(reads > 0);
    }
}
