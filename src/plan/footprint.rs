//! Which files tickets mean to touch, and which tickets meet in them.
//!
//! Knows nothing of needs: that two tickets meet does not say that they could ever run at once.

use std::collections::{BTreeSet, HashMap};

use crate::plan::graph::TicketIx;
use crate::plan::lists::Lists;
use crate::plan::pattern::Pattern;
use crate::plan::ticket::Ticket;

/// Patterns compared with each other at most when the index is made. A backlog that needs more has many patterns that
/// begin alike; the index is then incomplete, and whoever asks compares for himself.
const MOST_COMPARED: usize = 1_000_000;

/// The distinct patterns, who declares them, and which of them meet.
#[derive(Clone, Debug)]
pub(super) struct Footprints {
    patterns: Vec<Pattern>,
    /// Of each ticket, its patterns.
    declared: Lists<u32>,
    /// Of each pattern, the tickets that declare it.
    users: Lists<TicketIx>,
    /// Of each pattern, the other patterns it meets.
    meets: Lists<u32>,
    contested: Vec<bool>,
    /// Whether `meets` lists all there is.
    pub(super) complete: bool,
}

impl Footprints {
    pub(super) fn of(tickets: &[Ticket]) -> Self {
        let mut patterns = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut declared = Vec::new();
        for (ix, ticket) in tickets.iter().enumerate() {
            let mut own: Vec<u32> = Vec::new();
            for text in &ticket.files {
                let number = *known.entry(text).or_insert_with(|| {
                    patterns.push(Pattern::parse(text));
                    TicketIx::at(patterns.len() - 1).0
                });
                if !own.contains(&number) {
                    own.push(number);
                    declared.push((TicketIx::at(ix).0, number));
                }
            }
        }
        let used: Vec<(u32, TicketIx)> = declared.iter().map(|(ticket, number)| (*number, TicketIx(*ticket))).collect();
        let users = Lists::of(patterns.len(), &used);
        let (pairs, complete) = meetings(&patterns);
        let meets = Lists::of(patterns.len(), &pairs);
        let declared = Lists::of(tickets.len(), &declared);
        let mut footprints = Self { patterns, declared, users, meets, contested: Vec::new(), complete };
        footprints.contested = (0..tickets.len()).map(|ix| footprints.contends(ix)).collect();
        footprints
    }

    fn contends(&self, ix: usize) -> bool {
        self.declared.list(ix).iter().any(|number| {
            let number = *number as usize;
            !self.complete || self.users.list(number).len() > 1 || !self.meets.list(number).is_empty()
        })
    }

    pub(super) fn is_contested(&self, ticket: TicketIx) -> bool {
        self.contested[ticket.index()]
    }

    pub(super) fn meet(&self, a: TicketIx, b: TicketIx) -> bool {
        self.meeting_pattern(a, b).is_some()
    }

    pub(super) fn meeting_pattern(&self, ticket: TicketIx, other: TicketIx) -> Option<u32> {
        if !self.is_contested(ticket) || !self.is_contested(other) {
            return None;
        }
        self.common(ticket, other).next().map(|(own, _)| own)
    }

    /// The patterns in which two tickets meet, the narrower of each two, in the order of the first's.
    pub(super) fn paths(&self, a: TicketIx, b: TicketIx) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for (one, other) in self.common(a, b) {
            let (one, other) = (&self.patterns[one as usize], &self.patterns[other as usize]);
            let narrower = if other.narrowness() > one.narrowness() { other } else { one };
            if !paths.iter().any(|path| path == narrower.text()) {
                paths.push(narrower.text().to_owned());
            }
        }
        paths
    }

    /// The numbers of the patterns in which two tickets meet: the first's, and the second's.
    fn common(&self, a: TicketIx, b: TicketIx) -> impl Iterator<Item = (u32, u32)> {
        let (a, b) = (self.declared.list(a.index()), self.declared.list(b.index()));
        let pairs = a.iter().flat_map(move |one| b.iter().map(move |other| (*one, *other)));
        pairs.filter(|(one, other)| one == other || self.patterns_meet(*one, *other))
    }

    fn patterns_meet(&self, one: u32, other: u32) -> bool {
        if self.complete {
            return self.meets.list(one as usize).binary_search(&other).is_ok();
        }
        self.patterns[one as usize].meets(&self.patterns[other as usize])
    }

    /// The tickets after `ticket` in the backlog that meet it, as far as the index knows.
    pub(super) fn later_rivals(&self, ticket: TicketIx) -> BTreeSet<TicketIx> {
        let own = self.declared.list(ticket.index()).iter();
        let all = own.flat_map(|number| self.meets.list(*number as usize).iter().chain([number]));
        all.flat_map(|number| {
            let users = self.users.list(*number as usize);
            &users[users.partition_point(|user| *user <= ticket)..]
        })
        .copied()
        .collect()
    }

    /// No fewer pairs of tickets than these meet, as far as the index knows; a pair that meets in two patterns counts
    /// twice.
    pub(super) fn most_pairs(&self) -> u64 {
        let users = |number: usize| self.users.list(number).len() as u64;
        (0..self.patterns.len())
            .map(|one| {
                let own = users(one) * users(one).saturating_sub(1) / 2;
                let after = self.meets.list(one).iter().filter(|other| **other as usize > one);
                own + after.map(|other| users(one) * users(*other as usize)).sum::<u64>()
            })
            .sum()
    }
}

/// All pairs of patterns that meet, both ways round, and whether these are all.
///
/// Two patterns can only meet where what the one begins with begins with what the other begins with. In the order of
/// those beginnings, all that begin a given one stand on a stack, as in a walk of a trie.
fn meetings(patterns: &[Pattern]) -> (Vec<(u32, u32)>, bool) {
    let mut globs: Vec<(&str, u32)> = (0_u32..)
        .zip(patterns)
        .flat_map(|(number, pattern)| pattern.globs().iter().map(move |glob| (&*glob.prefix, number)))
        .collect();
    globs.sort_unstable();
    globs.dedup();
    let mut found = Vec::new();
    let mut compared = 0;
    let mut above: Vec<(&str, u32)> = Vec::new();
    for (prefix, number) in globs {
        while above.last().is_some_and(|(start, _)| !prefix.starts_with(start)) {
            above.pop();
        }
        compared += above.len();
        if compared > MOST_COMPARED {
            return (sorted(found), false);
        }
        for (_, other) in &above {
            if *other != number && patterns[*other as usize].meets(&patterns[number as usize]) {
                found.extend([(number, *other), (*other, number)]);
            }
        }
        above.push((prefix, number));
    }
    (sorted(found), true)
}

fn sorted(mut pairs: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
