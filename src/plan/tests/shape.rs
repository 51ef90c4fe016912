//! Waves, paths, widths and overlaps.

use proptest::prelude::*;

use super::{built, tickets};
use crate::names::TicketId;
use crate::plan::{DEFAULT_ESTIMATE_S, Plan, Ticket, TicketIx};

fn ids(plan: &Plan, of: &[TicketIx]) -> String {
    of.iter().map(|ix| plan.ticket(*ix).id.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_wave_is_one_more_than_the_latest_of_the_needs() {
    let plan = built(tickets("d: b c; a; b: a; c; e: d a")).plan;
    let waves: Vec<String> = plan.waves().iter().map(|wave| ids(&plan, wave)).collect();
    assert_eq!(waves, ["a c", "b", "d", "e"]);
}

#[test]
fn the_critical_path_is_the_longest_and_of_equals_the_first() {
    let mut all = tickets("a; b: a; c: a; d: b c");
    let plan = built(all.clone()).plan;
    assert_eq!(ids(&plan, &plan.critical_path().0), "a b d");
    assert!((plan.critical_path().1 - 3.0 * DEFAULT_ESTIMATE_S).abs() < 1e-9);
    all[2].estimate_s = Some(90);
    all[1].estimate_s = Some(30);
    let plan = built(all).plan;
    assert_eq!(ids(&plan, &plan.critical_path().0), "a c d");
    assert!((plan.critical_path().1 - 210.0).abs() < 1e-9, "those without an estimate take the mean of 60");
}

fn filed(text: &str, files: &[(&str, &[&str])]) -> Plan {
    let mut all = tickets(text);
    for (id, patterns) in files {
        let ticket: &mut Ticket = all.iter_mut().find(|ticket| ticket.id.as_str() == *id).unwrap();
        ticket.files = patterns.iter().map(ToString::to_string).collect();
    }
    built(all).plan
}

#[test]
fn the_width_is_the_most_that_can_run_at_once() {
    assert_eq!(built(Vec::new()).plan.width(), 0);
    assert_eq!(built(tickets("a; b: a; c: b")).plan.width(), 1);
    assert_eq!(built(tickets("a; x: a; y: a; z: a; b")).plan.width(), 4, "b may run together with x, y and z");
    assert_eq!(built(tickets("a; b; c: a; d: b; e: c d; f: b; g: f")).plan.width(), 3);
    let one_file = filed("a; b; c; d", &[("a", &["x"]), ("b", &["x"]), ("c", &["x"])]);
    assert_eq!(one_file.width(), 2, "a, b and c exclude each other");
}

#[test]
fn overlaps_are_pairs_of_which_neither_needs_the_other() {
    let files: &[(&str, &[&str])] =
        &[("a", &["src/**"]), ("b", &["src/b.rs"]), ("c", &["src/c.rs", "docs"]), ("d", &["docs/*.md"])];
    let plan = filed("a; b: a; c; d: c; e", files);
    let report = crate::plan::analyse(&plan, 2);
    let overlaps: Vec<String> = report
        .overlaps
        .iter()
        .map(|overlap| format!("{} {}: {}", overlap.tickets[0], overlap.tickets[1], overlap.paths.join(" ")))
        .collect();
    assert_eq!(overlaps, ["a c: src/c.rs"], "a is needed by b, c by d");
    let ix = |id: &str| plan.find(&TicketId::new(id)).unwrap();
    assert!(plan.overlapping(ix("a"), ix("b")) && plan.overlapping(ix("d"), ix("c")));
    assert!(!plan.overlapping(ix("a"), ix("d")) && !plan.overlapping(ix("a"), ix("a")));
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let files = prop::sample::select(vec!["src/**", "src/a", "src/{a,b}", "docs", "docs/x", "**/a", "*"]);
    let ticket = (prop::collection::vec(0_usize..10, 0..3), prop::collection::vec(files, 0..3));
    prop::collection::vec(ticket, 1..10).prop_map(|all| {
        let tickets = all.into_iter().enumerate().map(|(n, (needs, files))| {
            let mut ticket = tickets(&format!("t{n}")).remove(0);
            let needs: std::collections::BTreeSet<usize> = needs.into_iter().filter(|need| *need < n).collect();
            ticket.needs = needs.into_iter().map(|need| TicketId::new(format!("t{need}"))).collect();
            ticket.files = files.into_iter().map(ToOwned::to_owned).collect();
            ticket
        });
        built(tickets.collect()).plan
    })
}

/// Who needs whom, at whatever remove.
fn closure(plan: &Plan) -> Vec<Vec<bool>> {
    let mut above: Vec<Vec<bool>> = vec![vec![false; plan.len()]; plan.len()];
    for ticket in plan.order() {
        let mut own = vec![false; plan.len()];
        for need in plan.needs(*ticket) {
            own[need.index()] = true;
            own.iter_mut().zip(&above[need.index()]).for_each(|(own, further)| *own |= further);
        }
        above[ticket.index()] = own;
    }
    above
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_listed_overlaps_are_all_pairs_there_are(plan in any_plan()) {
        let above = closure(&plan);
        let mut expected = Vec::new();
        for a in plan.ids() {
            for b in plan.ids().filter(|b| *b > a) {
                let related = above[a.index()][b.index()] || above[b.index()][a.index()];
                if !related && plan.overlapping(a, b) {
                    expected.push([plan.ticket(a).id.clone(), plan.ticket(b).id.clone()]);
                }
            }
        }
        let listed: Vec<_> = crate::plan::analyse(&plan, 3).overlaps.into_iter().map(|overlap| overlap.tickets).collect();
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn the_width_without_overlaps_is_that_of_the_greatest_antichain(plan in any_plan()) {
        let above = closure(&plan);
        let bare: Vec<Ticket> =
            plan.tickets().iter().cloned().map(|ticket| Ticket { files: Vec::new(), ..ticket }).collect();
        let subsets = 0_usize..1 << plan.len();
        let apart = |set: &usize| {
            let members: Vec<usize> = (0..plan.len()).filter(|n| set >> n & 1 == 1).collect();
            members.iter().all(|a| members.iter().all(|b| !above[*a][*b]))
        };
        let widest = subsets.filter(apart).map(usize::count_ones).max().unwrap();
        prop_assert_eq!(built(bare).plan.width(), widest as usize);
        prop_assert!(plan.width() <= widest as usize && plan.width() >= 1);
    }
}
