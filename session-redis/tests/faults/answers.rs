//! The request arrives, and the answer is lost.

use session_core::{
    ErrorKind,
    model::EndReason,
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, RotateOutcome, Rotation,
        RotationKind, SessionStore as _, TouchOptions, TouchOutcome, Update,
    },
};
use session_redis::RedisStore;
use session_testkit::{Direction, LinkCutter, Server};

use crate::{
    belongings::{Listener, key_of},
    rig::{alice, config, connect, create, done, draw, found, guarded, load, new, op, set, signed_in, update},
    writer::Writer,
};

/// A server, the proxy before it, and a store at the other end.
pub(crate) struct Way {
    pub(crate) server: Server,
    cutter: LinkCutter,
    pub(crate) store: RedisStore,
}

impl Way {
    pub(crate) async fn open() -> Self {
        let server = Server::start().await;
        let cutter = LinkCutter::to(server.addr()).await;
        let store = connect(config(cutter.url())).await;
        Self { server, cutter, store }
    }

    /// Delays all bytes by this long each way.
    pub(crate) fn delay(&self, each_way: std::time::Duration) {
        self.cutter.delay(each_way);
    }

    /// Makes a call whose first answer is lost once `has_happened` on the server.
    pub(crate) async fn lose<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
        mut has_happened: impl AsyncFnMut(&Server) -> bool,
    ) -> T {
        self.cutter.hold(Direction::Replies);
        let call = tokio::spawn(call);
        guarded("the server executes the request", async {
            while !has_happened(&self.server).await {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        })
        .await;
        self.cutter.wait_for_held(Direction::Replies, 1).await;
        // Not `cut`: another process could take its port meanwhile.
        self.cutter.close().await;
        self.cutter.heal().await;
        guarded("the call ends", call).await.unwrap()
    }
}

/// The number of messages that the partition of a session has had: its sequence counts them.
async fn sequence(server: &Server, key: &[u8]) -> i64 {
    server.command(&[b"GET".as_slice(), &crate::belongings::sequence_of(key)]).await.int()
}

/// An update is not sent again automatically; the retry finds it applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_update() {
    let way = Way::open().await;
    let mut writer = Writer::begin(&way.store, 0).await;
    let key = key_of(&way.server, &writer.id).await;
    let before = sequence(&way.server, &key).await;
    let store = way.store.clone();
    let call = async move {
        let outcome = writer.step(&store).await;
        (writer, outcome)
    };
    let (mut writer, outcome) = way.lose(call, async |server| sequence(server, &key).await > before).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(way.store.stats().resends, 0);
    done(writer.step(&way.store).await);
    assert_eq!(writer.look(&way.store).await, Some(1), "applied once");
    assert_eq!(sequence(&way.server, &key).await, before + 1, "announced once");
}

/// A retry of an update may be sent repeatedly, and so settles automatically.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_retry() {
    let way = Way::open().await;
    let (id, base) = create(&way.store, &new()).await;
    let key = key_of(&way.server, &id).await;
    let before = sequence(&way.server, &key).await;
    let update = Update { retry_from: Some(base), ..update("theme", "dark") };
    let (store, op) = (way.store.clone(), update.write.op);
    let call = async move { store.apply(&id, &update).await };
    let outcome = way.lose(call, async |server| sequence(server, &key).await > before).await;
    let ApplyOutcome::Applied(applied) = done(outcome) else { panic!("it is there") };
    assert_eq!((applied.repeated, applied.stamp), (true, base.next(op)));
    assert_eq!(sequence(&way.server, &key).await, before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_create() {
    let way = Way::open().await;
    let mut listener = Listener::to(&way.server).await;
    let (id, request) = (draw(), new());
    let (store, sent) = (way.store.clone(), request.clone());
    let call = async move { store.create(&id, &sent).await };
    let there = async |server: &Server| !crate::belongings::keys(server, "faults:1:*:s:*").await.is_empty();
    let CreateOutcome::Created(created) = done(way.lose(call, there).await) else { panic!("it is there") };
    assert_eq!((created.repeated, created.stamp), (true, request.stamp()));
    assert_eq!(found(&way.store, &id).await.record.stamp(), request.stamp());
    assert_eq!(listener.received().await, 1);
}

/// With a principal: the answer of the list is lost, and the session is listed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_listing() {
    let way = Way::open().await;
    let (id, request) = (draw(), signed_in());
    let (store, stamp) = (way.store.clone(), request.stamp());
    let call = async move { store.create(&id, &request).await };
    let listed = async |server: &Server| !crate::belongings::keys(server, "faults:1:*:p:*").await.is_empty();
    let CreateOutcome::Created(created) = done(way.lose(call, listed).await) else { panic!("it is there") };
    assert_eq!((created.repeated, created.stamp), (false, stamp));
    let listed = done(way.store.index().unwrap().sessions(&alice(), 10).await);
    assert_eq!(listed.iter().map(|session| session.digest).collect::<Vec<_>>(), [*id.digest()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_touch() {
    let way = Way::open().await;
    let (id, stamp) = create(&way.store, &new()).await;
    let key = key_of(&way.server, &id).await;
    let end = async |server: &Server| server.command(&[b"PEXPIRETIME".as_slice(), &key]).await.int();
    let before = end(&way.server).await;
    let store = way.store.clone();
    let longer = TouchOptions { idle: Some(std::time::Duration::from_secs(7_200)), ..TouchOptions::default() };
    let call = async move { store.touch(&id, longer).await };
    let outcome = done(way.lose(call, async |server| end(server).await > before).await);
    let TouchOutcome::Touched(touched) = outcome else { panic!("{outcome:?}") };
    assert_eq!(touched.deadlines.expires_at().as_millis() as i64, end(&way.server).await);
    assert_eq!(found(&way.store, &id).await.record.stamp(), stamp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_rotation() {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let way = Way::open().await;
        let (id, stamp) = create(&way.store, &new()).await;
        let key = key_of(&way.server, &id).await;
        let before = sequence(&way.server, &key).await;
        let rotation =
            Rotation { delta: set("role", "admin"), ..Rotation::new(op(), id.generate_sibling().unwrap(), kind) };
        let (store, sent) = (way.store.clone(), rotation.clone());
        let call = async move { store.rotate(&id, &sent).await };
        let outcome = way.lose(call, async |server| sequence(server, &key).await > before).await;
        let RotateOutcome::Rotated(rotated) = done(outcome) else { panic!("it has moved") };
        assert_eq!((rotated.repeated, rotated.stamp), (true, stamp.next(rotation.write.op)));
        assert_eq!(found(&way.store, &rotation.to).await.record.stamp(), rotated.stamp);
        assert_eq!(sequence(&way.server, &key).await, before + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_destroy() {
    let way = Way::open().await;
    let (id, _) = create(&way.store, &new()).await;
    let key = key_of(&way.server, &id).await;
    let before = sequence(&way.server, &key).await;
    let store = way.store.clone();
    let call = async move { store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await };
    let outcome = way.lose(call, async |server| sequence(server, &key).await > before).await;
    assert_eq!(done(outcome), DestroyOutcome::Destroyed { replicas: None, forwarded: None });
    assert!(
        matches!(load(&way.store, &id).await, LoadOutcome::Absent(Absent::NotFound(Some(ended))) if ended.reason == EndReason::Logout)
    );
    assert_eq!(sequence(&way.server, &key).await, before + 1);
    assert_eq!(way.store.stats().destroys_undone, 0);
}
