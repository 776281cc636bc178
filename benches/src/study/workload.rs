//! Workloads: sessions and requests, from a trace or a generator.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    path::{Path, PathBuf},
};

use replay::{
    plan::{Planner, Step, Task},
    trace::{self, Rng, TraceError},
};

use crate::Zipf;

/// What a request does in addition to the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Read,
    /// It updates one field.
    Write,
    /// It ends the session.
    End,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The session. Sessions are numbered in the order of their first requests.
    pub session: u32,
    /// The additional action.
    pub act: Act,
}

/// Requests in order. A session begins with its first request.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name of the workload.
    pub name: String,
    /// The number of sessions.
    pub sessions: u32,
    /// The requests.
    pub requests: Vec<Request>,
}

/// A trace that cannot be used.
#[derive(Debug)]
pub struct Unreadable {
    path: PathBuf,
    source: TraceError,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the trace {} cannot be used", self.path.display())
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Workload {
    /// Sessions requested in proportion to n^-alpha; this share of the requests writes.
    pub fn zipf((sessions, alpha): (usize, f64), requests: usize, writes: f64, seed: u64) -> Self {
        let mut sampler = Zipf::with_alpha(sessions, alpha, seed);
        let read = |_| (sampler.sample() as u64, Act::Read);
        Self::of(format!("Zipf {alpha}"), (0..requests).map(read)).with_writes(writes, seed)
    }

    /// The traffic of a shop, by published figures: short sessions, most of which end soon.
    pub fn shop(requests: u32, seed: u64) -> Self {
        let mut planner = Planner::default();
        trace::generate(requests, seed, &mut planner);
        Self::planned("shop", &planner.finish().steps)
    }

    /// The first `lines` lines of a recorded trace.
    ///
    /// # Errors
    /// If it cannot be read, or is not a trace.
    pub fn read(path: &Path, lines: u32, seed: u64) -> Result<Self, Unreadable> {
        let mut planner = Planner::default();
        match trace::read(path, Some(lines), seed, &mut planner) {
            Ok(name) => Ok(Self::planned(name, &planner.finish().steps)),
            Err(source) => Err(Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Leaves out requests after a session's end, which would find nothing.
    fn planned(name: &str, steps: &[Step]) -> Self {
        let mut ended = std::collections::HashSet::new();
        let requests = steps.iter().filter_map(|step| {
            let session = step.session.index() as u64;
            let act = match step.task {
                Task::Create { .. } => return None,
                Task::Look => Act::Read,
                Task::Logout => Act::End,
                Task::Add { .. } | Task::Remove { .. } | Task::View { .. } | Task::Checkout { .. } => Act::Write,
            };
            let is_late = ended.contains(&session);
            if act == Act::End {
                ended.insert(session);
            }
            (!is_late).then_some((session, act))
        });
        Self::of(name.to_owned(), requests)
    }

    fn of(name: String, requests: impl Iterator<Item = (u64, Act)>) -> Self {
        let mut numbers = HashMap::new();
        let requests = requests
            .map(|(key, act)| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                Request { session: *numbers.entry(key).or_insert(next), act }
            })
            .collect();
        Self { name, sessions: u32::try_from(numbers.len()).unwrap_or(u32::MAX), requests }
    }

    /// The same sessions in the same order, with this share of writing requests. Ends stay.
    #[must_use]
    pub fn with_writes(&self, share: f64, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut workload = self.clone();
        for request in workload.requests.iter_mut().filter(|request| request.act != Act::End) {
            request.act = if rng.chance(share) { Act::Write } else { Act::Read };
        }
        workload
    }

    /// The same workload under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The share of writing requests.
    pub fn write_share(&self) -> f64 {
        let writes = self.requests.iter().filter(|request| request.act == Act::Write).count();
        writes as f64 / self.requests.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_numbered_by_their_first_requests_and_nothing_follows_an_end() {
        let shop = Workload::shop(20_000, 1);
        let (mut next, mut ended) = (0, vec![false; shop.sessions as usize]);
        for request in &shop.requests {
            assert!(request.session <= next);
            next = next.max(request.session + 1);
            assert!(!ended[request.session as usize]);
            ended[request.session as usize] = request.act == Act::End;
        }
        assert_eq!(next, shop.sessions);
        assert!(ended.iter().filter(|ended| **ended).count() > 100);
    }

    #[test]
    fn writes_are_redrawn_and_the_order_stays() {
        let zipf = Workload::zipf((1_000, 0.9), 20_000, 0.0, 1);
        assert_eq!(zipf.write_share(), 0.0);
        let written = zipf.with_writes(0.25, 7);
        assert!((0.24..0.26).contains(&written.write_share()), "{}", written.write_share());
        let sampler = |workload: &Workload| workload.requests.iter().map(|request| request.session).collect::<Vec<_>>();
        assert_eq!(sampler(&zipf), sampler(&written));
        assert_eq!(written.requests, zipf.with_writes(0.25, 7).requests);
    }

    #[test]
    fn a_missing_trace_is_named() {
        let error = Workload::read(Path::new("no/such.csv"), 10, 1).unwrap_err();
        assert_eq!(error.to_string(), "the trace no/such.csv cannot be used");
        assert!(error.source().is_some());
    }
}
