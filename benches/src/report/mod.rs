//! Writing what was found.
