//! The application nodes of a run.

use std::sync::Arc;

use replay::plan::Counts;
use session_core::Error;

#[cfg(feature = "tiered")]
use crate::caching::Caches;
use crate::{args::Args, backend::Backend, report::Report, shop::Shop, tally::Tally};

/// All nodes, with their local caches if they have any.
#[derive(Debug)]
pub(crate) struct Nodes {
    shops: Vec<Arc<dyn Shop>>,
    #[cfg(feature = "tiered")]
    caches: Option<Caches>,
}

impl Nodes {
    pub(crate) async fn start(args: &Args, backend: &Backend) -> Result<Self, Error> {
        #[cfg(feature = "tiered")]
        if args.store.is_tiered() {
            let (shops, caches) = Caches::start(args.nodes, backend).await?;
            return Ok(Self { shops, caches: Some(caches) });
        }
        let mut shops = Vec::new();
        for _ in 0..args.nodes {
            shops.push(backend.node(args.baseline).await?);
        }
        Ok(Self {
            shops,
            #[cfg(feature = "tiered")]
            caches: None,
        })
    }

    pub(crate) fn shops(&self) -> &[Arc<dyn Shop>] {
        &self.shops
    }

    /// Adds the figures of the local caches to the report.
    #[cfg(feature = "tiered")]
    pub(crate) fn finish(self, counts: &Counts, tally: &Tally, report: &mut Report) {
        report.caches = self.caches.map(|caches| caches.finish(counts, tally));
    }

    /// There are no local caches in this build.
    #[cfg(not(feature = "tiered"))]
    pub(crate) fn finish(self, _: &Counts, _: &Tally, _: &mut Report) {}
}
