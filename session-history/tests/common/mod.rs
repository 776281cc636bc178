//! Short runs.

use std::{fs::File, io::BufReader, time::Duration};

use session_history::{
    checker::{Report, check},
    harness::{FaultKind, Options, Topology, run},
    history::{History, read},
    worker::Mutant,
};

/// A short run.
pub(crate) struct Short {
    pub(crate) topology: Topology,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) faults: Vec<FaultKind>,
    pub(crate) mutant: Option<Mutant>,
}

impl Short {
    /// Runs it, and judges its history.
    pub(crate) async fn judge(&self) -> (History, Report) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let options = Options {
            topology: self.topology,
            seed: self.seed,
            time: Duration::from_secs(self.seconds),
            nodes: 3,
            clients: 4,
            faults: self.faults.clone(),
            mutant: self.mutant,
            worker: env!("CARGO_BIN_EXE_session-history").into(),
            history: file.path().to_owned(),
        };
        println!("{}", run(&options).await.expect("the run itself succeeds"));
        let lines = BufReader::new(File::open(file.path()).expect("the file is there"));
        let history = read(lines).expect("it is a history");
        let report = check(&history);
        println!("{} calls, violations: {:?}", history.calls.len(), report.by_rule());
        (history, report)
    }

    /// Runs it; no rule is broken, and clients were served.
    pub(crate) async fn is_clean(&self) {
        let (history, report) = self.judge().await;
        assert_eq!(report.violations, []);
        let served = history.calls.iter().filter(|call| call.outcome.as_ref().is_some_and(|it| it.state().is_some()));
        assert!(served.count() > 0, "no load has found anything, so nothing was checked");
    }
}
