//! A process that is stopped for a time.

use std::{io, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Stops the process, and continues it when the standard input ends: also if the harness is killed.
const SCRIPT: &str = r#"kill -STOP "$1" || exit 1; echo stopped; read -r _; kill -CONT "$1""#;

/// Keeps a process stopped.
#[derive(Debug)]
pub(crate) struct Pause {
    guard: Child,
}

impl Pause {
    /// Stops a process.
    pub(crate) async fn begin(pid: u32) -> io::Result<Self> {
        let mut guard = Command::new("sh")
            .args(["-c", SCRIPT, "sh", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let stdout = guard.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(stdout).lines().next_line().await?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { guard })
    }

    /// Continues the process.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        drop(self.guard.stdin.take());
        self.guard.wait().await.map(drop)
    }
}
