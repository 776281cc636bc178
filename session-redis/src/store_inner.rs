//! What all handles of one store share.

use std::{fmt, sync::Arc};

use crate::{
    counter::Counter, feed::Feed, layout::Layout, layout_check::LayoutCheck, net::Net, principal_cache::PrincipalCache,
    recent_destroys::RecentDestroys, settings::Settings, unpublished::Unpublished,
};

/// What all handles of one store share.
pub(crate) struct StoreInner {
    pub(crate) net: Net,
    pub(crate) feed: Feed,
    pub(crate) layout: Layout,
    pub(crate) layout_check: Arc<LayoutCheck>,
    pub(crate) settings: Settings,
    pub(crate) principals: PrincipalCache,
    pub(crate) recent_destroys: RecentDestroys,
    pub(crate) unpublished: Unpublished,
    /// Sign-ins that left more sessions than their cap allows.
    pub(crate) caps_exceeded: Counter,
}

impl fmt::Debug for StoreInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreInner").field("settings", &self.settings).finish_non_exhaustive()
    }
}
