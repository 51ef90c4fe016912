//! From tickets to a plan, or to everything that is wrong with them.
//!
//! Needs of complete and cancelled tickets are satisfied. A held ticket does not run, and neither does what waits for
//! it: both are left out of the plan, with a warning. Knows no format and no file.

use std::collections::{BTreeSet, HashMap};

use crate::names::TicketId;
use crate::plan::cycle::cycles;
use crate::plan::graph::{Held, Plan};
use crate::plan::lists::Lists;
use crate::plan::overlap;
use crate::plan::problem::Problem;
use crate::plan::ticket::{Standing, Ticket};
use crate::plan::{census, nearest};

/// Ids compared in search of the nearest to an unknown one, over all unknown ones together; then hints end.
const MOST_COMPARED: usize = 1_000_000;

/// A plan and what should be said of it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The plan.
    pub plan: Plan,
    /// In the order of their places.
    pub warnings: Vec<Problem>,
}

impl Plan {
    /// The plan of `tickets`.
    ///
    /// # Errors
    /// Every problem at once, warnings included, in the order of their places.
    pub fn build(tickets: Vec<Ticket>) -> Result<Built, Vec<Problem>> {
        let mut check = Check::of(&tickets);
        check.ids();
        check.needs();
        check.cycles();
        let errors = !check.problems.is_empty();
        let held = check.held();
        check.standings(&held);
        let mut problems = check.problems;
        if errors {
            return Err(in_place(problems));
        }
        let complete: Vec<TicketId> = tickets.iter().filter(|t| is_done(t)).map(|t| t.id.clone()).collect();
        let mut blocked = held.iter();
        let mut next = blocked.next();
        let mut open = Vec::with_capacity(tickets.len());
        let mut left_out = Vec::new();
        for (ix, ticket) in tickets.into_iter().enumerate() {
            if let Some((_, because)) = next.filter(|(held, _)| *held == ix) {
                left_out.push(Held { ticket: ticket.id, because: because.clone() });
                next = blocked.next();
            } else if !is_done(&ticket) {
                open.push(ticket);
            }
        }
        let plan = Self::assemble(open, complete, left_out);
        problems.extend(overlap::warnings(&plan));
        Ok(Built { plan, warnings: in_place(problems) })
    }
}

fn is_done(ticket: &Ticket) -> bool {
    matches!(ticket.standing, Standing::Complete | Standing::Cancelled)
}

/// By file and line; what stands on one line stays in the order found.
fn in_place(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.place.file, a.place.line).cmp(&(&b.place.file, b.place.line)));
    problems
}

