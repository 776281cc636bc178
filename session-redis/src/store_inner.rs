//! What all handles of one store share.

use std::fmt;

use crate::{
    feed::Feed, layout::Layout, layout_check::LayoutCheck, net::Net, principal_cache::PrincipalCache,
    recent_destroys::RecentDestroys, settings::Settings,
};

/// What all handles of one store share.
pub(crate) struct StoreInner {
    pub(crate) net: Net,
    pub(crate) feed: Feed,
    pub(crate) layout: Layout,
    pub(crate) layout_check: LayoutCheck,
    pub(crate) settings: Settings,
    pub(crate) principals: PrincipalCache,
    pub(crate) recent_destroys: RecentDestroys,
}

impl fmt::Debug for StoreInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreInner").field("settings", &self.settings).finish_non_exhaustive()
    }
}
