//! Whether the sessions on the servers are laid out as this store is configured. No request is sent before that is known.

use std::sync::atomic::{AtomicBool, Ordering};

use redis::Value as Reply;
use session_core::model::Timestamp;

use crate::{
    net::{Failure, HashSlot, Resend},
    operation::Operation,
    tags::slot_of_key,
};

/// Whether the layout was found right. Until then each operation checks it before it sends anything.
#[derive(Debug, Default)]
pub(crate) struct LayoutCheck {
    has_passed: AtomicBool,
}

impl Operation<'_> {
    /// Returns once the operation may send its requests.
    pub(crate) async fn admit(&self) -> Result<(), Failure> {
        if self.store.layout_check.has_passed.load(Ordering::Acquire) {
            return Ok(());
        }
        Box::pin(self.check_layout()).await
    }

    /// Checks the layout, or stores it if there is none.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if it is another one.
    pub(crate) async fn check_layout(&self) -> Result<(), Failure> {
        let (key, declared) = self.store.layout.declaration();
        let slot = HashSlot::new(slot_of_key(key.as_bytes()));
        // A plain read: a server that accepts no writes for the time being still answers it.
        let mut get = redis::cmd("GET");
        get.arg(&key);
        let mut found = self.store.net.command(self.deadline, slot, &get, Resend::Harmless).await?;
        if found == Reply::Nil {
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(&declared).arg("NX").arg("GET");
            found = self.store.net.command(self.deadline, slot, &set, Resend::Harmless).await?;
        }
        match found {
            Reply::Nil => {}
            Reply::BulkString(found) if found == declared.as_bytes() => {}
            Reply::BulkString(found) => return Err(self.mismatch(&String::from_utf8_lossy(&found))),
            _ => return Err(Failure::fatal("the key of the layout holds something else; choose another prefix")),
        }
        self.read_clock().await;
        self.store.layout_check.has_passed.store(true, Ordering::Release);
        Ok(())
    }

    fn mismatch(&self, found: &str) -> Failure {
        match found.split_once(':') {
            Some(("1", partitions)) if partitions.parse::<u32>().is_ok() => Failure::fatal(format!(
                "the sessions under this prefix are in {partitions} partitions, and this store is set to {}; set \
                 `partitions` to {partitions}, or choose another prefix",
                self.store.layout.partitions().len()
            )),
            _ => Failure::fatal("another version wrote the sessions under this prefix; choose another prefix"),
        }
    }

    /// Learns the time of a server. A store that does not know it sends its first updates without a limit.
    async fn read_clock(&self) {
        let clock = &self.store.layout.clock;
        if clock.at_the_end_of(self.deadline).is_some() {
            return;
        }
        let Some(partition) = self.store.layout.partitions().first() else { return };
        let slot = HashSlot::new(partition.slot);
        let time = self.store.net.command(self.deadline, slot, &redis::cmd("TIME"), Resend::Harmless).await;
        let number = |reply: &Reply| match reply {
            Reply::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        if let Ok(Reply::Array(time)) = time
            && let [Some(seconds), Some(micros)] = time.iter().map(number).collect::<Vec<_>>()[..]
        {
            let millis = seconds.saturating_mul(1_000).saturating_add(micros.div_ceil(1_000));
            clock.observe(self.deadline, Timestamp::from_millis(millis));
        }
    }
}
