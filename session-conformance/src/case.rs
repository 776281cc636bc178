//! The table of all cases.

use std::{fmt, pin::Pin};

use crate::{Capability, world::World};

pub(crate) type Run = for<'w> fn(&'w World) -> Pin<Box<dyn Future<Output = ()> + Send + 'w>>;

/// The check of one promise.
#[derive(Clone, Copy)]
pub struct Case {
    pub(crate) topic: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Capability],
    pub(crate) run: Run,
}

impl Case {
    /// The group of the case, such as `"rotation"`.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// The name of the case within its group, which states the promise.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The capabilities that the case needs. It is skipped without them.
    pub fn needs(&self) -> &'static [Capability] {
        self.needs
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.topic, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({self})")
    }
}

/// All cases, in order.
pub fn cases() -> &'static [Case] {
    CASES
}

macro_rules! case_table {
    ($($topic:ident { $($name:ident $(: $need:ident $(+ $more:ident)*)?,)* })*) => {
        const CASES: &[Case] = &[$($(Case {
            topic: stringify!($topic),
            name: stringify!($name),
            needs: &[$(Capability::$need $(, Capability::$more)*)?],
            run: |world| Box::pin(crate::cases::$topic::$name(world)),
        },)*)*];
    };
}

crate::__cases!(case_table {});
