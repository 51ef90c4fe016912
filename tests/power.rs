//! Durable: what was acknowledged survives a power cut, at any moment, on a disk that loses whatever was not flushed.
//!
//! Needs root, FUSE and loop devices; says aloud where it was skipped and why. `WAVE_POWER_CUTS` sets how many cuts.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]
#![allow(unreachable_pub, reason = "the parts are files of this one test")]

#[path = "power/candidates.rs"]
mod candidates;
#[path = "power/cuts.rs"]
mod cuts;
#[path = "power/disk.rs"]
mod disk;
#[path = "power/fuse.rs"]
mod fuse;
#[path = "power/machine.rs"]
mod machine;
#[path = "power/oracle.rs"]
mod oracle;
#[path = "power/order.rs"]
mod order;
#[path = "power/work.rs"]
mod work;

use std::fmt::Write;
use std::path::Path;

use candidates::Workshop;
use cuts::{Cut, Cutter, Pace, Tally};
use disk::random;
use machine::{Ext4, Machine, Room, blank, in_a_room, restarted, run};
use oracle::Found;
use work::{Syncing, Told, Work, listen};

/// Cuts of one machine's life; then a new one is set up.
const CUTS_PER_LIFE: usize = 8;
const CANDIDATES: usize = 160;
const TICKETS: usize = 16;

fn cuts(ordinary: usize) -> usize {
    std::env::var("WAVE_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(ordinary)
}

/// An image with the base, checked out.
fn installed(room: &Room, shop: &Workshop) -> Vec<u8> {
    let machine = Machine::on(blank(&room.folder), room, Ext4::Usual);
    let url = format!("file://{}", shop.repo.display());
    run(room.program("git", &machine.mounted.at).args(["init", "-q", "repo"]));
    run(room.program("git", &machine.mounted.repo()).args(["pull", "-q", &url, "main"]));
    machine.shut_down()
}

/// How a machine lives: the room, what it starts from, how it is mounted.
struct Life<'l> {
    room: &'l Room,
    image: &'l [u8],
    ext4: Ext4,
}

impl Life<'_> {
    /// Lets `live` work on a machine, and gives the cuts that happened.
    fn live(&self, pace: Pace, told: &Told, live: impl Fn(&Machine<'_>, &Cutter)) -> Vec<Cut> {
        let machine = Machine::on(self.image.to_vec(), self.room, self.ext4);
        let cutter = Cutter::on(&machine.disk, pace, told.clone());
        live(&machine, &cutter);
        let cuts = cutter.finish(&machine.disk);
        machine.shut_down();
        cuts
    }
}

