//! The use of a session that confirms its renewal.

use std::time::Duration;

use session_core::{
    SessionId, Sessions,
    store::{RotateOutcome, Rotation, RotationKind, SessionStore, TouchOptions, TouchOutcome},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::LinkCutter;

use super::Clients;
use crate::{elapsed, op};

/// The times that a session is opened while its round trips are counted.
pub const OPENS: usize = 10;

/// Round trips with a session whose renewal is unconfirmed at first, and with one that was not renewed.
#[derive(Clone, Copy, Debug)]
pub struct Trips {
    /// With the renewed session.
    pub renewed: usize,
    /// With the other one.
    pub other: usize,
}

async fn renew(store: &dyn SessionStore, id: &SessionId) -> SessionId {
    let rotation = Rotation::new(op(), id.generate_sibling().expect("an id"), RotationKind::Renew);
    let outcome = store.rotate(id, &rotation).await;
    assert!(matches!(outcome, Ok(RotateOutcome::Rotated(_))), "{outcome:?}");
    rotation.to
}

async fn touch(store: &dyn SessionStore, id: &SessionId) {
    let outcome = store.touch(id, TouchOptions::default()).await;
    assert!(matches!(outcome, Ok(TouchOutcome::Touched(_))), "{outcome:?}");
}

impl Clients {
    /// The time of a touch of a session of eight fields, in microseconds, over a batch of new sessions. With `confirms`
    /// they were renewed, and the touch is the first use of the new id. Sessions are created and renewed untimed.
    pub fn touch(&self, batch: usize, confirms: bool) -> f64 {
        let store = &*self.store;
        let ids = self.block_on(async {
            let mut ids = self.create_sessions(batch, 29).await;
            for id in ids.iter_mut().filter(|_| confirms) {
                *id = renew(store, id).await;
            }
            ids
        });
        let all = async {
            for id in &ids {
                touch(store, id).await;
            }
        };
        elapsed(|| self.block_on(all)).as_secs_f64() * 1e6 / batch as f64
    }

    /// The round trips of the first touch after a renewal and of another touch, and those of [`OPENS`] opens of a session
    /// that was renewed and of one that was not.
    pub fn renewal_trips(&self) -> [Trips; 2] {
        self.block_on(async {
            let link = LinkCutter::to(self.server.addr()).await;
            // No health check is sent while round trips are counted.
            let config = RedisConfig::standalone(link.url()).health_interval(Duration::from_secs(3_600));
            let sessions = Sessions::new(RedisStore::builder(config).connect().await.expect("a store"));
            let store = sessions.store();
            let ids = self.create_sessions(4, 29).await;
            // The server knows the scripts from the timed touches.
            let touches = async |id: &SessionId| {
                let recording = link.record();
                touch(store, id).await;
                recording.round_trips()
            };
            let opens = async |id: &SessionId| {
                let recording = link.record();
                for _ in 0..OPENS {
                    drop(sessions.open(id).await.expect("opened"));
                }
                recording.round_trips()
            };
            let (first, second) = (renew(store, &ids[0]).await, renew(store, &ids[2]).await);
            [
                Trips { renewed: touches(&first).await, other: touches(&ids[1]).await },
                Trips { renewed: opens(&second).await, other: opens(&ids[3]).await },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_confirmed_by_one_touch_of_two_round_trips() {
        let clients = Clients::start();
        // The server learns the script.
        assert!(clients.touch(1, false) > 0.0 && clients.touch(1, true) > 0.0);
        let [touch, opens] = clients.renewal_trips();
        assert_eq!((touch.renewed, touch.other), (2, 1));
        assert_eq!((opens.renewed, opens.other), (OPENS + 2, OPENS));
    }
}
