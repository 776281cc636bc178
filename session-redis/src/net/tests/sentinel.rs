//! A primary under Sentinel.

use redis::Value;
use session_core::ErrorKind;
use session_testkit::{SentinelTrio, Server};

use super::{liar::Liar, *};
use crate::{Sentinel, net::Resend};

fn under(trio: &SentinelTrio) -> RedisConfig {
    RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()))
}

async fn primary_of(net: &Net) -> String {
    net.primaries().await.unwrap().remove(0).address.to_string()
}

#[tokio::test]
async fn the_primary_dies_and_a_replica_takes_over() {
    let trio = SentinelTrio::start().await;
    let (net, probe) = connect(under(&trio).call_deadline(LONG)).await;
    let old = trio.primary().await;
    assert_eq!(primary_of(&net).await, old.addr().to_string());
    old.kill().await;
    let reply = guarded(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless)).await.unwrap();
    assert_eq!(reply, bulk("a"));
    assert_eq!(probe.regained(), 1);
    let new = trio.wait_for_new_primary(old).await;
    assert_eq!(primary_of(&net).await, new.addr().to_string());
    guarded(net.command(net.deadline(), SLOT, &command(&["SET", "a", "1"]), Resend::Never)).await.unwrap();
    assert_eq!(new.command(&["GET", "a"]).await.text(), "1");
}

/// The old primary accepts writes for seconds, and all of them will be lost. Its connections stay open; only the
/// sentinels reveal the failover.
#[tokio::test]
async fn a_failover_in_order() {
    let trio = SentinelTrio::start().await;
    // The next request to the sentinels is an hour away: their announcement must suffice.
    let (net, probe) = connect(under(&trio).call_deadline(LONG).health_interval(LONG)).await;
    let old = trio.primary().await;
    trio.fail_over().await;
    probe.wait_for_regained(1).await;
    assert_eq!(old.info("role").await.as_deref(), Some("master"), "or its own answer would have revealed it");
    let reply = guarded(net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never)).await.unwrap();
    assert_eq!(reply, Value::Int(1));
    let new = trio.primary().await;
    assert_eq!(new.command(&["GET", "a"]).await.text(), "1");
    assert_eq!(primary_of(&net).await, new.addr().to_string());
    assert_ne!(new, old);
}

/// A primary that was away during a failover believes for seconds that it is still primary: writes it accepts meanwhile
/// are lost.
#[tokio::test]
async fn a_primary_that_was_deposed_unnoticed_is_left() {
    let trio = SentinelTrio::start().await;
    let config = under(&trio).call_deadline(LONG).health_interval(Duration::from_millis(20));
    let (net, probe) = connect(config).await;
    let old = trio.primary().await;
    old.pause().await;
    let new = trio.wait_for_new_primary(old).await;
    old.resume().await;
    probe.wait_for_regained(1).await;
    assert_eq!(primary_of(&net).await, new.addr().to_string());
    assert_eq!(old.info("role").await.as_deref(), Some("master"), "or its own answer would have revealed it");
}

#[tokio::test]
async fn one_living_sentinel_is_enough_and_none_is_needed_to_go_on() {
    let trio = SentinelTrio::start().await;
    trio.sentinels()[0].kill().await;
    trio.sentinels()[1].kill().await;
    let config = under(&trio).call_deadline(GUARD).health_interval(Duration::from_millis(10));
    let (net, probe) = connect(config).await;
    trio.sentinels()[2].kill().await;
    for _ in 0..20 {
        net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never).await.unwrap();
    }
    assert_eq!((probe.regained(), net.stats().demoted.get()), (0, 0));
}

#[tokio::test]
async fn what_can_be_wrong_fails_at_once() {
    let (trio, server) = tokio::join!(SentinelTrio::start(), Server::start());
    let master = || Sentinel::new(trio.master_name());
    let wrong = [
        (RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new("nobody")), "`sentinel.master`"),
        (RedisConfig::sentinel([server.url()], master()), "no sentinel"),
        (RedisConfig::sentinel(trio.sentinel_urls(), master().username("nobody").password("wrong")), "password"),
        (config(trio.sentinel_urls().remove(0)), "`sentinel`"),
    ];
    for (config, remedy) in wrong {
        let error = try_connect(config.call_deadline(LONG), Probe::new()).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
        assert!(error.to_string().contains(remedy), "{error:?}");
    }
}

#[tokio::test]
async fn servers_and_sentinels_have_passwords_of_their_own() {
    let trio = SentinelTrio::builder()
        .each(|server| server.password("of the servers"))
        .each_sentinel(|sentinel| sentinel.password("of the sentinels"))
        .start()
        .await;
    let urls: Vec<_> = trio.sentinels().iter().map(|sentinel| format!("redis://{}", sentinel.addr())).collect();
    let master = Sentinel::new(trio.master_name()).password("of the sentinels");
    let config = RedisConfig::sentinel(urls, master).password("of the servers");
    let (net, _) = connect(config).await;
    net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never).await.unwrap();
}

/// A sentinel that lies about the primary is outvoted by the others, whatever epoch it claims: its server never gets the
/// password.
#[tokio::test]
async fn a_lying_sentinel_is_outvoted() {
    const PASSWORD: &str = "of the servers";
    let trio = SentinelTrio::builder().each(|server| server.password(PASSWORD)).start().await;
    let liar = Liar::start(u64::MAX).await;
    let urls = std::iter::once(liar.url()).chain(trio.sentinel_urls());
    let config = RedisConfig::sentinel(urls, Sentinel::new(trio.master_name())).password(PASSWORD);
    let config = config.call_deadline(LONG).health_interval(Duration::from_millis(10));
    let scenario = async {
        let (net, probe) = connect(config).await;
        let old = trio.primary().await;
        // Health checks ask all sentinels again and again. The last epoch is one that an honest sentinel could report.
        for epoch in [u64::MAX, u64::MAX - 1, 1] {
            liar.claim(epoch);
            liar.wait_until_asked(3).await;
            assert_eq!(primary_of(&net).await, old.addr().to_string(), "with epoch {epoch}");
        }
        // Nor does it keep the store from following the others to a new primary.
        liar.claim(u64::MAX);
        let new = trio.fail_over().await;
        probe.wait_for_regained(1).await;
        assert_eq!(primary_of(&net).await, new.addr().to_string());
        net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never).await.unwrap();
    };
    tokio::select! {
        biased;
        heard = liar.overheard() => panic!("the liar's server was sent {heard:?}"),
        () = scenario => {}
    }
}
