//! Compares the final state of the store with what the trace adds up to.

use std::ops::AddAssign;

use replay::plan::{Expected, Plan};
use serde::Serialize;

use crate::shop::Cart;

/// The result of the comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Audit {
    /// Cart lines that must be there.
    pub(crate) lines_expected: u64,
    /// Expected lines that are missing or have another quantity.
    pub(crate) lines_lost: u64,
    /// Cart lines that are there although they were removed.
    pub(crate) lines_returned: u64,
    pub(crate) orders_expected: u64,
    pub(crate) orders_lost: u64,
    pub(crate) sessions: u64,
    /// Sessions that are missing although they did not end.
    pub(crate) sessions_lost: u64,
    pub(crate) sessions_ended: u64,
    /// Sessions that exist although they were ended.
    pub(crate) sessions_resurrected: u64,
}

impl Audit {
    /// Whether the store holds exactly what it must.
    pub(crate) fn is_clean(&self) -> bool {
        let wrong =
            [self.lines_lost, self.lines_returned, self.orders_lost, self.sessions_lost, self.sessions_resurrected];
        wrong == [0; 5]
    }

    /// Compares a session that is live, or about to end, with what it must hold.
    pub(crate) fn compare(&mut self, plan: &Plan, expected: &Expected, found: Option<Cart>) {
        self.sessions_lost += u64::from(found.is_none());
        let mut found = found.unwrap_or_default();
        for (article, line, quantity) in &expected.lines {
            self.lines_expected += 1;
            let kept = found.lines.remove(&plan.line_key(*article, *line));
            self.lines_lost += u64::from(kept != Some(*quantity));
        }
        self.lines_returned += found.lines.len() as u64;
        for order in &expected.orders {
            self.orders_expected += 1;
            self.orders_lost += u64::from(!found.orders.contains(plan.order(*order)));
        }
    }
}

impl AddAssign for Audit {
    fn add_assign(&mut self, other: Self) {
        self.lines_expected += other.lines_expected;
        self.lines_lost += other.lines_lost;
        self.lines_returned += other.lines_returned;
        self.orders_expected += other.orders_expected;
        self.orders_lost += other.orders_lost;
        self.sessions += other.sessions;
        self.sessions_lost += other.sessions_lost;
        self.sessions_ended += other.sessions_ended;
        self.sessions_resurrected += other.sessions_resurrected;
    }
}

#[cfg(test)]
mod tests {
    use replay::plan::Planner;

    use super::*;

    fn plan() -> Plan {
        let mut planner = Planner::default();
        let (session, article) = (planner.begin(0), planner.article("a"));
        planner.add(session, article, 1, 5);
        planner.add(session, article, 2, 6);
        planner.take_back(session, article);
        planner.checkout(session, "order");
        planner.finish()
    }

    fn audited(lines: &[(&str, i32)], orders: &[&str]) -> Audit {
        let plan = plan();
        let lines = lines.iter().map(|(key, quantity)| ((*key).to_owned(), *quantity)).collect();
        let orders = orders.iter().map(|order| (*order).to_owned()).collect();
        let mut audit = Audit::default();
        audit.compare(&plan, &plan.expected[0], Some(Cart { lines, orders }));
        audit
    }

    #[test]
    fn what_adds_up_is_clean() {
        let audit = audited(&[("a:1", 5)], &["order"]);
        assert!(audit.is_clean());
        assert_eq!((audit.lines_expected, audit.orders_expected), (1, 1));
    }

    #[test]
    fn each_kind_of_loss_is_counted() {
        assert_eq!(audited(&[], &["order"]).lines_lost, 1);
        assert_eq!(audited(&[("a:1", 4)], &["order"]).lines_lost, 1);
        assert_eq!(audited(&[("a:1", 5), ("a:2", 6)], &["order"]).lines_returned, 1);
        assert_eq!(audited(&[("a:1", 5)], &[]).orders_lost, 1);
        let plan = plan();
        let mut audit = Audit::default();
        audit.compare(&plan, &plan.expected[0], None);
        assert_eq!((audit.sessions_lost, audit.lines_lost, audit.is_clean()), (1, 1, false));
    }
}
