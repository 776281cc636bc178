//! What clients and scripts say to each other: the layout of the metadata, the scripts, and the meaning of their replies.
//!
//! - [`meta`] is the layout of the metadata, for clients and for scripts.
//! - [`script`] assembles the scripts of `src/lua/`. The header of each script documents its arguments and replies.
//! - [`reply`] parses what scripts reply, each into an enum of its own. No letter of a reply is known anywhere else.
//! - [`lookup`] parses what plain reads return.

mod bytes;
mod error;
mod list_entry;
mod list_page;
mod lookup;
mod meta;
mod reply;
mod script;

pub(crate) use bytes::{Cursor, hex, millis, put};
pub(crate) use error::{unexpected_reply, unreadable};
pub(crate) use list_entry::ListEntry;
pub(crate) use list_page::{IndexPageReply, ListPage};
pub(crate) use lookup::{Loaded, Lookup, Peeked, metadata, session};
pub(crate) use meta::{
    CONSTANTS_FIELD, DIGEST_LEN, LOCK_FIELD, NOTE_FIELD, PRINCIPAL_FIELD, REPLACED_FIELD, REVOCATION_FIELD, STAMP,
    STATE_FIELD, SessionStatus, end_reason, note_field, put_stamp, reason_byte, stamp,
};
pub(crate) use reply::{
    AcquireReply, ApplyReply, CreateReply, DestroyReply, IndexAddReply, ListFor, RevokeReply, RotateReply, SignInReply,
    TenureReply, TouchReply, forward, wanted_key,
};
pub(crate) use script::{SCRIPTS, Script};
