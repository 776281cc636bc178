//! Links that fail.

use std::time::Duration;

use session_testkit::{Direction, LinkCutter};

use crate::node::Links;

/// One fault at one node, of its feed, its commands, or both, for up to a second; then a pause.
pub(super) async fn one(links: &[Links], random: &mut fastrand::Rng) {
    let Links { commands, listening } = &links[random.usize(..links.len())];
    let targets: &[&LinkCutter] = match random.u8(..5) {
        0 | 1 => &[listening],
        2 | 3 => &[commands],
        _ => &[listening, commands],
    };
    let kind = random.u8(..8);
    for target in targets {
        begin(target, kind, random).await;
    }
    pause(random, 900).await;
    for target in targets {
        // The messages that were held arrive now, late.
        target.heal().await;
    }
    pause(random, 200).await;
}

async fn begin(link: &LinkCutter, kind: u8, random: &mut fastrand::Rng) {
    match kind {
        0 => link.cut().await,
        1 => link.close().await,
        2 => link.reset().await,
        3 => link.half_open(),
        4 => link.forget_open_links(),
        5 => link.hold(Direction::Replies),
        6 => link.hold(Direction::Requests),
        _ => link.delay(Duration::from_millis(random.u64(1..400))),
    }
}

async fn pause(random: &mut fastrand::Rng, most: u64) {
    tokio::time::sleep(Duration::from_millis(random.u64(1..most))).await;
}
