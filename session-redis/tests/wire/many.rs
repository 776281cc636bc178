//! Principals with very many sessions: what a call costs does not depend on how many there are, and what a call could not
//! do in its time is left to the next one.

use std::time::Duration;

use session_core::{
    ErrorKind, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, IdDigest},
    store::{CreateOutcome, NewSession, SessionIndex as _, SessionStore as _},
};
use session_testkit::{Recording, Reply};

use crate::link::Wire;

/// Copies the session of a list, ARGV[1] times and with places that differ by ARGV[2]. If ARGV[3] is `gone`, only its entry;
/// if it is `expired`, an entry that has expired. No session is awaited.
const COPY: &str = r"#!lua
local session, list, order = KEYS[1], KEYS[2], KEYS[3]
local digest = string.sub(session, -18)
local prefix, first = string.sub(session, 1, -19), string.sub(digest, 1, 2)
local entry = redis.call('HGET', list, digest)
local from = struct.unpack('>I7', entry, 15)
for i = 1, tonumber(ARGV[1]) do
  local place = from + i * tonumber(ARGV[2])
  local copy = first .. string.rep('\7', 8) .. struct.pack('>I8', i)
  local till = ARGV[3] == 'expired' and struct.pack('>I7', 1) or string.sub(entry, 1, 7)
  redis.call('HSET', list, copy, till .. string.rep('\0', 7) .. struct.pack('>I7', place))
  redis.call('ZADD', order, string.format('%.0f', place), copy)
  if ARGV[3] == 'stored' then redis.call('COPY', session, prefix .. copy) end
end
return 'A'";

struct Many {
    wire: Wire,
    ada: Principal,
    first: SessionId,
    list: Vec<u8>,
    order: Vec<u8>,
}

impl Many {
    /// A principal with one session and `count` copies of it, whose places differ by `step`: they are `stored`, `gone` or
    /// `expired`.
    async fn start(count: usize, step: usize, copies: &str) -> Self {
        Self::on(Wire::with_call_deadline(Duration::from_secs(60)).await, count, step, copies).await
    }

    async fn on(wire: Wire, count: usize, step: usize, copies: &str) -> Self {
        let ada = Principal::new("ada").expect("a principal");
        let (first, outcome) = sign_in(&wire, SignIn::new(ada.clone()).without_cap()).await;
        assert!(matches!(outcome, Ok(CreateOutcome::Created(_))));
        let key = async |pattern: &str| match wire.server.command(&["KEYS", pattern]).await.items() {
            [Reply::Bulk(key)] => key.clone(),
            other => panic!("{other:?}"),
        };
        let (session, list) = (key("*}:s:*").await, key("*}:p:*").await);
        let mut order = list.clone();
        // The kind of the key precedes its hash.
        let kind = order.len() - 18;
        order[kind] = b'o';
        let [count, step] = [count, step].map(|number| number.to_string());
        let copy = [b"EVAL".as_slice(), COPY.as_bytes(), b"3", &session, &list, &order];
        let copy: Vec<&[u8]> = copy.into_iter().chain([count.as_bytes(), step.as_bytes(), copies.as_bytes()]).collect();
        wire.server.command(&copy).await.expect("copies");
        Self { wire, ada, first, list, order }
    }

    /// The digest of a copy.
    fn copy(&self, number: u64) -> IdDigest {
        let mut digest = self.first.digest().to_bytes();
        digest[2..10].fill(7);
        digest[10..].copy_from_slice(&number.to_be_bytes());
        IdDigest::from(&digest)
    }

    async fn listed(&self) -> usize {
        let count = |name: &'static str, key: Vec<u8>| async move {
            self.wire.server.command(&[name.as_bytes(), &key]).await.int()
        };
        let listed = count("HLEN", self.list.clone()).await;
        assert_eq!(count("ZCARD", self.order.clone()).await, listed, "the list and its order agree");
        listed as usize
    }

    async fn sign_in(&self, cap: Option<SessionCap>) -> (SessionId, Result<CreateOutcome, session_core::Error>) {
        let sign_in_ = SignIn::new(self.ada.clone()).without_cap();
        sign_in(&self.wire, if let Some(cap) = cap { sign_in_.with_cap(cap) } else { sign_in_ }).await
    }

    async fn is_live(&self, id: &SessionId) -> bool {
        let found = self.wire.load(id, Default::default()).await.expect("loaded");
        matches!(found, session_core::store::LoadOutcome::Found(_))
    }
}

