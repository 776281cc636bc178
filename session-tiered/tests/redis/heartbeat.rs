//! What a sign of life costs the server.

use session_core::SessionStore as _;
use session_testkit::Server;

use crate::node::PATIENT;

const BARRIERS: u32 = 20_000;

/// Processor time of the server so far, in microseconds.
async fn used(server: &Server) -> f64 {
    let of = |name: &'static str| async move { server.info(name).await.unwrap().parse::<f64>().unwrap() * 1e6 };
    of("used_cpu_user").await + of("used_cpu_sys").await
}

/// A heartbeat asks for the sequence, by a write that changes nothing, and the server does nothing else for it. The time
/// it takes is printed, not asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_is_one_small_command() {
    let server = Server::start().await;
    let store = PATIENT.store(server.url()).await;
    let mut subscription = store.feed().unwrap().subscribe().await.unwrap();
    let barriers = subscription.barriers().clone();
    let listening = tokio::spawn(async move { while subscription.next().await.is_some() {} });
    let calls = |text: String| text.lines().filter(|line| line.starts_with("cmdstat_")).count();
    let (before, idle) = (used(&server).await, std::time::Duration::from_secs(1));
    tokio::time::sleep(idle).await;
    let idle_cost = used(&server).await - before;
    server.command(&["CONFIG", "RESETSTAT"]).await;
    let (before, began) = (used(&server).await, crate::node::now());
    for at_once in [1_u32, 100] {
        for _ in 0..BARRIERS / 2 / at_once {
            let asked = (0..at_once).map(|_| barriers.barrier(0));
            for answer in futures_util::future::join_all(asked).await {
                answer.unwrap();
            }
        }
    }
    let took = crate::node::now().since(began);
    let cost = used(&server).await - before - idle_cost * took.as_secs_f64() / idle.as_secs_f64();
    listening.abort();
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let getex = stats.lines().find(|line| line.starts_with("cmdstat_getex:")).expect("heartbeats are GETEX").to_owned();
    let each = cost / f64::from(BARRIERS);
    println!("{BARRIERS} heartbeats: {each:.2} us of the server's processor each, {getex}; idle: {idle_cost:.0} us/s");
    assert!(calls(stats) <= 6, "a heartbeat is one command");
}
