//! A principal's list has lost a session that lives: the list is in another partition, whose primary can lose its last
//! writes alone.

use std::time::Duration;

use session_core::{
    Expiry,
    model::EndReason,
    store::{NewSession, SessionStore as _, TouchOptions},
};
use session_testkit::Server;

use crate::{
    belongings::keys,
    rig::{alice, create, done, signed_in, start},
};

const IDLE: Duration = Duration::from_secs(1_800);

async fn lose_lists(server: &Server) {
    for pattern in ["faults:1:*:p:*", "faults:1:*:o:*"] {
        for key in keys(server, pattern).await {
            server.command(&[b"DEL".as_slice(), &key]).await.expect("DEL");
        }
    }
}

/// A use that comes more than an idle timeout after the session was last listed lists it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_after_an_idle_timeout_lists_the_session_again() {
    let (server, store) = start().await;
    let index = store.index().expect("an index");
    let expiries = [Expiry::idle(IDLE), Expiry::both(IDLE, IDLE * 48)];
    for expiry in expiries {
        let (id, _) = create(&store, &NewSession { expiry, ..signed_in() }).await;
        lose_lists(&server).await;
        assert_eq!(done(index.sessions(&alice(), 10).await).len(), 0, "{expiry:?}");
        done(store.touch(&id, TouchOptions::default()).await);
        assert_eq!(done(index.sessions(&alice(), 10).await).len(), 0, "a use at once costs nothing");

        // As late as a use in an idle timeout and a half would set the deadline.
        let late = TouchOptions { idle: Some(IDLE * 5 / 2), ..TouchOptions::default() };
        done(store.touch(&id, late).await);
        assert_eq!(done(index.sessions(&alice(), 10).await).len(), 1, "{expiry:?}");
        let revoked = done(index.revoke_all(&alice(), None, EndReason::Revoked).await);
        assert_eq!(revoked.ended, [*id.digest()], "{expiry:?}");
    }
}
