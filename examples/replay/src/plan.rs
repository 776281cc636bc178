//! The requests of a trace, their order, and the final state that they must add up to.
//!
//! The expected state is computed here from the trace alone, line by line, before any store is involved.

use std::{collections::HashMap, num::NonZeroU32};

/// A session of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionNo(u32);

/// An article of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArticleNo(u32);

/// A gate opens when all of its steps are done. Numbers start at 1, which keeps [`Step`] small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateNo(NonZeroU32);

/// An order of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderNo(u32);

impl SessionNo {
    /// Its index among the sessions of the trace.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl GateNo {
    /// Its index among the gates of the plan.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// One request of one client. Every step also waits for the creation of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The session that it belongs to.
    pub session: SessionNo,
    /// The work to do.
    pub task: Task,
    /// The gate that must be open before it begins.
    pub after: Option<GateNo>,
    /// The gates that wait for it.
    pub before: [Option<GateNo>; 2],
}

/// The work of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Creates the session with a value of this many bytes.
    Create {
        /// The number of bytes.
        profile: u32,
    },
    /// Reads only.
    Look,
    /// Adds a line to the cart.
    Add {
        /// The article that is bought.
        article: ArticleNo,
        /// The line's number in the trace.
        line: u32,
        /// The quantity.
        quantity: i32,
    },
    /// Removes a line from the cart.
    Remove {
        /// The article that was bought.
        article: ArticleNo,
        /// The number of the line that added it.
        line: u32,
    },
    /// Records that an article was viewed.
    View {
        /// The article.
        article: ArticleNo,
    },
    /// Records an order.
    Checkout {
        /// The order.
        order: OrderNo,
    },
    /// Ends the session.
    Logout,
}

/// The state that a session must have when the trace is over or, if the session ends earlier, at its end.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The cart: article, line number and quantity.
    pub lines: Vec<(ArticleNo, u32, i32)>,
    /// Orders placed.
    pub orders: Vec<OrderNo>,
    /// Whether it ends before the trace does.
    pub ended: bool,
}

/// Totals of a trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Lines that remove an earlier one.
    pub removals: u64,
    /// Removals of a line that was removed before.
    pub repeated: u64,
    /// Lines that would remove one that never existed.
    pub unmatched: u64,
    /// Sessions that end by a sign-out.
    pub logouts: u64,
}

/// The whole traffic.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps in the order in which clients take them. A step waits for earlier ones only.
    pub steps: Vec<Step>,
    /// The number of steps that each gate waits for.
    pub gates: Vec<u32>,
    /// The expected state of each session.
    pub expected: Vec<Expected>,
    /// The totals of the trace.
    pub counts: Counts,
    articles: Vec<Box<str>>,
    orders: Vec<Box<str>>,
}

impl Plan {
    /// The key of a cart line. It contains the line's number, so that no two lines share a key.
    pub fn line_key(&self, article: ArticleNo, line: u32) -> String {
        format!("{}:{line}", self.article(article))
    }

    /// The name of an article.
    pub fn article(&self, article: ArticleNo) -> &str {
        &self.articles[article.0 as usize]
    }

    /// The name of an order.
    pub fn order(&self, order: OrderNo) -> &str {
        &self.orders[order.0 as usize]
    }
}

/// Builds a [`Plan`] from a trace, line by line.
#[derive(Debug, Default)]
pub struct Planner {
    plan: Plan,
    article_numbers: HashMap<Box<str>, ArticleNo>,
    shelves: HashMap<(SessionNo, ArticleNo), Shelf>,
    /// For each session, the gate of all changes since its last checkout.
    batches: Vec<Option<GateNo>>,
}

/// The lines of one article in one cart.
#[derive(Debug, Default)]
struct Shelf {
    kept: Vec<Kept>,
    /// The line that was removed last.
    gone: Option<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    line: u32,
    quantity: i32,
    step: usize,
}

