//! One link: passes bytes from one end to the other, as far as the faults allow.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep, sleep_until},
};

use crate::link::{
    Direction,
    faults::{Link, Shared, State},
};

/// Bytes in flight, with the time of their arrival.
struct Chunk {
    due: Option<Instant>,
    bytes: Vec<u8>,
}

/// Deregisters the link when its task ends, for whatever reason.
struct Registered {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared.change(|state| state.links.remove(&self.id));
    }
}

/// Registers an accepted link at once; the future serves it until one of its ends closes.
pub(super) fn open(client: TcpStream, shared: Arc<Shared>) -> impl Future<Output = ()> + Send {
    let from = client.peer_addr().ok().map(|addr| addr.ip());
    let client = Arc::new(client);
    let (id, target, dead) = shared.change(|state| {
        let (id, dead) = (state.accepted, state.faults.half_open);
        state.accepted += 1;
        state.links.insert(id, Link { dead, from, sockets: vec![Arc::downgrade(&client)], ..Link::default() });
        (id, state.target, dead)
    });
    let registered = Registered { shared, id };
    async move {
        match dead {
            true => swallow(&client).await,
            false => serve(client, target, &registered).await,
        }
    }
}

async fn serve(client: Arc<TcpStream>, target: SocketAddr, link: &Registered) {
    let (shared, id) = (&*link.shared, link.id);
    let Ok(server) = TcpStream::connect(target).await else {
        // The closest equivalent of "connection refused" for a link that was accepted.
        let _ = client.set_zero_linger();
        return;
    };
    // Nagle's algorithm would add delays.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let server = Arc::new(server);
    shared.change(|state| {
        if let Some(link) = state.links.get_mut(&id) {
            link.sockets.push(Arc::downgrade(&server));
        }
    });
    tokio::select! {
        () = carry(shared, id, Direction::Requests, &client, &server) => {}
        () = carry(shared, id, Direction::Replies, &server, &client) => {}
        () = shared.until(|state| is_dead(state, id).then_some(())) => {
            // The server's end stays open too: it gets no sign that the client is gone.
            swallow(&client).await;
        }
    }
}

/// Serves one direction until its source ends and all bytes before that have been passed on.
async fn carry(shared: &Shared, id: u64, direction: Direction, from: &TcpStream, to: &TcpStream) {
    let (push, pull) = unbounded_channel();
    let take = take(shared, id, direction, from, push);
    let give = give(shared, id, direction, to, pull);
    // The writing half ends after the reading half, when the queue is empty, or at once when its target closes.
    let (mut take, mut give) = (std::pin::pin!(take), std::pin::pin!(give));
    tokio::select! {
        () = &mut give => {}
        () = &mut take => give.await,
    }
}

/// Reads bytes even while they are held, so that a test can wait for their arrival.
async fn take(shared: &Shared, id: u64, direction: Direction, from: &TcpStream, queue: UnboundedSender<Chunk>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(len @ 1..) = read(from, &mut buffer).await {
        let bytes = buffer[..len].to_vec();
        shared.arrived(id, direction, &bytes);
        // The timer counts in milliseconds, so even "now" would come late: no delay means no timer.
        let delay = shared.read(|state| state.faults.delay);
        let due = (!delay.is_zero()).then(|| Instant::now() + delay);
        if queue.send(Chunk { due, bytes }).is_err() {
            return;
        }
    }
}

async fn give(shared: &Shared, id: u64, direction: Direction, to: &TcpStream, mut queue: UnboundedReceiver<Chunk>) {
    while let Some(chunk) = queue.recv().await {
        if let Some(due) = chunk.due {
            sleep_until(due).await;
        }
        let mut rest = chunk.bytes.as_slice();
        while !rest.is_empty() {
            shared.until(|state| may_pass(state, id, direction).then_some(())).await;
            if to.writable().await.is_err() {
                return;
            }
            match pass(shared, id, direction, to, rest) {
                Ok((len, pause)) => {
                    rest = &rest[len..];
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// Passes on the bytes that the socket accepts at once. The lock ensures that no byte passes after a fault is set.
fn pass(shared: &Shared, id: u64, direction: Direction, to: &TcpStream, bytes: &[u8]) -> io::Result<(usize, Duration)> {
    shared.change(|state| {
        if !may_pass(state, id, direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let rate = state.faults.bytes_per_sec;
        // Twenty portions a second resemble a slow link rather than a stuttering one.
        let most = rate.map_or(bytes.len(), |rate| usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1));
        let len = to.try_write(&bytes[..most.min(bytes.len())])?;
        state.forwarded[direction.index()] += len as u64;
        if let Some(link) = state.links.get_mut(&id) {
            link.waiting[direction.index()] -= len;
        }
        let pause = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(len as f64 / rate.max(1) as f64));
        Ok((len, pause))
    })
}

fn may_pass(state: &State, id: u64, direction: Direction) -> bool {
    !state.faults.held[direction.index()] && !is_dead(state, id) && !is_severed(state, id)
}

fn is_severed(state: &State, id: u64) -> bool {
    let from = state.links.get(&id).and_then(|link| link.from);
    from.is_some_and(|from| state.faults.severed.contains(&from))
}

fn is_dead(state: &State, id: u64) -> bool {
    state.links.get(&id).is_some_and(|link| link.dead)
}

/// Reads and discards all bytes until the other end closes.
async fn swallow(from: &TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(1..) = read(from, &mut buffer).await {}
}

async fn read(from: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        from.readable().await?;
        match from.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}
