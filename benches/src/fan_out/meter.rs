//! The resource usage of a server so far.

use std::{collections::HashMap, ops::Sub, time::Duration};

use session_testkit::{Connection, Server};
use tokio::time::{Instant, sleep};

/// How long the meter observes the CPU usage of idle servers.
const IDLE: Duration = Duration::from_millis(250);

/// Totals of one server or of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Processor time, in microseconds.
    pub cpu: f64,
    /// Reads from connections.
    pub reads: f64,
    /// Writes to connections.
    pub writes: f64,
    /// The duration of a batch, in microseconds.
    pub micros: f64,
}

impl Sub for Reading {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu: self.cpu - before.cpu,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            micros: self.micros - before.micros,
        }
    }
}

/// Reads the totals of servers.
#[derive(Debug)]
pub struct Meter {
    servers: Vec<Connection>,
    /// The CPU usage of idle servers, as a share of a core.
    idle: f64,
}

impl Meter {
    /// A meter of these servers, which must be idle now. Their idle usage is subtracted from later readings.
    pub async fn of(servers: impl IntoIterator<Item = &Server>) -> Self {
        let mut connections = Vec::new();
        for server in servers {
            connections.push(server.connect().await.expect("connected"));
        }
        let mut meter = Self { servers: connections, idle: 0.0 };
        let before = meter.read().await;
        sleep(IDLE).await;
        meter.idle = (meter.read().await - before).cpu / (IDLE.as_secs_f64() * 1e6);
        meter
    }

    /// The totals now.
    pub async fn read(&mut self) -> Reading {
        let mut sum = Reading::default();
        for connection in &mut self.servers {
            let text = connection.command(&["INFO", "cpu", "stats"]).await.expect("answered").text();
            let lines: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
            let of = |name: &str| lines[name].parse::<f64>().expect("a number");
            sum.cpu += (of("used_cpu_user") + of("used_cpu_sys")) * 1e6;
            sum.reads += of("total_reads_processed");
            sum.writes += of("total_writes_processed");
        }
        sum
    }

    /// The usage of `work`, per operation of `count`.
    pub async fn each(&mut self, count: usize, work: impl Future<Output = ()>) -> Reading {
        let before = self.read().await;
        let began = Instant::now();
        work.await;
        let micros = began.elapsed().as_secs_f64() * 1e6;
        let Reading { cpu, reads, writes, .. } = self.read().await - before;
        let count = count as f64;
        let cpu = (cpu - self.idle * micros) / count;
        Reading { cpu, reads: reads / count, writes: writes / count, micros: micros / count }
    }
}
