//! The mistakes.

/// A rule of renewals and sign-ins that is left out. Each mistake has a counterexample, so each rule is necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A read of a new id confirms the renewal.
    ConfirmByReading,
    /// A use of the old id confirms the renewal.
    ConfirmByTheOldId,
    /// The old id of an unconfirmed renewal forwards for the grace only.
    ForwardEndsWithTheGrace,
    /// The old id of a confirmed renewal forwards for ever.
    ForwardOutlivesTheGrace,
    /// After a second renewal through the old id, the unused new id forwards too.
    KeepsTheUnusedId,
    /// A renewal is not refused during the grace of another.
    RenewsDuringTheGrace,
    /// A sign-in at an id that gives no access is refused.
    SignInNeedsItsOldId,
    /// The second of two sign-ins from one cookie starts with no entries.
    SecondSignInStartsEmpty,
    /// A sign-in over the session of another principal takes over its entries.
    CopiesAnotherPrincipal,
    /// A primary that accepts no writes still answers reads.
    UnguardedReads,
}
