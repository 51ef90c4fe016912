//! Random plans, rules and orders of happenings, against a reference that only knows what the documentation says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::random::{Dice, any_plan};
use crate::event::DeferralReason;
use crate::plan::{Plan, TicketIx};
use crate::schedule::{Action, Confirm, Happening, Known, OnFailure, Order, Rules, Scheduler};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Waiting,
    Running,
    Queued,
    Backoff,
    Landed,
    Deferred,
    Lost,
}

/// What the reference believes of the run.
struct World {
    plan: Arc<Plan>,
    rules: Rules,
    is: Vec<Is>,
    attempts: Vec<u32>,
    dice: Dice,
    asked: Option<u32>,
    open_wave: u32,
    last_wave: u32,
    stopped: bool,
    finished: bool,
}

impl World {
    fn all(&self, what: Is) -> Vec<TicketIx> {
        self.plan.ids().filter(|ticket| self.is[ticket.index()] == what).collect()
    }

    fn has_barrier(&self) -> bool {
        self.rules.order == Order::Waves || self.rules.confirm_waves == Confirm::EachWave
    }

    fn has_ended(&self, ticket: TicketIx) -> bool {
        matches!(self.is[ticket.index()], Is::Landed | Is::Deferred | Is::Lost)
    }

    /// Everything that may start now, best first.
    fn startable(&self) -> Vec<TicketIx> {
        let plan = &self.plan;
        let busy: Vec<TicketIx> = [self.all(Is::Running), self.all(Is::Queued)].concat();
        let may = |ticket: &TicketIx| {
            plan.needs(*ticket).iter().all(|need| self.is[need.index()] == Is::Landed)
                && !busy.iter().any(|other| plan.overlapping(*ticket, *other))
                && (!self.has_barrier() || plan.wave(*ticket) <= self.open_wave)
                && plan.wave(*ticket) <= self.last_wave
        };
        let mut all: Vec<TicketIx> = self.all(Is::Waiting).into_iter().filter(may).collect();
        all.sort_by(|a, b| {
            let by_path = plan.remaining_s(*b).total_cmp(&plan.remaining_s(*a));
            plan.ticket(*a).priority.cmp(&plan.ticket(*b).priority).then(by_path).then(a.cmp(b))
        });
        all
    }

    fn believe(&mut self, action: &Action) {
        assert!(!self.finished, "{action:?} after the finish");
        match action {
            Action::Start { ticket, attempt } => {
                assert!(!self.stopped, "{ticket:?} was started after the stop");
                assert!(self.all(Is::Running).len() < self.rules.workers, "more than the workers run");
                assert_eq!(self.startable().first(), Some(ticket), "not the next in the documented order");
                self.attempts[ticket.index()] += 1;
                assert_eq!(*attempt, self.attempts[ticket.index()]);
                self.is[ticket.index()] = Is::Running;
            }
            Action::Retry { ticket, attempt, .. } => {
                assert_eq!(*attempt, self.attempts[ticket.index()] + 1);
                self.is[ticket.index()] = Is::Backoff;
            }
            Action::AskWave { wave } => {
                assert_eq!(self.asked, None, "asked twice");
                self.asked = Some(*wave);
            }
            Action::WaveStarted { wave } => {
                assert!(*wave > self.open_wave && self.has_barrier());
                let before = self.plan.ids().filter(|ticket| self.plan.wave(*ticket) < *wave);
                assert!(before.into_iter().all(|ticket| self.has_ended(ticket)), "wave {wave} began too early");
                self.open_wave = *wave;
            }
            Action::WaveFinished { wave } => assert_eq!(*wave, self.open_wave),
            Action::Failed { ticket, .. } => {
                self.lose(*ticket);
                let limit = match self.rules.on_failure {
                    OnFailure::SkipDependents => u32::MAX,
                    OnFailure::StopWave => self.plan.wave(*ticket),
                    OnFailure::StopAll => 0,
                };
                self.last_wave = self.last_wave.min(limit);
            }
            Action::Skipped { ticket, because } => {
                assert!(self.is[ticket.index()] == Is::Waiting);
                assert!(matches!(self.is[because.index()], Is::Lost | Is::Deferred));
                self.lose(*ticket);
            }
            Action::Reopened { ticket, because } => {
                assert_eq!(self.is[because.index()], Is::Landed);
                self.is[ticket.index()] = Is::Waiting;
            }
            Action::Cancelled { ticket, .. } => self.lose(*ticket),
            Action::GiveUp { ticket, .. } => assert_eq!(self.is[ticket.index()], Is::Queued),
            Action::Finish => self.finished = true,
        }
    }

