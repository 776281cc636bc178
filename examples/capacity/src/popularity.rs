//! The distribution of requests over sessions.

/// Sessions that are requested equally often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// The number of sessions.
    pub sessions: f64,
    /// Requests per second to each of them.
    pub rate: f64,
}

/// This many ranks have a class of their own.
const SINGLE: f64 = 64.0;
/// The ratio between the ends of further classes.
const STEP: f64 = 1.1;

/// Zipf's law: the session with rank n is requested in proportion to n^-exponent.
///
/// The sum over a class of several ranks, a to b - 1, is approximated by the integral of x^-exponent from a - 1/2 to
/// b - 1/2.
pub fn zipf(sessions: f64, requests: f64, exponent: f64) -> Vec<Class> {
    let mut classes = Vec::new();
    let (mut from, mut total) = (1.0, 0.0);
    while from < sessions + 1.0 {
        let step: f64 = if from < SINGLE { from + 1.0 } else { (from * STEP).floor().max(from + 1.0) };
        let to = step.min(sessions + 1.0);
        let weight = if to - from <= 1.0 {
            from.powf(-exponent)
        } else {
            integral(to - 0.5, exponent) - integral(from - 0.5, exponent)
        };
        total += weight;
        classes.push(Class { sessions: to - from, rate: weight / (to - from) });
        from = to;
    }
    classes.iter_mut().for_each(|class| class.rate *= requests / total);
    classes
}

/// The integral of x^-exponent, up to a constant.
fn integral(x: f64, exponent: f64) -> f64 {
    let power = 1.0 - exponent;
    if power.abs() < 1e-9 { x.ln() } else { x.powf(power) / power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sessions_and_all_requests_are_there() {
        for (sessions, exponent) in [(1.0, 0.9), (63.0, 0.0), (1e4, 1.0), (1e8, 0.9), (1e8, 1.4)] {
            let classes = zipf(sessions, 1e6, exponent);
            let there: f64 = classes.iter().map(|class| class.sessions).sum();
            let requests: f64 = classes.iter().map(|class| class.sessions * class.rate).sum();
            assert!((there / sessions - 1.0).abs() < 1e-9, "{there} of {sessions}");
            assert!((requests / 1e6 - 1.0).abs() < 1e-9, "{requests}");
            assert!(classes.len() < 500);
        }
    }

    #[test]
    fn it_is_the_sum_of_the_law() {
        let classes = zipf(100_000.0, 1.0, 0.9);
        let total: f64 = (1..=100_000).map(|rank| f64::from(rank).powf(-0.9)).sum();
        let first = classes[0].rate * total;
        assert!((first - 1.0).abs() < 0.02, "{first}");
        assert!(classes.windows(2).all(|two| two[0].rate > two[1].rate));
    }
}
