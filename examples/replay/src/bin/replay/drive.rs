//! Runs a plan: many clients on several nodes take its steps, each client as soon as it is free.
//!
//! The lines of one cart therefore go to several clients on several nodes at once. A step waits only for the steps that
//! it depends on: the creation of its session, the line that it removes, and everything before an order or a sign-out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Instant,
};

use replay::plan::{GateNo, Plan, SessionNo, Step, Task};
use session_core::{Error, SessionId};
use tokio::{sync::SetOnce, task::JoinSet};

use crate::{
    audit::Audit,
    progress::Progress,
    shop::{Answer, Request, Shop},
    tally::Tally,
};

/// A client reports its progress after this many steps.
const REPORTED: u64 = 512;

#[derive(Debug)]
struct Run {
    plan: Arc<Plan>,
    next: AtomicUsize,
    next_audited: AtomicUsize,
    ids: Vec<SetOnce<SessionId>>,
    gates: Vec<Gate>,
    progress: Progress,
}

#[derive(Debug)]
struct Gate {
    missing: AtomicU32,
    open: SetOnce<()>,
}

/// Runs the whole plan, then compares the final state with it.
pub(crate) async fn drive(
    plan: Arc<Plan>,
    shops: &[Arc<dyn Shop>],
    clients: usize,
    progress: Progress,
) -> Result<Tally, Error> {
    let run = Arc::new(Run::new(plan, progress));
    let started = now();
    let mut tally = Tally::new();
    for of_one in all(&run, shops, clients, client).await? {
        tally.merge(&of_one);
    }
    tally.elapsed = started.elapsed();
    run.progress.clear();
    for of_one in all(&run, shops, clients, audit).await? {
        tally.audit += of_one;
    }
    Ok(tally)
}

/// Runs the same work in this many clients at once, spread over all nodes.
async fn all<T, F>(
    run: &Arc<Run>,
    shops: &[Arc<dyn Shop>],
    clients: usize,
    work: impl Fn(Arc<Run>, Arc<dyn Shop>) -> F,
) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for shop in shops.iter().cycle().take(clients) {
        tasks.spawn(work(run.clone(), shop.clone()));
    }
    let mut results = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        // If one client fails, others wait for its steps: dropping the set ends them.
        match ended {
            Ok(of_one) => results.push(of_one?),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
    Ok(results)
}

async fn client(run: Arc<Run>, shop: Arc<dyn Shop>) -> Result<Tally, Error> {
    let mut tally = Tally::new();
    let mut unseen = 0;
    while let Some(step) = run.plan.steps.get(run.next.fetch_add(1, Ordering::Relaxed)) {
        run.perform(step, &*shop, &mut tally).await?;
        unseen += 1;
        if unseen == REPORTED {
            run.progress.add(REPORTED);
            unseen = 0;
        }
    }
    run.progress.add(unseen);
    Ok(tally)
}

impl Run {
    fn new(plan: Arc<Plan>, progress: Progress) -> Self {
        let ids = plan.expected.iter().map(|_| SetOnce::new()).collect();
        let gate = |steps: &u32| Gate { missing: AtomicU32::new(*steps), open: SetOnce::new() };
        let gates = plan.gates.iter().map(gate).collect();
        Self { next: AtomicUsize::new(0), next_audited: AtomicUsize::new(0), ids, gates, progress, plan }
    }

    async fn perform(&self, step: &Step, shop: &dyn Shop, tally: &mut Tally) -> Result<(), Error> {
        if let Task::Create { profile } = step.task {
            let started = now();
            let id = shop.create("p".repeat(profile as usize)).await?;
            tally.writes.record(started.elapsed());
            // Only one step creates the session, so the cell is empty.
            let _ = self.ids[step.session.index()].set(id);
            return Ok(());
        }
        let id = *self.ids[step.session.index()].wait().await;
        if let Some(gate) = step.after {
            self.gates[gate.index()].open.wait().await;
        }
        if step.task == Task::Logout {
            tally.audit += self.audit_session(step.session, shop, &id).await?;
        }
        let started = now();
        let answer = self.request(step.task, shop, &id).await?;
        tally.answered(step.task, answer, started.elapsed());
        step.before.into_iter().flatten().for_each(|gate| self.arrive(gate));
        Ok(())
    }

    async fn request(&self, task: Task, shop: &dyn Shop, id: &SessionId) -> Result<Answer, Error> {
        let plan = &self.plan;
        match task {
            Task::Create { .. } | Task::Look => shop.serve(id, Request::Look).await,
            Task::Add { article, line, quantity } => {
                shop.serve(id, Request::AddLine { key: &plan.line_key(article, line), quantity }).await
            }
            Task::Remove { article, line } => {
                shop.serve(id, Request::RemoveLine { key: &plan.line_key(article, line) }).await
            }
            Task::View { article } => shop.serve(id, Request::View { article: plan.article(article) }).await,
            Task::Checkout { order } => shop.serve(id, Request::Checkout { order: plan.order(order) }).await,
            Task::Logout => shop.serve(id, Request::Logout).await,
        }
    }

