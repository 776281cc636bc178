//! A node of the application: its links, and its process.

use std::{io, path::PathBuf};

use tokio::sync::{Mutex, MutexGuard, watch};

use super::{
    deployment::Deployment,
    proxy::{LinkFault, Ports, Proxy},
    worker_process::{WorkerLink, WorkerProcess},
};
use crate::{
    history::Process,
    worker::{NodeConfig, TopologyKind},
};

/// A node of the application.
#[derive(Debug)]
pub(crate) struct Node {
    number: u32,
    program: PathBuf,
    config: NodeConfig,
    /// To each server that has data, in the order of the deployment.
    servers: Vec<Proxy>,
    sentinels: Vec<Proxy>,
    worker: Mutex<WorkerProcess>,
    /// The process that clients send requests to.
    current: watch::Sender<(Process, WorkerLink)>,
    /// Held during a fault of this node, so that faults of one node do not end each other.
    fault: Mutex<()>,
}

impl Node {
    /// Builds the links, and starts the process.
    pub(crate) async fn start(
        number: u32,
        deployment: &Deployment,
        program: PathBuf,
        mut config: NodeConfig,
    ) -> io::Result<Self> {
        let (mut servers, mut sentinels, mut ports) = (Vec::new(), Vec::new(), Ports::new());
        for endpoint in deployment.endpoints() {
            let proxy = Proxy::to(endpoint.addr).await?;
            ports.insert(endpoint.announced, proxy.port());
            servers.push(proxy);
        }
        for sentinel in deployment.sentinels() {
            sentinels.push(Proxy::to(sentinel).await?);
        }
        if config.topology != TopologyKind::Single {
            servers.iter().chain(&sentinels).for_each(|proxy| proxy.replace(ports.clone()));
        }
        let entrances = if sentinels.is_empty() { &servers } else { &sentinels };
        config.urls = entrances.iter().map(Proxy::url).collect();
        let worker = WorkerProcess::start(&program, &config).await?;
        let current = watch::Sender::new((Process { node: number, life: 0 }, worker.link()));
        let (worker, fault) = (Mutex::new(worker), Mutex::new(()));
        Ok(Self { number, program, config, servers, sentinels, worker, current, fault })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The process that takes requests, and the link to it.
    pub(crate) fn current(&self) -> (Process, WorkerLink) {
        self.current.borrow().clone()
    }

    /// Waits until another process than this one takes requests.
    pub(crate) async fn successor_of(&self, process: Process) {
        // The sender is a field of this node.
        let _ = self.current.subscribe().wait_for(|(current, _)| *current != process).await;
    }

    /// The right to set faults of this node.
    pub(crate) async fn begin_fault(&self) -> MutexGuard<'_, ()> {
        self.fault.lock().await
    }

    pub(crate) fn set_links(&self, fault: LinkFault) {
        self.servers.iter().chain(&self.sentinels).for_each(|proxy| proxy.set(fault));
    }

    /// Changes the link to one server.
    pub(crate) fn set_link(&self, server: usize, fault: LinkFault) {
        if let Some(proxy) = self.servers.get(server) {
            proxy.set(fault);
        }
    }

    pub(crate) async fn pause(&self) -> io::Result<()> {
        self.worker.lock().await.pause().await
    }

    pub(crate) async fn resume(&self) -> io::Result<()> {
        self.worker.lock().await.resume().await
    }

    /// Kills the process and starts another one, which takes requests once it is connected.
    pub(crate) async fn replace(&self) -> io::Result<()> {
        let mut worker = self.worker.lock().await;
        worker.kill().await?;
        *worker = WorkerProcess::start(&self.program, &self.config).await?;
        let link = worker.link();
        self.current.send_modify(|(process, current)| {
            process.life += 1;
            *current = link;
        });
        Ok(())
    }
}
