//! What is wrong with backlogs, and how it is said.

use proptest::prelude::*;

use super::{built, lines, tickets};
use crate::names::TicketId;
use crate::plan::{Choice, Plan, Severity, Standing, Ticket};

fn errors(tickets: Vec<Ticket>) -> String {
    lines(&Plan::build(tickets).unwrap_err())
}

#[test]
fn every_problem_is_found_at_once_with_its_place() {
    let mut all =
        tickets("AUTH-001; AUTH-002: AUTH-01 nothing; AUTH-001; x: x; ; p: q; q: r; r: p; s: t; t: s; w: v; v");
    for at in [10, 11] {
        all[at].declared_wave = Some(2);
    }
    all[1].lines.insert("needs[1]".to_owned(), 40);
    insta::assert_snapshot!(errors(all));
}

#[test]
fn a_cycle_is_named_whole_and_the_shortest_of_its_tangle() {
    insta::assert_snapshot!(errors(tickets("a: b; b: c; c: d e; d: a; e: c")));
}

#[test]
fn a_complete_ticket_breaks_a_cycle() {
    let mut all = tickets("a: b; b: a");
    all[1].standing = Standing::Complete;
    let built = built(all);
    assert_eq!(built.plan.len(), 1);
    assert_eq!(built.plan.wave(built.plan.find(&TicketId::new("a")).unwrap()), 1);
}

#[test]
fn what_is_odd_but_can_be_run_is_a_warning() {
    let mut all = tickets("done: open; open; gone; x: gone gone; y: gone; held; z: held; zz: z; f; g");
    all[0].standing = Standing::Complete;
    all[2].standing = Standing::Cancelled;
    all[5].standing = Standing::Held;
    all[8].files = vec!["src/**".to_owned(), String::new()];
    all[9].files = vec!["src/lib.rs".to_owned()];
    let built = built(all);
    assert!(built.warnings.iter().all(|problem| problem.severity == Severity::Warning));
    insta::assert_snapshot!(lines(&built.warnings));
    let run: Vec<&str> = built.plan.tickets().iter().map(|ticket| ticket.id.as_str()).collect();
    assert_eq!(run, ["open", "x", "y", "f", "g"]);
    let held: Vec<String> = built.plan.held().iter().map(|held| format!("{} {}", held.ticket, held.because)).collect();
    assert_eq!(held, ["held held", "z held", "zz held"]);
    assert_eq!(built.plan.complete(), [TicketId::new("done"), TicketId::new("gone")]);
}

#[test]
fn a_need_in_a_later_declared_wave_is_an_error_and_one_in_an_earlier_is_not() {
    let mut all = tickets("a; b: a; c: d; d");
    for (at, wave) in [(0, 1), (1, 2), (2, 1), (3, 2)] {
        all[at].declared_wave = Some(wave);
    }
    let said = errors(all);
    assert!(said.contains("\"c\" in wave 1 needs \"d\" in wave 2"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn only(ids: &[&str]) -> Choice {
    Choice { only: ids.iter().map(TicketId::new).collect(), component: None }
}

#[test]
fn a_choice_keeps_the_chosen_and_refuses_what_it_would_leave_behind() {
    let mut all = tickets("AUTH-1; AUTH-2: AUTH-1; AUTHOR-1; DB-1; held; after: held; done");
    all[3].component = Some("storage".to_owned());
    all[4].standing = Standing::Held;
    all[6].standing = Standing::Complete;
    let plan = built(all).plan;
    let chosen = |choice: Choice| {
        let (plan, warnings) = plan.clone().restrict(&choice).map_err(|problems| lines(&problems))?;
        let ids: Vec<String> = plan.tickets().iter().map(|ticket| ticket.id.to_string()).collect();
        Ok::<_, String>(format!("{} {}", ids.join(" "), lines(&warnings)).trim_end().to_owned())
    };
    let component = |name: &str| Choice { only: Vec::new(), component: Some(name.to_owned()) };
    assert_eq!(chosen(Choice::default()).unwrap(), "AUTH-1 AUTH-2 AUTHOR-1 DB-1");
    assert_eq!(chosen(only(&["AUTH-2", "AUTH-1"])).unwrap(), "AUTH-1 AUTH-2");
    assert_eq!(chosen(component("AUTH")).unwrap(), "AUTH-1 AUTH-2");
    assert_eq!(chosen(component("storage")).unwrap(), "DB-1");
    assert_eq!(chosen(Choice { component: Some("DB-".to_owned()), ..only(&["AUTHOR-1"]) }).unwrap(), "AUTHOR-1 DB-1");
    assert_eq!(chosen(only(&["done", "DB-1"])).unwrap(), "DB-1 --only: warning: \"done\" is complete already");
    let said =
        [only(&["AUTH-2", "AUHT-1", "after", "held"]), component("UI")].map(|choice| chosen(choice).unwrap_err());
    insta::assert_snapshot!(said.concat());
}

#[test]
fn the_nearest_id_is_looked_for_among_all() {
    let plan = built(tickets("AUTH-001; DB-1")).plan;
    assert_eq!(plan.nearest("auth-01"), Some(&TicketId::new("AUTH-001")));
    assert_eq!(plan.nearest("something else"), None);
}

proptest! {
    #[test]
    fn a_plan_is_refused_for_cycles_exactly_when_there_is_one(edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..20)) {
        let mut all = tickets(&(0..12).map(|n| n.to_string()).collect::<Vec<_>>().join(";"));
        for (from, to) in edges.iter().filter(|(from, to)| from != to) {
            let need = TicketId::new(to.to_string());
            if !all[*from].needs.contains(&need) {
                all[*from].needs.push(need);
            }
        }
        // Warshall's closure: a ticket that reaches itself lies on a cycle.
        let mut reach = [[false; 12]; 12];
        for (from, to) in edges.iter().filter(|(from, to)| from != to) {
            reach[*from][*to] = true;
        }
        for k in 0..12 {
            for a in 0..12 {
                for b in 0..12 {
                    reach[a][b] |= reach[a][k] && reach[k][b];
                }
            }
        }
        let tangled = (0..12).any(|n| reach[n][n]);
        match Plan::build(all.clone()) {
            Ok(built) => {
                prop_assert!(!tangled);
                for ticket in built.plan.ids() {
                    prop_assert!(built.plan.needs(ticket).iter().all(|need| built.plan.wave(*need) < built.plan.wave(ticket)));
                }
            }
            Err(problems) => {
                prop_assert!(tangled, "{}", lines(&problems));
                let tangles: std::collections::BTreeSet<Vec<usize>> = (0..12)
                    .filter(|n| reach[*n][*n])
                    .map(|n| (0..12).filter(|m| reach[n][*m] && reach[*m][n]).collect())
                    .collect();
                prop_assert_eq!(problems.len(), tangles.len());
                for problem in &problems {
                    let (_, cycle) = problem.message.split_once(": ").unwrap();
                    let ids: Vec<usize> = cycle.split(" -> ").map(|id| id.parse().unwrap()).collect();
                    prop_assert_eq!(ids.first(), ids.last());
                    for pair in ids.windows(2) {
                        prop_assert!(all[pair[0]].needs.contains(&TicketId::new(pair[1].to_string())), "{}", cycle);
                    }
                }
            }
        }
    }
}
