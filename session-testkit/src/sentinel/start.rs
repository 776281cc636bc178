//! Turns single servers into a monitored primary.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    LinkCutter, SentinelTrio, SentinelTrioBuilder, Server, ServerBuilder,
    server::{ADMIN, ADMIN_PASSWORD},
};

pub(super) async fn start(builder: SentinelTrioBuilder) -> SentinelTrio {
    let mut trio =
        SentinelTrio { name: builder.name.clone(), servers: Vec::new(), links: Vec::new(), sentinels: Vec::new() };
    for _ in 0..=builder.replicas {
        add_server(&mut trio, &builder).await;
    }
    for replica in &trio.servers[1..] {
        replica.wait_for_primary_link().await;
    }
    for _ in 0..3 {
        let sentinel = sentinel(&builder, trio.port(0)).start().await;
        shorten_periods(&sentinel).await;
        trio.sentinels.push(sentinel);
    }
    trio.wait_until_settled().await;
    trio
}

async fn add_server(trio: &mut SentinelTrio, builder: &SentinelTrioBuilder) {
    let mut server = builder.server.clone();
    let mut link = None;
    if builder.behind_links {
        assert!(server.certificates().is_none(), "links can be cut on plain TCP only");
        // The server must know the link's port before it starts, so the link learns the server's afterwards.
        let cutter = LinkCutter::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))).await;
        server = server.config("replica-announce-ip", "127.0.0.1").config("replica-announce-port", cutter.port());
        link = Some(cutter);
    }
    if !trio.servers.is_empty() {
        server = server.replica_at(trio.port(0));
    }
    let server = server.start().await;
    if let Some(link) = link {
        link.point_at(server.addr());
        trio.links.push(link);
    }
    trio.servers.push(server);
}

fn sentinel(builder: &SentinelTrioBuilder, port: u16) -> ServerBuilder {
    let name = &builder.name;
    let mut sentinel = builder.sentinel.clone();
    // Sentinels connect to the servers as the servers connect to each other.
    if let Some(certificates) = builder.server.certificates() {
        sentinel = sentinel.tls(certificates);
    }
    let (down, failover) = (builder.down_after.as_millis(), builder.failover_timeout.as_millis());
    let lines = [
        format!("monitor {name} 127.0.0.1 {port} 2"),
        format!("down-after-milliseconds {name} {down}"),
        format!("failover-timeout {name} {failover}"),
        format!("auth-user {name} {ADMIN}"),
        format!("auth-pass {name} {ADMIN_PASSWORD}"),
        format!("sentinel-user {ADMIN}"),
        format!("sentinel-pass {ADMIN_PASSWORD}"),
    ];
    lines.iter().fold(sentinel, |sentinel, line| sentinel.config("sentinel", line))
}

/// By default sentinels announce themselves every two seconds and look for changes every ten.
async fn shorten_periods(sentinel: &Server) {
    // The ping period is not shortened: a replica can be promoted if it was asked within the last five ping periods, and
    // while its primary is down it is asked only every second.
    let periods = ["info-period", "200", "publish-period", "200", "ask-period", "100"];
    sentinel
        .command(&[&["SENTINEL", "DEBUG"], &periods[..]].concat())
        .await
        .expect("the sentinel accepts shorter periods");
    // On a busy machine a sentinel that did not run for two seconds distrusts its clock, for 30 s by default.
    sentinel
        .command(&["SENTINEL", "DEBUG", "tilt-period", "1000"])
        .await
        .expect("the sentinel accepts a shorter tilt period");
}
