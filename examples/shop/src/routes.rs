//! The routes of the shop.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use session_core::{Error, ErrorKind, Note, Principal, Rotate, SessionCap, Sessions, SignIn};

use crate::{Failure, RequestSession, with_session};

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
        .route("/order", get(order_form))
        .route("/order/{token}", post(order))
        .route("/sign-in/{user}", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/renew", post(renew))
        .route("/sessions", get(list))
        .route("/sessions/{digest}/revoke", post(revoke))
        .route("/sessions/revoke-others", post(revoke_others))
        .route("/sessions/revoke-all", post(revoke_all))
        .route_layer(middleware::from_fn_with_state(sessions.clone(), with_session))
        .with_state(sessions)
}

async fn home(session: RequestSession) -> Answer {
    let theme = session.get::<String>("theme")?.unwrap_or_else(|| "light".into());
    let greeting = match (session.principal(), session.ended) {
        (Some(user), _) => format!("welcome, {}", user.as_str()),
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

/// The form contains a token that one order can use.
async fn order_form(mut session: RequestSession) -> Answer {
    let token = session_core::SessionId::generate()?.expose();
    session.map_mut("orders").insert(&token, true)?;
    Ok(token)
}

async fn order(mut session: RequestSession, Path(token): Path<String>) -> Result<Response, Failure> {
    Ok(match session.map_mut("orders").take::<bool>(token).await? {
        Some(_) => "ordered".into_response(),
        None => (StatusCode::CONFLICT, "this order was sent before").into_response(),
    })
}

/// The session keeps its cart and gets a new id; the old one, which somebody else may know, gives no access any more.
async fn sign_in(mut session: RequestSession, Path(user): Path<String>, headers: HeaderMap) -> Answer {
    let device = headers.get(header::USER_AGENT).map_or("", |agent| agent.to_str().unwrap_or_default());
    let sign_in = SignIn::new(Principal::new(&user)?)
        .with_note(Note::new(device.chars().take(60).collect::<String>())?)
        .with_cap(SessionCap::EndOldest(10));
    let _ = session.rotate(Rotate::privilege().with_sign_in(sign_in)).await?; // always `NewId` for a sign-in
    Ok(format!("welcome, {user}"))
}

async fn sign_out(mut session: RequestSession) -> Answer {
    session.destroy().await?;
    Ok("signed out".into())
}

async fn renew(mut session: RequestSession) -> Answer {
    let renewed = session.rotate(Rotate::renew()).await?;
    Ok(format!("{renewed:?}"))
}

fn user(session: &RequestSession) -> Result<Principal, Failure> {
    let principal = session.principal().cloned();
    principal.ok_or_else(|| Failure(Error::new(ErrorKind::NotFound, "nobody is signed in")))
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
    Ok(if was_live { "ended" } else { "it had ended before" }.into())
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
