//! The macro that emits one test per case.

/// Emits one `#[test]` per case, named `topic::promise`, and one that checks the declared capabilities.
///
/// Takes an expression that makes the [`Harness`](crate::Harness), such as the name of a unit struct. Use it at most
/// once per module.
#[macro_export]
macro_rules! tests {
    ($harness:expr) => {
        #[test]
        fn capabilities_are_as_declared() {
            $crate::must_have_declared($harness);
        }

        use $crate::__emit_tests;
        $crate::__cases!(__emit_tests { [$harness] });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __emit_tests {
    ([$harness:expr] $($topic:ident { $($name:ident $(: $need:ident $(+ $more:ident)*)?,)* })*) => {
        $(mod $topic {
            #[allow(unused_imports)]
            use super::*;

            $(#[test]
            fn $name() {
                $crate::must_pass($harness, concat!(stringify!($topic), "::", stringify!($name)));
            })*
        })*
    };
}
