//! The handle with which a test breaks links.

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::timeout,
};

use crate::{
    link::{
        Direction, Recording,
        control::{self, Order},
        faults::{Shared, State},
        recording::Log,
    },
    port::Port,
    wait::LIMIT,
};

/// A TCP proxy in front of one server, whose links fail on demand.
///
/// Faults can be combined, take effect at once on open and on new links, and end with [`heal`](Self::heal). The proxy has
/// its own thread and clock. If its target is down, it accepts links and resets them.
///
/// | to test the case that | use |
/// |---|---|
/// | the server is far away | [`delay`](Self::delay) |
/// | the link is slow | [`throttle`](Self::throttle) |
/// | the network is down and reports it | [`cut`](Self::cut) |
/// | the network is down without a sign, and recovers | [`hold`](Self::hold) in both directions, [`release`](Self::release) |
/// | the network has split, and others still reach the server | [`sever`](Self::sever) |
/// | a firewall forgot the link | [`half_open`](Self::half_open) |
/// | the server crashes and restarts at once | [`reset`](Self::reset), [`close`](Self::close) |
/// | the request arrives and the reply is lost | `hold(Direction::Replies)`, [`wait_for_held`](Self::wait_for_held), `cut` |
/// | the request is lost | `hold(Direction::Requests)`, `wait_for_held`, `cut` |
#[derive(Debug)]
pub struct LinkCutter {
    port: Port,
    shared: Arc<Shared>,
    orders: Option<UnboundedSender<(Order, oneshot::Sender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

impl LinkCutter {
    /// A proxy to `target`, such as [`Server::addr`](crate::Server::addr).
    ///
    /// # Panics
    ///
    /// If the system provides no port or no thread.
    #[expect(clippy::unused_async, reason = "all that makes a server or a link is awaited alike")]
    pub async fn to(target: SocketAddr) -> Self {
        let (port, listener) = listen();
        let shared = Arc::new(Shared::new(target));
        let (orders, taken) = unbounded_channel();
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("link-cutter".to_owned());
        let thread = thread.spawn(move || control::run(listener, &own, taken)).expect("a thread can be started");
        Self { port, shared, orders: Some(orders), thread: Some(thread) }
    }

    /// The address for clients; it stays the same for the cutter's lifetime.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The port of [`addr`](Self::addr).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Connects new links to another server, as when a name moves to another address.
    pub fn point_at(&self, target: SocketAddr) {
        self.shared.change(|state| state.target = target);
    }

    /// Delays every byte by this time in each direction: a round trip takes twice that time longer.
    pub fn delay(&self, each_way: Duration) {
        self.shared.change(|state| state.faults.delay = each_way);
    }

    /// Limits the bytes per second, per link and direction.
    pub fn throttle(&self, bytes_per_sec: u64) {
        self.shared.change(|state| state.faults.bytes_per_sec = Some(bytes_per_sec));
    }

    /// Holds all bytes in one direction, starting with the next byte. Held bytes keep their order, and are lost if the link
    /// ends before [`release`](Self::release).
    pub fn hold(&self, direction: Direction) {
        self.shared.change(|state| state.faults.held[direction.index()] = true);
    }

    /// Passes on the held bytes.
    pub fn release(&self, direction: Direction) {
        self.shared.change(|state| state.faults.held[direction.index()] = false);
    }

    /// Holds all bytes in both directions on the links from these addresses, as if the network had split. Later calls
    /// replace earlier ones.
    pub fn sever(&self, from: &[IpAddr]) {
        self.shared.change(|state| state.faults.severed = from.to_vec());
    }

    /// Forgets every open link for good: both ends consider it open, but nothing passes any more, even after
    /// [`heal`](Self::heal). Until then, new links are accepted and equally dead.
    pub fn half_open(&self) {
        self.shared.change(|state| {
            state.faults.half_open = true;
            state.links.values_mut().for_each(|link| link.dead = true);
        });
    }

    /// Like [`half_open`](Self::half_open), but for the open links only; new ones work.
    pub fn forget_open_links(&self) {
        self.shared.change(|state| state.links.values_mut().for_each(|link| link.dead = true));
    }

    /// Closes every link and refuses new ones, before it returns.
    ///
    /// # Panics
    ///
    /// If the proxy does not respond.
    pub async fn cut(&self) {
        self.order(Order::Cut).await;
    }

    /// Closes every link before it returns, and accepts new ones.
    ///
    /// # Panics
    ///
    /// If the proxy does not respond.
    pub async fn close(&self) {
        self.order(Order::Close).await;
    }

    /// Resets every link before it returns, and accepts new ones.
    ///
    /// # Panics
    ///
    /// If the proxy does not respond.
    pub async fn reset(&self) {
        self.order(Order::Reset).await;
    }

    /// Removes every fault. Only forgotten links stay forgotten.
    ///
    /// # Panics
    ///
    /// If the proxy does not respond, or another program took its port.
    pub async fn heal(&self) {
        self.order(Order::Heal).await;
    }

    /// Bytes passed on to the server so far.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.shared.read(|state| state.forwarded[Direction::Requests.index()])
    }

    /// Bytes passed on to clients so far.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.shared.read(|state| state.forwarded[Direction::Replies.index()])
    }

