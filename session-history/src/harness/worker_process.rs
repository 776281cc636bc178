//! A worker as a child process.

use std::{
    collections::HashMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc::UnboundedSender, mpsc::unbounded_channel, oneshot},
};

use super::pause::Pause;
use crate::worker::{Answer, NodeConfig, Reply, Request};

/// The answers that are awaited, by call; none once the process has ended.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>>;

/// A worker. It is killed when this value is dropped, and it ends by itself when the harness does.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    child: Child,
    link: WorkerLink,
    pause: Option<Pause>,
}

/// Sends requests to a worker, and receives its answers.
#[derive(Clone, Debug)]
pub(crate) struct WorkerLink {
    requests: UnboundedSender<Vec<u8>>,
    waiting: Waiting,
}

impl WorkerProcess {
    /// Starts a worker, and waits until it has connected to its servers.
    pub(crate) async fn start(program: &Path, config: &NodeConfig) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt from the terminal should reach only the harness, whose end ends the worker.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the worker has no pipes"));
        };
        let (requests, queue) = unbounded_channel();
        tokio::spawn(write(stdin, queue));
        let waiting = Waiting::new(Mutex::new(Some(HashMap::new())));
        let (tell, told) = oneshot::channel();
        tokio::spawn(read(stdout, waiting.clone(), tell));
        let link = WorkerLink { requests, waiting };
        link.send(config)?;
        told.await.map_err(|_| io::Error::other("the worker ended before it was connected"))?;
        Ok(Self { child, link, pause: None })
    }

    pub(crate) fn link(&self) -> WorkerLink {
        self.link.clone()
    }

    /// Kills the process without letting it close its connections.
    pub(crate) async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        // Before the process is reaped, since its id may belong to another one afterwards.
        self.resume().await?;
        self.child.wait().await
    }

    /// Stops the process (`SIGSTOP`), until it is resumed.
    pub(crate) async fn pause(&mut self) -> io::Result<()> {
        if let Some(pid) = self.child.id() {
            self.pause = Some(Pause::begin(pid).await?);
        }
        Ok(())
    }

    /// Continues the process.
    pub(crate) async fn resume(&mut self) -> io::Result<()> {
        match self.pause.take() {
            Some(pause) => pause.end().await,
            None => Ok(()),
        }
    }
}

impl WorkerLink {
    /// Sends a request and waits for its answer; none if the process ends.
    pub(crate) async fn ask(&self, request: &Request) -> Option<Answer> {
        let (tell, told) = oneshot::channel();
        self.waiting.lock().as_mut()?.insert(request.call, tell);
        self.send(request).ok()?;
        told.await.ok()
    }

    fn send(&self, line: &impl serde::Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        self.requests.send(line).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

async fn write(mut stdin: ChildStdin, mut queue: tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read(stdout: ChildStdout, waiting: Waiting, ready: oneshot::Sender<()>) {
    let mut lines = BufReader::new(stdout).lines();
    let mut ready = Some(ready);
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Reply::Ready(_)) => _ = ready.take().map(|ready| ready.send(())),
            Ok(Reply::Answer(call, answer)) => {
                let waiter = waiting.lock().as_mut().and_then(|waiting| waiting.remove(&call));
                // The asker may have stopped waiting.
                let _ = waiter.map(|waiter| waiter.send(answer));
            }
            Err(error) => eprintln!("a worker wrote something else than an answer ({error}): {line}"),
        }
    }
    // Wakes all that wait.
    waiting.lock().take();
}
