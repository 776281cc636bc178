//! A load allocates its boxed future and nothing else.

use std::{pin::pin, sync::Arc};

use futures_util::FutureExt;
use session_core::{
    Expiry, LoadOptions, SessionId,
    model::{Delta, Field, Format, Value},
    store::{LoadOutcome, NewSession, SessionStore},
};
use session_memory::MemoryStore;

fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    allocation_counter::measure(work).count_total
}

#[test]
fn a_load_allocates_one_box() {
    let memory = MemoryStore::new();
    let store: &dyn SessionStore = &memory;
    let id = SessionId::generate().unwrap();
    let mut entries = Delta::new();
    for n in 0..20 {
        entries.set(
            Field::new(&format!("a-field-with-a-name-that-is-long-{n}")).unwrap(),
            Value::new(Format::JSON, &[b'1'; 100]),
        );
    }
    let new = NewSession { entries, ..NewSession::generate(Expiry::default()).unwrap() };
    store.create(&id, &new).now_or_never().unwrap().unwrap();
    let mut record = None;
    // An `Arc` of a store is a store, and passes the one box on.
    let shared: Arc<dyn SessionStore> = Arc::new(memory.clone());
    let boxed: Box<dyn SessionStore> = Box::new(shared.clone());
    for store in [store, &shared, &boxed, &store] {
        let boxes = allocations(|| {
            let load = pin!(store.load(&id, LoadOptions::default()));
            match load.now_or_never() {
                Some(Ok(LoadOutcome::Found(found))) => record = Some(found.record),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(boxes, 1);
        assert!(store.index().is_some() && store.lock().is_some() && store.feed().is_some());
    }
    let again = store.load(&id, LoadOptions::default()).now_or_never().unwrap().unwrap();
    let LoadOutcome::Found(found) = again else { panic!("the session exists") };
    assert!(Arc::ptr_eq(&found.record, &record.unwrap()), "the record is shared, not copied");
}
