//! The queue's door: adding, listing, retrying and dropping entries, from any process at any time.
//!
//! Each change is decided and written under one short lock. Knows nothing of merging.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::book::{Book, Standing};
use super::entry::{Added, Entry, EntryState, EntryView, KEEP, NewEntry};
use super::record::{Record, Step};
use super::{QueueError, message};
use crate::git::{Hold, Repository};
use crate::names::{BranchRef, CommitId, EntryId, slug_of};
use crate::store::{FileLock, Journal, Position, state_dir, state_folder};

/// The commit queue of a repository.
#[derive(Debug)]
pub struct Queue {
    pub(super) repo: Repository,
    folder: PathBuf,
    read: Mutex<Read>,
}

/// The journal as far as it has been read.
#[derive(Debug, Default)]
struct Read {
    book: Book,
    at: Position,
    warnings: Vec<String>,
}

/// An entry that was dropped, and the ref that holds its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The entry.
    pub entry: EntryId,
    /// Where its work is.
    pub rescue_ref: String,
}

impl Queue {
    /// Opens the queue of `repo`. Makes nothing but the folder of its state.
    pub fn open(repo: &Repository) -> Result<Self, QueueError> {
        let folder = state_folder(repo.common_dir())?;
        state_dir(&folder.join("landing"))?;
        Ok(Self { repo: repo.clone(), folder, read: Mutex::default() })
    }

    /// Adds a candidate. When this returns, neither the entry nor its commits can be lost. With a key that stands for an
    /// entry it adds nothing and tells where that is.
    pub fn add(&self, mut new: NewEntry) -> Result<Added, QueueError> {
        message::check(&new.ticket)?;
        new.target = self.repo.branch_behind(&new.target)?;
        let emptied = self.clear_up()?;
        let base = self.base_of(&new)?;
        if emptied > 0 {
            self.repo.check_whole(&new.head, &self.tip_of(&new.target)?)?;
        }
        // Whoever made the commits did not sync them; done before the lock, since it may take a while.
        self.repo.sync_objects()?;
        self.change(|book| {
            if let Some(first) = new.key.as_deref().and_then(|key| book.by_key(key)) {
                same(&first.entry, &new)?;
                return Ok((Vec::new(), added(book, &first.entry, &first.state)));
            }
            let entry = entry_of(new, base, book.next());
            self.repo.hold_durably(&entry.keep_ref(), &entry.head)?;
            let added = added(book, &entry, &EntryState::Queued);
            Ok((vec![Record::Added { entry: Box::new(entry) }], added))
        })
    }

    /// Every entry there ever was, in the order they came.
    pub fn entries(&self) -> Result<Vec<EntryView>, QueueError> {
        let read = self.refreshed()?;
        Ok(read.book.all().map(Standing::view).collect())
    }

    /// Every entry that has landed, in the order of landing.
    pub fn landed(&self) -> Result<Vec<EntryView>, QueueError> {
        self.look(|book| book.landed().map(Standing::view).collect())
    }

    /// Where these entries stand, in the order asked for; one that is not known is left out.
    pub fn standing(&self, which: &[EntryId]) -> Result<Vec<EntryView>, QueueError> {
        let read = self.refreshed()?;
        Ok(which.iter().filter_map(|id| read.book.by_id(id)).map(Standing::view).collect())
    }

    /// The branches that have something to do, sorted: entries that wait for their turn, what a crash left of landings, or
    /// a checkout that one has left behind.
    pub fn targets(&self) -> Result<Vec<BranchRef>, QueueError> {
        let held = self.repo.standing_in(KEEP)?;
        let staged = self.staged();
        let read = self.refreshed()?;
        let unsettled = |one: &Standing| {
            read.book.intent(&one.entry.target).is_some()
                || !read.book.behind(&one.entry.target).is_empty()
                || held.contains(one.entry.id().as_str())
                || !staged.is_empty() && staged.contains(&self.staging(&one.entry.target))
        };
        let open = read.book.all().filter(|one| !one.state.is_ended() || unsettled(one));
        let mut targets: Vec<BranchRef> = open.map(|one| one.entry.target.clone()).collect();
        targets.sort();
        targets.dedup();
        Ok(targets)
    }

    /// Gives deferred and failed entries another turn; gives back those that did not have one yet. All or none.
    pub fn retry(&self, which: &[EntryId]) -> Result<Vec<EntryId>, QueueError> {
        self.change(|book| {
            let mut records = Vec::new();
            for id in which {
                let standing = find(book, id)?;
                if standing.state != EntryState::Queued {
                    open(standing)?;
                    records.push(Record::Requeued { entry: standing.entry.number });
                }
            }
            let ids = records.iter().filter_map(|record| match record {
                Record::Requeued { entry } => Some(super::entry::id_of(*entry)),
                _ => None,
            });
            let ids = ids.collect();
            Ok((records, ids))
        })
    }

