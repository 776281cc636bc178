//! What is lost, and what never is, when primaries die, are cut off, hand over, or give slots away.
//!
//! Each session has one writer, which keeps a [`ledger`] of what it was told. A write without an answer is neither done
//! nor not done until the store says so. After a fault the state must be that of a history in which no update was
//! applied twice or in part, what is missing must be what the setting allows, and whoever lost something must see it in
//! the stamps. A [`listener`] checks that the feed misses nothing without a gap. Each client lives through the fault:
//! none is connected anew.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod answer_lost;
mod isolated;
mod ledger;
mod listener;
mod load;
mod lost_nodes;
mod new_primary;
mod outlive;
mod paused;
mod reaper;
mod renamed;
mod replicas;
mod reshard;
mod slot_move;
mod tally;
mod topology;

use session_testkit::{until, within};