async fn sign_in(wire: &Wire, sign_in: SignIn) -> (SessionId, Result<CreateOutcome, session_core::Error>) {
    let id = SessionId::generate().expect("an id");
    let new = NewSession { sign_in: Some(sign_in), ..NewSession::generate(Default::default()).expect("a session") };
    (id, wire.store.create(&id, &new).await)
}

/// The number of commands and the bytes of their replies.
fn cost(recording: &Recording) -> (usize, usize) {
    let replies = recording.exchanges().iter().map(|exchange| exchange.reply_bytes).sum();
    (recording.commands().len(), replies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_long_list_costs_as_much_as_one_of_a_short_list() {
    let many = Many::start(20_000, 1, "stored").await;
    let (page, recording) = many.wire.record(many.wire.store.sessions(&many.ada, 20)).await;
    let page: Vec<IdDigest> = page.expect("a page").iter().map(|session| session.digest).collect();
    assert_eq!(page, (0..20).map(|back| many.copy(20_000 - back)).collect::<Vec<_>>());
    let (commands, bytes) = cost(&recording);
    assert!(commands <= 2 + 3 * 20, "{commands} commands");
    assert!(bytes < 10_000, "{bytes} bytes");
}

/// Each answer takes 50 ms and 64 sessions are ended at once, so a call of two seconds ends at most 2,560, however fast the
/// machine is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_goes_on_where_the_last_call_has_stopped() {
    let many = Many::on(Wire::start().await, 5_000, 1, "stored").await;
    many.wire.link.delay(Duration::from_millis(25));
    let (mut ended, mut calls) = (0, 0);
    loop {
        let step = many.wire.store.revoke_all(&many.ada, None, EndReason::Revoked).await.expect("progress");
        (ended, calls) = (ended + step.ended.len(), calls + 1);
        assert!(ended + step.left >= 5_001, "after {calls} calls, {ended} are ended and {} are left", step.left);
        if step.is_complete() {
            break;
        }
    }
    assert!(calls > 1);
    assert_eq!((ended, many.listed().await), (5_001, 0));
    assert!(!many.is_live(&many.first).await);
}

/// A session that has moved has several entries with one place. A page ends among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_with_one_place_are_all_met_once() {
    let many = Many::start(1_500, 0, "stored").await;
    assert_eq!(many.wire.store.sessions(&many.ada, 2_000).await.expect("a list").len(), 1_501);
    let revoked = many.wire.store.revoke_all(&many.ada, Some(&many.first), EndReason::Revoked).await.expect("revoked");
    // The copies have the incarnation of the session that is kept.
    assert_eq!((revoked.ended.len(), revoked.left), (0, 0));
    let revoked = many.wire.store.revoke_all(&many.ada, None, EndReason::Revoked).await.expect("revoked");
    assert_eq!((revoked.ended.len(), revoked.left), (1_501, 0));
    assert_eq!(many.listed().await, 0);
}