    /// Open links, including dead ones.
    #[must_use]
    pub fn open_links(&self) -> usize {
        self.shared.read(|state| state.links.len())
    }

    /// Links accepted so far.
    #[must_use]
    pub fn accepted_links(&self) -> u64 {
        self.shared.read(|state| state.accepted)
    }

    /// Bytes that have arrived but were not passed on: held, delayed or throttled.
    #[must_use]
    pub fn held_bytes(&self, direction: Direction) -> usize {
        self.shared.read(|state| held(state, direction))
    }

    /// Waits until at least this many bytes are held in one direction.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_for_held(&self, direction: Direction, bytes: usize) {
        let what = format!("{bytes} bytes of {direction:?} are held back");
        self.wait(&what, |state| held(state, direction) >= bytes).await;
    }

    /// Waits until exactly this many links are open.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_for_links(&self, count: usize) {
        self.wait(&format!("{count} links are open"), |state| state.links.len() == count).await;
    }

    /// Waits until this many links have been accepted in total.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_for_accepted(&self, count: u64) {
        self.wait(&format!("{count} links were accepted"), |state| state.accepted >= count).await;
    }

    /// Starts to record the requests of clients.
    #[must_use]
    pub fn record(&self) -> Recording {
        let log = Arc::new(parking_lot::Mutex::new(Log::default()));
        self.shared.change(|state| state.logs.push(Arc::downgrade(&log)));
        Recording { log }
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let seen = timeout(LIMIT, self.shared.until(|state| is_so(state).then_some(()))).await;
        assert!(
            seen.is_ok(),
            "timed out waiting until {what}; now: {:?}",
            self.shared.read(|state| format!("{state:?}"))
        );
    }

    async fn order(&self, order: Order) {
        let (done, wait) = oneshot::channel();
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send((order, done)).is_ok());
        let finished = sent && matches!(timeout(LIMIT, wait).await, Ok(Ok(())));
        assert!(finished, "the proxy's thread does not respond; did it panic?");
    }
}

impl Drop for LinkCutter {
    fn drop(&mut self) {
        // Without a sender the loop ends, and all links with it.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn held(state: &State, direction: Direction) -> usize {
    state.links.values().map(|link| link.waiting[direction.index()]).sum()
}

/// A listener on a port that stays reserved for the cutter while the listener is closed.
fn listen() -> (Port, TcpListener) {
    for _ in 0..100 {
        let port = Port::reserve();
        if let Ok(listener) = TcpListener::bind(port.addr()) {
            listener.set_nonblocking(true).expect("a listener can be made not to block");
            return (port, listener);
        }
    }
    panic!("every port tried for a link cutter was taken; is something else listening on all of them?")
}
