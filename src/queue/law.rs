//! The tree law: what a merge may never do, whoever made it.
//!
//! For every path: what only one side changed is as that side has it, and what neither changed is as it was. Only where
//! a side may have renamed something can git put a change elsewhere. Pure: judges differences, knows no engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::{Differences, Item};

/// A merge as the law sees it. Judged by what the candidate changed and what the landing changes, so that the cost
/// follows the candidate and not what the target has done since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    /// Merge base to candidate.
    pub(crate) theirs: &'a Differences,
    /// Tip to result.
    pub(crate) step: &'a Differences,
    /// What the tip has at the candidate's paths.
    pub(crate) tip: &'a BTreeMap<Vec<u8>, Option<Item>>,
    /// Paths whose base is not known for certain (several merge bases that disagree).
    pub(crate) unknown: &'a BTreeSet<Vec<u8>>,
}

/// The first path at which the law is broken, if it is.
pub(crate) fn breach(case: &Case<'_>, moved: &Moved) -> Option<Vec<u8>> {
    let paths: BTreeSet<&Vec<u8>> = case.theirs.keys().chain(case.step.keys()).collect();
    let broken =
        paths.into_iter().find(|path| !holds(case, path) && !case.unknown.contains(*path) && !moved.explains(path));
    broken.cloned()
}

fn holds(case: &Case<'_>, path: &Vec<u8>) -> bool {
    let Some(theirs) = case.theirs.get(path) else {
        // The candidate has it as base has: the result must have it as the tip has, and here it does not.
        return false;
    };
    let tip = case.tip.get(path).copied().flatten();
    let result = case.step.get(path).map_or(tip, |step| step.after);
    if tip == theirs.before || tip == theirs.after {
        result == theirs.after
    } else {
        // Both changed it, and differently: what comes of that is the engine's to say.
        true
    }
}

/// Paths and folders that a rename may have involved; empty for an engine that follows none.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    paths: BTreeSet<Vec<u8>>,
    folders: BTreeSet<Vec<u8>>,
    /// Whether a folder may have been moved to the root, or all of the root into one: then with everything in it.
    root: bool,
}

impl Moved {
    /// From each side's changes since base. A side renames only if it both removes and adds. Then each removed and each
    /// added path may be an end of it, and a whole folder may have gone from where something was removed to where
    /// something was added. What moved from `a/x` to `b/x` may have moved with all of `a`.
    pub(crate) fn of(sides: [&Differences; 2]) -> Self {
        let mut moved = Self::default();
        for side in sides {
            let removed = side.iter().filter(|(_, change)| change.after.is_none()).map(|(path, _)| path);
            let added = side.iter().filter(|(_, change)| change.before.is_none()).map(|(path, _)| path);
            let (removed, added): (Vec<_>, Vec<_>) = (removed.collect(), added.collect());
            if removed.is_empty() || added.is_empty() {
                continue;
            }
            let [from, to] = [&removed, &added].map(|paths| folders(paths));
            let [names_from, names_to] =
                [&from, &to].map(|folders| folders.iter().map(|folder| name(folder)).collect::<BTreeSet<_>>());
            // A folder from which and to which something moved has itself stayed.
            let moves = |at: &[u8]| {
                names_from.contains(name(at)) && names_to.contains(name(at)) && !(from.contains(at) && to.contains(at))
            };
            for path in removed.iter().chain(&added) {
                moved.paths.insert((*path).clone());
                let mut at = folder(path);
                moved.folders.insert(at.to_vec());
                while !at.is_empty() && moves(at) {
                    at = folder(at);
                    moved.root |= at.is_empty();
                    moved.folders.insert(at.to_vec());
                }
            }
        }
        moved
    }

    fn explains(&self, path: &[u8]) -> bool {
        let mut above = folder(path);
        if self.root || self.paths.contains(path) || self.folders.contains(above) {
            return true;
        }
        while !above.is_empty() {
            above = folder(above);
            // A folder renamed as a whole takes the folders below it along; the root is no such folder.
            if !above.is_empty() && self.folders.contains(above) {
                return true;
            }
        }
        false
    }
}

/// What stands before the last slash; empty for the root.
fn folder(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(&[], |slash| &path[..slash])
}

/// What stands after the last slash.
fn name(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(path, |slash| &path[slash + 1..])
}

