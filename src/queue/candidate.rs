//! One entry's turn: merged by the ladder onto the tip, held to the tree law, made a commit.
//!
//! Makes objects in memory and moves nothing, so that a turn can be taken back. A conflict is a value.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::entry::{Change, Entry, Strategy};
use super::law::{self, Case, Moved};
use super::message;
use super::record::Step;
use super::whole::Whole;
use super::{QueueError, ahead, inspect};
use crate::event::LandedBy;
use crate::git::{Base, CommitInfo, Conflict, Identity, Merged, NewCommit, Next, Session, Signature, shown};
use crate::names::{CommitId, TreeId};

/// What entries land on: the tip, or the end of the chain that is being made.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) tip: CommitId,
    /// Commits that together have its ancestors, as far as candidates can share them; all of them are on the disk.
    pub(super) history: Vec<CommitId>,
}

impl Ground {
    /// What comes after `entry` lands on, once that has landed as `tip`.
    pub(super) fn after(&self, entry: &Entry, tip: CommitId) -> Self {
        let merged = entry.is_merge().then(|| entry.head.clone());
        Self { tip, history: self.history.iter().cloned().chain(merged).collect() }
    }
}

/// A conflict, with what it takes to explain it.
#[derive(Debug)]
pub(super) struct Clash {
    pub(super) base: CommitId,
    pub(super) ours: CommitId,
    pub(super) theirs: CommitId,
    pub(super) conflict: Conflict,
}

/// What came of a turn.
#[derive(Debug)]
pub(super) enum Turn {
    Land(Step),
    Empty,
    Conflict(Clash),
    Failed(String),
}

/// A clean merge, and what it counted from.
struct Clean {
    tree: TreeId,
    by: LandedBy,
    bases: Vec<CommitId>,
}

/// Replayed commits, one on another.
struct Chain {
    tip: CommitId,
    by: LandedBy,
    /// How many there are.
    made: usize,
    top: Option<Top>,
}

/// The last commit of a chain, and whether nothing of the candidate comes after it.
struct Top {
    new: NewCommit,
    is_last: bool,
}

/// One merge to be made: from `base` if given, else from where the histories parted.
struct Ask<'a> {
    base: Base<'a>,
    ours: &'a CommitId,
    theirs: &'a CommitId,
}

/// A turn that ended early, as a value.
type Early<T> = Result<Result<T, Turn>, QueueError>;

/// Whose turn it is.
pub(super) struct Taker<'a> {
    pub(super) entry: &'a Entry,
    pub(super) whole: Whole,
    /// Which comes after it, if any does.
    pub(super) next: Option<&'a Entry>,
}

/// Lets an entry take its turn on `ground`.
pub(super) fn turn(
    session: &Session,
    Taker { entry, whole, next }: Taker<'_>,
    ground: &Ground,
    who: &Identity,
) -> Result<Turn, QueueError> {
    let maker = Maker { session, entry, next, who, whole, commits: OnceCell::new() };
    if let Some(objection) = maker.objection(ground)? {
        return Ok(Turn::Failed(objection));
    }
    let turn = match (entry.change, entry.strategy) {
        (Change::Apply, Strategy::Rebase) => maker.replay(ground)?,
        _ => maker.merge_whole(ground)?,
    };
    Ok(turn.unwrap_or_else(|early| early))
}

/// From where to where an entry leads.
pub(super) fn ends(entry: &Entry) -> (&CommitId, &CommitId) {
    match entry.change {
        Change::Apply => (&entry.base, &entry.head),
        Change::Revert => (&entry.head, &entry.base),
    }
}

/// A candidate whose base is part of the target merges as git merges; one stacked on something that landed in another
/// shape, and a reversal, count from their own base.
pub(super) fn base<'a>(session: &Session, entry: &'a Entry, ground: &'a Ground) -> Result<Base<'a>, QueueError> {
    let (from, _) = ends(entry);
    if entry.change == Change::Apply {
        for seen in &ground.history {
            if session.is_ancestor(from, seen)? {
                return Ok(Base::Natural { seen_from: &ground.history });
            }
        }
    }
    Ok(Base::Explicit(from))
}

struct Maker<'a> {
    session: &'a Session,
    entry: &'a Entry,
    next: Option<&'a Entry>,
    who: &'a Identity,
    whole: Whole,
    commits: OnceCell<Vec<CommitInfo>>,
}

