//! A worker does not outlive the harness.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use session_history::worker::{NodeConfig, StoreKind, TopologyKind};

#[test]
fn a_worker_ends_with_its_input_even_if_it_has_not_connected() {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_session-history"))
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let config = NodeConfig {
        topology: TopologyKind::Single,
        // The discard port, at which nothing answers.
        urls: vec!["redis://127.0.0.1:9".into()],
        store: StoreKind::Tiered,
        max_staleness_ms: 500,
        call_deadline_ms: 100,
        mutant: None,
    };
    let mut stdin = worker.stdin.take().unwrap();
    stdin.write_all(serde_json::to_string(&config).unwrap().as_bytes()).unwrap();
    stdin.write_all(b"\n").unwrap();
    drop(stdin);
    assert!(worker.wait().unwrap().success());
}
