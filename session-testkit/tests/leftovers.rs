//! The cleanup after a test process that was killed. Each test runs this test program again, as a child that is killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use session_testkit::Server;

/// Set in the child only.
const CHILD: &str = "SESSION_TESTKIT_CHILD";

fn run_again(test: &str, setting: (&str, &str)) -> Child {
    Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env(setting.0, setting.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be run again")
}

#[tokio::test]
async fn a_killed_test_program_leaves_neither_server_nor_directory() {
    if std::env::var_os(CHILD).is_some() {
        let server = Server::start().await;
        println!("\nstarted|{}|{}", server.pid(), server.dir().display());
        std::future::pending::<()>().await;
    }
    let mut child = run_again("a_killed_test_program_leaves_neither_server_nor_directory", ("UNUSED", "1"));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line =
        lines.map_while(Result::ok).find(|line| line.starts_with("started|")).expect("the child starts a server");
    let [_, pid, dir] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let process = format!("/proc/{pid}/cmdline");
    assert!(Path::new(&process).exists() && Path::new(dir).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = async {
        // A zombie process is still listed, but without a command line.
        while std::fs::read(&process).is_ok_and(|line| !line.is_empty()) || Path::new(dir).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the server or its directory was left behind");
}

#[tokio::test]
async fn a_missing_server_is_named_with_the_line_that_installs_it() {
    if std::env::var_os(CHILD).is_some() {
        Server::start().await;
    }
    let child = run_again(
        "a_missing_server_is_named_with_the_line_that_installs_it",
        ("REDIS_SERVER_BIN", "no-such-redis-server"),
    );
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(text.contains("no-such-redis-server") && text.contains("apt-get install redis-server"), "{text}");
}
