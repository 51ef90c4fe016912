//! Random numbers and random plans from a seed.

use std::sync::Arc;

use crate::names::TicketId;
use crate::plan::{Place, Plan, Priority, Ticket};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.roll() % n.max(1) as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// In `[0, 1)`.
    pub(super) fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const FILES: &[&str] = &["src/**", "src/a.rs", "src/b.rs", "src/{b,c}.rs", "docs", "docs/x.md", "Cargo.toml", "*.toml"];

/// Up to `most` tickets in any order of the backlog, with needs, priorities, estimates, files and attempts of all kinds.
pub(super) fn any_plan(dice: &mut Dice, most: usize) -> Arc<Plan> {
    let count = 1 + dice.below(most);
    let (dense, filed) = (1 + dice.below(6), 1 + dice.below(5));
    let mut tickets: Vec<Ticket> = (0..count)
        .map(|n| {
            let mut ticket = Ticket::new(TicketId::new(format!("t{n}")), "", Place::file("backlog"));
            for _ in 0..dice.below(4) {
                if n > 0 && dice.one_in(dense) {
                    let need = TicketId::new(format!("t{}", dice.below(n)));
                    if !ticket.needs.contains(&need) {
                        ticket.needs.push(need);
                    }
                }
            }
            ticket.priority = Priority(dice.pick(&[0, 1, 2, 2, 2, 3]));
            ticket.estimate_s = Some(dice.below(100) as u64).filter(|_| !dice.one_in(4));
            ticket.max_attempts = Some(1 + u32::try_from(dice.below(3)).unwrap()).filter(|_| dice.one_in(3));
            while dice.one_in(filed) && ticket.files.len() < 3 {
                ticket.files.push(dice.pick(FILES).to_owned());
            }
            ticket
        })
        .collect();
    for at in (1..tickets.len()).rev() {
        tickets.swap(at, dice.below(at + 1));
    }
    Arc::new(Plan::build(tickets).unwrap().plan)
}
