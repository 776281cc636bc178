//! A sentinel that lies: it names a server of its own, where it waits for clients and their passwords.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The sentinel and its server.
pub(super) struct Liar {
    url: String,
    asked: watch::Receiver<usize>,
    heard: watch::Receiver<Vec<u8>>,
    epoch: Arc<Mutex<u64>>,
    tasks: [JoinHandle<()>; 2],
}

impl Liar {
    /// A sentinel that claims this epoch for its own server.
    pub(super) async fn start(epoch: u64) -> Self {
        let (sentinel, server) = (listen().await, listen().await);
        let url = format!("redis://{}", sentinel.local_addr().unwrap());
        let port = server.local_addr().unwrap().port();
        let (count, asked) = watch::channel(0);
        let (record, heard) = watch::channel(Vec::new());
        let epoch = Arc::new(Mutex::new(epoch));
        let tasks = [
            tokio::spawn(accept(sentinel, Answers { port, epoch: epoch.clone(), count: Arc::new(count) })),
            tokio::spawn(listen_to(server, Arc::new(record))),
        ];
        Self { url, asked, heard, epoch, tasks }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Claims another epoch from now on.
    pub(super) fn claim(&self, epoch: u64) {
        *self.epoch.lock().unwrap() = epoch;
    }

    /// Waits until the sentinel has answered `times` more questions.
    pub(super) async fn wait_until_asked(&self, times: usize) {
        let mut asked = self.asked.clone();
        let wanted = *asked.borrow() + times;
        asked.wait_for(|asked| *asked >= wanted).await.unwrap();
    }

    /// Waits for bytes from a client at the server, and returns them.
    pub(super) async fn overheard(&self) -> String {
        let mut heard = self.heard.clone();
        let heard = heard.wait_for(|heard| !heard.is_empty()).await.unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[derive(Clone)]
struct Answers {
    port: u16,
    epoch: Arc<Mutex<u64>>,
    count: Arc<watch::Sender<usize>>,
}

impl Answers {
    /// The replies to the commands of a request.
    fn to(&self, request: &str) -> String {
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let mut replies = String::new();
        for word in request.split("\r\n") {
            match word {
                "HELLO" => {
                    let fields = ["server", "redis", "version", "7.2.0", "mode", "sentinel", "role", "sentinel"];
                    replies += "%4\r\n";
                    replies.extend(fields.map(bulk));
                }
                "SUBSCRIBE" => replies += &format!(">3\r\n{}{}:1\r\n", bulk("subscribe"), bulk("+switch-master")),
                "GET-MASTER-ADDR-BY-NAME" => {
                    replies += &format!("*2\r\n{}{}", bulk("127.0.0.1"), bulk(&self.port.to_string()));
                }
                "MASTER" => {
                    let epoch = self.epoch.lock().unwrap().to_string();
                    replies += &format!("%1\r\n{}{}", bulk("config-epoch"), bulk(&epoch));
                    self.count.send_modify(|count| *count += 1);
                }
                _ => {}
            }
        }
        replies
    }
}

async fn accept(listener: TcpListener, answers: Answers) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(answer(client, answers.clone()));
    }
}

async fn answer(mut client: TcpStream, answers: Answers) {
    let mut request = vec![0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut request).await {
        let replies = answers.to(&String::from_utf8_lossy(&request[..read]));
        if client.write_all(replies.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn listen_to(listener: TcpListener, record: Arc<watch::Sender<Vec<u8>>>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let record = record.clone();
        tokio::spawn(async move {
            let mut bytes = vec![0; 65_536];
            while let Ok(read @ 1..) = client.read(&mut bytes).await {
                record.send_modify(|heard| heard.extend_from_slice(&bytes[..read]));
            }
        });
    }
}
