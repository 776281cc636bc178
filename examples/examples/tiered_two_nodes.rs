//! Two nodes with local caches over one Redis: `cargo run --example tiered_two_nodes`, about three seconds.
//!
//! A change on node A reaches the copy on node B. Then B's network falls silent, fails and comes back: watch what B
//! answers. It starts a server of its own; `-- --url redis://127.0.0.1:6379` takes yours, where its one session stays
//! until it expires.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use clap::Parser;
use session_core::{Clock as _, Error, ErrorKind, LoadOptions, Session, SessionId, Sessions, SystemClock, model::OpId};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Direction, LinkCutter, Server};
use session_tiered::TieredStore;

#[derive(Debug, Parser)]
struct Args {
    /// A server that is there, as redis://HOST:PORT, without TLS and password
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// An application server: sessions, through a cache that loads come from.
struct Node {
    sessions: Sessions,
    cache: TieredStore<RedisStore>,
}

impl Node {
    async fn connect(url: &str, prefix: &str) -> Result<Self, Error> {
        let config = RedisConfig::standalone(url).prefix(prefix).call_deadline(Duration::from_millis(300));
        let cache = TieredStore::new(RedisStore::builder(config).connect().await?);
        Ok(Self { sessions: Sessions::new(cache.clone()), cache })
    }

    /// What the session says, and whether it came from the local cache.
    async fn look(&self, id: &SessionId, options: LoadOptions) -> Result<(String, bool, Option<Duration>), Error> {
        let hits = self.cache.stats().hits;
        let session = self.sessions.open_with(id, options).await?;
        let theme: String = session.get("theme")?.unwrap_or_default();
        Ok((theme, self.cache.stats().hits > hits, session.staleness()))
    }

    /// Until the session says this: how long it took.
    async fn see(&self, id: &SessionId, theme: &str) -> Duration {
        let began = now();
        while !matches!(self.look(id, LoadOptions::default()).await, Ok((seen, ..)) if seen == theme) {
            tokio::task::yield_now().await;
        }
        began.elapsed()
    }

    /// Until the cache answers.
    async fn warm_up(&self, id: &SessionId) -> Result<(), Error> {
        while !self.look(id, LoadOptions::default()).await?.1 {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (_server, addr) = match Args::parse().url {
        Some(url) => (None, address(&url)?),
        None => {
            let server = Server::start().await;
            let addr = server.addr();
            (Some(server), addr)
        }
    };
    let (link, prefix) = (LinkCutter::to(addr).await, format!("two-nodes-{:016x}", OpId::generate()?.bits()));
    let a = Node::connect(&format!("redis://{addr}"), &prefix).await?;
    let b = Node::connect(&link.url(), &prefix).await?;

    let mut session = a.sessions.create()?;
    change(&mut session, "dark").await?;
    let id = *session.id();
    b.warm_up(&id).await?;
    println!("B has a copy of the session and answers from it: {:?}", b.look(&id, LoadOptions::default()).await?.0);

    change(&mut session, "light").await?;
    let took = b.see(&id, "light").await;
    let stats = b.cache.stats();
    println!(
        "A changed it; B served the change {took:.1?} after A had its answer: {} patched, {} evicted",
        stats.patched, stats.evicted
    );

    fall_silent(&link, &a, &b, (&id, &mut session)).await?;
    fail(&link, &b, &id).await?;
    recover(&link, &b, &id).await
}

/// Nothing gets through any more, and nobody says so.
async fn fall_silent(
    link: &LinkCutter,
    a: &Node,
    b: &Node,
    (id, session): (&SessionId, &mut Session),
) -> Result<(), Error> {
    link.hold(Direction::Requests);
    link.hold(Direction::Replies);
    println!("\nB's network falls silent, and A makes a change that B does not hear of.");
    change(session, "sepia").await?;
    let (changed, mut hits, mut last) = (now(), 0, Duration::ZERO);
    while let Ok((theme, true, None)) = b.look(id, LoadOptions::default()).await {
        debug_assert_eq!(theme, "light");
        (hits, last) = (hits + 1, changed.elapsed());
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    println!(
        "B answered from its copy {hits} times more, the last time {last:.0?} after the change; its bound is 1 s."
    );
    let after = a.look(id, LoadOptions::default()).await?;
    println!("A, which is not cut off, has {:?}.", after.0);
    Ok(())
}

/// The network says that it is down.
async fn fail(link: &LinkCutter, b: &Node, id: &SessionId) -> Result<(), Error> {
    link.cut().await;
    println!("\nB's network is down. What B answers is up to whoever asks:");
    match b.look(id, LoadOptions::default()).await {
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown) => {
            println!("  by default it fails: {error}");
        }
        other => println!("  by default: {other:?}"),
    }
    for _ in 0..2 {
        let (theme, _, age) = b.look(id, LoadOptions::default().with_stale_if_error(Duration::from_secs(60))).await?;
        println!("  with stale_if_error it says {theme:?}, and that this was true {:.2?} ago", age.unwrap_or_default());
        SystemClock.sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

async fn recover(link: &LinkCutter, b: &Node, id: &SessionId) -> Result<(), Error> {
    link.heal().await;
    println!("\nB's network is back.");
    let took = b.see(id, "sepia").await;
    println!("B gave the present state {took:.0?} later, from the store.");
    b.warm_up(id).await?;
    let stats = b.cache.stats();
    println!(
        "And it answers locally again. In all: {} hits, {} misses, {} patched, {} revalidated, {} gaps, {} stale answers.",
        stats.hits, stats.misses, stats.patched, stats.revalidated, stats.gaps, stats.served_stale
    );
    Ok(())
}

async fn change(session: &mut Session, theme: &str) -> Result<(), Error> {
    session.set("theme", theme)?;
    session.commit().await
}

fn address(url: &str) -> Result<SocketAddr, Error> {
    let refused = || Error::new(ErrorKind::Configuration, "--url: not redis://HOST:PORT of a known host");
    let host = url.strip_prefix("redis://").ok_or_else(refused)?;
    host.trim_end_matches('/').to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(refused)
}

#[expect(clippy::disallowed_methods, reason = "shows how long things take")]
fn now() -> Instant {
    Instant::now()
}
