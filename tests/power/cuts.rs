//! When the power is cut, and what is taken down of each cut.
//!
//! A cut does not stop anything here: the disk is copied as it would be found, and life goes on to the next cut.

use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, Keeps, Platter, random};
use super::machine::say;
use super::work::Told;

/// A cut: what was acknowledged before it, and the disk as it was left.
pub struct Cut {
    pub told: Told,
    pub image: Vec<u8>,
    pub how: String,
}

/// One acknowledgement in so many is followed by a cut.
const WORDS: u64 = 12;

/// How often.
#[derive(Clone, Copy)]
pub struct Pace {
    pub cuts: usize,
    /// Between two cuts in the middle of things: so many operations of the disk at most.
    pub pause: u64,
    pub seed: u64,
}

struct State {
    seed: u64,
    pause: u64,
    left: usize,
    due: u64,
    cuts: Vec<Cut>,
}

/// Cuts the power at random: after operations of the disk, and at the very moment that something is acknowledged.
pub struct Cutter {
    pub told: Mutex<Told>,
    state: Mutex<State>,
}

impl Cutter {
    /// Cuts in a machine with this disk, where `told` was acknowledged before.
    pub fn on(disk: &Disk, pace: Pace, told: Told) -> Arc<Self> {
        let Pace { cuts: left, pause, mut seed } = pace;
        let due = disk.look(|platter| platter.operations) + random(&mut seed) % pause;
        let state = Mutex::new(State { seed, pause, left, due, cuts: Vec::new() });
        let cutter = Arc::new(Self { told: Mutex::new(told), state });
        let watcher = Arc::clone(&cutter);
        disk.watch(Some(Box::new(move |platter| watcher.after_operation(platter))));
        cutter
    }

    fn after_operation(&self, platter: &Platter) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if platter.operations >= state.due {
            // What is known now was said before: the disk has stood still since.
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            state.cut(platter, told, "in the middle of things");
            let pause = state.pause;
            state.due = platter.operations + 20 + random(&mut state.seed) % pause;
        }
    }

    /// Notes what `note` says was acknowledged.
    pub fn word(&self, disk: &Disk, note: impl FnOnce(&mut Told) -> bool) {
        let known = {
            let mut told = self.told.lock().unwrap();
            if !note(&mut told) {
                return;
            }
            told.clone()
        };
        disk.look(|platter| {
            let mut state = self.state.lock().unwrap();
            if random(&mut state.seed).is_multiple_of(WORDS) {
                state.cut(platter, known, "at a word");
            }
        });
    }

    pub fn is_done(&self) -> bool {
        self.state.lock().unwrap().left == 0
    }

    /// What was taken down; nothing more is.
    pub fn finish(&self, disk: &Disk) -> Vec<Cut> {
        disk.watch(None);
        std::mem::take(&mut self.state.lock().unwrap().cuts)
    }
}

impl State {
    fn cut(&mut self, platter: &Platter, told: Told, when: &str) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let keeps = match random(&mut self.seed) % 4 {
            0 => Keeps::Everything,
            1 => Keeps::Any { seed: random(&mut self.seed) },
            _ => Keeps::Nothing,
        };
        let how = format!("{when}, at operation {}, keeping {keeps:?}", platter.operations);
        self.cuts.push(Cut { told, image: platter.cut(keeps), how });
    }
}

/// What many cuts came to.
#[derive(Default)]
pub struct Tally {
    pub cuts: usize,
    pub landings: usize,
    adds: usize,
    deferrals: usize,
    /// Cuts after which something was not as promised.
    pub bad: usize,
}

impl Tally {
    pub fn count(&mut self, cut: &Cut, breaches: Vec<String>, where_: &str) {
        self.cuts += 1;
        self.landings += cut.told.landed();
        self.adds += cut.told.added.len();
        self.deferrals += cut.told.ended.len() - cut.told.landed();
        self.bad += usize::from(!breaches.is_empty());
        for breach in breaches {
            println!("cut {} ({where_}, {}): {breach}", self.cuts, cut.how);
        }
    }

    pub fn tell(&self, what: &str) {
        let Self { cuts, landings, adds, deferrals, bad, .. } = self;
        say(&format!(
            "power: {what}: {cuts} cuts, {landings} acknowledged landings, {adds} adds, {deferrals} deferrals; \
             {bad} cuts broke a promise"
        ));
    }
}
