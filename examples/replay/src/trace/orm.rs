//! A stream of object reads by key, big-endian u32 each, such as the cache2k benchmark trace `orm_busy` (© headissue
//! GmbH, Jens Wilke, CC BY 4.0).
//!
//! A key is a session and a read is a page. The stream has no writes, so one access in eight becomes a write: the 7:1 of
//! Wikimedia's sessions of signed-in users. The writes of a session rotate over a few articles; each adds its article to
//! the cart, or removes it if it is there.

use std::{collections::HashMap, io::BufRead};

use super::{
    recorded::{MOST_LINES, TraceError},
    rng::Rng,
};
use crate::plan::{ArticleNo, Planner, SessionNo};

const READS_PER_WRITE: u32 = 7;
const ARTICLES: usize = 16;

struct Visitor {
    session: SessionNo,
    writes: usize,
}

pub(super) fn plan(
    mut input: Box<dyn BufRead>,
    lines: Option<u32>,
    seed: u64,
    planner: &mut Planner,
) -> Result<(), TraceError> {
    let articles: Vec<ArticleNo> = (0..ARTICLES).map(|n| planner.article(&format!("article-{n}"))).collect();
    let mut visitors: HashMap<u32, Visitor> = HashMap::new();
    let mut rng = Rng::new(seed);
    let most = lines.unwrap_or(MOST_LINES);
    for number in 1..=most {
        let Some(key) = next_key(&mut *input, number)? else { return Ok(()) };
        let visitor =
            visitors.entry(key).or_insert_with(|| Visitor { session: planner.begin(PROFILE), writes: key as usize });
        if rng.below(READS_PER_WRITE + 1) > 0 {
            planner.look(visitor.session);
            continue;
        }
        let article = articles[visitor.writes % ARTICLES];
        visitor.writes += 1;
        if planner.holds(visitor.session, article) {
            planner.take_back(visitor.session, article);
        } else {
            planner.add(visitor.session, article, number, 1);
        }
    }
    if lines.is_none() && next_key(&mut *input, most)?.is_some() {
        return Err(TraceError::too_long());
    }
    Ok(())
}

/// Bytes of a session's value besides its cart: the median of published caches.
const PROFILE: u32 = 230;

/// The next key. A stream that ends within a key is an error.
fn next_key(input: &mut dyn BufRead, number: u32) -> Result<Option<u32>, TraceError> {
    let mut key = [0; 4];
    let mut filled = 0;
    while filled < key.len() {
        match input.read(&mut key[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(TraceError::new(format!("access {number}: {filled} bytes, expected 4"))),
            read => filled += read,
        }
    }
    Ok(Some(u32::from_be_bytes(key)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::plan::Task;

    fn planned(keys: &[u32]) -> crate::plan::Plan {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_be_bytes()).collect();
        let mut planner = Planner::default();
        plan(Box::new(Cursor::new(bytes)), None, 1, &mut planner).unwrap();
        planner.finish()
    }

    #[test]
    fn every_key_is_a_session_and_one_access_in_eight_writes() {
        let keys: Vec<u32> = (0..80_000).map(|n| (n % 100) << 24).collect();
        let plan = planned(&keys);
        assert_eq!(plan.expected.len(), 100);
        let reads = plan.steps.iter().filter(|step| matches!(step.task, Task::Look)).count();
        let writes = plan.steps.len() - 100 - reads;
        assert!((9_500..10_500).contains(&writes), "{writes}");
        assert!(plan.expected.iter().all(|session| session.lines.len() <= ARTICLES));
        assert!(plan.counts.removals > 3_000, "{}", plan.counts.removals);
    }

    #[test]
    fn a_stream_that_is_cut_short_is_an_error() {
        let input = Box::new(Cursor::new(vec![0, 0, 0, 1, 0, 0]));
        let error = plan(input, None, 1, &mut Planner::default()).unwrap_err();
        assert_eq!(error.to_string(), "access 2: 2 bytes, expected 4");
    }
}
