//! Two nodes with local caches over one Redis: `cargo run --example tiered_two_nodes`. It takes about three seconds.
//!
//! A change on node A reaches the copy on node B. Then B's network stops delivering, is cut, and recovers; the program
//! prints what B answers meanwhile. It starts its own server. With `-- --url redis://127.0.0.1:6379` it uses yours and
//! leaves one session there, which expires.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use session_core::{Clock as _, Error, ErrorKind, LoadOptions, Session, SessionId, Sessions, SystemClock, model::OpId};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Direction, LinkCutter, Server};
use session_tiered::TieredStore;

/// An application server: its sessions, and the local cache that answers its loads.
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

    /// The session's theme, whether the local cache answered, and the age of a stale answer.
    async fn look(&self, id: &SessionId, options: LoadOptions) -> Result<(String, bool, Option<Duration>), Error> {
        let hits = self.cache.stats().hits;
        let session = self.sessions.open_with(id, options).await?;
        let theme: String = session.get("theme")?.unwrap_or_default();
        Ok((theme, self.cache.stats().hits > hits, session.staleness()))
    }

    /// Waits until the session has this theme; returns the time it took.
    async fn see(&self, id: &SessionId, theme: &str) -> Duration {
        let began = now();
        while !matches!(self.look(id, LoadOptions::default()).await, Ok((seen, ..)) if seen == theme) {
            tokio::task::yield_now().await;
        }
        began.elapsed()
    }

    /// Waits until the local cache answers.
    async fn warm_up(&self, id: &SessionId) -> Result<(), Error> {
        while !self.look(id, LoadOptions::default()).await?.1 {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (_server, addr) = match url()? {
        Some(url) => (None, address(&url)?),
        None => {
            let server = Server::start().await;
            let addr = server.addr();
            (Some(server), addr)
        }
    };
    let (link, prefix) = (LinkCutter::to(addr).await, format!("two-nodes-{:016x}", u64::from(OpId::generate()?)));
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

/// The network drops everything and reports nothing.
async fn fall_silent(
    link: &LinkCutter,
    a: &Node,
    b: &Node,
    (id, session): (&SessionId, &mut Session),
) -> Result<(), Error> {
    link.hold(Direction::Requests);
    link.hold(Direction::Replies);
    println!("\nB's network stops delivering. A makes a change, which does not reach B.");
    change(session, "sepia").await?;
    let (changed, mut hits, mut last) = (now(), 0, Duration::ZERO);
    while let Ok((theme, true, None)) = b.look(id, LoadOptions::default()).await {
        debug_assert_eq!(theme, "light");
        (hits, last) = (hits + 1, changed.elapsed());
        SystemClock.sleep(Duration::from_millis(10)).await;
    }
    println!(
        "B answered from its copy {hits} more times, the last time {last:.0?} after the change; the bound is 1 s."
    );
    let after = a.look(id, LoadOptions::default()).await?;
    println!("A is still connected and reads {:?}.", after.0);
    Ok(())
}

/// The network reports that it is down.
async fn fail(link: &LinkCutter, b: &Node, id: &SessionId) -> Result<(), Error> {
    link.cut().await;
    println!("\nB's network is down. The caller decides how B answers:");
    match b.look(id, LoadOptions::default()).await {
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown) => {
            println!("  by default it fails: {error}");
        }
        other => println!("  by default: {other:?}"),
    }
    for _ in 0..2 {
        let (theme, _, age) =
            b.look(id, LoadOptions { stale_if_error: Some(Duration::from_secs(60)), ..LoadOptions::default() }).await?;
        println!("  with stale_if_error: {theme:?}, and an age of at most {:.2?}", age.unwrap_or_default());
        SystemClock.sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

async fn recover(link: &LinkCutter, b: &Node, id: &SessionId) -> Result<(), Error> {
    link.heal().await;
    println!("\nB's network is up again.");
    let took = b.see(id, "sepia").await;
    println!("B answered with the current state {took:.0?} later, from the store.");
    b.warm_up(id).await?;
    let stats = b.cache.stats();
    println!(
        "B answers from its copy again. In total: {} hits, {} misses, {} patched, {} revalidated, {} gaps, {} stale answers.",
        stats.hits, stats.misses, stats.patched, stats.revalidated, stats.gaps, stats.served_stale
    );
    Ok(())
}

async fn change(session: &mut Session, theme: &str) -> Result<(), Error> {
    session.set("theme", theme)?;
    session.commit().await
}

/// The URL of a running server, as redis://HOST:PORT without TLS and without a password, if one was given.
fn url() -> Result<Option<String>, Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["--url", url] => Ok(Some(url.to_owned())),
        _ => Err(Error::new(ErrorKind::Configuration, "the only option is `--url redis://HOST:PORT`")),
    }
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