impl Maker<'_> {
    /// To what it changes; and where its own commits become part of the target, to each of them.
    fn objection(&self, ground: &Ground) -> Result<Option<String>, QueueError> {
        let objection = self.whole.objection.clone();
        if objection.is_some() || self.entry.change == Change::Revert || self.entry.strategy == Strategy::Squash {
            return Ok(objection);
        }
        for commit in self.commits(ground)? {
            let below = self.session.tree_of(commit.parents.first().unwrap_or(&self.entry.base))?;
            if (&below, &commit.tree) == (&self.whole.from, &self.whole.to) {
                continue;
            }
            let changes = self.whole.between(self.session, &below, &commit.tree)?;
            if let Some(objection) = inspect::objection(self.session, &changes)? {
                return Ok(Some(format!("its commit {}: {objection}", commit.id.short())));
            }
        }
        Ok(None)
    }

    /// The whole candidate at once: squash, merge, or a reversal.
    fn merge_whole(&self, ground: &Ground) -> Early<Turn> {
        let (base, theirs) = (base(self.session, self.entry, ground)?, ends(self.entry).1);
        let ask = Ask { base, ours: &ground.tip, theirs };
        let clean = match self.merged(&ask, || self.foresee(ground))? {
            Ok(clean) => clean,
            Err(early) => return Ok(Err(early)),
        };
        if clean.tree == self.session.tree_of(&ground.tip)? {
            return Ok(Ok(Turn::Empty));
        }
        let commits = self.commits_from(&clean.bases, ground)?;
        let commit = self.session.commit(&self.commit_of(commits, ground, &clean.tree)?)?;
        Ok(Ok(Turn::Land(Step { entry: self.entry.number, commit, tree: clean.tree, landed_by: clean.by })))
    }

    /// While git merges: what it will most likely be asked next, and on what. A fault is met again by whoever needs it.
    fn foresee(&self, ground: &Ground) -> Option<Next> {
        let after = ground.after(self.entry, ground.tip.clone());
        let merge = ahead::likely(self.session, self.next?, &after).ok()??;
        // Of the merge that is being made now; git will say which tree it is.
        let below = self.commit_of(self.commits(ground).ok()?, ground, &self.whole.to).ok()?;
        Some(Next { merge, below })
    }

    /// What lands the whole candidate, which is `commits`, as `tree`.
    fn commit_of(&self, commits: &[CommitInfo], ground: &Ground, tree: &TreeId) -> Result<NewCommit, QueueError> {
        let mut parents = vec![ground.tip.clone()];
        if self.entry.is_merge() {
            parents.push(self.entry.head.clone());
        }
        let text = message::of_whole(self.entry, commits);
        let message = message::with_trailers(&text, &self.entry.ticket, &self.entry.land);
        let author = match self.entry.change {
            Change::Apply => match commits.last() {
                Some(head) => head.author.clone(),
                None => self.session.commit_info(&self.entry.head)?.author,
            },
            Change::Revert => self.committer(),
        };
        Ok(NewCommit { tree: tree.clone(), parents, author, committer: self.committer(), message })
    }

    /// Each commit by itself, its parent as the merge base. What changes nothing any more is left out.
    fn replay(&self, ground: &Ground) -> Early<Turn> {
        let commits = self.commits(ground)?;
        if let Some(odd) = commits.iter().find(|commit| commit.parents.len() != 1) {
            let what = if odd.parents.is_empty() { "the first commit of a history" } else { "a merge commit" };
            let reason = format!("{} is {what}, which cannot be replayed; use squash or merge", odd.id.short());
            return Ok(Err(Turn::Failed(reason)));
        }
        let mut chain = Chain { tip: ground.tip.clone(), by: LandedBy::Overlay, made: 0, top: None };
        for (left, commit) in (0..commits.len()).rev().zip(commits) {
            let ask = Ask { base: Base::Explicit(&commit.parents[0]), ours: &chain.tip, theirs: &commit.id };
            let clean = match self.merged(&ask, || None)? {
                Ok(clean) => clean,
                Err(early) => return Ok(Err(self.of_whole(early, ground))),
            };
            if clean.tree != self.session.tree_of(&chain.tip)? {
                self.add(&mut chain, commit, clean, left)?;
            }
        }
        Ok(Ok(self.ended(chain)?))
    }

    /// One commit more. All but the last carry the land id with their number: a land id stands for one commit, and an
    /// entry has landed if its last one has.
    fn add(&self, chain: &mut Chain, commit: &CommitInfo, clean: Clean, left: usize) -> Result<(), QueueError> {
        chain.made += 1;
        if clean.by == LandedBy::Merge {
            chain.by = LandedBy::Merge;
        }
        let land = if left == 0 { self.entry.land.clone() } else { message::part_of(&self.entry.land, chain.made) };
        let message = message::with_trailers(&commit.message, &self.entry.ticket, &land);
        let (author, committer) = (commit.author.clone(), self.committer());
        let new = NewCommit { tree: clean.tree, parents: vec![chain.tip.clone()], author, committer, message };
        chain.tip = self.session.commit(&new)?;
        chain.top = Some(Top { new, is_last: left == 0 });
        Ok(())
    }

    fn ended(&self, chain: Chain) -> Result<Turn, QueueError> {
        let Some(Top { mut new, is_last }) = chain.top else { return Ok(Turn::Empty) };
        let mut commit = chain.tip;
        if !is_last {
            // What came after it changed nothing any more.
            new.message = message::with_trailers(&new.message, &self.entry.ticket, &self.entry.land);
            commit = self.session.commit(&new)?;
        }
        Ok(Turn::Land(Step { entry: self.entry.number, commit, tree: new.tree, landed_by: chain.by }))
    }

    /// One commit's conflict is its candidate's: told from where that starts, against the tip, not against what would
    /// have stood below that commit and never will.
    fn of_whole(&self, early: Turn, ground: &Ground) -> Turn {
        let Turn::Conflict(clash) = early else { return early };
        let (base, theirs) = (self.entry.base.clone(), self.entry.head.clone());
        Turn::Conflict(Clash { base, ours: ground.tip.clone(), theirs, conflict: clash.conflict })
    }

    /// What the candidate is made of, oldest first.
    fn commits(&self, ground: &Ground) -> Result<&[CommitInfo], QueueError> {
        const MOST: usize = 10_000;
        if let Some(commits) = self.commits.get() {
            return Ok(commits);
        }
        let without: Vec<&CommitId> = std::iter::once(&self.entry.base).chain(&ground.history).collect();
        let commits = self.session.commits(&without, &self.entry.head, MOST)?;
        Ok(self.commits.get_or_init(|| commits))
    }

    /// The same, where a merge has shown what the candidate parted from: one commit on that is all there is, and found
    /// without a walk. Part of the target it is not, or it would be what was found.
    fn commits_from(&self, bases: &[CommitId], ground: &Ground) -> Result<&[CommitInfo], QueueError> {
        if self.commits.get().is_none() && bases == std::slice::from_ref(&self.entry.base) {
            let head = self.session.commit_info(&self.entry.head)?;
            if head.parents == bases {
                return Ok(self.commits.get_or_init(|| vec![head]));
            }
        }
        self.commits(ground)
    }

    /// By the ladder, and held to the tree law.
    fn merged(&self, ask: &Ask<'_>, foresee: impl FnOnce() -> Option<Next>) -> Early<Clean> {
        match self.session.merge_on(ask.base, [ask.ours, ask.theirs], foresee)? {
            Merged::Clean { tree, by, bases } => {
                let clean = Clean { tree, by, bases };
                Ok(match self.breach(ask, &clean)? {
                    None => Ok(clean),
                    Some(path) => Err(Turn::Failed(format!(
                        "BUG: its merge breaks the tree law at {}; nothing was moved and everything is kept",
                        shown(&path)
                    ))),
                })
            }
            Merged::Conflict { conflict, bases } => {
                let base = bases.into_iter().next().unwrap_or_else(|| self.entry.base.clone());
                Ok(Err(Turn::Conflict(Clash { base, ours: ask.ours.clone(), theirs: ask.theirs.clone(), conflict })))
            }
        }
    }

    #[tracing::instrument(level = "debug", name = "law", skip_all)]
    fn breach(&self, ask: &Ask<'_>, clean: &Clean) -> Result<Option<Vec<u8>>, QueueError> {
        let session = self.session;
        let Some((base, others)) = clean.bases.split_first() else { return Ok(None) };
        let (base, ours) = (session.tree_of(base)?, session.tree_of(ask.ours)?);
        let theirs = self.whole.between(session, &base, &session.tree_of(ask.theirs)?)?;
        let step = session.differences(&ours, &clean.tree)?;
        let mut tip = BTreeMap::new();
        for path in theirs.keys() {
            let there = step.get(path).map_or_else(|| session.item_at(&ours, path), |step| Ok(step.before))?;
            tip.insert(path.clone(), there);
        }
        let mut unknown = std::collections::BTreeSet::new();
        for other in others {
            unknown.extend(session.differences(&base, &session.tree_of(other)?)?.into_keys());
        }
        let case = Case { theirs: &theirs, step: &step, tip: &tip, unknown: &unknown };
        let breach = law::breach(&case, &Moved::default());
        if breach.is_none() || clean.by == LandedBy::Overlay {
            return Ok(breach);
        }
        let moved = Moved::of([&session.differences(&base, &ours)?, &theirs]);
        Ok(law::breach(&case, &moved))
    }

    /// The date is the entry's, so that a repeat makes the same commit.
    fn committer(&self) -> Signature {
        let who = self.who.clone();
        Signature { name: who.name, email: who.email, seconds: self.entry.added_at, offset_minutes: 0 }
    }
}
