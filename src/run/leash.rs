//! The leash between a running attempt and the dispatcher: how it is told to stop, and what it lets be seen.
//!
//! Knows nothing of what an attempt does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::process::{self, ProcessError, Pulse, Spec, Stop, Stopper, Worker};

/// What an attempt is told from outside, and what it lets be seen.
#[derive(Clone, Default)]
pub(crate) struct Leash(Arc<Mutex<Hold>>);

#[derive(Default)]
struct Hold {
    stop: Option<Stop>,
    stopper: Option<Stopper>,
    pulse: Option<Arc<Pulse>>,
    phase: Phase,
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    SettingUp,
    Running,
    Checking,
    Saving,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SettingUp => "setting up",
            Self::Running => "running",
            Self::Checking => "checking",
            Self::Saving => "saving",
        }
    }
}

impl Leash {
    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the worker, also one that is only about to start.
    pub(crate) fn stop(&self, how: Stop) {
        let mut hold = self.hold();
        hold.stop = Some(how);
        if let Some(stopper) = &hold.stopper {
            stopper.stop(how);
        }
    }

    /// Halts the worker and its timers, also one that is starting just now.
    pub(crate) fn pause(&self) {
        self.hold().stopper.iter().for_each(Stopper::pause);
    }

    /// Lets a halted worker go on.
    pub(crate) fn resume(&self) {
        self.hold().stopper.iter().for_each(Stopper::resume);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.hold().stop.is_some()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.hold().phase
    }

    /// What the worker lets be seen, while it runs.
    pub(crate) fn pulse(&self) -> Option<Arc<Pulse>> {
        self.hold().pulse.clone()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.hold().phase = phase;
    }

    /// Starts a worker and takes it on the leash, both under one lock: an order that comes while it starts waits for it,
    /// and a stop that came before reaches it here.
    pub(super) fn start(&self, phase: Phase, spec: &Spec) -> Result<Worker, ProcessError> {
        let mut hold = self.hold();
        let worker = process::start(spec)?;
        let stopper = worker.stopper();
        if let Some(how) = hold.stop {
            stopper.stop(how);
        }
        hold.stopper = Some(stopper);
        hold.pulse = Some(worker.pulse());
        hold.phase = phase;
        Ok(worker)
    }
}
