//! The cases by topic. Each function checks one promise; [`__cases!`](crate::__cases) lists them.

pub(crate) mod algebra;
pub(crate) mod cancellation;
pub(crate) mod concurrency;
pub(crate) mod destroy_wins;
pub(crate) mod exactly_once;
pub(crate) mod expiry;
pub(crate) mod feed;
pub(crate) mod index;
pub(crate) mod input;
pub(crate) mod lifecycle;
pub(crate) mod limits;
pub(crate) mod lock;
pub(crate) mod many_sessions;
pub(crate) mod new_deadlines;
pub(crate) mod nodes;
pub(crate) mod note;
pub(crate) mod preconditions;
pub(crate) mod renewal;
pub(crate) mod revocation;
pub(crate) mod rotation;
pub(crate) mod rotation_race;
pub(crate) mod sign_in;
pub(crate) mod watching;