impl Planner {
    /// Creates a session with a value of this many bytes.
    pub fn begin(&mut self, profile: u32) -> SessionNo {
        let session = SessionNo(number(self.plan.expected.len()));
        self.plan.expected.push(Expected::default());
        self.batches.push(None);
        self.push(session, Task::Create { profile });
        session
    }

    /// The article with this name.
    pub fn article(&mut self, name: &str) -> ArticleNo {
        if let Some(known) = self.article_numbers.get(name) {
            return *known;
        }
        let article = ArticleNo(number(self.plan.articles.len()));
        self.plan.articles.push(name.into());
        self.article_numbers.insert(name.into(), article);
        article
    }

    /// Adds a request that only reads.
    pub fn look(&mut self, session: SessionNo) {
        self.push(session, Task::Look);
    }

    /// Records a viewed article in the session.
    pub fn view(&mut self, session: SessionNo, article: ArticleNo) {
        self.push(session, Task::View { article });
    }

    /// Adds a line to the cart.
    pub fn add(&mut self, session: SessionNo, article: ArticleNo, line: u32, quantity: i32) {
        let step = self.push_change(session, Task::Add { article, line, quantity });
        let shelf = self.shelves.entry((session, article)).or_default();
        shelf.kept.push(Kept { line, quantity, step });
        self.plan.counts.lines += 1;
    }

    /// Whether the cart has a line of this article.
    pub fn holds(&self, session: SessionNo, article: ArticleNo) -> bool {
        self.shelves.get(&(session, article)).is_some_and(|shelf| !shelf.kept.is_empty())
    }

    /// Removes the last remaining line of this article. If all are removed already, it removes the last one again, which
    /// changes nothing. If there never was one, the request only reads.
    pub fn take_back(&mut self, session: SessionNo, article: ArticleNo) {
        self.plan.counts.lines += 1;
        let Some(shelf) = self.shelves.get_mut(&(session, article)) else {
            self.plan.counts.unmatched += 1;
            return self.look(session);
        };
        let kept = shelf.kept.pop();
        shelf.gone = kept.or(shelf.gone);
        // A shelf starts with a line, so there is always one.
        let Some(named) = shelf.gone else { return };
        self.plan.counts.removals += 1;
        self.plan.counts.repeated += u64::from(kept.is_none());
        let gate = self.gate_after(named.step);
        let step = self.push_change(session, Task::Remove { article, line: named.line });
        self.plan.steps[step].after = Some(gate);
    }

    /// Places an order after all changes to the session so far.
    pub fn checkout(&mut self, session: SessionNo, order: &str) {
        let number = OrderNo(number(self.plan.orders.len()));
        self.plan.orders.push(order.into());
        self.plan.expected[session.index()].orders.push(number);
        let after = self.batches[session.index()].take();
        let step = self.push_change(session, Task::Checkout { order: number });
        self.plan.steps[step].after = after;
    }

    /// Ends the session after all changes so far, while two more requests that record a viewed article are in flight.
    pub fn logout(&mut self, session: SessionNo, article: ArticleNo) {
        let after = self.batches[session.index()].take();
        for task in [Task::View { article }, Task::Logout, Task::View { article }] {
            let step = self.push(session, task);
            self.plan.steps[step].after = after;
        }
        self.plan.expected[session.index()].ended = true;
        self.plan.counts.logouts += 1;
    }

    /// The finished plan with its totals and the expected state.
    pub fn finish(mut self) -> Plan {
        for ((session, article), shelf) in self.shelves {
            let lines = shelf.kept.into_iter().map(|kept| (article, kept.line, kept.quantity));
            self.plan.expected[session.index()].lines.extend(lines);
        }
        self.plan
    }

    fn push(&mut self, session: SessionNo, task: Task) -> usize {
        self.plan.steps.push(Step { session, task, after: None, before: [None; 2] });
        self.plan.steps.len() - 1
    }

