//! A server loses the end of a session together with the moves before it, which other nodes made: the session is back at
//! an id that it had left. The node that ended it ends it there again.

use std::time::Duration;

use session_core::{
    Principal, SessionCap, SessionId, SignIn,
    model::EndReason,
    store::{
        Absent, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind, SessionStore,
    },
};
use session_redis::RedisStore;
use session_testkit::{LinkCutter, Persistence, Reply, Server};

use crate::{
    belongings::key_of,
    rig::{alice, config, connect, create, done, found, load, new, op, signed_in, start, until},
};

/// Moves a session through these kinds of rotations, and returns its last id.
async fn moved(store: &RedisStore, from: SessionId, kinds: &[RotationKind]) -> SessionId {
    let mut at = from;
    for kind in kinds {
        let rotation = Rotation::new(op(), at.generate_sibling().unwrap(), *kind);
        let rotation = Rotation { grace: Duration::ZERO, ..rotation };
        let outcome = done(store.rotate(&at, &rotation).await);
        assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
        at = rotation.to;
    }
    at
}

fn of(name: &str) -> SignIn {
    SignIn::new(Principal::new(name).unwrap())
}

async fn session_of(store: &RedisStore, sign_in: SignIn) -> SessionId {
    create(store, &NewSession { sign_in: Some(sign_in), ..new() }).await.0
}

fn logout() -> Destroy {
    Destroy::new(op(), EndReason::Logout)
}

/// The ways to end a session.
#[derive(Clone, Copy, Debug)]
enum End {
    Destroy,
    /// The answer to the first attempt is lost.
    DestroyTwice,
    Revoke,
    RevokeAll,
    /// The principal signs in elsewhere, and may have one session only.
    Cap,
    /// Another principal signs in over it.
    Replace,
}

