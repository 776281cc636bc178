//! Events of the connection layer.

use crate::counter::Counter;

/// Events of the connection layer, counted; [`Stats`](crate::Stats) documents each.
#[derive(Debug, Default)]
pub(crate) struct NetStats {
    pub(crate) reconnects: Counter,
    pub(crate) timeouts: Counter,
    pub(crate) redirections: Counter,
    pub(crate) resends: Counter,
    pub(crate) overloaded: Counter,
    pub(crate) half_open: Counter,
    pub(crate) demoted: Counter,
}
