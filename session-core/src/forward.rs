//! A pointer to a store is a store. The methods hand the inner future on, so that it is boxed once.

use std::{future::Future, pin::Pin, sync::Arc};

use crate::{
    ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, Error, Limits, LoadOptions, LoadOutcome,
    NewSession, RotateOutcome, Rotation, SessionId, SessionIndex, SessionLock, SessionStore, TouchOptions,
    TouchOutcome, Update,
};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The signatures that `async_trait` gives the methods, without its box.
macro_rules! forward_methods {
    ($($method:ident($argument:ident: $($type:ty)?; $(& $borrowed:ty)?) -> $outcome:ty;)*) => {$(
        forward_methods!(@ $method $argument [$($type)?] [$($borrowed)?] $outcome);
    )*};
    (@ $method:ident $argument:ident [$type:ty] [] $outcome:ty) => {
        fn $method<'s, 'i, 'f>(&'s self, id: &'i SessionId, $argument: $type) -> Answer<'f, $outcome>
        where
            's: 'f,
            'i: 'f,
            Self: 'f,
        {
            (**self).$method(id, $argument)
        }
    };
    (@ $method:ident $argument:ident [] [$borrowed:ty] $outcome:ty) => {
        fn $method<'s, 'i, 'a, 'f>(&'s self, id: &'i SessionId, $argument: &'a $borrowed) -> Answer<'f, $outcome>
        where
            's: 'f,
            'i: 'f,
            'a: 'f,
            Self: 'f,
        {
            (**self).$method(id, $argument)
        }
    };
}

macro_rules! forward {
    ($([$($generics:tt)*] $pointer:ty;)*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<$($generics)*> SessionStore for $pointer {
            forward_methods! {
                create(new: ; &NewSession) -> CreateOutcome;
                load(options: LoadOptions;) -> LoadOutcome;
                apply(update: ; &Update) -> ApplyOutcome;
                touch(options: TouchOptions;) -> TouchOutcome;
                rotate(rotation: ; &Rotation) -> RotateOutcome;
                destroy(destroy: ; &Destroy) -> DestroyOutcome;
            }

            fn check<'s, 'f>(&'s self) -> Answer<'f, ()> where 's: 'f, Self: 'f {
                (**self).check()
            }

            fn close<'s, 'f>(&'s self) -> Answer<'f, ()> where 's: 'f, Self: 'f {
                (**self).close()
            }

            fn backend(&self) -> &'static str {
                (**self).backend()
            }

            fn limits(&self) -> Limits {
                (**self).limits()
            }

            fn index(&self) -> Option<&dyn SessionIndex> {
                (**self).index()
            }

            fn lock(&self) -> Option<&dyn SessionLock> {
                (**self).lock()
            }

            fn feed(&self) -> Option<&dyn ChangeFeed> {
                (**self).feed()
            }
        }
    )*};
}

forward! {
    [S: SessionStore + ?Sized] Arc<S>;
    [S: SessionStore + ?Sized] Box<S>;
    [S: SessionStore + ?Sized] &S;
}
