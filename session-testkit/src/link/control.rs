//! The loop that accepts links and executes orders for all of them.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::{mpsc::UnboundedReceiver, oneshot},
    task::JoinSet,
};

use crate::link::{
    faults::{Faults, Shared},
    pump,
};

/// An order for all links at once. Each is acknowledged when it is done.
#[derive(Debug)]
pub(super) enum Order {
    /// Close all links and refuse new ones.
    Cut,
    /// Close all links; accept new ones.
    Close,
    /// Reset all links; accept new ones.
    Reset,
    /// Remove every fault.
    Heal,
}

pub(super) type Orders = UnboundedReceiver<(Order, oneshot::Sender<()>)>;

/// Runs until the sender of orders is gone. It has a separate runtime, so the links work even if the test's runtime is
/// blocked, has ended, or has a paused clock.
pub(super) fn run(listener: std::net::TcpListener, shared: &Arc<Shared>, orders: Orders) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let addr = listener.local_addr().expect("a listener has an address");
        let (listener, links) = (Some(Listener::new(listener)), JoinSet::new());
        Control { addr, listener, links, shared: Arc::clone(shared) }.serve(orders).await;
    });
}

/// One listener, with and without the runtime: only the system knows at once of new connections.
struct Listener {
    awaited: TcpListener,
    direct: std::net::TcpListener,
}

impl Listener {
    fn new(direct: std::net::TcpListener) -> Self {
        let awaited = direct.try_clone().and_then(TcpListener::from_std).expect("a listener that does not block");
        Self { awaited, direct }
    }

    /// Stops to listen. Closing the socket would not be enough: a process that is being started has a copy of it for a
    /// moment, which would go on to accept connections and keep the port.
    fn close(self) {
        let _ = socket2::SockRef::from(&self.direct).shutdown(std::net::Shutdown::Both);
    }
}

struct Control {
    addr: SocketAddr,
    listener: Option<Listener>,
    links: JoinSet<()>,
    shared: Arc<Shared>,
}

impl Control {
    async fn serve(mut self, mut orders: Orders) {
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((order, done)) = order else { return };
                    self.carry_out(order).await;
                    // The caller may have stopped waiting.
                    let _ = done.send(());
                }
                Ok(client) = accept(self.listener.as_ref()) => self.open(client),
                Some(_) = self.links.join_next() => {}
            }
        }
    }

    fn open(&mut self, client: TcpStream) {
        let link = pump::open(client, Arc::clone(&self.shared));
        self.links.spawn(link);
    }

    /// Accepts the connections made before an order was given, so that the order applies to them too.
    fn accept_waiting(&mut self) {
        while let Some(Ok((client, _))) = self.listener.as_ref().map(|listener| listener.direct.accept()) {
            let client = client.set_nonblocking(true).and_then(|()| TcpStream::from_std(client));
            if let Ok(client) = client {
                self.open(client);
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        self.accept_waiting();
        match order {
            Order::Cut => {
                if let Some(listener) = self.listener.take() {
                    listener.close();
                }
                self.links.shutdown().await;
            }
            Order::Close => self.links.shutdown().await,
            Order::Reset => {
                self.shared.change(|state| {
                    let sockets = state.links.values().flat_map(|link| &link.sockets);
                    for socket in sockets.filter_map(std::sync::Weak::upgrade) {
                        let _ = socket.set_zero_linger();
                    }
                });
                self.links.shutdown().await;
            }
            Order::Heal => {
                self.shared.change(|state| state.faults = Faults::default());
                if self.listener.is_none() {
                    let listener = std::net::TcpListener::bind(self.addr);
                    let listener = listener.expect("the cutter's own port is free; did somebody else take it?");
                    listener.set_nonblocking(true).expect("a listener can be made not to block");
                    self.listener = Some(Listener::new(listener));
                }
            }
        }
    }
}

async fn accept(listener: Option<&Listener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.awaited.accept().await?.0),
        None => std::future::pending().await,
    }
}
