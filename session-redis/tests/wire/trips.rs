//! Round trips: one for each slot that an operation touches. One more is needed only through a forward, for the first use
//! after a renewal, after a conditional load that finds a change, for a script that the server does not know, or when a
//! listing must be extended.

use session_core::{
    LoadOptions, Principal, SessionId, SignIn,
    model::{EndReason, OpId},
    store::{
        Destroy, LoadOutcome, NewSession, Rotation, RotationKind, SessionIndex as _, SessionLock as _,
        SessionStore as _, TouchOptions,
    },
};

use crate::link::{Wire, set, update};

fn op() -> OpId {
    OpId::generate().expect("an op id")
}

fn rotation(id: &SessionId, kind: RotationKind) -> Rotation {
    Rotation::new(op(), id.generate_sibling().expect("an id"), kind)
}

async fn stamp(wire: &Wire, id: &SessionId) -> session_core::model::Stamp {
    match wire.load(id, LoadOptions::default()).await {
        Ok(LoadOutcome::Found(found)) => found.record.stamp(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_for_each_operation_on_one_slot() {
    let wire = Wire::start().await;
    let id = SessionId::generate().expect("an id");
    let new = NewSession { entries: set("a", 10), ..NewSession::generate(Default::default()).expect("a session") };
    assert_eq!(wire.trips(wire.store.create(&id, &new)).await.1, 1, "create");
    assert_eq!(wire.trips(wire.load(&id, LoadOptions::default())).await.1, 1, "load");
    let known = LoadOptions { known: Some(stamp(&wire, &id).await), ..LoadOptions::default() };
    let (outcome, trips) = wire.trips(wire.load(&id, known)).await;
    assert!(matches!(outcome, Ok(LoadOutcome::Unchanged(_))));
    assert_eq!(trips, 1, "a conditional load that finds no change");
    assert_eq!(wire.trips(wire.apply(&id, set("a", 10))).await.1, 1, "apply");
    assert_eq!(wire.trips(wire.store.touch(&id, TouchOptions::default())).await.1, 1, "touch");
    let owner = op();
    let lease = std::time::Duration::from_secs(9);
    let (acquired, trips) = wire.trips(wire.store.acquire(&id, owner, lease)).await;
    assert_eq!(trips, 1, "acquire");
    let session_core::store::AcquireOutcome::Acquired(token) = acquired.expect("acquired") else {
        panic!("not acquired")
    };
    assert_eq!(wire.trips(wire.store.renew(&id, token, lease)).await.1, 1, "renew");
    assert_eq!(wire.trips(wire.store.release(&id, token)).await.1, 1, "release");
    let moved = rotation(&id, RotationKind::Privilege);
    assert_eq!(wire.trips(wire.store.rotate(&id, &moved)).await.1, 1, "rotate");
    let logout = Destroy::new(op(), EndReason::Logout);
    assert_eq!(wire.trips(wire.store.destroy(&moved.to, &logout)).await.1, 1, "destroy");
    assert_eq!(wire.trips(wire.load(&id, LoadOptions::default())).await.1, 1, "what is not there");
    assert_eq!(wire.trips(wire.store.check()).await.1, 1, "check");
}

#[tokio::test]
async fn one_more_through_a_forward_and_for_a_change() {
    let wire = Wire::start().await;
    let old = wire.create(set("a", 10)).await;
    let before = LoadOptions { known: Some(stamp(&wire, &old).await), ..LoadOptions::default() };
    wire.apply(&old, set("a", 11)).await.expect("applied");
    assert_eq!(wire.trips(wire.load(&old, before)).await.1, 2, "a conditional load that finds a change");
    let moved = rotation(&old, RotationKind::Renew);
    wire.store.rotate(&old, &moved).await.expect("rotated");
    assert_eq!(wire.trips(wire.load(&old, LoadOptions::default())).await.1, 2, "load");
    assert_eq!(wire.trips(wire.apply(&old, set("a", 12))).await.1, 2, "apply");
    assert_eq!(wire.trips(wire.store.touch(&old, TouchOptions::default())).await.1, 2, "touch");
    assert_eq!(wire.trips(wire.apply(&moved.to, set("a", 13))).await.1, 2, "the first use of the new id");
    assert_eq!(wire.trips(wire.apply(&moved.to, set("a", 14))).await.1, 1, "the second use");
}

/// A principal's list is in a slot of its own.
#[tokio::test]
async fn two_with_a_principal() {
    let wire = Wire::start().await;
    let sign_in = SignIn::new(Principal::new("ada").expect("a principal"));
    let id = SessionId::generate().expect("an id");
    let new =
        NewSession { sign_in: Some(sign_in.clone()), ..NewSession::generate(Default::default()).expect("a session") };
    assert_eq!(wire.trips(wire.store.create(&id, &new)).await.1, 2, "create");
    let guest = wire.create(set("a", 10)).await;
    let signs_in = Rotation { sign_in: Some(sign_in.clone()), ..rotation(&guest, RotationKind::Privilege) };
    assert_eq!(wire.trips(wire.store.rotate(&guest, &signs_in)).await.1, 2, "a rotation that signs in");
    // A store that rotates a session has mostly loaded it before, and knows its principal.
    wire.load(&signs_in.to, LoadOptions::default()).await.expect("loaded");
    let renewal = rotation(&signs_in.to, RotationKind::Renew);
    assert_eq!(wire.trips(wire.store.rotate(&signs_in.to, &renewal)).await.1, 2, "a rotation that keeps the principal");
    let unknown = rotation(&renewal.to, RotationKind::Privilege);
    assert_eq!(
        wire.trips(wire.store.rotate(&renewal.to, &unknown)).await.1,
        3,
        "one whose principal must be asked for"
    );
    // The sessions themselves are ended concurrently, so their slots count.
    let (_, recording) = wire.record(wire.store.revoke(sign_in.principal(), id.digest(), EndReason::Revoked)).await;
    assert_eq!(recording.commands().len(), 1, "revoke one");
    let (ended, recording) = wire.record(wire.store.revoke_all(sign_in.principal(), None, EndReason::Revoked)).await;
    assert_eq!(ended.expect("revoked").ended.len(), 1);
    let commands = recording.commands();
    let calls = commands.iter().filter(|words| words[0] == "EVALSHA").count();
    assert!(
        calls <= 7,
        "{calls} calls for the revocation, the list, 1 session, the ids that it had, and the list again"
    );
    assert!(recording.round_trips() <= calls, "no more than these");
}

/// A session without an idle deadline is listed until its absolute deadline: no use of it needs the index.
#[tokio::test]
async fn one_for_a_principal_without_an_idle_deadline() {
    let wire = Wire::start().await;
    let sign_in = SignIn::new(Principal::new("ada").expect("a principal"));
    let id = SessionId::generate().expect("an id");
    let expiry = session_core::Expiry::absolute(std::time::Duration::from_secs(3_600));
    let new = NewSession { sign_in: Some(sign_in), ..NewSession::generate(expiry).expect("a session") };
    wire.store.create(&id, &new).await.expect("created");
    assert_eq!(wire.trips(wire.apply(&id, set("a", 10))).await.1, 1, "apply");
    assert_eq!(wire.trips(wire.store.touch(&id, TouchOptions::default())).await.1, 1, "touch");
}

/// The first call after the server has forgotten the scripts loads them again, with one more command.
#[tokio::test]
async fn one_more_for_a_forgotten_script() {
    let wire = Wire::start().await;
    let id = wire.create(set("a", 10)).await;
    wire.server.command(&["SCRIPT", "FLUSH"]).await;
    let (_, recording) = wire.record(wire.apply(&id, set("a", 11))).await;
    let commands: Vec<String> = recording.commands().into_iter().map(|mut words| words.swap_remove(0)).collect();
    assert_eq!(commands, ["EVALSHA", "SCRIPT", "EVALSHA"]);
    assert_eq!(wire.trips(wire.apply(&id, set("a", 12))).await.1, 1);
}

/// Reads are plain commands, each write is one script, and no request scans keys. Behind each read comes a write that
/// changes nothing, by the read's own key: a server that cannot write is not believed.
#[tokio::test]
async fn the_commands_are_the_stated_ones() {
    let wire = Wire::start().await;
    let (id, recording) = wire.record(wire.create(set("a", 10))).await;
    wire.load(&id, LoadOptions::default()).await.expect("loaded");
    let known = LoadOptions { known: Some(stamp(&wire, &id).await), ..LoadOptions::default() };
    wire.load(&id, known).await.expect("loaded");
    wire.store.apply(&id, &update(set("b", 10))).await.expect("applied");
    let sent: Vec<String> = recording.commands().into_iter().map(|mut words| words.swap_remove(0)).collect();
    let (whole, metadata) = (["PTTL", "HGETALL", "HDEL"], ["PTTL", "HMGET", "HDEL"]);
    assert_eq!(sent, [&["EVALSHA"][..], &whole, &whole, &metadata, &["EVALSHA"]].concat());
    for read in recording.commands()[1..=9].chunks(3) {
        assert!(read[0][1] == read[2][1] && read[1][1] == read[2][1], "{read:?}");
    }
}
