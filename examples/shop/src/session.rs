//! The session of a request: from the cookie to the handlers, and back to the cookie.

use std::{
    mem,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite};
use parking_lot::Mutex;
use session_core::{Error, ErrorKind, LoadOptions, Session, Sessions, model::Ended};

/// A browser accepts cookies with this prefix only from this host, over TLS.
pub(crate) const ID: &str = "__Host-session";
/// What the client has seen: a node whose cache is behind asks the store.
const FLOOR: &str = "__Host-floor";

/// What the middleware and the extractors of one request share.
#[derive(Clone, Debug)]
struct Slot(Arc<Mutex<Option<Session>>>);

/// The session of the request. An extractor takes it, and its drop gives it back, so that no handler waits for another
/// one: a second extractor in the same request gets an error.
#[derive(Debug)]
pub struct RequestSession {
    session: Option<Session>,
    slot: Slot,
    /// Why there is no session at the id that the client sent, if it is known.
    pub ended: Option<Ended>,
}

impl Deref for RequestSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("it is there until the drop")
    }
}

impl DerefMut for RequestSession {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("it is there until the drop")
    }
}

impl Drop for RequestSession {
    fn drop(&mut self) {
        *self.slot.0.lock() = self.session.take();
    }
}

impl<S: Sync> FromRequestParts<S> for RequestSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let slot = parts.extensions.get::<Slot>().cloned();
        let session = slot.as_ref().and_then(|slot| slot.0.lock().take());
        let (Some(slot), Some(session)) = (slot, session) else {
            let message = "no session: the middleware is missing, or another extractor of this request has it";
            return Err(Failure(Error::new(ErrorKind::Configuration, message)));
        };
        Ok(Self { session: Some(session), slot, ended: parts.extensions.get::<Option<Ended>>().copied().flatten() })
    }
}

/// The middleware. It commits what a handler has recorded before the response leaves, unless that is a server error. A
/// handler that refuses a request after it has recorded something calls `discard`.
///
/// # Errors
/// If the session cannot be opened. A sign-in that has superseded the id sets the new cookie, so an error sets none.
pub async fn with_session(
    State(sessions): State<Sessions>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let sent = cookie_of(request.headers(), ID);
    let floor = cookie_of(request.headers(), FLOOR).and_then(|text| text.parse().ok());
    let opened = match &sent {
        Some(text) => sessions.open_text_with(text, LoadOptions { floor, ..LoadOptions::default() }).await?,
        None => Err(None),
    };
    let session = opened.or_else(|ended| {
        request.extensions_mut().insert(ended);
        sessions.create()
    })?;
    let slot = Slot(Arc::new(Mutex::new(Some(session))));
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    // A handler that keeps the session, for a WebSocket for example, commits by itself.
    let Some(mut session) = mem::take(&mut *slot.0.lock()) else { return Ok(response) };
    if response.status().is_server_error() {
        session.discard();
    }
    // After a `discard`, this settles a new id that the store may know already.
    if let Err(error) = session.commit().await {
        response = Failure(error).into_response();
    }
    set_cookies(&mut response, &session, sent.as_deref());
    Ok(response)
}

pub(crate) fn cookie_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(Cookie::split_parse).flatten().find(|cookie| cookie.name() == name).map(|it| it.value().to_owned())
}

/// Tells the client its id if it is not the one that it sent, and what it has written.
pub(crate) fn set_cookies(response: &mut Response, session: &Session, sent: Option<&str>) {
    // A session that was never stored has no cookie.
    let id = (!session.is_new() && !session.is_ended()).then(|| session.id().expose());
    let floor = session.floor().filter(|_| session.has_written()).map(|floor| floor.to_string());
    for (name, value, is_due) in [(ID, &id, id.as_deref() != sent), (FLOOR, &floor, floor.is_some() || id.is_none())] {
        if !is_due || (value.is_none() && sent.is_none()) {
            continue;
        }
        let cookie = Cookie::build((name, value.as_deref().unwrap_or_default())).path("/").secure(true).http_only(true);
        let cookie = if value.is_none() { cookie.removal() } else { cookie };
        let cookie = cookie.same_site(SameSite::Lax).build();
        let Ok(mut text) = HeaderValue::from_str(&cookie.to_string()) else { return };
        text.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, text);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// An error as a response.
#[derive(Debug)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            eprintln!("{}", self.0);
        }
        (status, self.0.kind().public_message()).into_response()
    }
}
