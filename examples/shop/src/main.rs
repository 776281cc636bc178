//! `cargo run -p shop` serves the shop from memory; `cargo run -p shop -- redis://127.0.0.1/ 127.0.0.1:3001` is one of
//! several nodes that share a Redis server. A browser sends its cookie over TLS only, but also to `localhost`.

use std::error::Error;

use session_core::Sessions;
use session_memory::MemoryStore;
use session_redis::RedisStore;
use session_tiered::TieredStore;
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let sessions = match arguments.next() {
        Some(url) => Sessions::new(TieredStore::new(RedisStore::connect(&url).await?)),
        None => Sessions::new(MemoryStore::new()),
    };
    let listener = TcpListener::bind(arguments.next().as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("http://{}/", listener.local_addr()?);
    let stop = async { _ = signal::ctrl_c().await };
    axum::serve(listener, shop::shop(sessions.clone())).with_graceful_shutdown(stop).await?;
    sessions.close().await?; // sends deferred work
    Ok(())
}