struct Check<'a> {
    tickets: &'a [Ticket],
    /// The first ticket of each id.
    by_id: HashMap<&'a TicketId, usize>,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    fn of(tickets: &'a [Ticket]) -> Self {
        let mut by_id = HashMap::with_capacity(tickets.len());
        for (ix, ticket) in tickets.iter().enumerate() {
            by_id.entry(&ticket.id).or_insert(ix);
        }
        Self { tickets, by_id, problems: Vec::new() }
    }

    fn ids(&mut self) {
        for (ix, ticket) in self.tickets.iter().enumerate() {
            let first = self.by_id[&ticket.id];
            if ticket.id.as_str().trim().is_empty() {
                self.problems.push(Problem::error(ticket.place_of("id"), "a ticket's id is empty"));
            } else if ticket.id.as_str().len() > TicketId::LONGEST {
                let (is, most) = (ticket.id.as_str().len(), TicketId::LONGEST);
                let message = format!("the id is {is} bytes long; {most} are the limit");
                let hint = "a short id and the text as its title or prompt";
                self.problems.push(Problem::error(ticket.place_of("id"), message).hint(hint));
            } else if first != ix {
                let message = format!("two tickets have the id {:?}", ticket.id);
                let before = self.tickets[first].place_of("id");
                let hint = format!("the first is at {before}; give one of them another id");
                self.problems.push(Problem::error(ticket.place_of("id"), message).hint(hint));
            }
        }
    }

    fn needs(&mut self) {
        let mut compared = 0;
        for ticket in self.tickets {
            for (at, need) in ticket.needs.iter().enumerate() {
                let place = || ticket.place_of(&format!("needs[{at}]"));
                let problem = if *need == ticket.id {
                    Some(Problem::error(place(), format!("{need:?} needs itself")).hint("remove it from its needs"))
                } else if let Some(needed) = self.by_id.get(need) {
                    same_wave(ticket, &self.tickets[*needed]).map(|message| {
                        Problem::error(place(), message).hint("move one of them to another wave, or drop the need")
                    })
                } else {
                    compared += self.tickets.len();
                    let hint = (compared <= MOST_COMPARED).then(|| self.meant(need)).flatten();
                    let problem =
                        Problem::error(place(), format!("{:?} needs {need:?}, which no ticket is", ticket.id));
                    Some(match hint {
                        Some(hint) => problem.hint(hint),
                        None => problem,
                    })
                };
                self.problems.extend(problem);
            }
        }
    }

    fn meant(&self, need: &TicketId) -> Option<String> {
        let meant = nearest::nearest(need.as_str(), self.tickets.iter().map(|ticket| &ticket.id))?;
        Some(format!("did you mean {meant:?}?"))
    }

    /// Needs among tickets that are not done, each once, itself left out; for `backwards`, who needs it.
    fn edges(&self, backwards: bool) -> Lists<u32> {
        let mut edges = Vec::new();
        for (ix, ticket) in self.tickets.iter().enumerate().filter(|(_, ticket)| !is_done(ticket)) {
            for need in &ticket.needs {
                let needed = self.by_id.get(need).filter(|needed| **needed != ix && !is_done(&self.tickets[**needed]));
                if let Some(needed) = needed {
                    let (from, to) = (number(ix), number(*needed));
                    edges.push(if backwards { (to, from) } else { (from, to) });
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        Lists::of(self.tickets.len(), &edges)
    }

    fn cycles(&mut self) {
        for cycle in cycles(&self.edges(false), self.tickets.len()) {
            let ticket = |at: usize| &self.tickets[cycle[at % cycle.len()] as usize];
            let (first, second) = (ticket(0), ticket(1));
            let at = first.needs.iter().position(|need| *need == second.id).unwrap_or(0);
            let named: Vec<&str> = (0..=cycle.len()).map(|at| ticket(at).id.as_str()).collect();
            let message = format!("these tickets need each other in a cycle: {}", named.join(" -> "));
            let place = first.place_of(&format!("needs[{at}]"));
            self.problems.push(Problem::error(place, message).hint("each needs the next; remove one of these needs"));
        }
    }

    /// The held tickets and those that wait for one, each with the held one it waits for, in backlog order.
    fn held(&self) -> Vec<(usize, TicketId)> {
        let dependents = self.edges(true);
        let mut because: Vec<Option<usize>> = vec![None; self.tickets.len()];
        for root in (0..self.tickets.len()).filter(|ix| self.tickets[*ix].standing == Standing::Held) {
            let mut open = vec![root];
            while let Some(ix) = open.pop() {
                let own_root = self.tickets[ix].standing == Standing::Held && ix != root;
                if because[ix].is_none() && !own_root {
                    because[ix] = Some(root);
                    open.extend(dependents.list(ix).iter().map(|dependent| *dependent as usize));
                }
            }
        }
        let roots = because.into_iter().enumerate();
        roots.filter_map(|(ix, root)| Some((ix, self.tickets[root?].id.clone()))).collect()
    }

    /// The warnings: nothing here keeps a plan from being made.
    fn standings(&mut self, held: &[(usize, TicketId)]) {
        for ticket in self.tickets {
            let mut seen = BTreeSet::new();
            for (at, need) in ticket.needs.iter().enumerate() {
                let place = ticket.place_of(&format!("needs[{at}]"));
                if !seen.insert(need) {
                    self.problems.push(Problem::warning(place, format!("{:?} needs {need:?} twice", ticket.id)));
                } else if let Some(needed) = self.by_id.get(need).map(|ix| &self.tickets[*ix])
                    && ticket.standing == Standing::Complete
                    && !is_done(needed)
                {
                    let message = format!("{:?} is complete but needs {need:?}, which is not", ticket.id);
                    self.problems.push(Problem::warning(place, message));
                }
            }
            self.empty_patterns(ticket);
        }
        self.cancelled();
        self.left_out(held);
    }

    fn empty_patterns(&mut self, ticket: &Ticket) {
        for (at, _) in ticket.files.iter().enumerate().filter(|(_, pattern)| pattern.trim().is_empty()) {
            let message = format!("{:?} declares an empty path, which stands for the whole repository", ticket.id);
            self.problems.push(Problem::warning(ticket.place_of(&format!("files[{at}]")), message));
        }
    }

    fn cancelled(&mut self) {
        let mut waiting: HashMap<usize, Vec<&TicketId>> = HashMap::new();
        for ticket in self.tickets.iter().filter(|ticket| !is_done(ticket)) {
            let needed = ticket.needs.iter().filter_map(|need| self.by_id.get(need).copied()).collect::<BTreeSet<_>>();
            for ix in needed.into_iter().filter(|ix| self.tickets[*ix].standing == Standing::Cancelled) {
                waiting.entry(ix).or_default().push(&ticket.id);
            }
        }
        for (ix, ticket) in self.tickets.iter().enumerate() {
            if let Some(waiting) = waiting.get(&ix) {
                let message = format!("{:?} is cancelled, which counts as done for {}", ticket.id, census(waiting));
                self.problems.push(Problem::warning(ticket.place.clone(), message));
            }
        }
    }

    fn left_out(&mut self, held: &[(usize, TicketId)]) {
        let mut waiting: HashMap<&TicketId, Vec<&TicketId>> = HashMap::new();
        for (ix, because) in held.iter().filter(|(ix, because)| self.tickets[*ix].id != *because) {
            waiting.entry(because).or_default().push(&self.tickets[*ix].id);
        }
        for ticket in self.tickets.iter().filter(|ticket| ticket.standing == Standing::Held) {
            let message = match waiting.get(&ticket.id) {
                None => format!("{:?} is held and does not run", ticket.id),
                Some(waiting) => {
                    format!("{:?} is held: it does not run, nor what waits for it: {}", ticket.id, census(waiting))
                }
            };
            let hint = "decide on it in the backlog";
            self.problems.push(Problem::warning(ticket.place.clone(), message).hint(hint));
        }
    }
}

/// Why a need contradicts the waves that the format declares, if it does.
fn same_wave(ticket: &Ticket, needed: &Ticket) -> Option<String> {
    let (own, other) = (ticket.declared_wave?, needed.declared_wave?);
    if is_done(ticket) || is_done(needed) || other < own {
        return None;
    }
    let (id, need) = (&ticket.id, &needed.id);
    Some(if own == other {
        format!("{id:?} needs {need:?}, and both are in wave {own}")
    } else {
        format!("{id:?} in wave {own} needs {need:?} in wave {other}, which comes later")
    })
}

fn number(ix: usize) -> u32 {
    u32::try_from(ix).expect("a backlog has fewer than 2³² tickets: their ids alone would fill memory")
}
