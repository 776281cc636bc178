//! The choice of requests.

use fastrand::Rng;
use session_core::Error;

use super::{
    options::GRACE,
    pool::{Known, Pool},
};
use crate::history::{Level, Op, RotationKind};

/// How many sessions are in use at a time.
const LIVE: usize = 10;

/// A request without its process: the session, the number of its id, and what to do.
pub(super) type Choice = (u32, u32, Op);

/// The next request of a client.
pub(super) fn choose(pool: &mut Pool, rng: &mut Rng) -> Result<Choice, Error> {
    let live = pool.live();
    if live.len() < LIVE && (live.is_empty() || rng.u8(..) < 64) {
        return Ok((pool.open()?, 0, Op::Create));
    }
    if rng.u8(0..100) < 6
        && let Some(choice) = look_back(pool, rng)
    {
        return Ok(choice);
    }
    let session = live[rng.usize(..live.len())];
    let (dice, value) = (rng.u16(0..1_000), pool.value());
    let Some(known) = pool.get(session) else { return Ok((session, 0, Op::Touch)) };
    let op = match dice {
        0..400 => load(Level::Local, known, rng, false),
        400..530 => load(Level::Local, known, rng, true),
        530..650 => load(Level::Store, known, rng, false),
        650..820 => Op::Add { element: value },
        820..850 if !known.added.is_empty() => Op::Remove { element: known.added[rng.usize(..known.added.len())] },
        820..900 => Op::Set { value },
        900..970 => Op::Increment,
        970..985 => Op::Touch,
        985..996 => rotate(known, rng),
        _ => Op::Destroy,
    };
    let is_load = matches!(op, Op::Load { .. });
    // Some loads come with an old cookie.
    let id = if is_load && rng.u8(0..20) == 0 { rng.u32(..=known.current) } else { known.current };
    Ok((session, id, op))
}

fn load(level: Level, known: &Known, rng: &mut Rng, with_floor: bool) -> Op {
    let floor = known.newest.filter(|_| with_floor || rng.u8(0..10) == 0);
    Op::Load { level, floor, settled: false }
}

fn rotate(known: &mut Known, rng: &mut Rng) -> Op {
    let kind = if rng.bool() { RotationKind::Renew } else { RotationKind::Privilege };
    let grace = u64::try_from(GRACE.as_micros()).unwrap_or(u64::MAX);
    known.draw().map_or(Op::Touch, |to| Op::Rotate { to, kind, grace })
}

/// A load of a session that was in use a while ago.
fn look_back(pool: &mut Pool, rng: &mut Rng) -> Option<Choice> {
    let retired = pool.retired();
    let latest = &retired[retired.len().saturating_sub(12)..];
    let session = *latest.get(rng.usize(..latest.len().max(1)))?;
    let level = if rng.bool() { Level::Local } else { Level::Store };
    let known = pool.get(session)?;
    Some((session, rng.u32(..=known.current), Op::Load { level, floor: None, settled: false }))
}
