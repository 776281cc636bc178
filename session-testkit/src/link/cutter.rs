//! The handle by which a test breaks links.

use std::{
    net::{SocketAddr, TcpListener},
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
/// Faults may be combined, work at once on links that are open and on new ones, and end with [`heal`](Self::heal).
/// The proxy runs on a thread and a clock of its own. If its target is down, it accepts links and resets them.
///
/// | to see what happens when | use |
/// |---|---|
/// | the server is far away | [`delay`](Self::delay) |
/// | the link is thin | [`throttle`](Self::throttle) |
/// | the network is down, and says so | [`cut`](Self::cut) |
/// | the network is down, and recovers without a word | [`hold`](Self::hold) in both directions, [`release`](Self::release) |
/// | a firewall forgot the link | [`half_open`](Self::half_open) |
/// | the server crashes and is back at once | [`reset`](Self::reset), [`close`](Self::close) |
/// | the request arrives and the answer is lost | `hold(Direction::Replies)`, [`wait_for_held`](Self::wait_for_held), `cut` |
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
    /// If the system gives no port or no thread.
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

    /// Where clients connect; it stays the same for the cutter's life.
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

    /// New links go to another server from now on, as when a name moves to another address.
    pub fn point_at(&self, target: SocketAddr) {
        self.shared.change(|state| state.target = target);
    }

    /// Every byte arrives this much later, in each direction: a round trip takes twice as long more.
    pub fn delay(&self, each_way: Duration) {
        self.shared.change(|state| state.faults.delay = each_way);
    }

    /// No more than so many bytes a second, per link and direction.
    pub fn throttle(&self, bytes_per_sec: u64) {
        self.shared.change(|state| state.faults.bytes_per_sec = Some(bytes_per_sec));
    }

    /// Holds back everything in one direction, from this moment to the byte. What is held keeps its order, and is lost
    /// if the link ends before [`release`](Self::release).
    pub fn hold(&self, direction: Direction) {
        self.shared.change(|state| state.faults.held[direction.index()] = true);
    }

    /// Passes on what was held back.
    pub fn release(&self, direction: Direction) {
        self.shared.change(|state| state.faults.held[direction.index()] = false);
    }

    /// Every open link is forgotten for good: both ends believe in it, and nothing passes any more, not even after
    /// [`heal`](Self::heal). New links are accepted and as dead, until then.
    pub fn half_open(&self) {
        self.shared.change(|state| {
            state.faults.half_open = true;
            state.links.values_mut().for_each(|link| link.dead = true);
        });
    }

    /// Forgets the open links only, as [`half_open`](Self::half_open) does; new ones work.
    pub fn forget_open_links(&self) {
        self.shared.change(|state| state.links.values_mut().for_each(|link| link.dead = true));
    }

    /// Closes every link and refuses new ones. Done when it returns.
    ///
    /// # Panics
    ///
    /// If the proxy does not react.
    pub async fn cut(&self) {
        self.order(Order::Cut).await;
    }

    /// Closes every link; new ones are welcome. Done when it returns.
    ///
    /// # Panics
    ///
    /// If the proxy does not react.
    pub async fn close(&self) {
        self.order(Order::Close).await;
    }

    /// Ends every link with a reset; new ones are welcome. Done when it returns.
    ///
    /// # Panics
    ///
    /// If the proxy does not react.
    pub async fn reset(&self) {
        self.order(Order::Reset).await;
    }

    /// Takes away every fault. Only links that were forgotten stay so.
    ///
    /// # Panics
    ///
    /// If the proxy does not react, or somebody took its port.
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

    /// Links open now, dead ones included.
    #[must_use]
    pub fn open_links(&self) -> usize {
        self.shared.read(|state| state.links.len())
    }

    /// Links accepted so far.
    #[must_use]
    pub fn accepted_links(&self) -> u64 {
        self.shared.read(|state| state.accepted)
    }

    /// Bytes that have arrived and are not passed on: held back, delayed, or throttled.
    #[must_use]
    pub fn held_bytes(&self, direction: Direction) -> usize {
        self.shared.read(|state| held(state, direction))
    }

    /// Waits until at least so many bytes wait in one direction.
    ///
    /// # Panics
    ///
    /// If that does not come within 30 s.
    pub async fn wait_for_held(&self, direction: Direction, bytes: usize) {
        let what = format!("{bytes} bytes of {direction:?} are held back");
        self.wait(&what, |state| held(state, direction) >= bytes).await;
    }

    /// Waits until exactly so many links are open.
    ///
    /// # Panics
    ///
    /// If that does not come within 30 s.
    pub async fn wait_for_links(&self, count: usize) {
        self.wait(&format!("{count} links are open"), |state| state.links.len() == count).await;
    }

    /// Waits until so many links have been accepted since the beginning.
    ///
    /// # Panics
    ///
    /// If that does not come within 30 s.
    pub async fn wait_for_accepted(&self, count: u64) {
        self.wait(&format!("{count} links were accepted"), |state| state.accepted >= count).await;
    }

    /// Records what clients send from now on.
    #[must_use]
    pub fn record(&self) -> Recording {
        let log = Arc::new(parking_lot::Mutex::new(Log::default()));
        self.shared.change(|state| state.logs.push(Arc::downgrade(&log)));
        Recording { log }
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let seen = timeout(LIMIT, self.shared.until(|state| is_so(state).then_some(()))).await;
        assert!(seen.is_ok(), "waited in vain until {what}; now: {:?}", self.shared.read(|state| format!("{state:?}")));
    }

    async fn order(&self, order: Order) {
        let (done, wait) = oneshot::channel();
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send((order, done)).is_ok());
        let finished = sent && matches!(timeout(LIMIT, wait).await, Ok(Ok(())));
        assert!(finished, "the proxy's thread does not react; did it panic?");
    }
}

impl Drop for LinkCutter {
    fn drop(&mut self) {
        // Without a sender the loop ends, and with it every link.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn held(state: &State, direction: Direction) -> usize {
    state.links.values().map(|link| link.waiting[direction.index()]).sum()
}

/// A listener on a port that is still the cutter's own while the listener is closed.
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
