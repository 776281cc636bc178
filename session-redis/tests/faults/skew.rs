//! Stores of another version have written, or will read, the stored data.

use session_core::{
    ErrorKind, LoadOptions, SessionId,
    model::EndReason,
    store::{Destroy, Rotation, RotationKind, SessionStore as _, Update},
};
use session_redis::RedisStore;
use session_testkit::{Reply, Server};

use crate::{
    belongings::{Belongings, key_of},
    rig::{alice, config, create, done, field, found, kind, new, op, set, sign_in, signed_in, start},
};

/// A field that a later version has added to a session survives everything, and is not read as an entry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_fields_are_kept() {
    let (server, store) = start().await;
    let (mut id, _) = create(&store, &signed_in()).await;
    let place = key_of(&server, &id).await;
    let later: [&[u8]; 5] = [b"@x", b"@longer", b"%new sort", b"\xff\x00", b""];
    for name in later {
        server.command(&[b"HSET".as_slice(), &place, name, b"of a later version"]).await.expect("HSET");
    }
    assert_eq!(found(&store, &id).await.record.state().len(), 1);
    let mut delta = set("theme", "dark");
    delta.clear(field("cart"));
    delta.remove(field("who"));
    done(store.apply(&id, &Update::new(op(), delta)).await);
    done(store.touch(&id, Default::default()).await);
    for how in [RotationKind::Renew, RotationKind::Privilege] {
        let rotation = Rotation { delta: set("kind", "x"), ..Rotation::new(op(), id.generate_sibling().unwrap(), how) };
        done(store.rotate(&id, &Rotation { sign_in: Some(sign_in()), ..rotation.clone() }).await);
        id = rotation.to;
    }
    let place = key_of(&server, &id).await;
    for name in later {
        let kept = server.command(&[b"HGET".as_slice(), &place, name]).await;
        assert_eq!(kept, Reply::Bulk(b"of a later version".to_vec()), "{}", name.escape_ascii());
    }
    let record = found(&store, &id).await.record;
    assert_eq!((record.stamp().version(), record.state().len()), (4, 2));
}

/// Sets the format byte of a session's `@` to that of a later version.
async fn make_newer(server: &Server, id: &SessionId) {
    let place = key_of(server, id).await;
    let Reply::Bulk(mut held) = server.command(&[b"HGET".as_slice(), &place, b"@"]).await else { panic!("no `@`") };
    held[0] = 2;
    server.command(&[b"HSET".as_slice(), &place, b"@", &held]).await.expect("HSET");
}

async fn is_unreadable(server: &Server, store: &RedisStore, id: &SessionId) {
    let before = Belongings::of(server).await;
    let (_, stamp) = create(store, &new()).await;
    let own = Belongings::of(server).await;
    assert!(own.len() > before.len());
    for options in [LoadOptions::default(), LoadOptions { known: Some(stamp), ..LoadOptions::default() }] {
        assert_eq!(kind(store.load(id, options).await), ErrorKind::UnreadableField);
    }
    assert_eq!(kind(store.create(id, &new()).await), ErrorKind::UnreadableField);
    assert_eq!(kind(store.apply(id, &crate::rig::update("a", "b")).await), ErrorKind::UnreadableField);
    assert_eq!(own.differences(&Belongings::of(server).await), Vec::<String>::new());
}

/// Sessions, tombstones and forwards of a later format are errors, and stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_formats_are_errors() {
    let (server, store) = start().await;
    let (id, _) = create(&store, &new()).await;
    make_newer(&server, &id).await;
    is_unreadable(&server, &store, &id).await;

    let (ended, _) = create(&store, &new()).await;
    done(store.destroy(&ended, &Destroy::new(op(), EndReason::Logout)).await);
    make_newer(&server, &ended).await;
    is_unreadable(&server, &store, &ended).await;

    for how in [RotationKind::Renew, RotationKind::Privilege] {
        let (old, _) = create(&store, &new()).await;
        let rotation = Rotation::new(op(), old.generate_sibling().unwrap(), how);
        done(store.rotate(&old, &rotation).await);
        make_newer(&server, &old).await;
        is_unreadable(&server, &store, &old).await;
        found(&store, &rotation.to).await;
    }
}

/// A layout of a later version, or with another number of partitions, is reported at once.
#[tokio::test]
async fn another_layout_is_refused() {
    let (server, _store) = start().await;
    for layout in ["2:256", "1:128", "1", "", "1:256:x"] {
        server.command(&["SET", "faults:layout", layout]).await.expect("SET");
        let refusal = RedisStore::builder(config(server.url())).connect().await;
        assert_eq!(refusal.unwrap_err().kind(), ErrorKind::Configuration, "{layout:?}");
        assert_eq!(server.command(&["GET", "faults:layout"]).await.text(), layout);
    }
    server.command(&["DEL", "faults:layout"]).await;
    server.command(&["RPUSH", "faults:layout", "1:256"]).await.expect("RPUSH");
    let refusal = RedisStore::builder(config(server.url())).connect().await;
    assert_eq!(refusal.unwrap_err().kind(), ErrorKind::Configuration);
}

/// A session whose principal cannot be read is not taken for one that has left: it stays listed, so that a store that
/// can read it can revoke it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_principal_stays_listed() {
    let (server, store) = start().await;
    let (id, _) = create(&store, &signed_in()).await;
    let place = key_of(&server, &id).await;
    let name = [b"HGET".as_slice(), &place, b"@p"];
    let Reply::Bulk(readable) = server.command(&name).await else { panic!("no `@p`") };
    let newer = [b"\x02".as_slice(), &readable[1..]].concat();
    server.command(&[b"HSET".as_slice(), &place, b"@p", &newer]).await.expect("HSET");
    let before = Belongings::of(&server).await;
    let index = store.index().expect("an index");
    assert_eq!(kind(index.sessions(&alice(), 10).await), ErrorKind::UnreadableField);
    assert_eq!(kind(index.revoke_all(&alice(), None, EndReason::Revoked).await), ErrorKind::UnreadableField);
    assert_eq!(before.differences(&Belongings::of(&server).await), Vec::<String>::new());
    server.command(&[b"HSET".as_slice(), &place, b"@p", &readable]).await.expect("HSET");
    assert_eq!(done(index.revoke_all(&alice(), None, EndReason::Revoked).await).ended, [*id.digest()]);
}