/// A sign-in that sets no cap has one by default. While the list is short, the default costs no further command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cap_of_a_sign_in_that_sets_none() {
    let many = Many::start(20, 1, "stored").await;
    let (_, recording) = many.wire.record(many.sign_in(None)).await;
    let uncapped = cost(&recording).0;
    let ((_, outcome), recording) = many.wire.record(sign_in(&many.wire, SignIn::new(many.ada.clone()))).await;
    assert!(matches!(outcome, Ok(CreateOutcome::Created(_))));
    assert_eq!(cost(&recording).0, uncapped);

    let many = Many::start(1_100, 1, "stored").await;
    let (newest, outcome) = sign_in(&many.wire, SignIn::new(many.ada.clone())).await;
    assert!(matches!(outcome, Ok(CreateOutcome::Created(_))));
    assert_eq!(many.wire.store.sessions(&many.ada, 2_000).await.expect("a list").len(), 1_000);
    assert!(many.is_live(&newest).await && !many.is_live(&many.first).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sign_in_brings_a_long_list_closer_to_its_cap() {
    let many = Many::start(2_000, 1, "stored").await;
    let (mut before, mut sign_ins) = (many.listed().await, 0);
    let mut newest;
    loop {
        let (signed_in, recording) = many.wire.record(many.sign_in(Some(SessionCap::EndOldest(5)))).await;
        assert!(matches!(signed_in.1, Ok(CreateOutcome::Created(_))));
        newest = signed_in.0;
        sign_ins += 1;
        let (commands, listed) = (cost(&recording).0, many.listed().await);
        assert!(commands <= 1_500, "{commands} commands");
        assert!(many.is_live(&newest).await, "the session that signed in stays");
        if listed <= 5 {
            break;
        }
        assert_eq!(many.wire.store.stats().caps_exceeded, sign_ins, "a cap that is not met yet is counted");
        assert!(listed + 200 <= before, "from {before} to {listed}");
        before = listed;
    }
    let left = many.wire.store.sessions(&many.ada, 10).await.expect("a list");
    assert_eq!((left.len(), left[0].digest), (5, *newest.digest()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_looks_at_no_more_sessions_than_it_needs() {
    let many = Many::start(20_000, 1, "stored").await;
    let ((_, refused), recording) = many.wire.record(many.sign_in(Some(SessionCap::Refuse(5)))).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::LimitExceeded);
    let (commands, bytes) = cost(&recording);
    assert!(commands <= 3 + 3 * 16 + 1, "{commands} commands");
    assert!(bytes < 10_000, "{bytes} bytes");
}

/// All sessions but one are gone. A sign-in under a cap finds that out; others look at a few now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_sessions_that_are_gone_are_removed_in_steps() {
    let many = Many::start(20_000, 1, "gone").await;
    let mut dearest = 0;
    for _ in 0..400 {
        let (signed_in, recording) = many.wire.record(many.sign_in(None)).await;
        assert!(matches!(signed_in.1, Ok(CreateOutcome::Created(_))));
        dearest = dearest.max(cost(&recording).0);
    }
    let listed = many.listed().await;
    assert!(listed < 20_000, "{listed} are listed still");
    assert!(dearest <= 2 + 2 + 3 * 64 + 1, "{dearest} commands for one sign-in");
    let (_, refused) = many.sign_in(Some(SessionCap::Refuse(2))).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::LimitExceeded);
}

/// Entries that have expired are removed by the page, and none of their sessions is looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_entries_cost_few_requests() {
    let most = 3 * (20_000 / 512 + 8) + 50;
    let many = Many::start(20_000, 1, "expired").await;
    let (page, recording) = many.wire.record(many.wire.store.sessions(&many.ada, 20)).await;
    let page: Vec<IdDigest> = page.expect("a page").iter().map(|session| session.digest).collect();
    assert_eq!((page, many.listed().await), (vec![*many.first.digest()], 1));
    let (commands, _) = cost(&recording);
    assert!(commands <= most, "{commands} commands for a page");

    for cap in [SessionCap::Refuse(5), SessionCap::EndOldest(5)] {
        let many = Many::start(20_000, 1, "expired").await;
        let ((_, created), recording) = many.wire.record(many.sign_in(Some(cap))).await;
        assert!(matches!(created, Ok(CreateOutcome::Created(_))), "{created:?}");
        let (commands, _) = cost(&recording);
        assert!(commands <= most, "{commands} commands for a sign-in under {cap:?}");
    }

    let many = Many::start(20_000, 1, "expired").await;
    let (revoked, recording) = many.wire.record(many.wire.store.revoke_all(&many.ada, None, EndReason::Revoked)).await;
    let revoked = revoked.expect("revoked");
    assert_eq!((revoked.ended.len(), revoked.left, many.listed().await), (1, 0, 0));
    let (commands, _) = cost(&recording);
    assert!(commands <= most, "{commands} commands for a revocation");
}

/// Each session that is gone is looked up once, but not in pages as short as the one that is wanted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_grow_while_they_have_only_sessions_that_are_gone() {
    let many = Many::start(5_000, 1, "gone").await;
    let (page, recording) = many.wire.record(many.wire.store.sessions(&many.ada, 5)).await;
    assert_eq!((page.expect("a page").len(), many.listed().await), (1, 1));
    let scripts = recording.commands().iter().filter(|words| words[0] == "EVALSHA").count();
    assert!(scripts <= 2 * (5_000 / 512 + 8), "{scripts} pages and removals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_lost_is_rebuilt() {
    let many = Many::start(600, 1, "stored").await;
    for lose in [&["DEL"][..], &["ZPOPMIN"], &["ZPOPMAX"]] {
        many.wire.server.command(&[lose[0].as_bytes(), &many.order]).await.expect("lost");
        let page = many.wire.store.sessions(&many.ada, 1).await.expect("a page");
        assert_eq!(page[0].digest, many.copy(600), "{lose:?}");
        many.listed().await;
    }
    many.wire.server.command(&[b"DEL".as_slice(), &many.order]).await.expect("lost");
    let revoked = many.wire.store.revoke_all(&many.ada, None, EndReason::Revoked).await.expect("revoked");
    assert_eq!((revoked.ended.len(), revoked.left), (601, 0));
}
