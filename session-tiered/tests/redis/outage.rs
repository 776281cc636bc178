//! While no server answers, calls fail, or the caller accepts a copy whose age is stated.

use std::time::Duration;

use session_core::{LoadOptions, store::LoadOutcome};
use session_testkit::Server;

use crate::{
    cache::SOUND,
    node::{HASTY, Node, Seen, now, step_of},
    until,
};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_answers_state_their_age() {
    let server = Server::start().await;
    let (node, links) = Node::linked(&server, HASTY.built(SOUND)).await;
    let id = node.open().await;
    let before = now();
    node.write(&id, 1).await;
    node.warm(&id).await;
    links.commands.cut().await;
    links.listening.cut().await;
    let cut_at = now();
    until("there is no lease", || async { (node.see(&id).await == Seen::Failed).then_some(()) }).await;
    let options = LoadOptions { stale_if_error: Some(LIMIT), ..LoadOptions::default() };
    let began = now();
    let LoadOutcome::Found(found) = node.load(&id, options).await.unwrap() else { panic!("there is a copy") };
    assert_eq!(step_of(&found), 1);
    let age = found.staleness.expect("its age is stated");
    assert!(age >= began.since(cut_at), "the store has not vouched for it since the cut");
    assert!(age <= now().since(before), "the store has answered since then");
    // It is older than the caller allows.
    let options = LoadOptions { stale_if_error: Some(Duration::ZERO), ..LoadOptions::default() };
    node.load(&id, options).await.unwrap_err();
    links.commands.heal().await;
    links.listening.heal().await;
    node.warm(&id).await;
    let options = LoadOptions { stale_if_error: Some(LIMIT), ..LoadOptions::default() };
    let LoadOutcome::Found(found) = node.load(&id, options).await.unwrap() else { panic!("it is there") };
    assert_eq!(found.staleness, None, "as long as the store answers, or a lease runs");
}
