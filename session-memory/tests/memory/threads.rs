//! Many threads at once.

use std::{
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use session_core::{
    Clock, ManualClock, SessionId,
    model::Timestamp,
    store::{ApplyOutcome, LoadOutcome, SessionStore, Update},
};
use session_memory::MemoryStore;

use crate::given::{create, destroy, id, is_live, load, now, one_field, op, store};

const THREADS: usize = 4;

/// An update that is not atomic would lose the field of another thread.
#[test]
fn no_update_is_lost() {
    let (store, _clock) = store(|it| it.partitions(1));
    let ids: Vec<_> = (0..4).map(|_| id()).collect();
    ids.iter().for_each(|id| create(&store, id));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, ids, start) = (store.node(), &ids, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..500 {
                    for id in ids {
                        let update = Update::new(op(), one_field(&format!("{thread}-{n}")));
                        assert!(matches!(now(store.apply(id, &update)).unwrap(), ApplyOutcome::Applied(_)));
                        // A reader that holds a record forces the next update to copy it.
                        let _held = load(&store, id);
                    }
                }
            });
        }
    });
    for id in &ids {
        let LoadOutcome::Found(found) = load(&store, id) else { panic!("the session exists") };
        assert_eq!(found.record.state().len(), THREADS * 500);
        assert_eq!(found.record.stamp().version(), 1 + THREADS as u64 * 500);
    }
}

#[test]
fn destroy_wins_over_racing_updates() {
    for _ in 0..100 {
        let (store, _clock) = store(|it| it);
        let id = id();
        create(&store, &id);
        let (start, destroyed) = (Barrier::new(THREADS), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 1..THREADS {
                let (store, start, destroyed) = (&store, &start, &destroyed);
                scope.spawn(move || {
                    start.wait();
                    for _ in 0..50 {
                        let was_destroyed = destroyed.load(Ordering::Acquire);
                        let outcome = now(store.apply(&id, &Update::new(op(), one_field("f")))).unwrap();
                        let applied = matches!(outcome, ApplyOutcome::Applied(_));
                        assert!(!(applied && was_destroyed), "an update was applied after the destroy");
                    }
                });
            }
            start.wait();
            destroy(&store, &id);
            destroyed.store(true, Ordering::Release);
        });
        assert!(!is_live(&store, &id));
    }
}

/// A clock that blocks one thread for as long as a test wants. The store reads its clock under the lock of a shard.
#[derive(Debug, Clone)]
struct Gate {
    clock: ManualClock,
    hold: Arc<Mutex<Option<thread::ThreadId>>>,
    held: Arc<AtomicUsize>,
    open: Arc<(Mutex<bool>, std::sync::Condvar)>,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        let is_held = *self.hold.lock().unwrap_or_else(PoisonError::into_inner) == Some(thread::current().id());
        if is_held {
            self.held.fetch_add(1, Ordering::Release);
            let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
            while !*open {
                open = self.open.1.wait(open).unwrap_or_else(PoisonError::into_inner);
            }
        }
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(duration)
    }
}

fn in_partition(bit: u16) -> SessionId {
    std::iter::repeat_with(id).find(|id| id.digest().partition() & 1 == bit).unwrap()
}

/// While an update is stuck in the middle of its shard, all operations on another shard go on.
#[test]
fn a_busy_shard_does_not_block_another() {
    let gate = Gate { clock: ManualClock::new(), hold: Arc::default(), held: Arc::default(), open: Arc::default() };
    let store = MemoryStore::builder().clock(gate.clone()).partitions(2).build().unwrap();
    let (busy, free) = (in_partition(0), in_partition(1));
    create(&store, &busy);
    create(&store, &free);
    let (stuck, stuck_gate) = (store.clone(), gate.clone());
    let stuck = thread::spawn(move || {
        *stuck_gate.hold.lock().unwrap() = Some(thread::current().id());
        now(stuck.apply(&busy, &Update::new(op(), one_field("f")))).unwrap()
    });
    while gate.held.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        assert!(is_live(&store, &free));
        now(store.apply(&free, &Update::new(op(), one_field("f")))).unwrap();
        destroy(&store, &free);
        create(&store, &in_partition(1));
        let _ = done.send(());
    });
    // Only a broken store takes this long.
    let went_on = is_done.recv_timeout(Duration::from_secs(30));
    *gate.open.0.lock().unwrap() = true;
    gate.open.1.notify_all();
    assert!(went_on.is_ok(), "another shard was blocked");
    assert!(matches!(stuck.join().unwrap(), ApplyOutcome::Applied(_)));
}
