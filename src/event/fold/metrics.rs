//! The formulas of the contract: seconds in, figures out.
//!
//! Knows nothing of events or tickets.

use crate::event::Metrics;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Seconds during which a process held the run.
    pub(super) wall_s: f64,
    /// Seconds inside attempts.
    pub(super) work_s: f64,
    /// Seconds along the longest chain of needs.
    pub(super) critical_path_s: f64,
}

impl Times {
    /// `saved = work − wall`, `speedup = work / wall`, `efficiency = speedup / workers`,
    /// `lower_bound = max(critical path, work / workers)`; a division by zero gives 0.
    pub(super) fn metrics(self, workers: usize) -> Metrics {
        let workers = u32::try_from(workers).map_or(f64::MAX, f64::from);
        let speedup = ratio(self.work_s, self.wall_s);
        Metrics {
            wall_s: self.wall_s,
            work_s: self.work_s,
            saved_s: self.work_s - self.wall_s,
            speedup,
            efficiency: ratio(speedup, workers),
            critical_path_s: self.critical_path_s,
            lower_bound_s: self.critical_path_s.max(ratio(self.work_s, workers)),
            ..Metrics::default()
        }
    }
}

fn ratio(of: f64, to: f64) -> f64 {
    if to > 0.0 { of / to } else { 0.0 }
}

/// The longest sum of `seconds` along any chain of `needs` (indices; one that is out of range is left out).
///
/// Kahn's order, so a chain of any length needs no stack; what lies on a cycle, which no plan has, counts for nothing.
pub(super) fn longest_chain(seconds: &[f64], needs: &[&[usize]]) -> f64 {
    let count = seconds.len();
    let mut dependents = vec![Vec::new(); count];
    let mut open = vec![0_usize; count];
    for (at, needs) in needs.iter().enumerate() {
        for &need in needs.iter().filter(|&&need| need < count) {
            dependents[need].push(at);
            open[at] += 1;
        }
    }
    let mut before = vec![0.0_f64; count];
    let mut ready: Vec<usize> = (0..count).filter(|&at| open[at] == 0).collect();
    let mut longest = 0.0_f64;
    while let Some(at) = ready.pop() {
        let through = before[at] + seconds[at];
        longest = longest.max(through);
        for &next in &dependents[at] {
            before[next] = before[next].max(through);
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    longest
}
