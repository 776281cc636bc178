//! A small client, so that the kit needs neither `redis-cli` nor the client library under test.

use std::{fmt, io, net::SocketAddr, path::Path};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::{Reply, wait::LIMIT};

/// No reply of a test is longer; a greater length means a broken stream.
const LONGEST: i64 = 512 << 20;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One plain RESP2 connection: commands, and pushed messages of subscriptions.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

impl Connection {
    /// Connects over TCP.
    ///
    /// # Errors
    ///
    /// If the address refuses connections.
    pub async fn tcp(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Box::new(stream)) })
    }

    /// Connects over a unix socket.
    ///
    /// # Errors
    ///
    /// If the address refuses connections.
    pub async fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(Box::new(UnixStream::connect(path).await?)) })
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    ///
    /// If the connection ends or does not speak RESP2. A refusal is [`Reply::Error`].
    ///
    /// # Panics
    ///
    /// As [`receive`](Self::receive).
    pub async fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Reply> {
        self.send(args).await?;
        self.receive().await
    }

    /// Sends a command without waiting.
    ///
    /// # Errors
    ///
    /// If the connection ends.
    pub async fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut frame = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            frame.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            frame.extend_from_slice(arg);
            frame.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&frame).await?;
        self.stream.flush().await
    }

    /// The next reply or pushed message.
    ///
    /// # Errors
    ///
    /// If the connection ends or does not speak RESP2.
    ///
    /// # Panics
    ///
    /// If nothing arrives for 30 s, so that a test of a connection that should have ended fails and does not hang.
    pub async fn receive(&mut self) -> io::Result<Reply> {
        let next = timeout(LIMIT, self.next()).await;
        next.expect("the server answers within 30 s")
    }

    async fn next(&mut self) -> io::Result<Reply> {
        let line = self.line().await?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| broken("an empty line"))?;
        Ok(match kind {
            "+" => Reply::Status(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Int(rest.parse().map_err(|_| broken("an unreadable integer"))?),
            "$" => match length(rest)? {
                None => Reply::Nil,
                Some(len) => Reply::Bulk(self.bulk(len).await?),
            },
            "*" => match length(rest)? {
                None => Reply::Nil,
                Some(len) => {
                    let mut items = Vec::new();
                    for _ in 0..len {
                        items.push(Box::pin(self.next()).await?);
                    }
                    Reply::Array(items)
                }
            },
            _ => return Err(broken("an unknown kind of reply")),
        })
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.strip_suffix(b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    async fn bulk(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes).await?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// A negative length means a null reply.
fn length(text: &str) -> io::Result<Option<usize>> {
    match text.parse::<i64>() {
        Ok(len) if len <= LONGEST => Ok(usize::try_from(len).ok()),
        _ => Err(broken("an unreadable length")),
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}; is this a RESP2 server?"))
}
