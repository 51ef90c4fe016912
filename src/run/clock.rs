//! The times in a run's events: the wall clock when this process took the run up, and what has passed since.
//!
//! So the spans between one process's events are true whatever is done to the wall clock meanwhile, and a report can be
//! made of them. What passes while the machine sleeps counts, so that the times stay those on people's walls.

use std::time::Duration;

use jiff::Timestamp;

/// Begins when it is made.
pub(super) struct Clock {
    wall: Timestamp,
    awake: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: Timestamp::now(), awake: since_start() }
    }

    /// This moment, in RFC 3339.
    pub(super) fn now(&self) -> String {
        let passed = since_start().saturating_sub(self.awake);
        text(self.wall.checked_add(passed).unwrap_or(self.wall))
    }
}

/// The wall clock in RFC 3339, for people.
pub(crate) fn now() -> String {
    text(Timestamp::now())
}

fn text(time: Timestamp) -> String {
    time.round(jiff::Unit::Millisecond).unwrap_or(time).to_string()
}

/// What has passed since the machine was started; nobody can set it.
fn since_start() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    rustix::time::clock_gettime(clock).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_from_the_wall_clock_on_and_never_goes_back() {
        let before = Timestamp::now();
        let clock = Clock::start();
        let mut last: Timestamp = clock.now().parse().unwrap();
        assert!(last.duration_since(before).as_secs_f64().abs() < 5.0, "{last} is not {before}");
        std::thread::sleep(Duration::from_millis(3));
        for _ in 0..100 {
            let now: Timestamp = clock.now().parse().unwrap();
            assert!(now >= last);
            last = now;
        }
        assert!(last > before);
    }
}
