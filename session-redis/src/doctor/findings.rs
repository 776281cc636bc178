//! The collector of findings.

use super::{Finding, Severity};

/// The node of findings about all servers together.
const DEPLOYMENT: &str = "deployment";

/// Collects findings. Each is about the server that was named last.
pub(super) struct Findings {
    findings: Vec<Finding>,
    node: String,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self { findings: Vec::new(), node: DEPLOYMENT.to_owned() }
    }

    /// The findings that follow are about this server.
    pub(super) fn at(&mut self, node: impl ToString) -> &mut Self {
        self.node = node.to_string();
        self
    }

    /// The findings that follow are about all servers together.
    pub(super) fn deployment(&mut self) -> &mut Self {
        self.at(DEPLOYMENT)
    }

    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(Severity::Ok, check, found, "");
    }

    pub(super) fn info(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Info, check, found, remedy);
    }

    pub(super) fn warning(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, check, found, remedy);
    }

    pub(super) fn critical(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Critical, check, found, remedy);
    }

    fn add(&mut self, severity: Severity, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        let (found, remedy, node) = (found.into(), remedy.into(), self.node.clone());
        self.findings.push(Finding { severity, check, found, remedy, node });
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.findings
    }
}
