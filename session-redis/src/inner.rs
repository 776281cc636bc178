//! What all handles of one store share.

use crate::{hints::Hints, layout::Layout, net::Net, recent::Recent, settings::Settings};

/// What all handles of one store share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) net: Net,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) hints: Hints,
    pub(crate) recent: Recent,
}
