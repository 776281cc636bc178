//! Forwarding: the macro for wrappers, and implementations for pointers to stores.

use std::{future::Future, pin::Pin, sync::Arc};

use crate::{Error, store::SessionStore};

/// The future that `async_trait` generates for an `async fn` of a store.
#[doc(hidden)]
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Writes the methods of a [`SessionStore`] wrapper, which forward to another store.
///
/// `forward!(self => self.inner)` writes all methods, and `forward!(self => self.inner; load, touch, …)` writes the
/// named ones. The methods return the future of the inner store unchanged, so a call is boxed once, regardless of the
/// number of wrappers. Keep `#[deny(clippy::missing_trait_methods)]` on the implementation: otherwise a capability that
/// a wrapper does not forward is silently missing.
///
/// ```
/// use session_core::{Error, SessionId, store::{self, Destroy, DestroyOutcome, SessionStore}};
///
/// /// A store whose sessions cannot be ended.
/// #[derive(Debug)]
/// struct Eternal<S>(S);
///
/// #[deny(clippy::missing_trait_methods)]
/// #[store::async_trait]
/// impl<S: SessionStore> SessionStore for Eternal<S> {
///     store::forward!(self => self.0; backend, limits, create, load, apply, touch, rotate, check, close, clock, index, lock, feed);
///
///     async fn destroy(&self, _: &SessionId, _: &Destroy) -> Result<DestroyOutcome, Error> {
///         Err(Error::new(session_core::ErrorKind::Configuration, "sessions of this store are eternal"))
///     }
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __forward_session_store {
    ($self:ident => $to:expr) => {
        $crate::__forward_session_store!(
            $self => $to; backend, limits, create, load, apply, touch, rotate, destroy, check, close, clock, index, lock, feed
        );
    };
    ($self:ident => $to:expr; $($method:ident),+ $(,)?) => {
        $($crate::__forward_session_store!(@$method $self $to);)+
    };
    (@backend $self:ident $to:expr) => {
        fn backend(&$self) -> &'static str {
            $to.backend()
        }
    };
    (@limits $self:ident $to:expr) => {
        fn limits(&$self) -> $crate::Limits {
            $to.limits()
        }
    };
    (@create $self:ident $to:expr) => {
        $crate::__forward_session_store!(@borrowed $self $to, create, NewSession, CreateOutcome);
    };
    (@load $self:ident $to:expr) => {
        $crate::__forward_session_store!(@owned $self $to, load, $crate::LoadOptions, LoadOutcome);
    };
    (@apply $self:ident $to:expr) => {
        $crate::__forward_session_store!(@borrowed $self $to, apply, Update, ApplyOutcome);
    };
    (@touch $self:ident $to:expr) => {
        $crate::__forward_session_store!(@owned $self $to, touch, $crate::store::TouchOptions, TouchOutcome);
    };
    (@rotate $self:ident $to:expr) => {
        $crate::__forward_session_store!(@borrowed $self $to, rotate, Rotation, RotateOutcome);
    };
    (@destroy $self:ident $to:expr) => {
        $crate::__forward_session_store!(@borrowed $self $to, destroy, Destroy, DestroyOutcome);
    };
    (@check $self:ident $to:expr) => {
        $crate::__forward_session_store!(@bare $self $to, check);
    };
    (@close $self:ident $to:expr) => {
        $crate::__forward_session_store!(@bare $self $to, close);
    };
    (@clock $self:ident $to:expr) => {
        fn clock(&$self) -> ::core::option::Option<::std::sync::Arc<dyn $crate::Clock>> {
            $to.clock()
        }
    };
    (@index $self:ident $to:expr) => {
        fn index(&$self) -> ::core::option::Option<&dyn $crate::store::SessionIndex> {
            $to.index()
        }
    };
    (@lock $self:ident $to:expr) => {
        fn lock(&$self) -> ::core::option::Option<&dyn $crate::store::SessionLock> {
            $to.lock()
        }
    };
    (@feed $self:ident $to:expr) => {
        fn feed(&$self) -> ::core::option::Option<&dyn $crate::store::ChangeFeed> {
            $to.feed()
        }
    };
    // The signatures that `async_trait` gives the methods, without the box.
    (@borrowed $self:ident $to:expr, $method:ident, $request:ident, $outcome:ident) => {
        fn $method<'s, 'i, 'r, 'f>(
            &'s $self,
            id: &'i $crate::SessionId,
            request: &'r $crate::store::$request,
        ) -> $crate::store::StoreFuture<'f, $crate::store::$outcome>
        where
            's: 'f,
            'i: 'f,
            'r: 'f,
            Self: 'f,
        {
            $to.$method(id, request)
        }
    };
    (@owned $self:ident $to:expr, $method:ident, $options:ty, $outcome:ident) => {
        fn $method<'s, 'i, 'f>(
            &'s $self,
            id: &'i $crate::SessionId,
            options: $options,
        ) -> $crate::store::StoreFuture<'f, $crate::store::$outcome>
        where
            's: 'f,
            'i: 'f,
            Self: 'f,
        {
            $to.$method(id, options)
        }
    };
    (@bare $self:ident $to:expr, $method:ident) => {
        fn $method<'s, 'f>(&'s $self) -> $crate::store::StoreFuture<'f, ()>
        where
            's: 'f,
            Self: 'f,
        {
            $to.$method()
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    crate::store::forward!(self => **self);
}

#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + ?Sized> SessionStore for Box<S> {
    crate::store::forward!(self => **self);
}

#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore + ?Sized> SessionStore for &S {
    crate::store::forward!(self => **self);
}