    /// Ends entries. Their work stays, held by a rescue ref. All or none.
    pub fn drop_entries(&self, which: &[EntryId]) -> Result<Vec<Dropped>, QueueError> {
        self.settle_crashed(which)?;
        let dropped = self.change(|book| {
            let mut standings = Vec::new();
            for id in which {
                let standing = find(book, id)?;
                open(standing)?;
                if book.is_landing(&standing.entry) {
                    return Err(QueueError::Landing { entry: id.clone() });
                }
                standings.push(standing);
            }
            let mut dropped = Vec::new();
            for standing in &standings {
                let rescue_ref = self.rescue(&standing.entry)?;
                dropped.push((standing.entry.clone(), rescue_ref));
            }
            Ok((standings.iter().map(|one| Record::Dropped { entry: one.entry.number }).collect(), dropped))
        })?;
        // They are dropped: that a hold stays until the next landing is no reason to say that they are not.
        let stay = dropped.iter().filter_map(|(entry, _)| self.repo.release(&entry.keep_ref()).err());
        self.warn_later(stay.map(|error| super::settle::stays(&error.into())).collect());
        Ok(dropped.into_iter().map(|(entry, rescue_ref)| Dropped { entry: entry.id(), rescue_ref }).collect())
    }

    /// An intent that a crash left open is judged first; one of a living process is not ours to touch.
    fn settle_crashed(&self, which: &[EntryId]) -> Result<(), QueueError> {
        let targets: Vec<BranchRef> = {
            let read = self.refreshed()?;
            let landing =
                which.iter().filter_map(|id| read.book.by_id(id)).filter(|one| read.book.is_landing(&one.entry));
            landing.map(|one| one.entry.target.clone()).collect()
        };
        for target in targets {
            if let Some(lock) = FileLock::try_acquire(&self.landing_lock(&target), "queue drop")? {
                let settled = self.settle(&target, &lock)?;
                self.warn_later(settled.warnings);
            }
        }
        Ok(())
    }

    /// Lets go of everything that held these entries' work, which `target` has with the last of `steps`, if it has landed;
    /// what others hold stays.
    pub(super) fn let_go<'e>(
        &self,
        target: &BranchRef,
        steps: &[Step],
        entries: impl IntoIterator<Item = &'e Entry>,
    ) -> Result<(), QueueError> {
        if let Some(last) = steps.last() {
            self.repo.leave_trail(target, &last.commit, &self.staging(target).with_extension("log"))?;
        }
        let holds = entries.into_iter().flat_map(|entry| {
            let rescued = rescue_refs(entry).map(|name| Hold { name, only_at: Some(entry.head.clone()) });
            std::iter::once(Hold { name: entry.keep_ref(), only_at: None }).chain(rescued)
        });
        Ok(self.repo.release_all(&holds.collect::<Vec<_>>())?)
    }

    /// Holds an entry's head by its rescue ref and gives the ref's name. Another candidate of the same ticket that is
    /// held there already keeps its ref; this one then gets one with its own number.
    pub(super) fn rescue(&self, entry: &Entry) -> Result<String, QueueError> {
        let [plain, numbered] = rescue_refs(entry);
        // The same ticket may be deferred on two branches at once.
        let _alone = FileLock::block(&self.folder.join("rescue.lock"))?;
        let held = self.repo.tip(&BranchRef::new(&plain))?;
        let free = held.is_none_or(|held| held == entry.head);
        let name = if free { plain } else { numbered };
        self.repo.hold_durably(&name, &entry.head)?;
        Ok(name)
    }

    fn base_of(&self, new: &NewEntry) -> Result<CommitId, QueueError> {
        let known = |role: &'static str, commit: &CommitId| {
            let there = self.repo.has_commit(commit)?;
            there.then_some(()).ok_or_else(|| QueueError::NoCommit { role, commit: commit.clone() })
        };
        known("head", &new.head)?;
        let tip = self.tip_of(&new.target)?;
        let Some(base) = &new.base else {
            let bases = self.repo.merge_bases(&tip, &new.head)?;
            let unrelated = || QueueError::Unrelated { head: new.head.clone(), target: new.target.clone() };
            return bases.into_iter().next().ok_or_else(unrelated);
        };
        known("base", base)?;
        if self.repo.is_ancestor(base, &new.head)? {
            Ok(base.clone())
        } else {
            Err(QueueError::BaseNotBelow { base: base.clone(), head: new.head.clone() })
        }
    }

    pub(super) fn tip_of(&self, target: &BranchRef) -> Result<CommitId, QueueError> {
        if let Some(tip) = self.repo.tip(target)? {
            return Ok(tip);
        }
        let branches = self.repo.branches()?;
        let alike = |name: &String| strsim::jaro_winkler(name, target.branch());
        let nearest = branches.into_iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let nearest = nearest.filter(|name| alike(name) > 0.7);
        Err(QueueError::MissingTarget { target: target.clone(), nearest })
    }

    pub(super) fn landing_lock(&self, target: &BranchRef) -> PathBuf {
        self.folder.join("landing").join(format!("{}.lock", slug_of(target.branch())))
    }

    /// Where packs of a target are written before they are moved into the object store.
    pub(super) fn staging(&self, target: &BranchRef) -> PathBuf {
        self.folder.join("landing").join(format!("{}.pack", slug_of(target.branch())))
    }

    /// Those that are there: a landing is being made, or was killed. One that was killed after its last record has left nothing
    /// else.
    fn staged(&self) -> BTreeSet<PathBuf> {
        let found = std::fs::read_dir(self.folder.join("landing")).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|is| is == "pack")).collect()
    }

    /// Reads on, and gives what `ask` makes of the book.
    pub(super) fn look<T>(&self, ask: impl FnOnce(&Book) -> T) -> Result<T, QueueError> {
        Ok(ask(&self.refreshed()?.book))
    }

    /// What recovery and the journal have to warn of, and nobody has been told yet. The next processing tells it, too.
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.lock_read().warnings)
    }

    pub(super) fn warn_later(&self, warnings: Vec<String>) {
        self.lock_read().warnings.extend(warnings);
    }

    /// Under the journal's lock: reads on, lets `decide` say what is to be written, writes it and syncs it.
    #[tracing::instrument(level = "debug", name = "journal", skip_all)]
    pub(super) fn change<T>(
        &self,
        decide: impl FnOnce(&Book) -> Result<(Vec<Record>, T), QueueError>,
    ) -> Result<T, QueueError> {
        let mut read = self.lock_read();
        let _lock = FileLock::block(&self.folder.join("lock"))?;
        let opened = Journal::open_at(&self.journal(), read.at)?;
        read.take_in(opened.records, opened.journal.end());
        read.warnings.extend(opened.warning);
        let (records, value) = decide(&read.book)?;
        if !records.is_empty() {
            let mut journal = opened.journal;
            journal.append_all(&records)?;
            if let Err(error) = journal.sync() {
                // What is on the disk now is unknown: everything is read again.
                *read = Read::default();
                return Err(error.into());
            }
            read.take_in(records, journal.end());
        }
        Ok(value)
    }

    fn refreshed(&self) -> Result<MutexGuard<'_, Read>, QueueError> {
        let mut read = self.lock_read();
        let tail = Journal::read_from(&self.journal(), read.at)?;
        read.take_in(tail.records, tail.next);
        Ok(read)
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    fn lock_read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    fn take_in(&mut self, records: Vec<Record>, at: Position) {
        for record in records {
            self.book.apply(record);
        }
        self.at = at;
    }
}

