//! The shop as browsers see it: on three nodes that share a Redis server, and over a store that fails.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod browser;
mod failures;

use axum::http::StatusCode;
use futures_util::future::join_all;
use session_core::Sessions;
use session_redis::RedisStore;
use session_testkit::Server;
use session_tiered::TieredStore;

use crate::browser::{Browser, Nodes};

async fn three_nodes(server: &Server) -> Nodes {
    let mut routers = Vec::new();
    for _ in 0..3 {
        let store = TieredStore::new(RedisStore::connect(&server.url()).await.unwrap());
        routers.push(shop::shop(Sessions::new(store)));
    }
    Nodes::new(routers)
}

#[tokio::test]
async fn tabs_lose_nothing() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let browser = Browser::new(&nodes);
    assert_eq!(browser.page("/").await, "welcome; the theme is light");
    assert_eq!(browser.session(), None, "a page view stores nothing");
    browser.form("/theme/dark").await;
    let lines: Vec<_> = (0..40).map(|n| format!("/cart/sku-{n:02}")).collect();
    join_all(lines.iter().map(|path| browser.form(path))).await;
    join_all((0..40).map(|_| browser.form("/visits"))).await;
    assert_eq!(browser.form("/visits").await, "41");
    for _ in 0..3 {
        assert_eq!(browser.page("/cart").await.lines().count(), 40);
        assert_eq!(browser.page("/").await, "welcome; the theme is dark");
    }
}

/// Each request goes to the next node, and sees what the one before has written.
#[tokio::test]
async fn a_browser_reads_its_writes_on_every_node() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let browser = Browser::new(&nodes);
    for n in 0..50 {
        browser.form(&format!("/theme/{n}")).await;
        assert_eq!(browser.page("/").await, format!("welcome; the theme is {n}"));
    }
    browser.form("/flash/thanks").await;
    assert_eq!(browser.page("/flash").await, "thanks");
    assert_eq!(browser.page("/flash").await, "", "once");
}

/// An order whose form was sent twice is placed once.
#[tokio::test]
async fn a_form_counts_once() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let browser = Browser::new(&nodes);
    let order = format!("/order/{}", browser.form("/order").await);
    let mut answers: Vec<_> = join_all([browser.post(&order), browser.post(&order)]).await;
    answers.sort_by_key(|(status, _)| *status);
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [StatusCode::OK, StatusCode::CONFLICT]);
}

#[tokio::test]
async fn a_sign_in_keeps_the_cart_and_changes_the_id() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let browser = Browser::new(&nodes);
    browser.form("/cart/sku-1").await;
    let planted = browser.copied();
    browser.form("/sign-in/ada").await;
    assert_ne!(browser.session(), planted.session());
    assert_eq!(browser.page("/").await, "welcome, ada; the theme is light");
    assert_eq!(browser.page("/cart").await, "1 x sku-1\n");
    // A cache may answer for the old id until it has received the sign-in; this client has seen nothing of that.
    let (status, _) = planted.post("/cart/sku-2").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(browser.page("/cart").await, "1 x sku-1\n", "the old id gives no access");
    assert!(planted.session().is_some(), "the cookie is left alone: another tab has set the new one");
    browser.form("/renew").await;
    assert_eq!(browser.page("/cart").await, "1 x sku-1\n");
}

/// The second form has the cookie that the first one replaces, and its response comes last.
#[tokio::test]
async fn a_sign_in_form_that_is_sent_twice_signs_in_twice() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let first = Browser::new(&nodes);
    first.form("/cart/sku-1").await;
    let second = first.copied();
    first.form("/sign-in/ada").await;
    second.form("/sign-in/ada").await;
    for browser in [&first, &second] {
        assert_eq!(browser.page("/").await, "welcome, ada; the theme is light");
        assert_eq!(browser.page("/cart").await, "1 x sku-1\n");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let [laptop, phone, tablet] = [(); 3].map(|()| Browser::new(&nodes));
    assert_eq!(laptop.get("/sessions").await.0, StatusCode::UNAUTHORIZED);
    for browser in [&laptop, &phone, &tablet] {
        browser.form("/sign-in/ada").await;
    }
    let list = laptop.page("/sessions").await;
    assert_eq!(list.lines().count(), 3);
    assert_eq!(list.lines().filter(|line| line.ends_with("a test (this one)")).count(), 1);
    let last = list.lines().next().unwrap().split_once(' ').unwrap().0;
    assert_eq!(laptop.form(&format!("/sessions/{last}/revoke")).await, "ended", "the latest is the tablet");
    assert_eq!(laptop.page("/sessions").await.lines().count(), 2);
    assert_eq!(laptop.post("/sessions/nonsense/revoke").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(laptop.form("/sessions/revoke-others").await, "1 ended");
    let (_, text) = phone.post("/cart/sku-1").await;
    assert!(phone.session().is_none() || !text.contains("ada"));
    tablet.form("/sign-in/ada").await;
    assert_eq!(laptop.form("/sessions/revoke-all").await, "2 ended");
    assert_eq!(laptop.session(), None);
    assert_eq!(laptop.page("/").await, "welcome; the theme is light");
}

#[tokio::test]
async fn garbage_is_no_session() {
    let server = Server::start().await;
    let nodes = three_nodes(&server).await;
    let browser = Browser::new(&nodes);
    for text in ["garbage", "%00", "00000000-0000-0000-0000-000000000000", &"A".repeat(4_000)] {
        browser.set_session(text);
        assert_eq!(browser.page("/").await, "welcome; the theme is light");
        assert_eq!(browser.session(), None, "the cookie is removed");
    }
    browser.set_session("garbage");
    browser.form("/theme/dark").await;
    assert_eq!(browser.page("/").await, "welcome; the theme is dark");
}
