//! `Sessions` for web layers: opening from text, the state of a handle, and all sessions of a principal.

use std::{sync::Arc, time::Duration};

use session_core::{
    Error, ErrorKind, Expiry, LoadOptions, ManualClock, Principal, Rotate, Session, SessionId, Sessions, SignIn,
    defaults,
    model::{EndReason, IdDigest},
    store::{self, ApplyOutcome, SessionStore, Update},
};
use session_memory::MemoryStore;
use session_test::{Call, Fault, Target};

use crate::{World, world};

fn principal() -> Principal {
    Principal::new("user-7").unwrap()
}

async fn signed_in(world: &World) -> Session {
    let mut session = world.sessions.create().unwrap();
    session.set("n", 1u32).unwrap();
    let _ = session.rotate(Rotate::privilege().with_sign_in(SignIn::new(principal()))).await.unwrap();
    session
}

#[tokio::test]
async fn text_that_names_no_session_is_absence_and_not_an_error() {
    let world = world();
    let (session, _) = world.two_requests().await;
    let opened = world.sessions.open_text(&session.id().expose()).await.unwrap().unwrap();
    assert_eq!(opened.get::<u32>("n").unwrap(), Some(1));
    let unknown = SessionId::generate().unwrap().expose();
    for text in ["", "theme=dark", "é", &"A".repeat(24), &unknown, &format!(" {unknown}"), &"x".repeat(1 << 20)] {
        assert_eq!(world.sessions.open_text(text).await.unwrap().unwrap_err(), None);
    }
}

#[tokio::test]
async fn text_is_opened_with_options() {
    let world = world();
    let (session, _) = world.two_requests().await;
    let text = session.id().expose();
    world.clock.advance(defaults::IDLE / 2);
    let passive = LoadOptions { passive: true, ..LoadOptions::default() };
    let opened = world.sessions.open_text_with(&text, passive).await.unwrap().unwrap();
    assert_eq!(opened.expires_in(), defaults::IDLE / 2);
    let opened = world.sessions.open_text_with(&text, LoadOptions::default()).await.unwrap().unwrap();
    assert_eq!(opened.expires_in(), defaults::IDLE);
    assert_eq!(world.sessions.open_text_with("theme=dark", passive).await.unwrap().unwrap_err(), None);
    world.clock.advance(defaults::IDLE);
    assert_eq!(world.sessions.open_text_with(&text, passive).await.unwrap().unwrap_err(), None);
}

#[tokio::test]
async fn absence_tells_why_and_when_the_session_ended() {
    let world = world();
    let (session, mut other) = world.two_requests().await;
    other.destroy().await.unwrap();
    let ended = world.sessions.open_text(&session.id().expose()).await.unwrap().unwrap_err().unwrap();
    assert_eq!(ended.reason, EndReason::Logout);
}

