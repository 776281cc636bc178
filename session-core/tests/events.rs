//! The event `session_ended` tells why and when a session ended, but not which session.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use session_core::{
    ErrorKind, ManualClock, Sessions,
    model::{EndReason, OpId},
    store::Destroy,
};
use session_memory::MemoryStore;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Collects every event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_session_that_was_ended_is_reported() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build().unwrap();
    let sessions = Sessions::builder(store).clock(clock.clone()).build();

    let mut session = sessions.create().unwrap();
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    let id = *session.id();
    sessions.open(&id).await.unwrap();
    assert_eq!(lines.take(), Vec::<String>::new(), "nothing has ended");

    let destroy = Destroy::new(OpId::generate().unwrap(), EndReason::Revoked);
    sessions.store().destroy(&id, &destroy).await.unwrap();
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(sessions.open(&id).await.unwrap_err().kind(), ErrorKind::NotFound);
    session.set("a", 2u32).unwrap();
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
    let event = |operation: &str| {
        format!(
            "INFO session_core message=session_ended: a request met a session that was ended reason=revoked age_ms=1500 \
             operation={operation:?}"
        )
    };
    assert_eq!(lines.take(), [event("load"), event("commit")]);

    clock.advance(session_core::defaults::TOMBSTONE);
    assert_eq!(sessions.open(&id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(lines.take(), Vec::<String>::new(), "after the tombstone is gone, nothing is reported");
}

/// Forgetting the commit is silent otherwise.
#[tokio::test]
async fn a_handle_that_is_dropped_with_changes_is_reported() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let sessions = Sessions::new(MemoryStore::new());

    let mut session = sessions.create().unwrap();
    session.set("a", 1u32).unwrap();
    session.map_mut("cart").insert("x", 1u32).unwrap();
    session.map_mut("cart").insert("y", 1u32).unwrap();
    let event = |fields: usize| {
        format!(
            "INFO session_core message=session_dropped_uncommitted: a handle was dropped with changes that were not \
             committed fields={fields} unsettled=false"
        )
    };
    drop(session);
    assert_eq!(lines.take(), [event(2)]);

    let mut session = sessions.create().unwrap();
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    let id = *session.id();
    drop(session);
    let mut session = sessions.open(&id).await.unwrap();
    session.set("a", 2u32).unwrap();
    session.discard();
    drop(session);
    let mut session = sessions.open(&id).await.unwrap();
    session.set("a", 2u32).unwrap();
    session.destroy().await.unwrap();
    drop(session);
    assert_eq!(lines.take(), Vec::<String>::new(), "a commit, a discard and an end are no loss");

    let mut session = sessions.create().unwrap();
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    sessions.destroy(session.id()).await.unwrap();
    session.set("a", 2u32).unwrap();
    session.commit().await.unwrap_err();
    let reported = lines.take();
    assert!(reported.len() == 1 && reported[0].contains("session_ended"), "{reported:?}");
    assert!(session.has_changes());
    drop(session);
    assert_eq!(lines.take(), Vec::<String>::new(), "nothing could have stored the changes");
}
