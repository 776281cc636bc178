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
const ID: &str = "__Host-session";
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
        Ok(Self { session: Some(session), slot, ended: parts.extensions.get::<Ended>().copied() })
    }
}

/// The middleware. It commits what a handler has recorded before the response leaves, unless the handler failed.
pub async fn with_session(State(sessions): State<Sessions>, mut request: Request, next: Next) -> Response {
    let sent = cookie_of(request.headers(), ID);
    let floor = cookie_of(request.headers(), FLOOR).and_then(|text| text.parse().ok());
    let opened = match &sent {
        Some(text) => sessions.open_text_with(text, LoadOptions { floor, ..LoadOptions::default() }).await,
        None => Ok(Err(None)),
    };
    let session = match opened {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(ended)) => {
            ended.map(|ended| request.extensions_mut().insert(ended));
            sessions.create()
        }
        Err(error) => Err(error),
    };
    let slot = match session {
        Ok(session) => Slot(Arc::new(Mutex::new(Some(session)))),
        // After a sign-in in another tab, the cookie is already a newer one: leave it alone.
        Err(error) => return Failure(error).into_response(),
    };
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    // A handler that keeps the session, for a WebSocket for example, commits by itself.
    let Some(mut session) = mem::take(&mut *slot.0.lock()) else { return response };
    if response.status().is_server_error() {
        session.discard();
    } else if let Err(error) = session.commit().await {
        response = Failure(error).into_response();
    }
    // A session that was never stored has no cookie.
    let id = (!session.is_new() && !session.is_ended()).then(|| session.id().expose());
    if id != sent {
        set_cookie(&mut response, ID, id);
    }
    if let Some(floor) = session.floor().filter(|_| session.has_written()) {
        set_cookie(&mut response, FLOOR, Some(floor.to_string()));
    }
    response
}

fn cookie_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(Cookie::split_parse).flatten().find(|cookie| cookie.name() == name).map(|it| it.value().to_owned())
}

/// Sets a cookie, or removes it.
fn set_cookie(response: &mut Response, name: &'static str, value: Option<String>) {
    let mut cookie = Cookie::new(name, value.clone().unwrap_or_default());
    if value.is_none() {
        cookie.make_removal();
    }
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    let Ok(mut value) = HeaderValue::from_str(&cookie.to_string()) else { return };
    value.set_sensitive(true);
    response.headers_mut().append(header::SET_COOKIE, value);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
