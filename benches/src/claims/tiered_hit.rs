//! A load that the local cache answers.

use session_core::{LoadOptions, SessionStore as _};
use session_testkit::Server;
use tokio::runtime::Runtime;

use crate::{
    claim::Target,
    effort::Effort,
    elapsed,
    in_turn::{Costs, InTurn},
    peers::{cache_aio, tower_sessions},
    section::{Axis, Drawing, Plot, Section},
    shuffle,
    tiered::Loaded,
    timed,
};

/// Against bare caches, and against caches of whole sessions.
pub fn section(effort: Effort) -> Section {
    let method = "Loads through `Arc<dyn SessionStore>` of sessions of 8 fields of 29 B, all of them in the local cache, in front of the memory \
                  store, with the machine's clock and a listener that keeps the leases; only the capacity (as moka's) and `max_age` differ from \
                  the defaults, since a million copies take longer than a minute to measure. Bare caches are keyed by the same digest and give \
                  a clone of an `Arc`; \"digest as hash\" and papaya hash nothing, as the tiered store.";
    let mut section = Section::new("Local hit", method);
    let mut plotted = Vec::new();
    for sessions in [1_000, effort.pick(100_000, 1_000_000)] {
        let loaded = Loaded::new(sessions);
        for threads in [1, 2] {
            let name = format!("{} sessions, {threads} thread(s)", crate::claim::Number(sessions as f64));
            plotted.push((name, against_caches(&mut section, &loaded, threads, effort)));
        }
    }
    section.plots.push(bars(&plotted));
    against_sessions(&mut section, effort);
    section
}

fn against_caches(section: &mut Section, loaded: &Loaded, threads: usize, effort: Effort) -> Costs {
    const BATCH: u64 = 10_000;
    let gets = loaded.gets();
    let sessions = loaded.ids.len();
    let target = Target::AtMost(1.0);
    let mut comparison = InTurn::new("ns").until_decided("tiered", "moka, digest as hash", target);
    for (at, (name, get)) in gets.iter().enumerate() {
        // Far apart, so that none finds in the processor's cache what another has just loaded.
        let mut ids = loaded.ids.clone();
        ids.rotate_left(at * sessions / gets.len());
        comparison = comparison.subject(*name, move || {
            ids.rotate_left(BATCH as usize % sessions);
            timed(&ids, threads, BATCH, get).as_secs_f64() * 1e9 / BATCH as f64
        });
    }
    let (_, before) = loaded.counts();
    let costs = comparison.run(effort);
    let (_, after) = loaded.counts();
    assert_eq!(after, before, "all loads that are counted are hits");
    section.claims.push(costs.claim(
        format!("tiered.hit.{}.{threads}", if sessions == 1_000 { "small" } else { "large" }),
        &format!("A local hit among {sessions} sessions on {threads} thread(s), against a get of bare moka"),
        ("tiered", "moka, digest as hash"),
        target,
    ));
    section.tables.push(costs.table(&format!("Time of a hit, ns: {sessions} sessions, {threads} thread(s)"), "tiered"));
    costs
}

fn bars(of: &[(String, Costs)]) -> Plot {
    let names = of.first().map(|(_, costs)| costs.names()).unwrap_or_default();
    Plot {
        name: "tiered-hit".to_owned(),
        title: "A hit in the local cache and in bare caches".to_owned(),
        x: Axis::linear(""),
        y: Axis::linear("nanoseconds"),
        drawing: Drawing::Bars {
            groups: of.iter().map(|(name, _)| name.clone()).collect(),
            series: names
                .iter()
                .map(|name| (name.clone(), of.iter().map(|(_, costs)| costs.median(name)).collect()))
                .collect(),
        },
    }
}

/// Loads awaited one after another.
fn against_sessions(section: &mut Section, effort: Effort) {
    const SESSIONS: usize = 1_000;
    const BATCH: usize = 5_000;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let loaded = Loaded::new(SESSIONS);
    let (_server, tower, redis) = runtime.block_on(async {
        let server = Server::start().await;
        let tower = tower_sessions::Cached::start(&server, SESSIONS).await;
        let redis = cache_aio::Cached::start(&server, SESSIONS).await;
        (server, tower, redis)
    });
    let mut tower_ids = tower.ids.clone();
    shuffle(&mut tower_ids);
    let (ours, tower_name) = ("tiered", "CachingSessionStore, moka over redis");
    let (_, misses) = redis.counts();
    let target = Target::AtMost(1.0 / 6.0);
    let costs = InTurn::new("ns")
        .until_decided(ours, tower_name, target)
        .subject(ours, || {
            each(&runtime, BATCH, async |at: usize| {
                drop(loaded.store.load(&loaded.ids[at % SESSIONS], LoadOptions::default()).await.expect("loaded"));
            })
        })
        .subject(tower_name, || {
            each(&runtime, BATCH, async |at: usize| drop(tower.load(&tower_ids[at % SESSIONS]).await))
        })
        .subject("redis-rs cache-aio, GET of 300 B", || {
            each(&runtime, BATCH, async |at: usize| drop(redis.get(at).await))
        })
        .subject("redis-rs cache-aio, HGETALL", || {
            each(&runtime, BATCH, async |at: usize| drop(redis.hgetall(at).await))
        })
        .run(effort);
    assert_eq!(redis.counts().1, misses, "all reads that are counted are hits");
    let text = "A local hit, awaited, 8 fields, 1,000 sessions, against a hit of tower-sessions' `CachingSessionStore`";
    section.claims.push(costs.claim("tiered.hit.tower-sessions", text, (ours, tower_name), target).missed_because(
        "a quarter of our hit is the reading of a clock that counts suspended time, and a fifth the box of its future; from run to \
         run it is between 0.15 and 0.19",
    ));
    let text = "The same, against a hit of the client-side cache of redis-rs 0.32, `HGETALL` of 8 fields";
    let reference = "redis-rs cache-aio, HGETALL";
    section.claims.push(costs.claim("tiered.hit.cache-aio", text, (ours, reference), Target::AtMost(1.0)));
    section.tables.push(costs.table("Time of a hit, awaited, ns: 1,000 sessions of 8 fields of 29 B", ours));
}

/// Nanoseconds of one of so many, one after another.
fn each(runtime: &Runtime, count: usize, work: impl AsyncFn(usize)) -> f64 {
    let time = elapsed(|| {
        runtime.block_on(async {
            for at in 0..count {
                work(at).await;
            }
        });
    });
    time.as_secs_f64() * 1e9 / count as f64
}
