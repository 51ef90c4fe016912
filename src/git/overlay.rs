//! A merge without any merge algorithm: changes that cannot meet are laid over the tip, in process.
//!
//! Every guard that fails means "ask git", never "conflict". Writes only the trees on changed paths, in memory. Knows
//! nothing of commits to be made.
//!
//! Why it is git's own result: git merges path by path, except where it follows a rename, and it looks for renames only
//! from sources that can matter (merge-ort.c, `add_pair`): a path that one side removed and the other changed or removed
//! as well, and paths of a folder that one side removed as a whole and in which the other added something. Here the
//! first is a name that both sides changed, the second a folder that is gone on one side and changed on the other, and
//! either is left to git; so is a name that is a file on one side and a folder on the other. Where none of these is met
//! git looks for no renames at all, whatever was added and removed, and every path is as the side has it that changed it.

use git2::{ObjectType, Oid};

use super::GitError;
use super::objects::Reader;
use super::records::{Record, has_name, records, records_beside, side_by_side, write_tree_record};

/// Why a tree was not laid.
enum Stop {
    /// A guard failed: it is git's to merge.
    AskGit,
    Fault(GitError),
}

impl From<GitError> for Stop {
    fn from(error: GitError) -> Self {
        Self::Fault(error)
    }
}

/// `ours` with the changes from `base` to `theirs` laid over it; none where a guard fails.
pub(super) fn lay(reader: &Reader<'_>, trees: [Oid; 3]) -> Result<Option<Oid>, GitError> {
    match laid(reader, trees) {
        Ok(tree) => Ok(Some(tree)),
        Err(Stop::AskGit) => Ok(None),
        Err(Stop::Fault(error)) => Err(error),
    }
}

fn laid(reader: &Reader<'_>, [base, ours, theirs]: [Oid; 3]) -> Result<Oid, Stop> {
    if base == ours && base != theirs {
        // Git keeps a folder that only one side changed as that side wrote it, but always writes the root anew.
        let root = reader.read(theirs)?;
        if !root.is_empty() && records(&root).is_none() {
            return Err(Stop::AskGit);
        }
    }
    match (Laying { reader }).tree([Some(base), Some(ours), Some(theirs)])? {
        Some(tree) => Ok(tree),
        None => Ok(reader.made.add(ObjectType::Tree, Vec::new())?),
    }
}

/// What becomes of one name.
enum Name<'r> {
    Is(Option<&'r Record<'r>>),
    /// All have a folder there, and the three are to be laid together.
    Folder(&'r [u8]),
}

struct Laying<'a> {
    reader: &'a Reader<'a>,
}

impl Laying<'_> {
    /// The folder that base, ours and theirs have here; none if nothing is left in it.
    fn tree(&self, [base, ours, theirs]: [Option<Oid>; 3]) -> Result<Option<Oid>, Stop> {
        if base == theirs {
            return Ok(ours);
        }
        if base == ours {
            return Ok(theirs);
        }
        let read = |id: Option<Oid>| id.map(|id| self.reader.read(id)).transpose();
        let bytes = [read(base)?, read(ours)?, read(theirs)?];
        let [base, ours, theirs] = bytes.each_ref().map(Option::as_deref);
        let base = beside(base, &[])?;
        let [ours, theirs] = [beside(ours, &base)?, beside(theirs, &base)?];
        let trees = [base.as_slice(), &ours, &theirs];
        let mut merged = Vec::with_capacity(bytes[1].as_ref().map_or(0, |bytes| bytes.len()) + 64);
        for row in side_by_side(trees) {
            match self.name(row, trees)? {
                Name::Is(record) => merged.extend_from_slice(record.map_or(&[], |record| record.bytes)),
                Name::Folder(name) => {
                    let below = self.tree(row.map(|record| record.map(Record::id)))?;
                    below.into_iter().for_each(|below| write_tree_record(&mut merged, name, below));
                }
            }
        }
        if merged.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.reader.made.add(ObjectType::Tree, merged)?))
    }

    fn name<'r>(
        &self,
        [base, ours, theirs]: [Option<&'r Record<'r>>; 3],
        trees: [&[Record<'_>]; 3],
    ) -> Result<Name<'r>, Stop> {
        let same = |a: Option<&Record<'_>>, b: Option<&Record<'_>>| a.map(|a| a.bytes) == b.map(|b| b.bytes);
        if same(base, theirs) {
            return Ok(Name::Is(ours));
        }
        let name = theirs.or(base).map(|record| record.name).unwrap_or_default();
        if (theirs.is_none() || base.is_none()) && is_swapped([base, ours, theirs], trees, name) {
            return Err(Stop::AskGit);
        }
        if same(base, ours) {
            return Ok(Name::Is(theirs));
        }
        if same(ours, theirs) {
            return self.removes_nothing(base, ours).map(|()| Name::Is(ours));
        }
        match [base, ours, theirs] {
            [_, Some(ours), Some(_)] if ours.is_tree() && base.is_none_or(Record::is_tree) => Ok(Name::Folder(name)),
            _ => Err(Stop::AskGit),
        }
    }

    /// What both sides did alike. What both removed, one of them may have renamed; and git looks into a folder that both
    /// changed or added, and writes it anew, so that it must be as git writes it.
    fn removes_nothing(&self, base: Option<&Record<'_>>, both: Option<&Record<'_>>) -> Result<(), Stop> {
        match (base, both) {
            (Some(base), Some(both)) if base.bytes == both.bytes => Ok(()),
            (_, Some(both)) if both.is_tree() && base.is_none_or(Record::is_tree) => {
                self.removes_nothing_in(base.map(Record::id), both.id())
            }
            (None, Some(_)) => Ok(()),
            (Some(base), Some(both)) if base.kind == both.kind => Ok(()),
            _ => Err(Stop::AskGit),
        }
    }

    fn removes_nothing_in(&self, base: Option<Oid>, both: Oid) -> Result<(), Stop> {
        let (base, both) = (base.map(|base| self.reader.read(base)).transpose()?, self.reader.read(both)?);
        let base = base.as_deref().map_or(Some(Vec::new()), records).ok_or(Stop::AskGit)?;
        let both = records(&both).ok_or(Stop::AskGit)?;
        side_by_side([&base, &both]).try_for_each(|[base, both]| self.removes_nothing(base, both))
    }
}

/// The records of a tree that may not be there, next to those of another.
fn beside<'b>(tree: Option<&'b [u8]>, other: &[Record<'b>]) -> Result<Vec<Record<'b>>, Stop> {
    tree.map_or(Ok(Vec::new()), |tree| records_beside(tree, other).ok_or(Stop::AskGit))
}

/// Whether a name that one side added or removed is a file in one of the trees and a folder in another.
fn is_swapped(row: [Option<&Record<'_>>; 3], trees: [&[Record<'_>]; 3], name: &[u8]) -> bool {
    row.iter().zip(trees).any(|(record, tree)| record.is_none() && has_name(tree, name))
}
