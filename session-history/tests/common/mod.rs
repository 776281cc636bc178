//! Short runs.

use std::{fs::File, io::BufReader, time::Duration};

use session_history::{
    checker::{Report, check},
    harness::{FaultKind, Options, Topology, run},
    history::{History, read},
    worker::Mutant,
};
use tempfile::TempDir;

/// A short run.
pub(crate) struct Short {
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) faults: Vec<FaultKind>,
    pub(crate) mutant: Option<Mutant>,
}

/// The history of a short run, its judgement, and the directory of the history and of the servers' logs.
pub(crate) struct Judged {
    pub(crate) history: History,
    pub(crate) report: Report,
    pub(crate) dir: TempDir,
}

impl Short {
    /// Runs it, and judges its history.
    pub(crate) async fn judge(&self) -> Judged {
        let prefix = format!("{:?}-{}-", self.topology, self.seed).to_lowercase();
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let dir = dir.expect("a directory");
        let options = Options {
            topology: self.topology,
            seed: self.seed,
            time: Duration::from_secs(self.seconds),
            nodes: 3,
            clients: 4,
            faults: self.faults.clone(),
            mutant: self.mutant,
            worker: env!("CARGO_BIN_EXE_session-history").into(),
            dir: dir.path().to_owned(),
        };
        println!("{}", run(&options).await.expect("the run itself succeeds"));
        let lines = BufReader::new(File::open(options.history()).expect("the file is there"));
        let history = read(lines).expect("it is a history");
        let report = check(&history);
        println!("{} calls, violations: {:?}", history.calls.len(), report.by_rule());
        Judged { history, report, dir }
    }

    /// Runs it; no rule is broken, and clients were served.
    pub(crate) async fn is_clean(&self) {
        let Judged { history, report, dir } = self.judge().await;
        if !report.violations.is_empty() {
            let dir = dir.keep();
            panic!("{:#?}\nthe history and the servers' logs are in {}", report.violations, dir.display());
        }
        let served = history.calls.iter().filter(|call| call.outcome.as_ref().is_some_and(|it| it.state().is_some()));
        assert!(served.count() > 0, "no load has found anything, so nothing was checked");
    }
}
