//! Sessions on Redis.

mod feed;