    fn arrive(&self, gate: GateNo) {
        let gate = &self.gates[gate.index()];
        if gate.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Only the last step gets here, so the cell is empty.
            let _ = gate.open.set(());
        }
    }

    /// Audits a session that is about to end: all changes to its cart are done, and no others follow.
    async fn audit_session(&self, session: SessionNo, shop: &dyn Shop, id: &SessionId) -> Result<Audit, Error> {
        let mut audit = Audit::default();
        audit.compare(&self.plan, &self.plan.expected[session.index()], shop.cart(id).await?);
        Ok(audit)
    }
}

/// Audits the sessions one by one after the run, until none is left.
async fn audit(run: Arc<Run>, shop: Arc<dyn Shop>) -> Result<Audit, Error> {
    let mut audit = Audit::default();
    loop {
        let at = run.next_audited.fetch_add(1, Ordering::Relaxed);
        let (Some(expected), Some(id)) = (run.plan.expected.get(at), run.ids.get(at)) else { return Ok(audit) };
        let found = shop.cart(id.wait().await).await?;
        audit.sessions += 1;
        if expected.ended {
            audit.sessions_ended += 1;
            audit.sessions_resurrected += u64::from(found.is_some());
        } else {
            audit.compare(&run.plan, expected, found);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "latencies are measured in real time")]
fn now() -> Instant {
    Instant::now()
}

/// On tokio's single-threaded runtime the clients take turns in the same order in every run.
#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use replay::{plan::Planner, trace};
    use session_core::{ErrorKind, store::SessionStore};
    use session_memory::MemoryStore;

    use super::*;
    use crate::{
        blob::BlobShop,
        cells::Records,
        shop::{Cart, DeltaShop},
    };

    fn stores() -> [Arc<dyn SessionStore>; 3] {
        let store = MemoryStore::new();
        [Arc::new(store.node()), Arc::new(store.node()), Arc::new(store)]
    }

    async fn run(shops: Vec<Arc<dyn Shop>>, clients: usize) -> Result<Tally, Error> {
        let mut planner = Planner::default();
        trace::generate(20_000, 3, &mut planner);
        drive(Arc::new(planner.finish()), &shops, clients, Progress::hidden()).await
    }

    fn deltas(store: Arc<dyn SessionStore>) -> Arc<dyn Shop> {
        Arc::new(DeltaShop::new(store))
    }

    fn blobs(store: Arc<dyn SessionStore>) -> Arc<dyn Shop> {
        Arc::new(BlobShop::new(Arc::new(Records::new(store))))
    }

    #[tokio::test]
    async fn deltas_lose_and_resurrect_nothing() {
        let tally = run(stores().map(deltas).into(), 64).await.unwrap();
        assert!(tally.audit.is_clean(), "{:?}", tally.audit);
        assert!(tally.audit.lines_expected > 1_000 && tally.audit.sessions_ended > 100, "{:?}", tally.audit);
        assert!(tally.late_commits_refused > 100, "{}", tally.late_commits_refused);
    }

    #[tokio::test]
    async fn whole_sessions_lose_lines_and_come_back_after_their_end() {
        let audit = run(stores().map(blobs).into(), 64).await.unwrap().audit;
        assert!(audit.lines_lost > 100 && audit.sessions_resurrected > 100, "{audit:?}");
        assert!(!audit.is_clean());
    }

    /// The baseline's losses come from concurrency alone.
    #[tokio::test]
    async fn whole_sessions_lose_nothing_to_a_single_client() {
        let audit = run(stores().map(blobs).into(), 1).await.unwrap().audit;
        assert!(audit.is_clean() && audit.lines_expected > 1_000, "{audit:?}");
    }

    #[derive(Debug)]
    struct Failing;

    #[async_trait]
    impl Shop for Failing {
        async fn create(&self, _: String) -> Result<SessionId, Error> {
            SessionId::generate()
        }

        async fn serve(&self, _: &SessionId, _: Request<'_>) -> Result<Answer, Error> {
            Err(Error::new(ErrorKind::Unavailable, ""))
        }

        async fn cart(&self, _: &SessionId) -> Result<Option<Cart>, Error> {
            Ok(None)
        }
    }

    /// The run ends even if other clients wait for a step that never finishes.
    #[tokio::test]
    async fn a_store_that_fails_ends_the_run() {
        let error = run(vec![Arc::new(Failing)], 64).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
