//! A server that answers HELLO as another version would, and nothing else.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

/// A server of this name and version.
pub(crate) struct Stub {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Stub {
    pub(crate) async fn start(server: &str, version: &str) -> Self {
        let fields = [("server", server), ("version", version), ("mode", "standalone"), ("role", "master")];
        let mut hello = format!("%{}\r\n", fields.len());
        for text in fields.into_iter().flat_map(|(name, value)| [name, value]) {
            hello += &format!("${}\r\n{text}\r\n", text.len());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let hello = hello.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 65_536];
                    while let Ok(read @ 1..) = client.read(&mut request).await {
                        let answer = match String::from_utf8_lossy(&request[..read]).matches("HELLO").count() {
                            0 => "-ERR unknown\r\n".to_owned(),
                            count => hello.repeat(count),
                        };
                        if client.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { addr, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.addr)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}
