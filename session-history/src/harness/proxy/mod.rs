//! A TCP proxy between one worker and one server, whose links fail.

mod link;
mod rewrite;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub(crate) use rewrite::Ports;

/// The fault of the links of a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkFault {
    /// Nothing.
    #[default]
    None,
    /// Links are closed, and new ones are closed at once.
    Cut,
    /// Nothing passes, in either direction.
    Hold,
    /// Requests pass, and no replies.
    HoldReplies,
    /// No requests pass. The held ones arrive later, even if the client has closed the link by then.
    HoldRequests,
    /// Links are forgotten for good, and new ones are equally dead.
    HalfOpen,
    /// Every byte is late.
    Delay(Duration),
    /// This many bytes pass in a second, in each direction.
    Throttle(u32),
}

impl LinkFault {
    fn holds(self, is_reply: bool) -> bool {
        match self {
            Self::Hold => true,
            Self::HoldReplies => is_reply,
            Self::HoldRequests => !is_reply,
            _ => false,
        }
    }
}

/// A proxy, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    addr: SocketAddr,
    fault: Arc<watch::Sender<LinkFault>>,
    ports: Arc<watch::Sender<Ports>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to a server.
    pub(crate) async fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let fault = Arc::new(watch::Sender::new(LinkFault::None));
        let ports = Arc::new(watch::Sender::new(Ports::default()));
        let task = tokio::spawn(accept(listener, target, fault.clone(), ports.clone()));
        Ok(Self { addr, fault, ports, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }

    /// Changes the faults of open and of new links.
    pub(crate) fn set(&self, fault: LinkFault) {
        self.fault.send_replace(fault);
    }

    /// Replaces the ports in addresses that the server reports.
    pub(crate) fn replace(&self, ports: Ports) {
        self.ports.send_replace(ports);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The links are tasks of this one, and end with it.
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    fault: Arc<watch::Sender<LinkFault>>,
    ports: Arc<watch::Sender<Ports>>,
) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    links.spawn(serve(client, target, fault.subscribe(), ports.borrow().clone()));
                }
            }
            Some(_) = links.join_next() => {}
        }
    }
}

async fn serve(client: TcpStream, target: SocketAddr, mut fault: watch::Receiver<LinkFault>, ports: Ports) {
    let now = *fault.borrow();
    match now {
        LinkFault::Cut => return,
        LinkFault::HalfOpen => return link::swallow(client).await,
        _ => {}
    }
    let mut cut = fault.clone();
    tokio::select! {
        // The sender lives as long as the proxy.
        _ = cut.wait_for(|fault| *fault == LinkFault::Cut) => {}
        () = link::serve(client, target, &mut fault, ports) => {}
    }
}
