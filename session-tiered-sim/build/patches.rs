//! What this crate changes in session-tiered. A patch that does not match exactly once fails the build.

/// A textual replacement in one file.
pub(crate) struct Patch {
    pub(crate) file: &'static str,
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

const fn patch(file: &'static str, find: &'static str, replace: &'static str) -> Patch {
    Patch { file, find, replace }
}

pub(crate) const PATCHES: &[Patch] = &[
    // A node has at most one mistake, which its builder sets.
    patch("builder.rs", "    eviction: Eviction,\n", "    eviction: Eviction,\n    mutant: Option<crate::Mutant>,\n"),
    patch("builder.rs", "eviction: defaults::EVICTION,", "eviction: defaults::EVICTION,\n            mutant: None,"),
    patch("builder.rs", "eviction: self.eviction,", "eviction: self.eviction,\n            mutant: self.mutant,"),
    patch(
        "builder.rs",
        "    /// Builds the store.",
        r"    /// Breaks a mechanism.
    pub fn mutant(self, mutant: crate::Mutant) -> Self {
        Self { mutant: Some(mutant), ..self }
    }

    /// Builds the store.",
    ),
    patch(
        "local_cache.rs",
        "    pub(crate) eviction: Eviction,\n",
        "    pub(crate) eviction: Eviction,\n    pub(crate) mutant: Option<crate::Mutant>,\n",
    ),
    // A fixed key: a seed decides everything, and the order of a table's entries depends on the key.
    patch("hash.rs", "        let random = RandomState::new();\n", ""),
    patch("hash.rs", "random.hash_one(n)", "u64::from(n) + 0x9e37_79b9_7f4a_7c15"),
    patch("hash.rs", "    hash::{BuildHasher, Hasher, RandomState},", "    hash::{BuildHasher, Hasher},"),
    // Eviction.
    patch(
        "policy.rs",
        "    Box::new(MokaPolicy::new(capacity, eviction, evict))",
        r"    let _ = eviction;
    Box::new(crate::first_in_first_out::FirstInFirstOut::new(capacity.total(), evict))",
    ),
    // DropFloor and ForgetTombstone.
    patch(
        "install.rs",
        "match (floor.admission(outcome), outcome) {",
        "match (crate::mutant::weakened(floor, self.local.rules.mutant).admission(outcome), outcome) {",
    ),
    // SkipEpoch.
    patch(
        "local_cache.rs",
        "        let number = self.epochs.next();",
        r"        if self.rules.mutant == Some(crate::Mutant::SkipEpoch) {
            return;
        }
        let number = self.epochs.next();",
    ),
    // LeaseFromReceipt.
    patch(
        "listener.rs",
        "        for (number, partition) in (0..).zip(covered)",
        r"        let is_broken = self.local.rules.mutant == Some(crate::Mutant::LeaseFromReceipt);
        let heartbeat =
            if is_broken { Heartbeat { sent_at: self.tiers.clock.now(), ..heartbeat } } else { heartbeat };
        for (number, partition) in (0..).zip(covered)",
    ),
    // PatchWrongStamp.
    patch(
        "apply.rs",
        "if leads_there =>",
        "if leads_there || crate::mutant::patches_wrongly(stamp, change.before, self.local.rules.mutant) =>",
    ),
    // TrustPublisher.
    patch(
        "apply.rs",
        "follows && change.op.is_some_and(|op| stamp.next(op) == after)",
        "follows
            && (self.local.rules.mutant == Some(crate::Mutant::TrustPublisher)
                || change.op.is_some_and(|op| stamp.next(op) == after))",
    ),
    // TrustAnyHeartbeat.
    patch(
        "listener.rs",
        "if self.local.apply_change(&change) {",
        "if self.local.apply_change(&change) && self.local.rules.mutant != Some(crate::Mutant::TrustAnyHeartbeat) {",
    ),
    // CheckThenInsert.
    patch(
        "reads.rs",
        "            flight.install(departure, &outcome);",
        r"            if self.local.rules.mutant == Some(crate::Mutant::CheckThenInsert) {
                if self.local.would_install(id.digest(), fill, &outcome) {
                    self.clock.sleep(std::time::Duration::from_millis(5)).await;
                    self.local.install_unchecked(id.digest(), fill, departure, &outcome);
                }
            } else {
                flight.install(departure, &outcome);
            }",
    ),
];
