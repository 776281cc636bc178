//! The cases, as a table.

use std::{fmt, pin::Pin};

use crate::{Capability, world::World};

pub(crate) type Run = for<'w> fn(&'w World) -> Pin<Box<dyn Future<Output = ()> + Send + 'w>>;

/// One promise, checked.
#[derive(Clone, Copy)]
pub struct Case {
    pub(crate) topic: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Capability],
    pub(crate) run: Run,
}

impl Case {
    /// The group it belongs to, such as `"rotation"`.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// Its name within the group: the promise.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The capabilities without which it is skipped.
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
