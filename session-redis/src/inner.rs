//! What all handles of one store share.

use std::fmt;

use crate::{feed::Feed, hints::Hints, layout::Layout, net::Net, recent::Recent, settings::Settings};

/// What all handles of one store share.
pub(crate) struct Inner {
    pub(crate) net: Net,
    pub(crate) feed: Feed,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) hints: Hints,
    pub(crate) recent: Recent,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("settings", &self.settings).finish_non_exhaustive()
    }
}
