//! The cost of a heartbeat to the server.

use std::{sync::Arc, time::Duration};

use session_core::store::{Barriers, SessionStore as _};
use session_testkit::{Connection, Server};

use crate::node::{PATIENT, now};

const REQUESTS: u32 = 10_000;
const IDLE: Duration = Duration::from_secs(1);

/// The processor time of the server so far, in microseconds.
async fn used(server: &Server) -> f64 {
    let of = |name: &'static str| async move { server.info(name).await.unwrap().parse::<f64>().unwrap() * 1e6 };
    of("used_cpu_user").await + of("used_cpu_sys").await
}

/// The cost of each of many requests, minus the cost of an idle server in the same time.
async fn cost(server: &Server, idle: f64, requests: impl Future<Output = ()>) -> f64 {
    let (before, began) = (used(server).await, now());
    requests.await;
    let took = now().since(began).as_secs_f64();
    (used(server).await - before - idle * took / IDLE.as_secs_f64()) / f64::from(REQUESTS)
}

async fn ask(barriers: &Arc<dyn Barriers>, at_once: u32) {
    for _ in 0..REQUESTS / at_once {
        let asked: Vec<_> = (0..at_once).map(|_| barriers.barrier(0)).collect();
        for answer in futures_util::future::join_all(asked).await {
            answer.unwrap();
        }
    }
}

async fn ping(server: &Server) {
    let mut connection = Connection::tcp(server.addr()).await.unwrap();
    for _ in 0..REQUESTS {
        connection.command(&["PING"]).await.unwrap();
    }
}

/// A heartbeat asks for the sequence by a write that changes nothing, and costs the server nothing else. The time is printed,
/// not asserted. A single request spends it in system calls, as a PING shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_is_one_small_command() {
    let server = Server::start().await;
    let store = PATIENT.store(server.url()).await;
    let mut subscription = store.feed().unwrap().subscribe().await.unwrap();
    let barriers = subscription.barriers().clone();
    let listening = tokio::spawn(async move { while subscription.next().await.is_some() {} });
    let before = used(&server).await;
    tokio::time::sleep(IDLE).await;
    let idle = used(&server).await - before;
    let pinged = cost(&server, idle, ping(&server)).await;
    server.command(&["CONFIG", "RESETSTAT"]).await;
    let alone = cost(&server, idle, ask(&barriers, 1)).await;
    let together = cost(&server, idle, ask(&barriers, 250)).await;
    listening.abort();
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let getex = stats.lines().find(|line| line.starts_with("cmdstat_getex:")).expect("heartbeats are GETEX");
    println!("processor time of the server: {alone:.2} us a heartbeat alone, {together:.2} us among 250;");
    println!("{pinged:.2} us a PING alone; {idle:.0} us/s when idle; {getex}");
    let calls = |line: &str| line.split_once(":calls=")?.1.split(',').next()?.parse::<u32>().ok();
    let all: u32 = stats.lines().filter_map(calls).sum();
    // The health checks of the store, and the commands of this test.
    assert!((2 * REQUESTS..2 * REQUESTS + 200).contains(&all), "a heartbeat is one command: {stats}");
}
