//! Deferrals: why an entry waits, told so that a person can act on it.
//!
//! Values out; records nothing and moves no ref.

use super::candidate::Clash;
use super::entry::Entry;
use super::message;
use crate::event::{Deferral, DeferralReason, Rival};
use crate::git::{Busy, GitError, Session, in_tree, shown};
use crate::names::CommitId;
use crate::shell::shell_word;

/// What all deferrals of an entry share; the rescue ref and its commands come with [`held_by`].
fn plain(entry: &Entry, reason: DeferralReason, attempts: u32) -> Deferral {
    Deferral {
        reason,
        attempts,
        paths: Vec::new(),
        against: Vec::new(),
        hunks: Vec::new(),
        base: Some(entry.base.clone()),
        ours: None,
        theirs: Some(entry.head.clone()),
        rescue_ref: None,
        eligible_when: String::new(),
        commands: Vec::new(),
    }
}

/// Git found a conflict.
pub(super) fn conflict(session: &Session, entry: &Entry, clash: &Clash, attempts: u32) -> Result<Deferral, GitError> {
    let paths = &clash.conflict.paths;
    // Where they stand in trees, by which others can be found and the target watched.
    let standing: Vec<Vec<u8>> = paths.iter().map(|path| in_tree(path).to_vec()).collect();
    let against = session.touching(&clash.base, &clash.ours, &standing)?.into_iter().map(|one| Rival {
        ticket: message::ticket_of(&one.commit.message),
        commit: one.commit.id,
        paths: one.paths.iter().map(|path| shown(path)).collect(),
    });
    let names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    Ok(Deferral {
        against: against.collect(),
        hunks: session.hunks(&clash.conflict.staged)?,
        base: Some(clash.base.clone()),
        ours: Some(clash.ours.clone()),
        theirs: Some(clash.theirs.clone()),
        eligible_when: format!(
            "{} changes on {}, or it is retried",
            listed(&standing.iter().map(|path| shown(path)).collect::<Vec<_>>()),
            entry.target.branch()
        ),
        paths: names,
        ..plain(entry, DeferralReason::Conflict, attempts)
    })
}

/// The user has changes where the landing would write.
pub(super) fn dirty(entry: &Entry, ours: &CommitId, paths: Vec<String>, attempts: u32) -> Deferral {
    let eligible_when = format!("{} is committed, moved away or undone in the checkout", listed(&paths));
    Deferral { ours: Some(ours.clone()), paths, eligible_when, ..plain(entry, DeferralReason::DirtyTarget, attempts) }
}

/// A git of the user's is in the middle of a commit in a checkout.
pub(super) fn busy(entry: &Entry, ours: &CommitId, busy: &Busy, attempts: u32) -> Deferral {
    let eligible_when = format!("`git {}`, process {}, has ended in the checkout", busy.command, busy.pid);
    let deferral = plain(entry, DeferralReason::DirtyTarget, attempts);
    Deferral { ours: Some(ours.clone()), eligible_when, ..deferral }
}

/// A person said no.
pub(super) fn rejected(entry: &Entry, ours: &CommitId, attempts: u32) -> Deferral {
    let eligible_when = "it is retried".to_owned();
    Deferral { ours: Some(ours.clone()), eligible_when, ..plain(entry, DeferralReason::RejectedByUser, attempts) }
}

/// Transient faults outlasted the backoff.
pub(super) fn exhausted(entry: &Entry, fault: &str, attempts: u32) -> Deferral {
    let eligible_when = format!("this no longer fails: {fault}");
    Deferral { eligible_when, ..plain(entry, DeferralReason::AttemptsExhausted, attempts) }
}

/// The same deferral, with the ref that holds the work and the commands that use it.
pub(super) fn held_by(mut deferral: Deferral, entry: &Entry, rescue_ref: &str) -> Deferral {
    let base = deferral.base.as_ref().unwrap_or(&entry.base);
    let mut commands = vec![format!("git diff {base} {rescue_ref}")];
    if deferral.reason == DeferralReason::DirtyTarget {
        commands.push("git status".to_owned());
    }
    commands.push(format!("git wave queue retry {}", entry.id()));
    if deferral.reason == DeferralReason::Conflict {
        let (target, slug) = (entry.target.branch(), entry.ticket.slug());
        commands.push(format!("git switch -c fix/{slug} {rescue_ref}"));
        commands.push(format!("git rebase --onto {} {base}", shell_word(target)));
        commands.push(format!(
            "git wave queue add --ticket {} --onto {} HEAD",
            shell_word(entry.ticket.as_str()),
            shell_word(target)
        ));
    }
    // Last: the candidate made by hand may be only a part of this one, so that nobody but a person can end this.
    commands.push(format!("git wave queue drop {}", entry.id()));
    deferral.rescue_ref = Some(rescue_ref.to_owned());
    deferral.commands = commands;
    deferral
}

fn listed(paths: &[String]) -> String {
    match paths {
        [] => "something".to_owned(),
        [a, b, rest @ ..] if rest.len() > 1 => format!("{a}, {b} or one of {} more", rest.len()),
        few => few.join(", "),
    }
}
