//! What a server has used so far.

use std::{collections::HashMap, ops::Sub};

use session_testkit::{Connection, Server};

/// Totals of one server or of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Processor time, in microseconds.
    pub cpu: f64,
    /// Reads from connections.
    pub reads: f64,
    /// Writes to connections.
    pub writes: f64,
}

impl Sub for Reading {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, reads: self.reads - before.reads, writes: self.writes - before.writes }
    }
}

/// Reads the totals of servers.
#[derive(Debug)]
pub struct Meter(Vec<Connection>);

impl Meter {
    /// Of these servers.
    pub async fn of(servers: impl IntoIterator<Item = &Server>) -> Self {
        let mut connections = Vec::new();
        for server in servers {
            connections.push(server.connect().await.expect("connected"));
        }
        Self(connections)
    }

    /// Now.
    pub async fn read(&mut self) -> Reading {
        let mut sum = Reading::default();
        for connection in &mut self.0 {
            let text = connection.command(&["INFO", "cpu", "stats"]).await.expect("answered").text();
            let lines: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
            let of = |name: &str| lines[name].parse::<f64>().expect("a number");
            sum.cpu += (of("used_cpu_user") + of("used_cpu_sys")) * 1e6;
            sum.reads += of("total_reads_processed");
            sum.writes += of("total_writes_processed");
        }
        sum
    }

    /// What some work took, for each of so many operations.
    pub async fn each(&mut self, count: usize, work: impl Future<Output = ()>) -> Reading {
        let before = self.read().await;
        work.await;
        let Reading { cpu, reads, writes } = self.read().await - before;
        let count = count as f64;
        Reading { cpu: cpu / count, reads: reads / count, writes: writes / count }
    }
}