#[tokio::test]
async fn superseded_and_failing_are_errors_and_not_absence() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let old = session.id().expose();
    let _ = session.rotate(Rotate::privilege()).await.unwrap();
    assert_eq!(world.sessions.open_text(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
    world.sessions.close().await.unwrap();
    for text in ["garbage", &session.id().expose()] {
        assert_eq!(world.sessions.open_text(text).await.unwrap_err().kind(), ErrorKind::Configuration);
    }
}

#[tokio::test]
async fn a_handle_knows_that_it_ended_from_its_own_requests() {
    let world = world();
    let (mut session, mut other) = world.two_requests().await;
    assert!(!session.is_ended());
    session.destroy().await.unwrap();
    assert!(session.is_ended());

    assert!(!other.is_ended(), "it has sent no request since");
    assert_eq!(other.refresh().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(other.is_ended());
}

#[tokio::test]
async fn a_commit_that_finds_no_session_ends_the_handle_and_keeps_the_changes() {
    let world = world();
    let (mut session, mut other) = world.two_requests().await;
    session.destroy().await.unwrap();
    other.set("n", 2u32).unwrap();
    assert_eq!(other.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(other.is_ended());
    assert!(other.has_changes());
}

#[tokio::test]
async fn a_handle_tells_whether_a_commit_would_send_anything() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    assert!(!session.has_changes());
    session.remove("absent");
    assert!(session.has_changes());
    session.discard();
    assert!(!session.has_changes());
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert!(session.pending().is_empty() && session.has_changes(), "the unknown outcome must be settled");
    session.commit().await.unwrap();
    assert!(!session.has_changes());
}

#[tokio::test]
async fn a_handle_tells_whether_it_has_written() {
    let world = world();
    let (first, mut session) = world.two_requests().await;
    assert!(first.has_written(), "it stored the session");
    assert!(!session.has_written());
    session.set("n", 2u32).unwrap();
    assert!(!session.has_written(), "recorded is not written");
    session.commit().await.unwrap();
    assert!(session.has_written());

    let id = *session.id();
    for write in 0..4 {
        let mut session = world.sessions.open(&id).await.unwrap();
        session.refresh().await.unwrap();
        session.commit().await.unwrap();
        assert!(!session.has_written(), "loading is not writing");
        match write {
            0 => drop(session.update("n", |n: u32| n + 1).await.unwrap()),
            1 => drop(session.take::<u32>("n").await.unwrap()),
            2 => session.persist().await.unwrap(),
            _ => session.destroy().await.unwrap(),
        }
        assert_eq!(session.has_written(), write != 2);
    }
}

#[tokio::test]
async fn an_empty_new_session_is_stored_only_when_asked() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.commit().await.unwrap();
    session.commit_if_unchanged().await.unwrap();
    session.transaction(|_| Ok(())).await.unwrap();
    assert_eq!((world.store.take_calls(), session.is_new(), session.has_written()), (vec![], true, false));
    assert_eq!(world.sessions.open(session.id()).await.unwrap_err().kind(), ErrorKind::NotFound);

    world.store.take_calls();
    session.persist().await.unwrap();
    assert_eq!((world.store.take_calls(), session.is_new(), session.has_written()), (vec![Call::Create], false, true));
    assert!(world.sessions.open(session.id()).await.unwrap().state().is_empty());
    session.persist().await.unwrap();
    session.set("n", 1u32).unwrap();
    session.persist().await.unwrap();
    assert_eq!(world.sessions.open(session.id()).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn a_persist_of_unknown_outcome_is_settled_by_the_next_persist() {
    let world = world();
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let mut session = world.sessions.create().unwrap();
        world.store.inject(Target::Write, fault);
        assert_eq!(session.persist().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        session.persist().await.unwrap();
        assert!(!session.is_new());
        world.sessions.open(session.id()).await.unwrap();
    }
}

#[tokio::test]
async fn maps_and_sets_are_read_through_a_shared_handle() {
    fn rendered(session: &Session) -> Result<String, Error> {
        let (cart, roles) = (session.map("cart"), session.members("roles"));
        let theme = session.get::<String>("theme")?.unwrap_or_default();
        Ok(format!("{} {} {theme}", cart.get::<u32>("sku-1")?.unwrap_or_default(), roles.contains("admin")?))
    }
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set("theme", "dark").unwrap();
    session.map_mut("cart").insert("sku-1", 2u32).unwrap();
    session.members_mut("roles").insert("admin").unwrap();
    assert_eq!(rendered(&session).unwrap(), "2 true dark");
}

#[tokio::test]
async fn sessions_of_a_principal_are_listed_and_revoked_by_digest() {
    let world = world();
    let (first, second) = (signed_in(&world).await, signed_in(&world).await);
    let listed = world.sessions.list(&principal()).await.unwrap();
    let digests: Vec<IdDigest> = listed.iter().map(|session| session.digest).collect();
    assert_eq!(digests.len(), 2);
    assert!(digests.contains(first.id().digest()) && digests.contains(second.id().digest()));

    let link = first.id().digest().to_string();
    assert!(world.sessions.revoke(&principal(), &link.parse().unwrap()).await.unwrap());
    assert!(!world.sessions.revoke(&principal(), &link.parse().unwrap()).await.unwrap());
    let ended = world.sessions.open_text(&first.id().expose()).await.unwrap().unwrap_err().unwrap();
    assert_eq!(ended.reason, EndReason::Revoked);
    let stranger = Principal::new("user-8").unwrap();
    assert!(!world.sessions.revoke(&stranger, second.id().digest()).await.unwrap());
    world.sessions.open(second.id()).await.unwrap();
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_and_signing_out_others_all_but_one() {
    let world = world();
    let sessions = [signed_in(&world).await, signed_in(&world).await, signed_in(&world).await];
    assert_eq!(world.sessions.revoke_others(&principal(), sessions[1].id()).await.unwrap(), 2);
    let mut kept = world.sessions.open(sessions[1].id()).await.unwrap();
    assert_eq!(world.sessions.revoke_all(&principal()).await.unwrap(), 1);
    assert!(world.sessions.list(&principal()).await.unwrap().is_empty());
    assert_eq!(kept.refresh().await.unwrap_err().ended().unwrap().reason, EndReason::Revoked);
    assert!(kept.is_ended());
    assert_eq!(world.sessions.revoke_all(&principal()).await.unwrap(), 0);
}

/// A wrapper that forwards everything except updates, and has no index.
#[derive(Debug)]
struct ReadOnly(MemoryStore);

#[deny(clippy::missing_trait_methods)]
#[store::async_trait]
impl SessionStore for ReadOnly {
    store::forward!(self => self.0; backend, limits, create, load, touch, rotate, destroy, check, close, clock, lock, feed);

    async fn apply(&self, _: &SessionId, _: &Update) -> Result<ApplyOutcome, Error> {
        Err(Error::new(ErrorKind::Configuration, "read only"))
    }

    fn index(&self) -> Option<&dyn store::SessionIndex> {
        None
    }
}

#[tokio::test]
async fn a_wrapper_forwards_the_methods_that_it_names() {
    let sessions = Sessions::new(ReadOnly(MemoryStore::new()));
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    session.set("n", 1u32).unwrap();
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.to_string(), "wrong configuration: read only");
    assert!(sessions.store().feed().is_some() && sessions.store().lock().is_some());
    let error = sessions.list(&principal()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(error.to_string(), "memory index: wrong configuration: this store has no index of principals");
    assert_eq!(sessions.open_with(session.id(), LoadOptions::default()).await.unwrap().stamp(), session.stamp());
}

/// Two clocks are two truths: a session that has expired by one of them, and not by the other.
#[tokio::test]
async fn the_clock_of_the_store_is_enough() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build().unwrap();
    let boxed: Arc<dyn SessionStore> = Arc::new(store);
    let sessions = Sessions::new(boxed);
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    clock.advance(defaults::IDLE - Duration::from_secs(1));
    assert_eq!(session.expires_in(), Duration::from_secs(1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(session.expires_in(), Duration::ZERO);
    assert_eq!(sessions.open(session.id()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_session_can_be_created_with_deadlines_of_its_own() {
    let world = world();
    let short = Duration::from_secs(60);
    let mut session = world.sessions.create_with(Expiry::idle(short)).unwrap();
    assert_eq!(session.expires_in(), short);
    session.persist().await.unwrap();
    world.clock.advance(short - Duration::from_secs(1));
    let opened = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(opened.expires_in(), short);
    world.clock.advance(short);
    assert_eq!(world.sessions.open(session.id()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.sessions.create().unwrap().expires_in(), defaults::IDLE);
}

/// The body of a response names no backend, operation or field.
#[tokio::test]
async fn every_kind_has_a_status_and_a_text_for_the_public() {
    let kinds = [
        (ErrorKind::NotFound, 401),
        (ErrorKind::Superseded, 409),
        (ErrorKind::Conflict, 409),
        (ErrorKind::LimitExceeded, 413),
        (ErrorKind::Overloaded, 503),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::OutcomeUnknown, 504),
        (ErrorKind::UnreadableField, 500),
        (ErrorKind::InvalidInput, 400),
        (ErrorKind::Configuration, 500),
    ];
    for (kind, status) in kinds {
        assert_eq!(kind.http_status(), status, "{kind:?}");
        let text = kind.public_message();
        assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{text}");
        for word in ["redis", "memory", "backend", "store", "op id", "session id", "field", "configuration"] {
            assert!(!text.to_lowercase().contains(word), "{text}");
        }
    }
}

/// `None` can be stored as a value of its own. A scalar is absent only if it was removed.
#[tokio::test]
async fn a_scalar_that_is_an_option_reads_back_as_one() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set("some", Some(1u32)).unwrap();
    session.set("none", None::<u32>).unwrap();
    assert_eq!(session.get::<Option<u32>>("some").unwrap(), Some(Some(1)));
    assert_eq!(session.get::<u32>("some").unwrap(), Some(1));
    assert_eq!(session.get::<Option<u32>>("none").unwrap(), Some(None));
    assert_eq!(session.get::<u32>("none").unwrap_err().kind(), ErrorKind::UnreadableField);
    session.remove("none");
    assert_eq!(session.get::<Option<u32>>("none").unwrap(), None);
}
