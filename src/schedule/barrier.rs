//! The barrier between waves: which waves are open, and whose leave is waited for.
//!
//! Knows only how many tickets of each wave have not ended.

use crate::plan::{Plan, TicketIx};
use crate::schedule::message::{Action, Confirm};

#[derive(Clone, Debug)]
pub(super) struct Barrier {
    confirm: Confirm,
    /// Tickets that have not ended, by wave; the place of wave 0 stays empty.
    left: Vec<usize>,
    /// Tickets that have not ended, of the open waves together.
    open_left: usize,
    /// Waves up to this one are open.
    open: u32,
    /// The open wave whose end has not been said.
    unfinished: Option<u32>,
    leave: Leave,
}

/// A person's leave to begin a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    NotAsked,
    Asked(u32),
    Given(u32),
}

impl Barrier {
    pub(super) fn new(confirm: Confirm) -> Self {
        Self { confirm, left: Vec::new(), open_left: 0, open: 0, unfinished: None, leave: Leave::NotAsked }
    }

    pub(super) fn begin(&mut self, plan: &Plan, not_ended: impl Iterator<Item = TicketIx>) {
        let waves = plan.order().last().map_or(0, |ticket| plan.wave(*ticket));
        self.left = vec![0; waves as usize + 1];
        for ticket in not_ended {
            self.left[plan.wave(ticket) as usize] += 1;
        }
    }

    /// A ticket of `wave` has ended, or (reopened) has not after all.
    pub(super) fn count(&mut self, wave: u32, ended: bool) {
        let open = self.admits(wave);
        let left = [Some(&mut self.left[wave as usize]), open.then_some(&mut self.open_left)];
        for left in left.into_iter().flatten() {
            if ended {
                *left -= 1;
            } else {
                *left += 1;
            }
        }
    }

    pub(super) fn admits(&self, wave: u32) -> bool {
        wave <= self.open
    }

    pub(super) fn asks(&self, wave: u32) -> bool {
        self.leave == Leave::Asked(wave)
    }

    pub(super) fn confirm(&mut self, wave: u32) {
        if self.asks(wave) {
            self.leave = Leave::Given(wave);
        }
    }

    /// Says which waves ended and which began; gives the newly opened ones as (after, up to and with). A wave with
    /// nothing left to do is passed over. Unless the run is `going`, no wave begins.
    pub(super) fn advance(&mut self, going: bool, out: &mut Vec<Action>) -> Option<(u32, u32)> {
        if self.open_left > 0 {
            return None;
        }
        if let Some(wave) = self.unfinished.take() {
            out.push(Action::WaveFinished { wave });
        }
        let after = self.open;
        let next = (after + 1..).zip(self.left.iter().skip(after as usize + 1)).find(|(_, left)| **left > 0);
        let (wave, left) = next.filter(|_| going)?;
        if self.confirm == Confirm::EachWave && self.leave != Leave::Given(wave) {
            if !self.asks(wave) {
                self.leave = Leave::Asked(wave);
                out.push(Action::AskWave { wave });
            }
            return None;
        }
        self.open = wave;
        self.open_left = *left;
        self.unfinished = Some(wave);
        out.push(Action::WaveStarted { wave });
        Some((after, wave))
    }
}
