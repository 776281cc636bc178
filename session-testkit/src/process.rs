//! One child process.

use std::{
    fs::OpenOptions,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use parking_lot::Mutex;

use crate::{wait::first_answer, watchdog};

/// A child that does not outlive this value.
///
/// It is the standard library's child and not tokio's, since the runtime may have ended when the value is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts `program` and appends its output to the file `log`.
    pub(crate) fn spawn(program: &str, args: &[&str], dir: &Path, log: &Path) -> io::Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(log)?;
        let child = Command::new(program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            // An interrupt from the terminal should reach only the tests, which then stop their servers.
            .process_group(0)
            .spawn()?;
        let pid = child.id();
        watchdog::watch_process(pid);
        Ok(Self { pid, child: Mutex::new(Some(child)) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit status of the child, if it has ended.
    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        let mut slot = self.child.lock();
        let status = slot.as_mut()?.try_wait().ok().flatten()?;
        watchdog::forget_process(self.pid);
        *slot = None;
        Some(status)
    }

    pub(crate) fn is_running(&self) -> bool {
        let _ = self.exited();
        self.child.lock().is_some()
    }

    /// Kills the child and waits until it is gone; this is too short to await.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.lock().take() {
            watchdog::forget_process(self.pid);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until the child ends; returns whether it did in time.
    pub(crate) async fn ended(&self) -> bool {
        first_answer(|| async { (!self.is_running()).then_some(()) }).await.is_some()
    }

    /// Sends a signal, given by its name. Does nothing when the child is gone.
    pub(crate) fn signal(&self, name: &str) {
        // Under the lock, so that the child cannot be reaped, and its id reused, in between.
        let slot = self.child.lock();
        if slot.is_some() {
            let line = format!("kill -{name} {}", self.pid);
            let sent = Command::new("sh").args(["-c", &line]).status();
            assert!(sent.is_ok_and(|status| status.success()), "the child can be signalled; is there a shell?");
        }
    }

    /// Waits until the system has stopped (or continued) the child, since signals are asynchronous.
    pub(crate) async fn stopped(&self, want: bool) {
        let path = format!("/proc/{}/stat", self.pid);
        let seen = first_answer(|| async {
            // On a system without this file, the signal has to be trusted.
            let Ok(stat) = std::fs::read_to_string(&path) else { return Some(()) };
            let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
            (state.is_some_and(|state| matches!(state, 'T' | 't') == want)).then_some(())
        });
        assert!(seen.await.is_some(), "the server's process does not react to being stopped or continued");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
