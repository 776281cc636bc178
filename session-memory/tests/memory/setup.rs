//! Builds a store and its handles.

use std::time::Duration;

use session_core::{
    ErrorKind, Limits,
    store::{NewSession, SessionStore},
};
use session_memory::MemoryStore;

use crate::given::{create, id, is_live, new_session, now, one_field, store};

#[test]
fn settings_out_of_range_are_refused() {
    let short = MemoryStore::builder().tombstone(Duration::from_millis(19_999));
    for wrong in [
        short,
        MemoryStore::builder().partitions(0),
        MemoryStore::builder().partitions(48),
        MemoryStore::builder().partitions(8_192),
    ] {
        let error = wrong.build().unwrap_err();
        assert_eq!((error.kind(), error.backend()), (ErrorKind::Configuration, Some("memory")));
    }
    MemoryStore::builder().tombstone(Duration::from_secs(20)).partitions(4_096).build().unwrap();
}

#[test]
fn nodes_and_clones_share_the_sessions() {
    let (store, _clock) = store(|it| it.partitions(1));
    let (node, clone, id) = (store.node(), store.clone(), id());
    create(&store, &id);
    assert!(is_live(&node, &id) && is_live(&clone, &id));
    let origin = |store: &MemoryStore| store.feed().unwrap().origin();
    assert_ne!(origin(&store), origin(&node));
    assert_eq!(origin(&store), origin(&clone));
    now(store.check()).unwrap();
}

#[test]
fn errors_name_backend_and_operation() {
    let (store, _clock) = store(|it| it.limits(Limits { max_entries: 0, ..Limits::default() }));
    let error = now(store.create(&id(), &NewSession { entries: one_field("a"), ..new_session() })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().starts_with("memory create: "), "{error}");
}
