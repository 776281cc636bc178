//! One link of a proxy.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    time::{Instant, sleep, sleep_until},
};

use super::{LinkFault, Ports, rewrite::Rewriter};

type Faults = watch::Receiver<LinkFault>;

/// Bytes that have arrived, and when they may be passed on.
struct Chunk {
    due: Option<Instant>,
    bytes: Vec<u8>,
}

/// Serves a link until one of its ends closes. Bytes that were held until then are lost, unless the fault is to deliver
/// them late.
pub(super) async fn serve(client: TcpStream, target: SocketAddr, faults: &mut Faults, ports: Ports) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Nagle's algorithm would add delays.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let requests = pump(from_client, to_server, None, faults.clone());
    let replies = pump(from_server, to_client, Some(Rewriter::new(ports)), faults.clone());
    let dead = faults.wait_for(|fault| *fault == LinkFault::HalfOpen);
    let (mut requests, mut replies) = (Box::pin(requests), Box::pin(replies));
    let is_dead = tokio::select! {
        // It also ends after the client has closed the link.
        _ = &mut requests => false,
        End::Source = &mut replies => false,
        _ = dead => true,
    };
    if is_dead {
        // The halves stay open: neither end gets a sign. A client gives up at last and cannot be seen to, so the link
        // is kept for a time that is longer than any fault.
        sleep(Duration::from_secs(60)).await;
    }
}

/// Reads and discards all bytes until the other end closes.
pub(super) async fn swallow(mut client: TcpStream) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(1..) = client.read(&mut buffer).await {}
}

/// The end of a link that has closed.
enum End {
    Source,
    Target,
}

/// Passes on bytes of one direction, until its source or its target closes.
async fn pump(from: OwnedReadHalf, to: OwnedWriteHalf, rewriter: Option<Rewriter>, faults: Faults) -> End {
    let (push, pull) = unbounded_channel();
    let is_reply = rewriter.is_some();
    let mut give = Box::pin(give(to, pull, is_reply, faults.clone()));
    tokio::select! {
        () = take(from, push, rewriter, faults.clone()) => {}
        () = &mut give => return End::Target,
    }
    if !is_reply && *faults.borrow() == LinkFault::HoldRequests {
        give.await;
    }
    End::Source
}

/// Reads even while bytes are held, so that the end of the source is noticed.
async fn take(mut from: OwnedReadHalf, push: UnboundedSender<Chunk>, mut rewriter: Option<Rewriter>, faults: Faults) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = match &mut rewriter {
            Some(rewriter) => rewriter.pass(&buffer[..length]),
            None => buffer[..length].to_vec(),
        };
        let due = match *faults.borrow() {
            LinkFault::Delay(delay) => Some(Instant::now() + delay),
            _ => None,
        };
        if push.send(Chunk { due, bytes }).is_err() {
            return;
        }
    }
}

async fn give(mut to: OwnedWriteHalf, mut pull: UnboundedReceiver<Chunk>, is_reply: bool, mut faults: Faults) {
    while let Some(chunk) = pull.recv().await {
        if let Some(due) = chunk.due {
            sleep_until(due).await;
        }
        let Ok(fault) = faults.wait_for(|fault| !fault.holds(is_reply)).await.map(|fault| *fault) else { return };
        if let LinkFault::Throttle(rate) = fault {
            sleep(Duration::from_secs_f64(chunk.bytes.len() as f64 / f64::from(rate.max(1)))).await;
        }
        if to.write_all(&chunk.bytes).await.is_err() {
            return;
        }
    }
}
