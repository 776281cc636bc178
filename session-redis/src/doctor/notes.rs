//! Where findings are put down.

use super::{Finding, Severity};

/// What findings about all servers together name as their node.
const EVERYWHERE: &str = "deployment";

/// Collects findings, each about the server that was named last.
pub(super) struct Notes {
    findings: Vec<Finding>,
    node: String,
}

impl Notes {
    pub(super) fn new() -> Self {
        Self { findings: Vec::new(), node: EVERYWHERE.to_owned() }
    }

    /// What follows is about this server.
    pub(super) fn at(&mut self, node: impl ToString) -> &mut Self {
        self.node = node.to_string();
        self
    }

    /// What follows is about all servers together.
    pub(super) fn everywhere(&mut self) -> &mut Self {
        self.at(EVERYWHERE)
    }

    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.put(Severity::Ok, check, found, "");
    }

    pub(super) fn info(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.put(Severity::Info, check, found, remedy);
    }

    pub(super) fn warning(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.put(Severity::Warning, check, found, remedy);
    }

    pub(super) fn critical(&mut self, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.put(Severity::Critical, check, found, remedy);
    }

    pub(super) fn put(
        &mut self,
        severity: Severity,
        check: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (found, remedy, node) = (found.into(), remedy.into(), self.node.clone());
        self.findings.push(Finding { severity, check, found, remedy, node });
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
