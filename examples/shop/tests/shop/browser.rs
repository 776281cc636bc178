//! A browser, and nodes of the shop behind a load balancer that takes turns.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use cookie::Cookie;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tower::ServiceExt as _;

const SESSION: &str = "__Host-session";

/// Nodes of the shop.
pub(crate) struct Nodes {
    routers: Vec<Router>,
    next: AtomicUsize,
}

impl Nodes {
    pub(crate) fn new(routers: Vec<Router>) -> Self {
        Self { routers, next: AtomicUsize::new(0) }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        let at = self.next.fetch_add(1, Relaxed) % self.routers.len();
        self.routers[at].clone().oneshot(request).await.unwrap()
    }
}

/// A browser, whose tabs share its cookies.
pub(crate) struct Browser<'n> {
    nodes: &'n Nodes,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl<'n> Browser<'n> {
    pub(crate) fn new(nodes: &'n Nodes) -> Self {
        Self { nodes, cookies: Mutex::default() }
    }

    /// Another browser that has this one's cookies, such as an attacker's.
    pub(crate) fn copied(&self) -> Self {
        Self { nodes: self.nodes, cookies: Mutex::new(self.cookies.lock().clone()) }
    }

    /// The cookie that names the session.
    pub(crate) fn session(&self) -> Option<String> {
        self.cookies.lock().get(SESSION).cloned()
    }

    pub(crate) fn set_session(&self, value: &str) {
        self.cookies.lock().insert(SESSION.into(), value.into());
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&self, path: &str) -> (StatusCode, String) {
        self.request(Method::POST, path).await
    }

    /// Gets a page, which must succeed.
    pub(crate) async fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// Sends a form, which must succeed.
    pub(crate) async fn form(&self, path: &str) -> String {
        let (status, text) = self.post(path).await;
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    async fn request(&self, method: Method, path: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path).header(header::USER_AGENT, "a test");
        for (name, value) in &*self.cookies.lock() {
            request = request.header(header::COOKIE, format!("other=1; {name}={value}"));
        }
        let response = self.nodes.send(request.body(Body::empty()).unwrap()).await;
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(cookie.to_str().unwrap().to_owned()).unwrap();
            assert!(cookie.http_only() == Some(true) && cookie.secure() == Some(true), "{cookie}");
            assert!(cookie.path() == Some("/") && cookie.domain().is_none(), "{cookie}");
            match cookie.value() {
                "" => self.cookies.lock().remove(cookie.name()),
                value => self.cookies.lock().insert(cookie.name().into(), value.into()),
            };
        }
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}
