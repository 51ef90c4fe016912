//! Changes that a person hid from git (`assume-unchanged`, `skip-worktree`): `git status` says nothing of them.
//!
//! Knows nothing of which files are hidden, nor of why one asks.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::checkout::Checkout;
use super::differences::{Differences, Item, LINK, SUBMODULE};
use super::staged::{Heed, Staged};
use super::untouched::Untouched;
use super::{GitError, Id};

/// Those of `paths`, each with what the tip has there, at which something else stands. Nothing at all is no change: a sparse
/// checkout has few files.
pub(super) fn changed<'a>(
    checkout: &Checkout,
    paths: impl Iterator<Item = (&'a Vec<u8>, Item)>,
) -> Result<Vec<Vec<u8>>, GitError> {
    let (mut found, mut files) = (Vec::new(), Vec::new());
    for (path, item) in paths {
        let at = checkout.at(path);
        match checkout.look(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Ok(there) if is_file(item) && there.is_file() && fs::File::open(&at).is_ok() => {
                files.push((path, item, there));
            }
            Ok(there) if is_as_tip(checkout, path, item, &there)? => {}
            Ok(_) | Err(_) => found.push(path.clone()),
        }
    }
    if !files.is_empty() {
        found.extend(changed_files(checkout, &files)?);
    }
    Ok(found)
}

fn is_file(item: Item) -> bool {
    item.mode != LINK && item.mode != SUBMODULE
}

/// Of what is no file, there or in the tip. Landings move what a submodule is recorded at, never its inside.
fn is_as_tip(checkout: &Checkout, path: &[u8], item: Item, there: &Metadata) -> Result<bool, GitError> {
    match item.mode {
        SUBMODULE => Ok(there.is_dir()),
        LINK if there.is_symlink() => {
            let at = checkout.at(path);
            let to = fs::read_link(&at).map_err(|source| GitError::io(&at, source))?;
            let blob = checkout.git().args(["cat-file", "blob", &item.id.to_string()]).run(&[0])?.stdout;
            Ok(to.as_os_str().as_bytes() == blob)
        }
        _ => Ok(false),
    }
}

/// A file is the tip's if git would store it as that, or if it is that byte by byte: where line ends are converted, git
/// leaves those alone that were stored so.
fn changed_files(checkout: &Checkout, files: &[(&Vec<u8>, Item, Metadata)]) -> Result<Vec<Vec<u8>>, GitError> {
    let names: Vec<u8> = files.iter().flat_map(|(path, ..)| quoted(path)).collect();
    let stored = |how: &[&str]| {
        let mut git = checkout.git();
        git.args(["hash-object", "--stdin-paths"]).args(how).input(names.clone());
        let ids = git.run(&[0])?.stdout;
        Ok::<_, GitError>(String::from_utf8_lossy(&ids).lines().map(Id::from_hex).collect::<Vec<_>>())
    };
    let (converted, plain) = (stored(&[])?, stored(&["--no-filters"])?);
    let heeds_mode = !checkout.git().args(MODES).run(&[0, 1])?.stdout.starts_with(b"false");
    let ids = converted.into_iter().zip(plain);
    let changed = files.iter().zip(ids).filter(|((_, item, there), (converted, plain))| {
        let is_same = *converted == Some(item.id) || *plain == Some(item.id);
        let is_run = |mode: u32| mode & 0o100 != 0;
        !is_same || heeds_mode && is_run(there.permissions().mode()) != is_run(item.mode)
    });
    Ok(changed.map(|((path, ..), _)| (*path).clone()).collect())
}

/// Whether the right to be run is the file's, or only the index's.
const MODES: [&str; 4] = ["config", "--type=bool", "--get", "core.fileMode"];

/// Git at work on an index, with arguments.
type Git<'a> = &'a dyn Fn(&[&OsStr]) -> Result<(), GitError>;

/// Makes git look again at the files that `changes` change: it takes one that was only touched, or whose line ends are others,
/// for a changed one, until the index has its marks; and never looks at one that it was told not to. Gives what it is to
/// skip again; what is assumed of a file it forgets by itself when it writes that.
///
/// What is not as the tip has it is in the index then as it is: whoever merges by that index refuses.
pub(super) fn look_again(checkout: &Checkout, changes: &Differences, git: Git<'_>) -> Result<Vec<Vec<u8>>, GitError> {
    let known = Untouched::open(checkout, changes);
    let staged = Staged::of(checkout, known.as_ref(), changes)?;
    let is_there = |path: &[u8]| checkout.look(path).is_ok_and(|there| !there.is_dir());
    let files = changes.iter().filter(|(path, change)| change.before.is_some() && is_there(path));
    let files: Vec<&Vec<u8>> = files.map(|(path, _)| path).collect();
    let hidden = files.iter().copied().filter(|path| staged.heed(path) != Heed::Looks);
    let skipped: Vec<&Vec<u8>> = files.iter().copied().filter(|path| staged.heed(path) == Heed::Skips).collect();
    update(&["--no-assume-unchanged"], hidden, git)?;
    update(&["--no-skip-worktree"], skipped.iter().copied(), git)?;
    update(&[], files.iter().copied(), git)?;
    Ok(skipped.into_iter().filter(|path| changes[*path].after.is_some()).cloned().collect())
}

/// Makes git skip these again.
pub(super) fn skip(paths: &[Vec<u8>], git: Git<'_>) -> Result<(), GitError> {
    update(&["--skip-worktree"], paths.iter(), git)
}

fn update<'a>(how: &[&str], paths: impl Iterator<Item = &'a Vec<u8>>, git: Git<'_>) -> Result<(), GitError> {
    let command: Vec<&OsStr> = ["update-index"].iter().chain(how).chain(&["--"]).map(OsStr::new).collect();
    let paths: Vec<&OsStr> = paths.map(|path| OsStr::from_bytes(path)).collect();
    // One argument list holds some 2 MB; a thousand paths stay far below it.
    paths.chunks(1000).try_for_each(|some| git(&[&command, some].concat()))
}

/// A line that names any path, as git reads it.
fn quoted(path: &[u8]) -> Vec<u8> {
    let octal = path.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    format!("\"{octal}\"\n").into_bytes()
}