    /// Adds a step that the session's next checkout or logout waits for.
    fn push_change(&mut self, session: SessionNo, task: Task) -> usize {
        let batch = match self.batches[session.index()] {
            Some(batch) => batch,
            None => self.new_gate(),
        };
        self.batches[session.index()] = Some(batch);
        self.plan.gates[batch.index()] += 1;
        let step = self.push(session, task);
        self.plan.steps[step].before[0] = Some(batch);
        step
    }

    /// The gate that opens after this step alone.
    fn gate_after(&mut self, step: usize) -> GateNo {
        if let Some(gate) = self.plan.steps[step].before[1] {
            return gate;
        }
        let gate = self.new_gate();
        self.plan.gates[gate.index()] = 1;
        self.plan.steps[step].before[1] = Some(gate);
        gate
    }

    fn new_gate(&mut self) -> GateNo {
        self.plan.gates.push(0);
        GateNo(NonZeroU32::new(number(self.plan.gates.len())).unwrap_or(NonZeroU32::MAX))
    }
}

/// A trace has at most `u32::MAX` lines, so no count exceeds that.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removals(plan: &Plan) -> Vec<(u32, usize)> {
        let adds = |gate| plan.steps.iter().position(|step| step.before[1] == Some(gate));
        let removal = |step: &Step| match step.task {
            Task::Remove { line, .. } => Some((line, adds(step.after?)?)),
            _ => None,
        };
        plan.steps.iter().filter_map(removal).collect()
    }

    #[test]
    fn a_step_is_half_a_cache_line() {
        assert_eq!(size_of::<Step>(), 32);
    }

    #[test]
    fn a_removal_takes_the_last_line_there_is_and_waits_for_it() {
        let mut planner = Planner::default();
        let (session, article) = (planner.begin(0), planner.article("a"));
        planner.add(session, article, 10, 1);
        planner.add(session, article, 11, 2);
        planner.take_back(session, article);
        planner.take_back(session, article);
        planner.add(session, article, 14, 3);
        let plan = planner.finish();
        assert_eq!(removals(&plan), [(11, 2), (10, 1)]);
        assert_eq!(plan.expected[0].lines, [(article, 14, 3)]);
    }

    #[test]
    fn taking_back_once_too_often_names_the_last_one_again() {
        let mut planner = Planner::default();
        let (session, article) = (planner.begin(0), planner.article("a"));
        planner.add(session, article, 10, 1);
        planner.take_back(session, article);
        planner.take_back(session, article);
        let plan = planner.finish();
        assert_eq!(removals(&plan), [(10, 1), (10, 1)]);
        assert_eq!((plan.counts.removals, plan.counts.repeated), (2, 1));
        assert!(plan.expected[0].lines.is_empty());
    }

    #[test]
    fn taking_back_what_never_was_there_only_reads() {
        let mut planner = Planner::default();
        let (one, other) = (planner.begin(0), planner.begin(0));
        let article = planner.article("a");
        planner.add(one, article, 10, 1);
        planner.take_back(other, article);
        let plan = planner.finish();
        assert_eq!(plan.steps[3].task, Task::Look);
        assert_eq!(plan.counts.unmatched, 1);
        assert_eq!(plan.expected[0].lines.len(), 1);
    }

    #[test]
    fn the_end_of_a_session_waits_for_its_orders_and_those_for_its_lines() {
        let mut planner = Planner::default();
        let (session, article) = (planner.begin(0), planner.article("a"));
        planner.add(session, article, 10, 1);
        planner.add(session, article, 11, 1);
        planner.checkout(session, "order");
        planner.logout(session, article);
        let plan = planner.finish();
        let gates: Vec<_> = plan.steps.iter().map(|step| (step.after, step.before[0])).collect();
        let (lines, order) = (plan.steps[1].before[0], plan.steps[3].before[0]);
        assert!(lines.is_some() && order.is_some() && lines != order);
        let late = (order, None);
        assert_eq!(gates, [(None, None), (None, lines), (None, lines), (lines, order), late, late, late]);
        assert_eq!(plan.gates, [2, 1]);
    }
}
