//! The order in which resources run out as the service grows.

use super::{
    Constants, Limits, Workload,
    hits::hits,
    popularity::zipf,
    resources::{Resource, Use, uses},
    traffic::Traffic,
};

/// A resource that runs out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Break {
    /// The resource.
    pub resource: Resource,
    /// The growth at which it runs out: the factor of sessions, requests and nodes alike, with the same primaries. Below 1
    /// it has run out already; infinite means never.
    pub factor: f64,
}

/// The largest factor of growth or shrinkage that is considered.
const RANGE: f64 = 1e6;
const STEPS: usize = 40;

/// All resources in the order in which they reach their limits.
///
/// Sessions, requests and nodes grow in proportion, so fan-out, which is nodes times writes, grows with the square.
pub fn breaks(workload: &Workload, constants: &Constants, limits: &Limits, primaries: u32) -> Vec<Break> {
    let at = |factor: f64| {
        let workload = workload.scaled(factor);
        let classes = zipf(workload.sessions.max(1.0), workload.requests, workload.popularity);
        let traffic = Traffic::of(&workload, &classes, &hits(&workload, &classes), f64::from(primaries));
        uses(&workload, constants, limits, &traffic, primaries)
    };
    let mut breaks: Vec<Break> = at(1.0)
        .iter()
        .enumerate()
        .map(|(n, Use { resource, .. })| Break { resource: *resource, factor: limit(|factor| at(factor)[n].share()) })
        .collect();
    breaks.sort_by(|a, b| a.factor.total_cmp(&b.factor));
    breaks
}

/// The factor at which a growing share reaches 1, by bisection of its logarithm.
fn limit(share: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-RANGE.ln(), RANGE.ln());
    if share(RANGE) < 1.0 {
        return f64::INFINITY;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if share(middle.exp()) < 1.0 { low = middle } else { high = middle }
    }
    high.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(workload: &Workload, limits: &Limits, primaries: u32) -> Vec<Break> {
        breaks(workload, &Constants::of_tests(), limits, primaries)
    }

    fn factor(breaks: &[Break], resource: Resource) -> f64 {
        breaks.iter().find(|it| it.resource == resource).unwrap().factor
    }

    #[test]
    fn what_grows_in_proportion_breaks_in_proportion() {
        let workload = Workload { nodes: 100.0, ..Workload::default() };
        let breaks = of(&workload, &Limits::default(), 4);
        assert!((factor(&breaks, Resource::ServerConnections) - 50.0).abs() < 1e-6);
        let half = Limits { server_memory: Limits::default().server_memory / 2.0, ..Limits::default() };
        let memory = factor(&breaks, Resource::ServerMemory);
        assert!((factor(&of(&workload, &half, 4), Resource::ServerMemory) * 2.0 / memory - 1.0).abs() < 1e-6);
    }

    /// If only messages count, twice the service is four times the work.
    #[test]
    fn fan_out_breaks_with_the_square() {
        let mut constants = Constants { message_us: 1.0, ..Constants::of_tests() };
        let none = [
            &mut constants.load_us,
            &mut constants.conditional_us,
            &mut constants.apply_us,
            &mut constants.touch_us,
            &mut constants.create_us,
            &mut constants.destroy_us,
            &mut constants.heartbeat_us,
            &mut constants.create_entry_us,
            &mut constants.load_entry_us,
            &mut constants.load_byte_us,
            &mut constants.call_us,
            &mut constants.turn_us,
            &mut constants.script_us,
            &mut constants.write_us,
        ];
        none.into_iter().for_each(|cost| *cost = 0.0);
        let workload = Workload { nodes: 10.0, ..Workload::default() };
        let at = |cpu| {
            let limits = Limits { server_cpu: cpu, ..Limits::default() };
            factor(&breaks(&workload, &constants, &limits, 1), Resource::ServerCpu)
        };
        assert!((at(0.4) / at(0.1) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn the_first_comes_first_and_is_used_up_at_its_factor() {
        let (workload, limits) = (Workload { nodes: 50.0, ..Workload::default() }, Limits::default());
        let breaks = of(&workload, &limits, 4);
        assert!(breaks.windows(2).all(|two| two[0].factor <= two[1].factor));
        let first = breaks[0];
        let scaled = workload.scaled(first.factor);
        let classes = zipf(scaled.sessions, scaled.requests, scaled.popularity);
        let traffic = Traffic::of(&scaled, &classes, &hits(&scaled, &classes), 4.0);
        let uses = uses(&scaled, &Constants::of_tests(), &limits, &traffic, 4);
        let fullest = uses.iter().max_by(|a, b| a.share().total_cmp(&b.share())).unwrap();
        assert_eq!(fullest.resource, first.resource);
        assert!((fullest.share() - 1.0).abs() < 1e-6);
    }
}
