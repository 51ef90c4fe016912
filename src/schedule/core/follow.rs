//! What follows for others from where one ticket went: ready, skipped, reopened, cancelled.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Core, Phase};
use crate::plan::{Plan, TicketIx};
use crate::schedule::message::{Action, OnFailure};
use crate::schedule::state::State;

impl Core {
    /// The root for which it can never start, if there is one: the first of its needs that will not land decides.
    pub(super) fn hopeless(&self, plan: &Plan, ticket: TicketIx) -> Option<TicketIx> {
        let need = plan.needs(ticket).iter().find(|need| self.state(**need).never_lands())?;
        Some(if let State::Skipped { because } = self.state(*need) { *because } else { *need })
    }

    pub(super) fn make_ready(&mut self, plan: &Plan, ticket: TicketIx) {
        self.set(plan, ticket, State::Ready);
        if self.barrier.as_ref().is_none_or(|barrier| barrier.admits(plan.wave(ticket))) {
            self.ready.offer(ticket);
        }
    }

    /// Ready for another attempt, unless a failure has ended starting: a stop has not, since a resume goes on.
    pub(super) fn again(&mut self, plan: &Plan, ticket: TicketIx, out: &mut Vec<Action>) {
        if self.may_start_again(plan, ticket) {
            self.make_ready(plan, ticket);
        } else {
            let reason = "another ticket's failure stopped the run before its next attempt".to_owned();
            self.cancel(plan, ticket, reason, out);
        }
    }

    fn may_start_again(&self, plan: &Plan, ticket: TicketIx) -> bool {
        plan.wave(ticket) <= self.last_wave || self.phase == Phase::Stopping
    }

    pub(super) fn back_off(
        &mut self,
        plan: &Plan,
        ticket: TicketIx,
        (delay, reason): (Duration, String),
        out: &mut Vec<Action>,
    ) {
        self.ready.let_go(ticket);
        if self.may_start_again(plan, ticket) {
            let attempt = self.attempts(ticket) + 1;
            self.set(plan, ticket, State::Backoff { attempt });
            out.push(Action::Retry { ticket, attempt, delay, reason });
        } else {
            let reason = format!("{reason}; another ticket's failure stopped the run before its next attempt");
            self.cancel(plan, ticket, reason, out);
        }
    }

    /// It landed or is empty: those that waited only for it are ready.
    pub(super) fn satisfied(&mut self, plan: &Plan, ticket: TicketIx, state: State, out: &mut Vec<Action>) {
        let was_given_up = self.state(ticket).never_lands();
        self.ready.let_go(ticket);
        self.set(plan, ticket, state);
        for dependent in plan.dependents(ticket) {
            let missing = &mut self.missing[dependent.index()];
            *missing -= 1;
            if *missing == 0 && *self.state(*dependent) == State::Pending {
                self.make_ready(plan, *dependent);
            }
        }
        if was_given_up {
            self.reopen(plan, ticket, out);
        }
    }

    pub(super) fn fail(&mut self, plan: &Plan, ticket: TicketIx, reason: String, out: &mut Vec<Action>) {
        out.push(Action::Failed { ticket, reason: reason.clone() });
        self.lost(plan, ticket, State::Failed(reason), out);
        let (last_wave, word) = match self.rules.on_failure {
            OnFailure::SkipDependents => return,
            OnFailure::StopWave => (plan.wave(ticket), "stop-wave"),
            OnFailure::StopAll => (0, "stop-all"),
        };
        let reason = format!("{:?} failed, and the run was told to {word} on a failure", plan.ticket(ticket).id);
        self.cancel_after(plan, last_wave, &reason, out);
    }

    /// It will not land: nor will anything that needs it.
    pub(super) fn lost(&mut self, plan: &Plan, ticket: TicketIx, state: State, out: &mut Vec<Action>) {
        self.ready.let_go(ticket);
        self.set(plan, ticket, state);
        let mut skipped = Vec::new();
        let mut open = vec![ticket];
        while let Some(lost) = open.pop() {
            for dependent in plan.dependents(lost) {
                if *self.state(*dependent) == State::Pending {
                    self.set(plan, *dependent, State::Skipped { because: ticket });
                    skipped.push(*dependent);
                    open.push(*dependent);
                }
            }
        }
        skipped.sort_unstable();
        out.extend(skipped.into_iter().map(|skipped| Action::Skipped { ticket: skipped, because: ticket }));
    }

    /// A deferred ticket landed after all: what was skipped for it waits again, unless it is hopeless for another.
    fn reopen(&mut self, plan: &Plan, landed: TicketIx, out: &mut Vec<Action>) {
        let mut open: BTreeSet<(u32, TicketIx)> =
            plan.dependents(landed).iter().map(|ticket| (plan.wave(*ticket), *ticket)).collect();
        while let Some((wave, ticket)) = open.pop_first() {
            if !matches!(self.state(ticket), State::Skipped { .. }) || wave > self.last_wave {
                continue;
            }
            open.extend(plan.dependents(ticket).iter().map(|ticket| (plan.wave(*ticket), *ticket)));
            if let Some(because) = self.hopeless(plan, ticket) {
                self.set(plan, ticket, State::Skipped { because });
                continue;
            }
            self.set(plan, ticket, State::Pending);
            out.push(Action::Reopened { ticket, because: landed });
            if self.missing[ticket.index()] == 0 {
                self.make_ready(plan, ticket);
            }
        }
    }

    /// Nothing of a wave after `last_wave` starts any more; what has not started of them is cancelled, dependents
    /// included, since they are of later waves still.
    pub(super) fn cancel_after(&mut self, plan: &Plan, last_wave: u32, reason: &str, out: &mut Vec<Action>) {
        let before = self.last_wave;
        self.last_wave = before.min(last_wave);
        let order = plan.order();
        let from = order.partition_point(|ticket| plan.wave(*ticket) <= last_wave);
        let to = order.partition_point(|ticket| plan.wave(*ticket) <= before);
        for ticket in order.get(from..to).unwrap_or_default() {
            if matches!(self.state(*ticket), State::Pending | State::Ready | State::Backoff { .. }) {
                self.cancel(plan, *ticket, reason.to_owned(), out);
            }
        }
    }

    fn cancel(&mut self, plan: &Plan, ticket: TicketIx, reason: String, out: &mut Vec<Action>) {
        self.ready.let_go(ticket);
        self.set(plan, ticket, State::Cancelled(reason.clone()));
        out.push(Action::Cancelled { ticket, reason });
    }
}
