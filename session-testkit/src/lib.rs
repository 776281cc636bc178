//! Real Redis and Valkey servers for tests, and links that fail.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use session_testkit::{Connection, Direction, LinkCutter, Server};
//!
//! let server = Server::builder().config("maxmemory", "10mb").start().await;
//! let link = LinkCutter::to(server.addr()).await;
//!
//! // Any client works; this one is the kit's own.
//! let mut client = Connection::tcp(link.addr()).await.unwrap();
//! link.hold(Direction::Replies);
//! client.send(&["INCR", "visits"]).await.unwrap();
//! link.wait_for_held(Direction::Replies, 1).await;
//! link.cut().await;
//!
//! // The reply is lost, but the server has executed the command.
//! assert!(client.receive().await.is_err());
//! assert_eq!(server.command(&["GET", "visits"]).await.int(), 1);
//! # });
//! ```
//!
//! | type | is |
//! |---|---|
//! | [`Server`] | one server: unix socket, TCP, TLS; passwords, users, persistence, replication; kill, restart, pause |
//! | [`Cluster`] | primaries and replicas; failovers, and slots that move step by step |
//! | [`SentinelTrio`] | a primary, replicas, three sentinels |
//! | [`LinkCutter`] | a proxy that delays, throttles, holds, forgets, resets and cuts links, and counts round trips |
//! | [`Certificates`] | an authority with valid and invalid certificates for servers and clients; the feature `tls` makes them |
//! | [`Connection`] | a small client that shares no code with the client under test |
//! | [`until`], [`within`], [`shared`] | waiting for expected events; servers that all tests of a process share |
//!
//! # Servers are children
//!
//! Servers listen on ports of 127.0.0.1 that no other user of this kit takes while they are down, so they restart at the
//! same address. They are killed when the last handle is dropped, and also when the test process is killed or ends with
//! a server in a `static`. If a server does not start, or a wait exceeds 30 s, the kit panics with the servers' logs.
//! Nothing sleeps, except waits for a server's state, which can only be polled. Use the kit under a running clock only:
//! a paused tokio clock makes every wait end at once.
//!
//! # Which server
//!
//! The default is `redis-server`; `REDIS_SERVER_BIN` names another program, such as `valkey-server`. Only
//! [`Cluster::reshard`] needs `redis-cli`, or the program named by `REDIS_CLI_BIN`. If the server is not installed, tests
//! fail with the command that installs it.
//!
//! The kit, replicas, nodes and sentinels log in as the user `testkit`, which every server has, so a test may change the
//! default user. `ACL LIST` shows it.

mod certificates;
mod cluster;
mod connection;
mod link;
mod persistence;
mod port;
mod process;
mod reply;
mod sentinel;
mod server;
mod shared;
mod wait;
mod watchdog;
mod workdir;

pub use certificates::Certificates;
pub use cluster::{Cluster, ClusterBuilder, Node, SlotMove};
pub use connection::Connection;
pub use link::{Direction, Exchange, LinkCutter, Recording};
pub use persistence::Persistence;
pub use reply::Reply;
pub use sentinel::{SentinelTrio, SentinelTrioBuilder};
pub use server::{Server, ServerBuilder};
pub use shared::shared;
pub use wait::{PATIENCE, until, within};
