//! The routes of the shop.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use session_core::{EndReason, Error, ErrorKind, Note, Principal, Rotate, SessionCap, SessionId, Sessions, SignIn};

use crate::{
    Failure, RequestSession,
    session::{ID, cookie_of, set_cookies, with_session},
};

type Answer = Result<String, Failure>;

/// The shop over these sessions.
pub fn shop(sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/cart", get(cart))
        .route("/cart/{sku}", post(add).delete(remove))
        .route("/visits", post(count))
        .route("/theme/{theme}", post(set_theme))
        .route("/flash", get(take_flash))
        .route("/flash/{text}", post(set_flash))
        .route("/order", post(order_form))
        .route("/order/{token}", post(order))
        .route("/sign-out", post(sign_out))
        .route("/renew", post(renew))
        .route("/sessions", get(list))
        .route("/sessions/{digest}/revoke", post(revoke))
        .route("/sessions/revoke-others", post(revoke_others))
        .route("/sessions/revoke-all", post(revoke_all))
        .route_layer(middleware::from_fn_with_state(sessions.clone(), with_session))
        .route("/sign-in/{user}", post(sign_in))
        .with_state(sessions)
}

async fn home(session: RequestSession) -> Answer {
    let theme = session.get::<String>("theme")?.unwrap_or_else(|| "light".into());
    let greeting = match (session.principal(), session.ended) {
        (Some(user), _) => format!("welcome, {}", user.as_str()),
        (None, Some(ended)) if ended.reason == EndReason::Renewed => "please sign in again".into(),
        (None, Some(ended)) => format!("you were signed out: {}, {} s ago", ended.reason, ended.age.as_secs()),
        (None, None) => "welcome".into(),
    };
    Ok(format!("{greeting}; the theme is {theme}"))
}

async fn set_theme(mut session: RequestSession, Path(theme): Path<String>) -> Result<StatusCode, Failure> {
    session.set("theme", theme)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cart(session: RequestSession) -> Answer {
    let lines = session.map("cart").iter::<String, u32>().map(|line| line.map(|(sku, n)| format!("{n} x {sku}\n")));
    Ok(lines.collect::<Result<_, _>>()?)
}

/// Two tabs that add at the same time both succeed: each commit sends its own line only.
async fn add(mut session: RequestSession, Path(sku): Path<String>) -> Result<StatusCode, Failure> {
    session.map_mut("cart").insert(sku, 1)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(mut session: RequestSession, Path(sku): Path<String>) -> Result<StatusCode, Failure> {
    session.map_mut("cart").remove(sku)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A value that is computed from the old one is an atomic update, sent at once.
async fn count(mut session: RequestSession) -> Answer {
    session.persist().await?; // there may be no session yet, and several first requests
    Ok(session.update("visits", |n: u32| n + 1).await?.to_string())
}

async fn set_flash(mut session: RequestSession, Path(text): Path<String>) -> Result<StatusCode, Failure> {
    session.set("flash", text)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Exactly one request gets the message.
async fn take_flash(mut session: RequestSession) -> Answer {
    Ok(session.take::<String>("flash").await?.unwrap_or_default())
}

/// The form contains a token that one order can use. It is spent even if the request is dropped before the order is placed.
async fn order_form(mut session: RequestSession) -> Answer {
    let token = SessionId::generate()?.expose(); // 128 random bits; not an id of a session
    session.set("order", &token)?;
    Ok(token)
}

async fn order(mut session: RequestSession, Path(token): Path<String>) -> Result<Response, Failure> {
    Ok(match session.take::<String>("order").await? {
        Some(expected) if expected == token => "ordered".into_response(),
        _ => (StatusCode::CONFLICT, "this order was sent before").into_response(),
    })
}

/// The session keeps its cart and gets a new id. The store refuses the old id, which somebody else may know. The
/// session is not opened first, so a form that is sent twice signs in twice. There is no password here: a real
/// application asks for `last_revocation`, checks the password, and passes the revocation to
/// `SignIn::with_last_revocation`.
async fn sign_in(
    State(sessions): State<Sessions>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let device = headers.get(header::USER_AGENT).map_or("", |agent| agent.to_str().unwrap_or_default());
    let sign_in = SignIn::new(Principal::new(&user)?)
        .with_note(Note::new(device.chars().take(60).collect::<String>())?)
        .with_cap(SessionCap::EndOldest(10));
    let sent = cookie_of(&headers, ID);
    let old = sent.as_deref().and_then(|text| text.parse().ok());
    let old = old.map_or_else(SessionId::generate, Ok)?;
    let session = sessions.sign_in(&old, Rotate::privilege().with_sign_in(sign_in)).await?;
    let mut response = format!("welcome, {user}").into_response();
    set_cookies(&mut response, &session, sent.as_deref());
    Ok(response)
}

async fn sign_out(mut session: RequestSession) -> Answer {
    session.destroy().await?;
    Ok("signed out".into())
}

async fn renew(mut session: RequestSession) -> Answer {
    let renewed = session.rotate(Rotate::renew()).await?;
    Ok(format!("{renewed:?}"))
}

/// The user who is signed in; otherwise the answer is 401.
fn user(session: &RequestSession) -> Result<Principal, Failure> {
    let principal = session.principal().cloned();
    principal.ok_or_else(|| Failure(Error::new(ErrorKind::NotFound, "no user is signed in")))
}

/// "My sessions": a line each, with the digest that a revoke link carries. A digest gives no access.
async fn list(session: RequestSession, State(sessions): State<Sessions>) -> Answer {
    let own = session.id().digest();
    let mine = sessions.list(&user(&session)?).await?;
    let lines = mine.iter().map(|one| {
        let device = one.note.as_ref().map(|note| String::from_utf8_lossy(note.as_bytes())).unwrap_or_default();
        let here = if one.digest == *own { " (this one)" } else { "" };
        format!("{} {device}{here}\n", one.digest)
    });
    Ok(lines.collect())
}

async fn revoke(session: RequestSession, State(sessions): State<Sessions>, Path(digest): Path<String>) -> Answer {
    let was_live = sessions.revoke(&user(&session)?, &digest.parse()?).await?;
    Ok(if was_live { "ended" } else { "no such session of yours" }.into())
}

async fn revoke_others(session: RequestSession, State(sessions): State<Sessions>) -> Answer {
    let ended = sessions.revoke_others(&user(&session)?, session.id()).await?;
    Ok(format!("{ended} ended"))
}

/// Ends the session of this request, too.
async fn revoke_all(mut session: RequestSession, State(sessions): State<Sessions>) -> Answer {
    let ended = sessions.revoke_all(&user(&session)?).await?;
    session.destroy().await?; // tells the handle, which removes the cookie
    Ok(format!("{ended} ended"))
}
