//! The loop of a worker.

use std::{io, sync::Arc, time::Duration};

use session_core::{Error, ErrorKind};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

use crate::worker::{Answer, NodeConfig, Reply, Request, node::Node};

/// The pause between two attempts to connect.
const RECONNECT: Duration = Duration::from_millis(100);

/// Serves requests until the standard input ends.
///
/// # Errors
/// If the standard input cannot be read or its first line is no configuration, and if the configuration is refused.
pub async fn serve() -> io::Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let first = lines.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let config: NodeConfig = serde_json::from_str(&first)?;
    let (replies, mut taken) = unbounded_channel::<Reply>();
    let writer = tokio::spawn(async move {
        let mut out = stdout();
        while let Some(reply) = taken.recv().await {
            let mut line = serde_json::to_vec(&reply)?;
            line.push(b'\n');
            out.write_all(&line).await?;
            out.flush().await?;
        }
        Ok::<(), io::Error>(())
    });
    let node = tokio::select! {
        node = connect(&config) => Arc::new(node?),
        // The harness sends nothing before the node is ready, so this is the end of the input.
        _ = lines.next_line() => return Ok(()),
        _ = writer => return Ok(()),
    };
    // A send fails only if the harness is gone, which the end of the input says too.
    let _ = replies.send(Reply::Ready(true));
    while let Some(line) = lines.next_line().await? {
        let request: Request = serde_json::from_str(&line)?;
        tokio::spawn(answer(node.clone(), request, replies.clone()));
    }
    Ok(())
}

async fn answer(node: Arc<Node>, request: Request, replies: UnboundedSender<Reply>) {
    let answer = match request.op {
        None => Answer::Counters(node.counters(), node.is_reachable().await),
        Some(op) => Answer::Outcome(node.perform(op, &request).await),
    };
    let _ = replies.send(Reply::Answer(request.call, answer));
}

/// Connects as soon as the servers can be reached.
async fn connect(config: &NodeConfig) -> io::Result<Node> {
    loop {
        match Node::connect(config).await {
            Ok(node) => return Ok(node),
            Err(error) if is_fatal(&error) => return Err(io::Error::other(error)),
            Err(_) => tokio::time::sleep(RECONNECT).await,
        }
    }
}

fn is_fatal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Configuration | ErrorKind::InvalidInput)
}
