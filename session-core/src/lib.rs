//! Storage-agnostic distributed sessions.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
pub mod codec;
mod deadline;
pub mod defaults;
mod delta;
mod error;
mod ext;
mod feed;
mod forward;
mod id;
mod index;
mod key_text;
mod limits;
mod lock;
pub mod machine;
mod name;
mod outcome;
mod principal;
mod random;
mod record;
mod request;
mod session;
mod sessions;
mod sorted;
mod stamp;
mod state;
mod store;
mod value;
mod view;

pub use clock::{Clock, ManualClock, Sleep, SystemClock, Timestamp};
pub use deadline::{Deadlines, Expiry};
pub use delta::{Delta, Edit, Entry, Selector};
pub use error::{Error, ErrorKind};
pub use ext::SessionStoreExt;
pub use feed::{BarrierId, Barriers, ChangeFeed, ChangeKind, FeedItem, GapCause, Origin, SessionChange, Subscription};
pub use id::{IdDigest, SessionId};
pub use index::{IndexedSession, SessionIndex};
pub use limits::Limits;
pub use lock::{AcquireOutcome, FencingToken, LockOwner, SessionLock, TenureOutcome};
pub use name::{Field, Key};
pub use outcome::{
    Applied, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, DestroyOutcome, EndReason, Ended, Found,
    LoadOutcome, RotateOutcome, TouchOutcome, Touched,
};
pub use principal::{Principal, SessionCap, SignIn};
pub use record::Record;
pub use request::{
    Destroy, LoadOptions, NewSession, Precondition, ReadLevel, Rotation, RotationKind, TouchOptions, Update,
};
pub use session::{Map, Rotate, Rotated, Session, Set};
pub use sessions::{Sessions, SessionsBuilder};
pub use stamp::{Floor, Incarnation, OpId, Stamp};
pub use state::{Size, State};
pub use store::SessionStore;
pub use value::{Format, Value};

/// Re-exported, because implementing [`SessionStore`] needs it.
pub use async_trait::async_trait;
