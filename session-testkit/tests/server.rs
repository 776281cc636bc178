//! One server: its start, end and restart, and its logins.

use session_testkit::{Certificates, Connection, Persistence, Reply, Server};

#[tokio::test]
async fn answers_on_every_door() {
    let server = Server::start().await;
    assert_eq!(server.command(&["SET", "key", "value"]).await, Reply::Status("OK".into()));
    let mut tcp = Connection::tcp(server.addr()).await.unwrap();
    assert_eq!(tcp.command(&["GET", "key"]).await.unwrap(), Reply::Bulk(b"value".to_vec()));
    assert_eq!(tcp.command(&["GET", "other"]).await.unwrap(), Reply::Nil);
    assert_eq!(server.command(&["CONFIG", "GET", "save"]).await.items()[1].text(), "");
    assert!(server.log().contains("Ready to accept connections"));
    assert!(server.url().ends_with(&server.port().to_string()));
}

#[tokio::test]
async fn the_last_handle_kills_it_and_removes_its_directory() {
    let server = Server::start().await;
    let (dir, pid) = (server.dir(), server.pid());
    let other = server.clone();
    drop(server);
    assert!(other.is_running() && dir.exists());
    drop(other);
    assert!(!dir.exists());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the child was not waited for");
}

#[tokio::test]
async fn a_restart_keeps_the_address_and_what_is_on_disk() {
    let server = Server::builder().persistence(Persistence::AofAlways).start().await;
    let (url, pid) = (server.url(), server.pid());
    server.command(&["SET", "key", "value"]).await;
    server.kill().await;
    assert!(!server.is_running());
    assert!(server.try_command(&["PING"]).await.is_err());
    server.restart().await;
    assert_eq!((server.url(), server.pid() != pid), (url, true));
    assert_eq!(server.command(&["GET", "key"]).await.text(), "value");

    let forgetful = Server::start().await;
    forgetful.command(&["SET", "key", "value"]).await;
    forgetful.terminate().await;
    forgetful.restart().await;
    assert_eq!(forgetful.command(&["GET", "key"]).await, Reply::Nil);
}

#[tokio::test]
async fn snapshots_are_written_by_an_orderly_end_only() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    server.command(&["SET", "key", "1"]).await;
    server.terminate().await;
    server.restart().await;
    server.command(&["SET", "key", "2"]).await;
    server.shutdown_without_saving().await;
    server.restart().await;
    assert_eq!(server.command(&["GET", "key"]).await.int(), 1);
}

#[tokio::test]
async fn a_server_can_be_met_while_it_loads() {
    let server = Server::builder()
        .persistence(Persistence::Rdb)
        // Half a millisecond for each of 1,000 keys.
        .config("key-load-delay", 500)
        .config("loading-process-events-interval-bytes", 1024)
        .start()
        .await;
    server.command(&["DEBUG", "POPULATE", "1000"]).await.expect("populate");
    server.terminate().await;
    server.restart_without_waiting().await;
    let reply = server.command(&["GET", "key:1"]).await;
    assert!(reply.error().is_some_and(|message| message.starts_with("LOADING")), "{reply:?}");
    server.wait_until_loaded().await;
    assert_eq!(server.command(&["DBSIZE"]).await.int(), 1000);
}

#[tokio::test]
async fn a_paused_server_keeps_its_links_and_answers_later() {
    let server = Server::start().await;
    let mut tcp = Connection::tcp(server.addr()).await.unwrap();
    server.pause().await;
    assert!(server.is_running());
    tcp.send(&["PING"]).await.unwrap();
    let mut answer = std::pin::pin!(tcp.receive());
    // A stopped process never answers; a short wait is enough to detect a pause that does nothing.
    tokio::time::timeout(std::time::Duration::from_millis(50), &mut answer).await.expect_err("answered in its sleep");
    server.resume().await;
    assert_eq!(answer.await.unwrap().text(), "PONG");
}

#[tokio::test]
async fn passwords_and_users_are_the_tests_own() {
    let server =
        Server::builder().password("pass word").acl_user("reader on >secret ~open:* &* +get +ping").start().await;
    assert!(server.url().starts_with("redis://:pass%20word@"));
    let mut tcp = Connection::tcp(server.addr()).await.unwrap();
    assert!(tcp.command(&["GET", "open:1"]).await.unwrap().error().unwrap().starts_with("NOAUTH"));
    assert!(tcp.command(&["AUTH", "pass word"]).await.unwrap().is_ok());
    assert!(tcp.command(&["AUTH", "reader", "secret"]).await.unwrap().is_ok());
    assert_eq!(tcp.command(&["GET", "open:1"]).await.unwrap(), Reply::Nil);
    assert!(tcp.command(&["GET", "shut:1"]).await.unwrap().error().unwrap().starts_with("NOPERM"));
    assert!(server.command(&["SET", "shut:1", "x"]).await.is_ok());
}

#[tokio::test]
async fn replicas_follow_through_passwords_and_tls() {
    let certificates = Certificates::new();
    let builder = || Server::builder().password("secret").tls(&certificates).require_client_certificate();
    let primary = builder().start().await;
    let replica = builder().replica_of(&primary).start().await;
    replica.wait_for_primary_link().await;
    primary.command(&["SET", "key", "value"]).await;
    assert_eq!(primary.command(&["WAIT", "1", "10000"]).await.int(), 1);
    assert_eq!(replica.command(&["GET", "key"]).await.text(), "value");
}

#[tokio::test]
async fn certificates_of_another_authority_or_of_another_time_are_refused() {
    let certificates = Certificates::new();
    let primary = Server::builder().tls(&certificates).require_client_certificate().start().await;
    for wrong in [Certificates::another_authority(), Certificates::expired()] {
        let replica = Server::builder().tls(&wrong).replica_of(&primary).start().await;
        let refused = || async { replica.log().contains("certificate verify failed").then_some(()) };
        replica.wait("the replica refuses the primary", refused).await;
    }
    assert_eq!(primary.info("connected_slaves").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn no_tcp_port_if_none_is_wanted() {
    let server = Server::builder().unix_only().start().await;
    assert_eq!(server.command(&["CONFIG", "GET", "port"]).await.items()[1].int(), 0);
    assert!(server.unix_url().starts_with("redis+unix:///"));
}

#[tokio::test]
#[should_panic(expected = "Bad directive")]
async fn a_server_that_ends_at_once_panics_with_its_log() {
    Server::builder().config("no-such-directive", "1").start().await;
}
