//! Bare redis-rs: one publishing connection and one subscribed.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use session_testkit::Server;

use super::Arrivals;
use crate::plain;

const CHANNEL: &str = "bare";
/// The length of the message of a small update.
const LENGTH: usize = 160;

/// A publisher and a subscriber.
#[derive(Debug)]
pub struct Bare {
    connection: MultiplexedConnection,
    sent: Arc<Mutex<Vec<Instant>>>,
    pub(super) arrivals: Arrivals,
}

impl Bare {
    /// Connects both.
    pub async fn start(server: &Server) -> Self {
        let connection = plain::connect(server).await;
        let mut subscriber = plain::client(server).get_async_pubsub().await.unwrap();
        subscriber.subscribe(CHANNEL).await.unwrap();
        let (sent, arrivals) = (Arc::<Mutex<Vec<Instant>>>::default(), Arrivals::default());
        let bare = Self { connection, sent: sent.clone(), arrivals: arrivals.clone() };
        tokio::spawn(async move {
            let mut messages = subscriber.into_on_message();
            while let Some(message) = messages.next().await {
                let number = u64::from_be_bytes(*message.get_payload_bytes().first_chunk().unwrap());
                let sent = sent.lock().unwrap()[usize::try_from(number).unwrap()];
                arrivals.note(sent);
            }
        });
        bare
    }

    /// One message.
    pub async fn publish(&self) {
        let number = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(Instant::now());
            sent.len() - 1
        };
        let mut payload = vec![7; LENGTH];
        payload[..8].copy_from_slice(&(number as u64).to_be_bytes());
        redis::cmd("PUBLISH").arg(CHANNEL).arg(payload).exec_async(&mut self.connection.clone()).await.unwrap();
    }
}