/// The ref that holds an entry set aside, and the one it gets if another candidate of its ticket has that.
fn rescue_refs(entry: &Entry) -> [String; 2] {
    let run = entry.run.as_ref().map_or_else(|| "queue".to_owned(), |run| slug_of(run.as_str()));
    let plain = format!("refs/wave/rescue/{run}/{}", entry.ticket.slug());
    let numbered = format!("{plain}.{}", entry.id());
    [plain, numbered]
}

fn entry_of(new: NewEntry, base: CommitId, number: u64) -> Entry {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Entry {
        number,
        key: new.key,
        ticket: new.ticket,
        title: new.title,
        run: new.run,
        target: new.target,
        base,
        land: land_id(&new.head, number),
        head: new.head,
        message: new.message,
        priority: new.priority,
        strategy: new.strategy,
        change: new.change,
        added_at: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
    }
}

/// 128 bits that nobody is given twice: two keyed hashes, each with keys from the system's randomness. Clones of a
/// repository may give the same number to the same head in the same second.
fn land_id(head: &CommitId, number: u64) -> String {
    let part = || RandomState::new().hash_one((head.as_str(), number, std::process::id(), SystemTime::now()));
    format!("{:016x}{:016x}", part(), part())
}

fn added(book: &Book, entry: &Entry, state: &EntryState) -> Added {
    let before = || book.queued(&entry.target).iter().filter(|other| other.order() < entry.order()).count();
    let position = (*state == EntryState::Queued).then(|| before() + 1);
    let (ticket, target) = (entry.ticket.clone(), entry.target.clone());
    Added { entry: entry.id(), ticket, target, state: state.clone(), position }
}

/// One key, one candidate: another must not be taken for landed, or for queued.
fn same(first: &Entry, new: &NewEntry) -> Result<(), QueueError> {
    let differences = first.differences(new);
    if differences.is_empty() {
        return Ok(());
    }
    Err(QueueError::KeyTaken { key: first.key.clone().unwrap_or_default(), entry: first.id(), differences })
}

fn find<'a>(book: &'a Book, id: &EntryId) -> Result<&'a Standing, QueueError> {
    book.by_id(id).ok_or_else(|| {
        let ids = book.all().map(|one| one.entry.id());
        let nearest = ids.min_by_key(|other| strsim::levenshtein(other.as_str(), id.as_str()));
        QueueError::NoEntry { asked: id.as_str().to_owned(), nearest }
    })
}

fn open(standing: &Standing) -> Result<(), QueueError> {
    if standing.state.is_ended() {
        return Err(QueueError::Ended { entry: standing.entry.id(), state: standing.state.as_str() });
    }
    Ok(())
}