/// Every folder above these paths but the root.
fn folders<'a>(paths: &[&'a Vec<u8>]) -> BTreeSet<&'a [u8]> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let mut at = folder(path);
        while !at.is_empty() && folders.insert(at) {
            at = folder(at);
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Change, Id};

    fn item(id: u8) -> Option<Item> {
        (id > 0).then_some(Item { mode: 0o100_644, id: Id::Sha1([id; 20]) })
    }

    fn side(changes: &[(&str, u8, u8)]) -> Differences {
        let change = |(path, before, after): &(&str, u8, u8)| {
            (path.as_bytes().to_vec(), Change { before: item(*before), after: item(*after) })
        };
        changes.iter().map(change).collect()
    }

    type Changes<'a> = &'a [(&'a str, u8, u8)];

    /// All three from base, as one thinks of them.
    fn judged(ours: Changes<'_>, theirs: Changes<'_>, result: Changes<'_>, renames: bool) -> Option<String> {
        let (ours, theirs, result) = (side(ours), side(theirs), side(result));
        let base =
            |path: &Vec<u8>| [&ours, &theirs, &result].iter().find_map(|side| side.get(path)).and_then(|c| c.before);
        let at = |side: &Differences, path: &Vec<u8>| side.get(path).map_or(base(path), |change| change.after);
        let paths = ours.keys().chain(result.keys());
        let step = paths.map(|path| (path.clone(), Change { before: at(&ours, path), after: at(&result, path) }));
        let step: Differences = step.filter(|(_, change)| change.before != change.after).collect();
        let tip = theirs.keys().map(|path| (path.clone(), at(&ours, path))).collect();
        let case = Case { theirs: &theirs, step: &step, tip: &tip, unknown: &BTreeSet::new() };
        let moved = if renames { Moved::of([&ours, &theirs]) } else { Moved::default() };
        breach(&case, &moved).map(|path| String::from_utf8(path).unwrap())
    }

    #[test]
    fn each_sides_own_changes_must_be_in_the_result_and_nothing_else() {
        let (ours, theirs): (Changes<'_>, Changes<'_>) = (&[("a", 1, 2)], &[("b", 1, 3), ("c", 0, 4)]);
        let good: Changes<'_> = &[("a", 1, 2), ("b", 1, 3), ("c", 0, 4)];
        assert_eq!(judged(ours, theirs, good, false), None);
        for (at, lost) in ["a", "b", "c"].iter().enumerate() {
            let mut bad = good.to_vec();
            bad.remove(at);
            assert_eq!(judged(ours, theirs, &bad, false).as_deref(), Some(*lost), "silently reverted");
            bad.insert(at, (good[at].0, good[at].1, 9));
            assert_eq!(judged(ours, theirs, &bad, true).as_deref(), Some(*lost), "changed on the way");
        }
        let more = [good, &[("d", 5, 0)]].concat();
        assert_eq!(judged(ours, theirs, &more, true).as_deref(), Some("d"), "touched by nobody");
    }

    #[test]
    fn what_both_sides_changed_alike_stays_alike() {
        let (ours, theirs): (Changes<'_>, Changes<'_>) = (&[("a", 1, 2)], &[("a", 1, 2)]);
        assert_eq!(judged(ours, theirs, &[("a", 1, 2)], false), None);
        assert_eq!(judged(ours, theirs, &[], false).as_deref(), Some("a"));
    }

    #[test]
    fn what_both_sides_changed_differently_is_the_engines_to_merge() {
        assert_eq!(judged(&[("a", 1, 2)], &[("a", 1, 3)], &[("a", 1, 7)], false), None);
    }

    #[test]
    fn a_change_may_follow_a_rename_and_only_there() {
        let ours: Changes<'_> = &[("src/old", 1, 0), ("src/new", 0, 1), ("other", 5, 6)];
        let theirs: Changes<'_> = &[("src/old", 1, 2)];
        let followed: Changes<'_> = &[("src/old", 1, 0), ("src/new", 0, 2), ("other", 5, 6)];
        assert_eq!(judged(ours, theirs, followed, true), None);
        assert_eq!(judged(ours, theirs, followed, false).as_deref(), Some("src/new"));
        let lost: Changes<'_> = &[("src/old", 1, 0), ("src/new", 0, 2)];
        assert_eq!(judged(ours, theirs, lost, true).as_deref(), Some("other"));
    }

    #[test]
    fn a_folder_that_moved_by_what_is_below_it_takes_everything_along() {
        let ours: Changes<'_> = &[("src/deep/a", 1, 0), ("moved/deep/a", 0, 1), ("other", 5, 6)];
        let theirs: Changes<'_> = &[("src/b", 0, 2)];
        let followed: Changes<'_> = &[("src/deep/a", 1, 0), ("moved/deep/a", 0, 1), ("moved/b", 0, 2), ("other", 5, 6)];
        assert_eq!(judged(ours, theirs, followed, true), None);
        let elsewhere: Changes<'_> = &[("src/deep/a", 1, 0), ("moved/deep/a", 0, 1), ("far/b", 0, 2), ("other", 5, 6)];
        assert_eq!(judged(ours, theirs, elsewhere, true).as_deref(), Some("far/b"));
        let lost: Changes<'_> = &[("src/deep/a", 1, 0), ("moved/deep/a", 0, 1), ("moved/b", 0, 2)];
        assert_eq!(judged(ours, theirs, lost, true).as_deref(), Some("other"));
    }
}
