//! Faults, and the calls that they happen to.

use std::collections::VecDeque;

use session_core::ErrorKind;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call does not reach the store, and fails with this kind.
    Fail(ErrorKind),
    /// The call does not reach the store, and the caller cannot know: a write is
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), a read [`Unavailable`](ErrorKind::Unavailable).
    LoseRequest,
    /// The store executes the call, and the answer is lost: a write is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), a
    /// read [`Unavailable`](ErrorKind::Unavailable). If the store refuses the call, its own error is returned.
    LoseAnswer,
    /// The store executes the call, and no answer ever comes. The caller waits until its future is dropped. If the store
    /// refuses the call, its own error is returned.
    Hang,
}

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`SessionStore::create`](session_core::store::SessionStore::create)
    Create,
    /// [`SessionStore::load`](session_core::store::SessionStore::load)
    Load,
    /// [`SessionStore::apply`](session_core::store::SessionStore::apply)
    Apply,
    /// [`SessionStore::touch`](session_core::store::SessionStore::touch)
    Touch,
    /// [`SessionStore::rotate`](session_core::store::SessionStore::rotate)
    Rotate,
    /// [`SessionStore::destroy`](session_core::store::SessionStore::destroy)
    Destroy,
    /// [`SessionStore::check`](session_core::store::SessionStore::check)
    Check,
    /// A call of the [index](session_core::store::SessionIndex) that reads
    List,
    /// A call of the [index](session_core::store::SessionIndex) that ends sessions
    Revoke,
    /// Any call of the [lock](session_core::store::SessionLock)
    Lock,
    /// [`ChangeFeed::subscribe`](session_core::store::ChangeFeed::subscribe), with which a watch or a cache begins to
    /// listen
    Subscribe,
}

impl Call {
    /// Whether the call changes anything in the store. Calls of the lock count.
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Load | Self::Check | Self::List | Self::Subscribe)
    }
}

/// The calls that a fault can happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The next call, of any kind.
    Any,
    /// The next call that [changes a session](Call::is_write).
    Write,
    /// The next call of this kind.
    Call(Call),
}

impl From<Call> for Target {
    fn from(call: Call) -> Self {
        Self::Call(call)
    }
}

impl Target {
    fn includes(self, call: Call) -> bool {
        match self {
            Self::Any => true,
            Self::Write => call.is_write(),
            Self::Call(kind) => kind == call,
        }
    }
}

/// The faults to come, and the calls that were received.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Without a fault, the call passes.
    pub(crate) steps: VecDeque<(Target, Option<Fault>)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) is_down: bool,
}

impl Script {
    /// Records a call, and removes the first step that includes it. Returns its fault.
    pub(crate) fn receive(&mut self, call: Call) -> Option<Fault> {
        self.calls.push(call);
        if self.is_down {
            return Some(Fault::Fail(ErrorKind::Unavailable));
        }
        let at = self.steps.iter().position(|(target, _)| target.includes(call))?;
        self.steps.remove(at)?.1
    }
}