    fn lose(&mut self, ticket: TicketIx) {
        assert!(!self.has_ended(ticket), "{ticket:?} ended twice");
        self.is[ticket.index()] = Is::Lost;
    }

    /// Something that can happen now, noted; or something that cannot, which must change nothing.
    fn happen(&mut self) -> Happening {
        let (running, queued) = (self.all(Is::Running), self.all(Is::Queued));
        let (due, deferred) = (self.all(Is::Backoff), self.all(Is::Deferred));
        if self.dice.one_in(400) {
            self.stopped = true;
            return Happening::Stop { reason: "interrupted".to_owned() };
        }
        if self.dice.one_in(30) || self.rules.workers == 0 {
            self.rules.workers = self.dice.below(6);
            return Happening::Resized { workers: self.rules.workers };
        }
        if self.dice.one_in(10) {
            return self.nonsense();
        }
        if !deferred.is_empty() && self.dice.one_in(12) {
            let ticket = self.dice.pick(&deferred);
            self.is[ticket.index()] = Is::Landed;
            return Happening::Landed { ticket };
        }
        if let Some(wave) = self.asked.take() {
            return if self.dice.one_in(8) {
                Happening::WaveDeclined { wave }
            } else {
                Happening::WaveConfirmed { wave }
            };
        }
        let any: Vec<(Is, TicketIx)> = [(Is::Running, running), (Is::Queued, queued), (Is::Backoff, due)]
            .into_iter()
            .flat_map(|(is, tickets)| tickets.into_iter().map(move |ticket| (is, ticket)))
            .collect();
        assert!(!any.is_empty(), "nothing runs, is queued or is due, and there was no finish");
        match self.dice.pick(&any) {
            (Is::Running, ticket) => self.end_attempt(ticket),
            (Is::Queued, ticket) => self.end_landing(ticket),
            (_, ticket) => {
                self.is[ticket.index()] = Is::Waiting;
                Happening::Due { ticket }
            }
        }
    }

    fn end_attempt(&mut self, ticket: TicketIx) -> Happening {
        let (is, happening) = match self.dice.below(10) {
            0 => (Is::Landed, Happening::MadeNothing { ticket }),
            1 | 2 => {
                let delay = Some(Duration::from_secs(2)).filter(|_| !self.dice.one_in(5));
                (Is::Running, Happening::AttemptFailed { ticket, reason: "exit code 1".to_owned(), delay })
            }
            3 => {
                self.attempts[ticket.index()] -= 1;
                (Is::Waiting, Happening::Interrupted { ticket })
            }
            _ => (Is::Queued, Happening::Made { ticket }),
        };
        self.is[ticket.index()] = is;
        happening
    }

    fn end_landing(&mut self, ticket: TicketIx) -> Happening {
        let reason = "conflict in src/a.rs".to_owned();
        let most = self.plan.ticket(ticket).max_attempts.unwrap_or(self.rules.max_attempts);
        let (is, happening) = match self.dice.below(12) {
            0 => (Is::Landed, Happening::LandedEmpty { ticket }),
            1 => (Is::Deferred, Happening::Deferred { ticket, reason: DeferralReason::Conflict }),
            2 => (Is::Queued, Happening::LandingFailed { ticket, reason }),
            3 | 4 => {
                let is = if self.attempts[ticket.index()] < most { Is::Waiting } else { Is::Queued };
                (is, Happening::Rerun { ticket, reason })
            }
            _ => (Is::Landed, Happening::Landed { ticket }),
        };
        self.is[ticket.index()] = is;
        happening
    }

    fn nonsense(&mut self) -> Happening {
        let ticket = TicketIx::at(self.dice.below(self.plan.len()));
        match self.is[ticket.index()] {
            Is::Running => Happening::Landed { ticket },
            Is::Queued => Happening::MadeNothing { ticket },
            Is::Backoff => Happening::Made { ticket },
            Is::Waiting => Happening::Due { ticket },
            Is::Landed => Happening::Deferred { ticket, reason: DeferralReason::Conflict },
            Is::Deferred => Happening::Rerun { ticket, reason: String::new() },
            Is::Lost => Happening::Landed { ticket },
        }
    }

