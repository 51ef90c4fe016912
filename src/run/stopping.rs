//! What a run does about signals and about faults that are no ticket's: it stops in peace, at once, stands still for a
//! while, or goes on with fewer workers.
//!
//! Knows nothing of how a worker is ended or halted.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::event::Event;
use crate::git::end_gits_in_slots;
use crate::process::Stop;
use crate::run::attempt::Fault;
use crate::run::dispatcher::Dispatcher;
use crate::run::record::RecordError;
use crate::run::signals::{Heard, Signal, SignalCount, halt};
use crate::schedule::Happening;

impl Dispatcher {
    pub(super) fn hear(&mut self, heard: Heard) -> Result<(), RecordError> {
        match heard {
            Heard::End(signal) => self.signalled(signal),
            Heard::Halt => {
                self.stand_still();
                Ok(())
            }
        }
    }

    fn signalled(&mut self, signal: Signal) -> Result<(), RecordError> {
        let before = self.signals;
        match self.signals.count(signal) {
            SignalCount::None | SignalCount::Once(_) => {
                self.stop(signal.word(), Stop::Gently)?;
                self.wait_no_longer();
                Ok(())
            }
            // `stop --now` goes on asking where only one kind of signal is heard.
            now @ SignalCount::Twice(_) if now == before => Ok(()),
            SignalCount::Twice(_) => {
                self.give_up.store(true, Ordering::Relaxed);
                end_gits_in_slots();
                self.stop(signal.word(), Stop::AtOnce)
            }
        }
    }

    pub(super) fn stop(&mut self, reason: &str, how: Stop) -> Result<(), RecordError> {
        for desk in self.desks.values() {
            desk.leash.stop(how);
        }
        self.record(Event::RunStopping { reason: reason.to_owned() })?;
        self.step(Happening::Stop { reason: reason.to_owned() })
    }

    /// Ends the run for a fault that is no ticket's.
    pub(super) fn refuse(&mut self, reason: &str) -> Result<(), RecordError> {
        if self.refused.is_none() {
            self.refused = Some(reason.to_owned());
            self.stop(reason, Stop::Gently)?;
            // What is queued stays queued, for `resume`; waiting for it would be waiting for ever.
            self.give_up.store(true, Ordering::Relaxed);
            self.over = true;
        }
        Ok(())
    }

    /// What is short comes back when a worker ends: go on with those that run. With none that runs it is short for good.
    pub(super) fn faulted(&mut self, fault: Fault) -> Result<(), RecordError> {
        let (running, had) = (self.desks.len(), self.scheduler.workers());
        match fault {
            Fault::Shortage(reason) if running > 0 => {
                if running < had {
                    self.record(Event::WorkersResized { from: had, to: running, reason })?;
                    self.step(Happening::Resized { workers: running })?;
                }
                Ok(())
            }
            Fault::Shortage(reason) | Fault::Lasting(reason) => self.refuse(&reason),
        }
    }

    /// Workers are in sessions of their own, where the terminal's ^Z does not reach them: they are told, with their timers.
    fn stand_still(&mut self) {
        for desk in self.desks.values() {
            desk.leash.pause();
        }
        self.face.suspended();
        let since = Instant::now();
        // Other runs wait for what a watch has in its hands.
        crate::git::meanwhile(halt);
        let pause = since.elapsed();
        self.began += pause;
        for desk in self.desks.values_mut() {
            desk.slept(pause);
            desk.leash.resume();
        }
    }
}
