//! The oldest servers that have every command that the store needs.

/// The first two numbers of a version.
pub(crate) type Version = (u32, u32);

/// The oldest Redis.
pub(crate) const OLDEST_REDIS: Version = (7, 0);
/// The oldest Valkey.
pub(crate) const OLDEST_VALKEY: Version = (7, 2);

/// Reads a version such as `7.0.15`.
pub(crate) fn read_version(version: &str) -> Option<Version> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether a server is known to miss commands that the store needs. Of other servers than these, nothing is known.
pub(crate) fn is_too_old(server: &str, version: &str) -> bool {
    let oldest = match server {
        "redis" => OLDEST_REDIS,
        "valkey" => OLDEST_VALKEY,
        _ => return false,
    };
    read_version(version).is_some_and(|version| version < oldest)
}