    fn check(&self, scheduler: &Scheduler) {
        for ticket in self.plan.ids() {
            use crate::schedule::State;
            let same = match scheduler.state(ticket) {
                State::Pending | State::Ready => self.is[ticket.index()] == Is::Waiting,
                State::Running { attempt } => {
                    self.is[ticket.index()] == Is::Running && *attempt == self.attempts[ticket.index()]
                }
                State::Backoff { .. } => self.is[ticket.index()] == Is::Backoff,
                State::Queued => self.is[ticket.index()] == Is::Queued,
                State::Landed | State::Empty => self.is[ticket.index()] == Is::Landed,
                State::Deferred(_) => self.is[ticket.index()] == Is::Deferred,
                State::Failed(_) | State::Skipped { .. } | State::Cancelled(_) => self.is[ticket.index()] == Is::Lost,
            };
            assert!(same, "{ticket:?} is {:?}, not {:?}", scheduler.state(ticket), self.is[ticket.index()]);
        }
        assert_eq!(scheduler.counts().total(), self.plan.len());
        assert_eq!(scheduler.counts().running, scheduler.running().len());
        let room = self.all(Is::Running).len() < self.rules.workers;
        if room && !self.stopped && !self.finished {
            assert_eq!(self.startable(), [], "it could start, there is room, and it was not started");
        }
        let running = self.all(Is::Running);
        let mut busy: BTreeSet<TicketIx> = self.all(Is::Queued).into_iter().collect();
        for ticket in running {
            assert!(!busy.iter().any(|other| self.plan.overlapping(ticket, *other)), "two overlapping tickets run");
            busy.insert(ticket);
        }
    }
}

fn any_rules(dice: &mut Dice) -> Rules {
    Rules {
        order: dice.pick(&[Order::Stream, Order::Stream, Order::Waves]),
        on_failure: dice.pick(&[OnFailure::SkipDependents, OnFailure::StopWave, OnFailure::StopAll]),
        workers: 1 + dice.below(5),
        max_attempts: dice.pick(&[1, 2, 3]),
        confirm_waves: dice.pick(&[Confirm::Never, Confirm::Never, Confirm::EachWave]),
    }
}

/// Some tickets were dealt with by an earlier process, none before its needs.
fn restore_some(world: &mut World, scheduler: &mut Scheduler) {
    for ticket in world.plan.order().to_vec() {
        let needs = world.plan.needs(ticket).iter();
        if !needs.into_iter().all(|need| world.is[need.index()] == Is::Landed) || world.dice.one_in(2) {
            continue;
        }
        let attempts = 1 + u32::try_from(world.dice.below(2)).unwrap();
        let busy = world.all(Is::Queued);
        let free = !busy.iter().any(|other| world.plan.overlapping(ticket, *other));
        let (is, known) = match world.dice.below(8) {
            0 => (Is::Deferred, Known::Deferred(DeferralReason::Conflict)),
            1 => (Is::Lost, Known::Failed("exit code 1".to_owned())),
            2 if free => (Is::Queued, Known::Queued { attempts }),
            3 => (Is::Waiting, Known::Attempted { attempts }),
            4 => (Is::Landed, Known::Empty),
            _ => (Is::Landed, Known::Landed),
        };
        if matches!(known, Known::Queued { .. } | Known::Attempted { .. }) {
            world.attempts[ticket.index()] = attempts;
        }
        world.is[ticket.index()] = is;
        scheduler.restore(ticket, known);
    }
}

fn drive(seed: u64) {
    let mut dice = Dice(seed);
    let plan = any_plan(&mut dice, 40);
    let rules = any_rules(&mut dice);
    let mut scheduler = Scheduler::new(Arc::clone(&plan), rules);
    let mut world = World {
        is: vec![Is::Waiting; plan.len()],
        attempts: vec![0; plan.len()],
        plan,
        rules,
        dice,
        asked: None,
        open_wave: 0,
        last_wave: u32::MAX,
        stopped: false,
        finished: false,
    };
    if world.dice.one_in(3) {
        restore_some(&mut world, &mut scheduler);
    }
    let mut happening = Happening::Begin;
    for _ in 0..20_000 {
        for action in scheduler.handle(happening) {
            world.believe(&action);
        }
        world.check(&scheduler);
        if world.finished {
            let ended = world.plan.ids().all(|ticket| world.has_ended(ticket));
            let resumable = world.stopped && world.all(Is::Running).is_empty() && world.all(Is::Queued).is_empty();
            assert!(ended || resumable, "finished too early");
            assert_eq!(scheduler.handle(Happening::Begin), [], "said something after the finish");
            return;
        }
        happening = world.happen();
    }
    panic!("no end after 20,000 happenings");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_promise_is_kept_after_every_step(seed: u64) {
        drive(seed);
    }
}