impl End {
    async fn a_session_of(self, name: &str, at: SessionId, server: &Server, store: &RedisStore) {
        let (principal, index) = (Principal::new(name).unwrap(), store.index().unwrap());
        let is_done = |outcome| matches!(outcome, DestroyOutcome::Destroyed { .. });
        match self {
            Self::Destroy => assert!(is_done(done(store.destroy(&at, &logout()).await))),
            Self::DestroyTwice => {
                let destroy = logout();
                let first = connect(config(server.url())).await;
                assert!(is_done(done(first.destroy(&at, &destroy).await)));
                assert!(is_done(done(store.destroy(&at, &destroy).await)));
            }
            Self::Revoke => assert!(done(index.revoke(&principal, at.digest(), EndReason::Revoked).await)),
            Self::RevokeAll => {
                assert_eq!(done(index.revoke_all(&principal, None, EndReason::Revoked).await).ended.len(), 1);
            }
            Self::Cap => {
                session_of(store, of(name).with_cap(SessionCap::EndOldest(1))).await;
            }
            Self::Replace => {
                let rotation = Rotation::new(op(), at.generate_sibling().unwrap(), RotationKind::Privilege);
                let rotation = Rotation { sign_in: Some(of("another")), ..rotation };
                assert!(matches!(done(store.rotate(&at, &rotation).await), RotateOutcome::Rotated(_)));
            }
        }
        assert!(matches!(load(store, &at).await, LoadOutcome::Absent(_)), "{self:?} ends it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_ended_again_where_it_was_before_the_moves_of_other_nodes() {
    use RotationKind::{Privilege, Renew};
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let (mover, ender) = (connect(config(server.url())).await, connect(config(server.url())).await);
    let ends = [End::Destroy, End::DestroyTwice, End::Revoke, End::RevokeAll, End::Cap, End::Replace];
    let moves = [&[Renew][..], &[Privilege], &[Renew, Renew, Renew], &[Privilege, Renew, Privilege]];
    let mut cases = Vec::new();
    for end in ends {
        for moves in moves {
            let name = format!("principal-{}", cases.len());
            let id = session_of(&mover, of(&name)).await;
            cases.push((name, end, moves, id));
        }
    }
    server.command(&["SAVE"]).await.expect("SAVE");
    for (name, end, moves, id) in &cases {
        let at = moved(&mover, *id, moves).await;
        end.a_session_of(name, at, &server, &ender).await;
    }
    server.restart().await;
    for (name, end, moves, id) in &cases {
        let outcome = load(&ender, id).await;
        assert!(
            matches!(outcome, LoadOutcome::Absent(Absent::NotFound(Some(_)))),
            "{end:?} after {moves:?}, {name}: {outcome:?}"
        );
    }
    assert_eq!(ender.stats().destroys_undone, cases.len() as u64);
    assert_eq!(mover.stats().destroys_undone, 0, "the node that moved it has ended none");
}

/// The session moves on after it is back, before the node that ended it is back too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_renewed_after_it_is_back_is_ended_again() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let link = LinkCutter::to(server.addr()).await;
    let (mover, ender) = (connect(config(server.url())).await, connect(config(link.url())).await);
    let (id, _) = create(&mover, &new()).await;
    server.command(&["SAVE"]).await.expect("SAVE");
    let at = moved(&mover, id, &[RotationKind::Privilege]).await;
    done(ender.destroy(&at, &logout()).await);
    link.cut().await;
    server.restart().await;
    let renewed = moved(&mover, id, &[RotationKind::Renew]).await;
    link.heal().await;
    until("it is ended again", || ender.stats().destroys_undone == 1).await;
    for id in [id, renewed] {
        assert!(matches!(load(&mover, &id).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
    }
}

/// The most ids are those of three moves, and a session that has moved more often is back at one of these, unless the
/// server has lost all of the moves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_three_moves_are_remembered() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let (mover, ender) = (connect(config(server.url())).await, connect(config(server.url())).await);
    let (first, _) = create(&mover, &new()).await;
    let second = moved(&mover, first, &[RotationKind::Privilege]).await;
    server.command(&["SAVE"]).await.expect("SAVE");
    let last = moved(&mover, second, &[RotationKind::Privilege; 3]).await;
    let key = key_of(&server, &last).await;
    assert_eq!(left(&server, &key).await.len(), 7 + 3 * 18);
    assert_eq!(encoding(&server, &key).await, b"listpack");
    done(ender.destroy(&last, &logout()).await);
    server.restart().await;
    assert!(matches!(load(&ender, &second).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
}

/// A server does not lose a move of more than a minute ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_move_is_not_repeated() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let (mover, ender) = (connect(config(server.url())).await, connect(config(server.url())).await);
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(create(&mover, &new()).await.0);
    }
    server.command(&["SAVE"]).await.expect("SAVE");
    for (id, age) in sessions.iter().zip([30_000, 61_000]) {
        let at = moved(&mover, *id, &[RotationKind::Privilege]).await;
        let key = key_of(&server, &at).await;
        let mut field = left(&server, &key).await;
        let time = field[1..7].iter().fold(0, |time, byte| time << 8 | u64::from(*byte)) - age;
        field[1..7].copy_from_slice(&time.to_be_bytes()[2..]);
        server.command(&[b"HSET".as_slice(), &key, b"@f", &field]).await.expect("HSET");
        done(ender.destroy(&at, &logout()).await);
    }
    server.restart().await;
    assert!(matches!(load(&ender, &sessions[0]).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
    found(&ender, &sessions[1]).await;
}

/// Without a move there is no field, and one that cannot be read hides nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_cannot_be_read_is_ignored() {
    let (server, store) = start().await;
    let (id, _) = create(&store, &signed_in()).await;
    let key = key_of(&server, &id).await;
    assert_eq!(server.command(&[b"HGET".as_slice(), &key, b"@f"]).await, Reply::Nil);
    let at = moved(&store, id, &[RotationKind::Privilege]).await;
    let whole = left(&server, &key_of(&server, &at).await).await;
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let longer = [&whole[..], b"x"].concat();
    let newer = [b"\x02", &whole[1..]].concat();
    for (case, field) in cut.chain([longer, newer]).enumerate() {
        let (id, _) = create(&store, &signed_in()).await;
        let key = key_of(&server, &id).await;
        server.command(&[b"HSET".as_slice(), &key, b"@f", &field]).await.expect("HSET");
        found(&store, &id).await;
        let at = moved(&store, id, &[RotationKind::Renew]).await;
        let key = key_of(&server, &at).await;
        let now = left(&server, &key).await;
        assert_eq!(now[7..], id.digest().to_bytes(), "case {case}: the field is written anew");
        server.command(&[b"HSET".as_slice(), &key, b"@f", &field]).await.expect("HSET");
        if case % 2 == 0 {
            let outcome = done(store.destroy(&at, &logout()).await);
            assert!(matches!(outcome, DestroyOutcome::Destroyed { .. }), "case {case}: {outcome:?}");
        } else {
            let index = store.index().unwrap();
            assert!(done(index.revoke(&alice(), at.digest(), EndReason::Revoked).await), "case {case}");
        }
        let hash = server.command(&[b"HLEN".as_slice(), &key]).await.int();
        assert_eq!(hash, 1, "case {case}: a tombstone keeps no such field");
    }
}

async fn left(server: &Server, key: &[u8]) -> Vec<u8> {
    match server.command(&[b"HGET".as_slice(), key, b"@f"]).await {
        Reply::Bulk(field) => field,
        other => panic!("{other:?}"),
    }
}

async fn encoding(server: &Server, key: &[u8]) -> Vec<u8> {
    match server.command(&[b"OBJECT".as_slice(), b"ENCODING", key]).await {
        Reply::Bulk(encoding) => encoding,
        other => panic!("{other:?}"),
    }
}
