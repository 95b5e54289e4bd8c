//! Figures of all rounds, and what follows from them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

/// A case or a metric: those of one kind are written in their order.
pub trait Named: Copy + Ord {
    /// Its name in results.
    fn name(self) -> &'static str;
}

/// What was measured: a value of each round.
#[derive(Debug)]
pub struct Figures<C, M>(BTreeMap<(C, M), Vec<f64>>);

impl<C, M> Default for Figures<C, M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<C: Named, M: Named> Figures<C, M> {
    pub fn add(&mut self, case: C, metric: M, value: f64) {
        self.0.entry((case, metric)).or_default().push(value);
    }

    /// The values of a figure, the least first.
    fn sorted(&self, case: C, metric: M) -> Vec<f64> {
        let mut values = self.0.get(&(case, metric)).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The median of the rounds; not a number where nothing was measured.
    pub fn median(&self, case: C, metric: M) -> f64 {
        median(&self.sorted(case, metric))
    }

    /// The least and the greatest of the rounds.
    pub fn range(&self, case: C, metric: M) -> (f64, f64) {
        let values = self.sorted(case, metric);
        let of = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        (of(values.first()), of(values.last()))
    }

    /// How many times one case's figure is that of another: the median of the rounds' own ratios.
    /// A computer that is slower for a while is so for both of a round, so that these swing less
    /// than medians of rounds do that were made at different times.
    pub fn ratio(&self, case: C, to: C, metric: M) -> f64 {
        let of = |case| self.0.get(&(case, metric)).into_iter().flatten();
        let mut ratios: Vec<f64> = of(case).zip(of(to)).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        median(&ratios)
    }

    /// Writes the medians, one object a line.
    pub fn write_medians(&self, to: &mut impl Write) -> io::Result<()> {
        for (case, metric) in self.0.keys() {
            let value = rounded(self.median(*case, *metric));
            let line = json!({"case": case.name(), "metric": metric.name(), "value": value});
            writeln!(to, "{line}")?;
        }
        Ok(())
    }

    /// Writes the values of all rounds, one object a line.
    pub fn write_rounds(&self, to: &mut impl Write) -> io::Result<()> {
        for ((case, metric), values) in &self.0 {
            for (round, value) in values.iter().enumerate() {
                let line = json!({
                    "round": round + 1,
                    "case": case.name(),
                    "metric": metric.name(),
                    "value": rounded(*value),
                });
                writeln!(to, "{line}")?;
            }
        }
        Ok(())
    }
}

/// The middle one of sorted values, or between the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let at = |position: usize| sorted.get(position).copied().unwrap_or(f64::NAN);
    let upper = at(sorted.len() / 2);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    f64::midpoint(at((sorted.len() / 2).wrapping_sub(1)), upper)
}

/// To three digits behind the point: more would be noise.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Metric};

    fn of(values: &[f64]) -> Figures<Case, Metric> {
        let mut figures = Figures::default();
        for value in values {
            figures.add(Case::OpenSnitch, Metric::Rss, *value);
        }
        figures
    }

    #[test]
    fn medians_and_ranges() {
        for (values, median, range) in [
            (&[3.0, 1.0, 2.0][..], 2.0, (1.0, 3.0)),
            (&[4.0, 1.0, 2.0, 3.0], 2.5, (1.0, 4.0)),
            (&[7.0], 7.0, (7.0, 7.0)),
        ] {
            let figures = of(values);
            assert_eq!(figures.median(Case::OpenSnitch, Metric::Rss), median);
            assert_eq!(figures.range(Case::OpenSnitch, Metric::Rss), range);
        }
        let none = of(&[]);
        assert!(none.median(Case::OpenSnitch, Metric::Rss).is_nan());
    }

    #[test]
    fn a_ratio_is_of_figures_of_the_same_round() {
        let mut figures = of(&[10.0, 30.0, 20.0]);
        for value in [5.0, 10.0, 10.0] {
            figures.add(Case::QueueAcceptAll, Metric::Rss, value);
        }
        let ratio = |case, to| figures.ratio(case, to, Metric::Rss);
        assert_eq!(ratio(Case::OpenSnitch, Case::QueueAcceptAll), 2.0);
        assert!(ratio(Case::OpenSnitch, Case::NoFirewall).is_nan());
    }

    #[test]
    fn every_case_and_metric_is_a_line_of_the_results() {
        let mut figures = Figures::default();
        for case in Case::ALL {
            for metric in Metric::ALL {
                figures.add(case, metric, 1.23456);
            }
        }
        let mut written = Vec::new();
        figures.write_medians(&mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        let lines: Vec<serde_json::Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), Case::ALL.len() * Metric::ALL.len());
        let first = json!({"case": "no-firewall", "metric": "connect_p50_us", "value": 1.235});
        assert_eq!(lines.first(), Some(&first));
    }
}
