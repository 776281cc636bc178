//! Fitting figures to measurements.

/// The non-negative unknowns that fit the measurements best. Each measurement is a sum of known amounts times the
/// unknowns; the fit minimizes the squares of the relative errors.
///
/// With three unknowns there are few ways to leave some of them out, so all are tried.
pub fn fit(points: impl IntoIterator<Item = ([f64; 3], f64)>) -> [f64; 3] {
    let points: Vec<([f64; 3], f64)> = points.into_iter().map(|(x, y)| (x.map(|x| x / y), 1.0)).collect();
    let mut best = ([0.0; 3], f64::INFINITY);
    for left_in in 1..8_u8 {
        let found = solved(&points, [1, 2, 4].map(|bit| left_in & bit != 0));
        let error =
            |(x, y): &([f64; 3], f64)| (x.iter().zip(&found).map(|(x, unknown)| x * unknown).sum::<f64>() - y).powi(2);
        let errors: f64 = points.iter().map(error).sum();
        if found.iter().all(|unknown| *unknown >= 0.0) && errors < best.1 {
            best = (found, errors);
        }
    }
    best.0
}

/// Solves the normal equations by elimination. Unknowns that are left out are zero.
fn solved(points: &[([f64; 3], f64)], left_in: [bool; 3]) -> [f64; 3] {
    let mut rows = [[0.0; 4]; 3];
    for (at, row) in rows.iter_mut().enumerate() {
        for (x, y) in points {
            for other in 0..3 {
                row[other] += x[at] * x[other];
            }
            row[3] += x[at] * y;
        }
        if !left_in[at] {
            *row = [0.0; 4];
            row[at] = 1.0;
        }
    }
    for at in 0..3 {
        let Some(pivot) = (at..3).max_by(|a, b| rows[*a][at].abs().total_cmp(&rows[*b][at].abs())) else { continue };
        rows.swap(at, pivot);
        let row = rows[at];
        for (_, target) in rows.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            let factor = target[at] / row[at];
            target.iter_mut().zip(row).for_each(|(cell, by)| *cell -= factor * by);
        }
    }
    let mut unknowns = [0.0; 3];
    for (at, unknown) in unknowns.iter_mut().enumerate() {
        *unknown = rows[at][3] / rows[at][at];
    }
    unknowns
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [[f64; 3]; 4] = [[1.0, 4.0, 152.0], [1.0, 32.0, 1_216.0], [1.0, 8.0, 520.0], [1.0, 200.0, 4_000.0]];

    #[test]
    fn the_fit_recovers_the_unknowns() {
        let made = [300.0, 5.0, 1.1];
        let found = fit(POINTS.map(|x| (x, x.iter().zip(made).map(|(x, of)| x * of).sum())));
        for (found, made) in found.iter().zip(made) {
            assert!((found / made - 1.0).abs() < 1e-6, "{found}, {made}");
        }
    }

    #[test]
    fn no_unknown_is_negative() {
        let found = fit(POINTS.map(|x| (x, -50.0 + 2.0 * x[2])));
        assert!(found.iter().all(|unknown| *unknown >= 0.0) && found[2] > 1.0, "{found:?}");
    }
}
