//! What a browser gets when the store fails, or a session ends.

use axum::{Router, http::StatusCode, routing::get};
use session_core::{ErrorKind, Sessions};
use session_memory::MemoryStore;
use session_test::{Call, Fault, TestStore};

use crate::browser::{Browser, Nodes};

fn shop() -> (TestStore<MemoryStore>, Nodes) {
    let store = TestStore::new(MemoryStore::new());
    let nodes = Nodes::new(vec![shop::shop(Sessions::new(store.clone()))]);
    (store, nodes)
}

#[tokio::test]
async fn an_outage_is_not_a_sign_out() {
    let (store, nodes) = shop();
    let browser = Browser::new(&nodes);
    browser.form("/sign-in/ada").await;
    let cookie = browser.session();
    store.set_down(true);
    let (status, text) = browser.get("/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!text.contains("memory"), "{text}");
    assert_eq!(browser.session(), cookie);
    store.set_down(false);
    assert_eq!(browser.page("/").await, "welcome, ada; the theme is light");
}

#[tokio::test]
async fn a_lost_answer_is_neither_success_nor_failure() {
    let (store, nodes) = shop();
    let browser = Browser::new(&nodes);
    browser.form("/cart/sku-1").await;
    store.inject(Call::Apply, Fault::LoseAnswer);
    assert_eq!(browser.post("/cart/sku-2").await.0, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(browser.page("/cart").await.lines().count(), 2, "it had happened");
}

/// The id may have changed, and the client does not know the new one.
#[tokio::test]
async fn a_sign_in_or_renewal_whose_answer_is_lost_locks_nobody_out() {
    let (store, nodes) = shop();
    let browser = Browser::new(&nodes);
    browser.form("/cart/sku-1").await;
    store.inject(Call::Rotate, Fault::LoseAnswer);
    assert_eq!(browser.post("/sign-in/ada").await.0, StatusCode::GATEWAY_TIMEOUT);
    browser.form("/sign-in/ada").await;
    assert_eq!(browser.page("/cart").await, "1 x sku-1\n");
    store.inject(Call::Rotate, Fault::LoseAnswer);
    assert_eq!(browser.post("/renew").await.0, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(browser.page("/cart").await, "1 x sku-1\n");
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong() {
    let (_, nodes) = shop();
    let browser = Browser::new(&nodes);
    let (status, text) = browser.post(&format!("/cart/{}", "x".repeat(2_000))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_a_request_is_gone() {
    let (store, nodes) = shop();
    let browser = Browser::new(&nodes);
    browser.form("/cart/sku-1").await;
    store.inject(Call::Apply, Fault::Fail(ErrorKind::NotFound));
    let (status, _) = browser.post("/cart/sku-2").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

/// Two extractors in one handler would be two handles.
#[tokio::test]
async fn a_second_extractor_is_an_error_and_not_a_deadlock() {
    async fn twice(_first: shop::RequestSession, _second: shop::RequestSession) {}
    let sessions = Sessions::new(MemoryStore::new());
    let router =
        Router::new().route("/", get(twice)).layer(axum::middleware::from_fn_with_state(sessions, shop::with_session));
    let nodes = Nodes::new(vec![router]);
    assert_eq!(Browser::new(&nodes).get("/").await.0, StatusCode::INTERNAL_SERVER_ERROR);
}
