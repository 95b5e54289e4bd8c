//! How evenly frames were drawn.

use bastion_tests::Frame;

use super::case::Metric;

/// More than this from one frame to the next, in milliseconds, can be seen.
const VISIBLE: f64 = 50.0;

/// Milliseconds from each frame to the next while something moved.
#[derive(Debug, Default)]
pub struct Pace(Vec<f64>);

impl Pace {
    /// Adds frames of a time in which something moved all along. The first began it.
    pub fn add(&mut self, frames: &[Frame]) {
        let ends = frames.iter().zip(frames.iter().skip(1));
        self.0
            .extend(ends.map(|(before, after)| after.end - before.end));
    }

    /// What several have in all.
    pub fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        Self(all.into_iter().flat_map(|pace| pace.0).collect())
    }

    /// The longest.
    pub fn slowest(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// Its figures; none of less than so many frames.
    pub fn figures(mut self) -> anyhow::Result<Vec<(Metric, f64)>> {
        const FEWEST: usize = 100;
        anyhow::ensure!(
            self.0.len() >= FEWEST,
            "only {} frames were drawn while scrolling",
            self.0.len()
        );
        self.0.sort_by(f64::total_cmp);
        let at = |part: usize| {
            let rank = (self.0.len() * part).div_ceil(100).saturating_sub(1);
            self.0.get(rank).copied().unwrap_or(f64::NAN)
        };
        let over = self.0.iter().filter(|taken| **taken > VISIBLE).count();
        Ok(vec![
            (Metric::FrameP50, at(50)),
            (Metric::FrameP99, at(99)),
            (Metric::FrameMax, at(100)),
            (Metric::FramesOver50, f64::from(u32::try_from(over)?)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_frame_to_frame() {
        let frame = |end| Frame {
            start: end - 2.0,
            end,
        };
        let mut pace = Pace::default();
        assert!(Pace::default().figures().is_err());
        let even: Vec<Frame> = (0..200).map(|n| frame(f64::from(n) * 16.0)).collect();
        pace.add(&even);
        // What lies between two times of movement was no frame.
        pace.add(&[frame(9_000.0), frame(9_060.0)]);
        let figures = pace.figures().unwrap();
        let of = |metric| figures.iter().find(|(m, _)| *m == metric).unwrap().1;
        assert_eq!(of(Metric::FrameP50), 16.0);
        assert_eq!(of(Metric::FrameMax), 60.0);
        assert_eq!(of(Metric::FramesOver50), 1.0);
    }
}