fn judge(room: &Room, ext4: Ext4, cut: &Cut, tally: &mut Tally, judge: impl Fn(&mut Found<'_>, &Cut)) {
    let machine = restarted(&cut.image, room, ext4);
    let repo = machine.repo();
    let mut found = Found::new(room, &repo);
    judge(&mut found, cut);
    tally.count(cut, found.breaches, &format!("{ext4:?}"));
}

/// One life of a machine after another until there were `count` cuts; `then` is called with each.
fn cut_often(
    room: &Room,
    shop: &Workshop,
    count: usize,
    live: impl Fn(&Machine<'_>, &Cutter),
    mut then: impl FnMut(Ext4, &Cut),
) {
    let image = installed(room, shop);
    let (mut done, mut seed) = (0, 0xc07);
    while done < count {
        let ext4 = if random(&mut seed).is_multiple_of(2) { Ext4::Usual } else { Ext4::Strict };
        let life = Life { room, image: &image, ext4 };
        let pace = Pace { cuts: CUTS_PER_LIFE.min(count - done), pause: 400, seed: random(&mut seed) };
        let cuts = life.live(pace, &Told::default(), &live);
        assert!(!cuts.is_empty(), "the work was over before any cut");
        cuts.iter().for_each(|cut| then(ext4, cut));
        done += cuts.len();
    }
}

/// Adders and a processor at work.
fn queue_at_work(room: &Room, shop: &Workshop, syncing: Syncing) -> impl Fn(&Machine<'_>, &Cutter) {
    move |machine, cutter| {
        let (disk, repo) = (&machine.disk, machine.mounted.repo());
        Work { room, shop, disk, repo, syncing, cutter }.go_on();
    }
}

fn cut_a_queue(room: &Room, shop: &Workshop, count: usize, syncing: Syncing) -> Tally {
    let mut tally = Tally::default();
    cut_often(room, shop, count, queue_at_work(room, shop, syncing), |ext4, cut| {
        judge(room, ext4, cut, &mut tally, |found, cut| found.judge_queue(&cut.told, shop));
    });
    tally
}

#[test]
fn whatever_was_acknowledged_survives_a_power_cut() {
    in_a_room("whatever_was_acknowledged_survives_a_power_cut", |room| {
        let shop = Workshop::new(&room.folder, CANDIDATES);
        let tally = cut_a_queue(room, &shop, cuts(6), Syncing::Real);
        tally.tell("queue");
        assert_eq!(tally.bad, 0);
        assert!(tally.landings > 0, "nothing had landed before any cut");
    });
}

#[test]
fn without_syncing_the_same_cuts_lose_what_was_acknowledged() {
    in_a_room("without_syncing_the_same_cuts_lose_what_was_acknowledged", |room| {
        let shop = Workshop::new(&room.folder, CANDIDATES);
        for calls in ["all", "syncfs"] {
            let tally = cut_a_queue(room, &shop, cuts(3).min(16), Syncing::Without(calls));
            tally.tell(&format!("queue, without {calls}"));
            assert!(tally.bad > 0, "without {calls} nothing is lost: the test proves nothing");
        }
    });
}

#[test]
fn a_cut_in_the_middle_of_recovery_is_recovered_from() {
    in_a_room("a_cut_in_the_middle_of_recovery_is_recovered_from", |room| {
        let shop = Workshop::new(&room.folder, CANDIDATES);
        let mut tally = Tally::default();
        cut_often(room, &shop, cuts(3), queue_at_work(room, &shop, Syncing::Real), |ext4, first| {
            let recover = |machine: &Machine<'_>, cutter: &Cutter| {
                machine.mounted.found();
                let process = Syncing::Real.wave(room, &machine.mounted.repo(), &["--json", "queue", "process"]);
                listen(process, &machine.disk, cutter, &[0, 1]);
            };
            let pace = Pace { cuts: 1, pause: 40, seed: first.image.len() as u64 ^ first.told.added.len() as u64 };
            // A recovery that was over before is no matter here.
            for second in (Life { room, image: &first.image, ext4 }).live(pace, &first.told, recover) {
                judge(room, ext4, &second, &mut tally, |found, cut| found.judge_queue(&cut.told, &shop));
            }
        });
        tally.tell("queue, cut twice");
        assert_eq!(tally.bad, 0);
        assert!(tally.cuts > 0, "no recovery was cut");
    });
}

/// Tickets that need each other now and then. Their workers commit, and sync nothing.
fn backlog(at: &Path) {
    let mut text = "version = 1\n[defaults]\nrun = 'echo $WAVE_TICKET > $WAVE_TICKET && git add -A && git commit -qm $WAVE_TICKET'\n".to_owned();
    for n in 0..TICKETS {
        let needs = if n >= 4 && n % 3 == 0 { format!("needs = [\"R-{}\"]\n", n - 4) } else { String::new() };
        write!(text, "[[ticket]]\nid = \"R-{n}\"\ntitle = \"ticket {n}\"\n{needs}").unwrap();
    }
    std::fs::write(at, text).unwrap();
}

#[test]
fn a_run_that_lost_its_power_is_resumed_and_lands_every_ticket_once() {
    in_a_room("a_run_that_lost_its_power_is_resumed_and_lands_every_ticket_once", |room| {
        let tickets = room.folder.join("tickets.toml");
        backlog(&tickets);
        let args = ["--json", "run", tickets.to_str().unwrap(), "-j", "4"];
        let live = |machine: &Machine<'_>, cutter: &Cutter| {
            listen(Syncing::Real.wave(room, &machine.mounted.repo(), &args), &machine.disk, cutter, &[0]);
        };
        let mut tally = Tally::default();
        cut_often(room, &Workshop::new(&room.folder, 0), cuts(3), live, |ext4, cut| {
            judge(room, ext4, cut, &mut tally, |found, cut| found.judge_run(&cut.told, &args, TICKETS));
        });
        tally.tell("run");
        assert_eq!(tally.bad, 0);
    });
}
