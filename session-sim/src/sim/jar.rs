//! The sessions that clients share, as browsers hold them, whichever node their requests go to.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use session_core::{
    Principal, SessionId,
    model::{Incarnation, Stamp},
};

use super::Settings;

/// One cookie for each browser.
#[derive(Debug)]
pub(crate) struct Jar(pub(crate) Vec<Cookie>);

/// What one browser knows about its session.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    /// The ids that the session has had, the current one last; empty if there is no session.
    pub(crate) ids: Vec<SessionId>,
    /// The id of the next session. Some clients ask for it before the session exists.
    pub(crate) next: SessionId,
    pub(crate) incarnation: Option<Incarnation>,
    /// The stamp in the last answer.
    pub(crate) stamp: Option<Stamp>,
    /// The last id of the session before this one, which has ended.
    pub(crate) former: Option<SessionId>,
    /// A sign-in that may be sent again: by a second click, by another tab, or because its response was lost.
    pub(crate) form: Option<Form>,
}

/// A sign-in form: the cookie with which it was sent, and who signs in.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) id: SessionId,
    pub(crate) principal: Principal,
}

impl Jar {
    pub(crate) fn random(settings: &Settings, rng: &mut fastrand::Rng) -> Self {
        let cookie = |_| Cookie::random(settings, rng);
        Self((0..settings.sessions).map(cookie).collect())
    }
}

impl Cookie {
    pub(crate) fn random(settings: &Settings, rng: &mut fastrand::Rng) -> Self {
        let next = random_id(rng.u16(..settings.partitions), rng);
        Self { ids: Vec::new(), next, incarnation: None, stamp: None, former: None, form: None }
    }
}

/// A random id in this partition.
pub(crate) fn random_id(partition: u16, rng: &mut fastrand::Rng) -> SessionId {
    let mut bytes = [0; 18];
    rng.fill(&mut bytes);
    bytes[..2].copy_from_slice(&partition.to_be_bytes());
    match Base64UrlUnpadded::encode_string(&bytes).parse() {
        Ok(id) => id,
        Err(error) => unreachable!("18 bytes are an id: {error}"),
    }
}
