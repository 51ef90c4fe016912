//! A repository of a worker's own: lent to a worktree while a worker runs in it, taken back when it has ended.
//!
//! A worker that the kernel keeps out of the shared repository commits, amends, rebases, branches and configures in this
//! one, which borrows the shared objects and has a copy of the refs. What it made comes back as objects, each checked
//! by git, and as a HEAD and an index; its branches, configuration and hooks do not. Until then the shared repository
//! knows nothing of them, so the user's `git fetch` and `git log --all` never meet a commit that they cannot read.
//!
//! Nothing of what a worker left in it is executed. Knows nothing of how a worker is kept out.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::place::{Head, Place, head_in, is_folder, is_id, line};
use super::{Engine, GitError, Repository};
use crate::names::CommitId;
use crate::store::{open_regular, private_dir, read_regular_text, remove_all};

/// The folder of the lent repository within the worktree's own.
const LENT: &str = "wave-lent";
/// Beside it: the worker's HEAD was on a branch, which only the lent repository had.
pub(super) const ON_A_BRANCH: &str = "wave-on-a-branch";

/// Bytes of packed refs that are read from there: of a million refs.
const MOST_REFS: u64 = 128 * 1024 * 1024;

impl Repository {
    /// Gives the worktree a repository of its own, at its HEAD. Gives the paths that its worker has to write to.
    pub fn lend(&self, at: &Path, name: &str) -> Result<Vec<PathBuf>, GitError> {
        let place = self.place(at, name);
        place.check()?;
        let (lent, modules) = (place.admin.join(LENT), place.admin.join("modules"));
        remove(&lent)?;
        for folder in ["objects/info", "objects/pack", "refs", "info"] {
            private_dir(&lent.join(folder)).map_err(super::worktree::store)?;
        }
        private_dir(&modules).map_err(super::worktree::store)?;
        symlink("../modules", lent.join("modules")).map_err(|e| GitError::io(&lent, e))?;
        self.fill(&place, &lent)?;
        point(at, &lent)?;
        Ok(vec![at.to_owned(), lent, modules])
    }

    fn fill(&self, place: &Place<'_>, lent: &Path) -> Result<(), GitError> {
        let common = self.common_dir();
        let objects = [common.join("objects").as_os_str().as_bytes(), b"\n"].concat();
        write(&lent.join("objects/info/alternates"), &objects)?;
        write(&lent.join("config"), &self.lent_config(place)?)?;
        let head = match place.head()? {
            Head::At(id) => format!("{id}\n"),
            Head::Ref(name) => format!("ref: {name}\n"),
            Head::Unreadable => return Err(place.unreadable()),
        };
        write(&lent.join("HEAD"), head.as_bytes())?;
        self.copy_refs(lent)?;
        let from_common = ["info/exclude", "info/attributes", "info/grafts", "shallow"];
        let from_admin = ["index", "config.worktree", "info/sparse-checkout"];
        let common = from_common.iter().map(|file| (common, *file));
        for (folder, file) in common.chain(from_admin.iter().map(|file| (place.admin.as_path(), *file))) {
            copy(&folder.join(file), &lent.join(file))?;
        }
        Ok(())
    }

    /// The shared configuration, included, so that it is the user's as it stands; and where files and hooks are. What
    /// git reads of a repository's format it reads without includes.
    fn lent_config(&self, place: &Place<'_>) -> Result<Vec<u8>, GitError> {
        let mut extensions = String::new();
        if matches!(self.engine(), Engine::Program { .. }) {
            let format = self.program().args(["rev-parse", "--show-object-format"]).run(&[0])?.stdout;
            extensions.push_str(&format!("\tobjectFormat = {}\n", String::from_utf8_lossy(&format).trim()));
        }
        if place.admin.join("config.worktree").exists() {
            extensions.push_str("\tworktreeConfig = true\n");
        }
        let version = u8::from(!extensions.is_empty());
        let quoted = |path: &Path| path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
        let (common, files) = (quoted(self.common_dir()), quoted(place.at));
        let text = format!(
            "[core]\n\trepositoryformatversion = {version}\n\thooksPath = \"{common}/hooks\"\n[extensions]\n{extensions}\
             [include]\n\tpath = \"{common}/config\"\n[core]\n\tbare = false\n\tworktree = \"{files}\"\n\
             \tlogAllRefUpdates = true\n"
        );
        Ok(text.into_bytes())
    }

    /// Every ref but ours, as it is now.
    fn copy_refs(&self, lent: &Path) -> Result<(), GitError> {
        let refs = self.held_below("refs/")?;
        let theirs = refs.iter().filter(|(name, _)| !name.starts_with("refs/wave/"));
        write(
            &lent.join("packed-refs"),
            theirs.map(|(name, at)| format!("{at} {name}\n")).collect::<String>().as_bytes(),
        )
    }

    /// Takes back what [`Repository::lend`] gave: HEAD, index and objects come home, the rest is gone. Does nothing where
    /// nothing is lent. Done again after a crash, it does the rest.
    pub fn take_back(&self, at: &Path, name: &str) -> Result<(), GitError> {
        let place = self.place(at, name);
        let lent = place.admin.join(LENT);
        if !is_folder(&lent) {
            return Ok(());
        }
        self.check_lent(&place, &lent)?;
        let (head, branch) = self.lent_head(&place, &lent)?;
        self.bring_home(&lent)?;
        if let Some(head) = &head {
            if branch {
                write(&place.admin.join(ON_A_BRANCH), b"")?;
            }
            place.write_head(head)?;
        }
        copy(&lent.join("index"), &place.index())?;
        point(at, &place.admin)?;
        remove(&lent)
    }

    /// Ends the loan without keeping anything of it.
    pub fn discard_lent(&self, at: &Path, name: &str) -> Result<(), GitError> {
        let place = self.place(at, name);
        let lent = place.admin.join(LENT);
        if is_folder(&lent) {
            self.check_lent(&place, &lent)?;
            point(at, &place.admin)?;
            remove(&lent)?;
        }
        Ok(())
    }

    /// The worktree must still belong to the lent repository; or to the shared one, where a crash cut a return short.
    fn check_lent(&self, place: &Place<'_>, lent: &Path) -> Result<(), GitError> {
        let pointer = line(&place.at.join(".git"));
        if is_folder(place.at) && [lent, &place.admin].iter().any(|folder| pointer == Some(pointing_at(folder))) {
            return Ok(());
        }
        Err(GitError::Worktree { at: place.at.to_owned(), what: "its .git file points elsewhere".to_owned() })
    }

    /// Where the worker's HEAD is, and whether it is on a branch; no commit where that branch has none.
    fn lent_head(&self, place: &Place<'_>, lent: &Path) -> Result<(Option<CommitId>, bool), GitError> {
        match head_in(lent) {
            Head::At(id) => Ok((Some(id), false)),
            Head::Ref(name) => Ok((lent_ref(lent, &name), true)),
            Head::Unreadable => Err(place.unreadable()),
        }
    }

    /// Puts every object that the worker made into the shared store, as one pack that git has checked and synced: foreign
    /// objects, so strictly, and with nothing missing that they need.
    fn bring_home(&self, lent: &Path) -> Result<(), GitError> {
        let store = lent.join("objects");
        // From here on what it borrows is for us to say.
        remove(&store.join("info"))?;
        let made = self.objects_in(&store)?;
        if made.is_empty() {
            return Ok(());
        }
        let mut pack = self.program();
        pack.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted_for_git(&store));
        pack.args(["pack-objects", "-q", "--delta-base-offset"]).args([lent.join("home")]).input(made.into_bytes());
        let name = String::from_utf8_lossy(&pack.run(&[0])?.stdout).trim().to_owned();
        let packed = lent.join(format!("home-{name}.pack"));
        let mut index = self.program();
        let packed = open_regular(&packed).map_err(|e| GitError::io(&packed, e))?;
        index.option("-c").option("core.fsync=pack,pack-metadata").input_from(packed);
        index.args(["index-pack", "--stdin", "--strict"]).run(&[0]).map(drop)
    }

    /// The ids of the objects in a store of a worker's own, one a line. Git writes none there that it can borrow.
    fn objects_in(&self, store: &Path) -> Result<String, GitError> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>()
        };
        let mut ids = String::new();
        for folder in names(store).into_iter().filter(|name| name.len() == 2) {
            let files = names(&store.join(&folder)).into_iter().map(|file| format!("{folder}{file}"));
            files.filter(|id| is_id(id)).for_each(|id| ids.extend([id.as_str(), "\n"]));
        }
        for index in names(&store.join("pack")).into_iter().filter(|name| name.ends_with(".idx")) {
            let mut git = self.program();
            let index = store.join("pack").join(index);
            git.input_from(open_regular(&index).map_err(|e| GitError::io(&index, e))?);
            let listed = git.args(["show-index"]).run(&[0])?.stdout;
            let listed = String::from_utf8_lossy(&listed);
            listed.lines().filter_map(|line| line.split(' ').nth(1)).for_each(|id| ids.extend([id, "\n"]));
        }
        Ok(ids)
    }
}

/// Where a ref of the lent repository is: a file of its own, or a line of the packed ones. Git is not asked: what is
/// in there is the worker's.
fn lent_ref(lent: &Path, name: &str) -> Option<CommitId> {
    if Path::new(name).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return None;
    }
    let loose = line(&lent.join(name)).and_then(|text| text.into_string().ok());
    let packed = || {
        let text = read_regular_text(&lent.join("packed-refs"), MOST_REFS).ok()?;
        text.lines()
            .find_map(|line| line.split_once(' ').filter(|(_, found)| *found == name).map(|(id, _)| id.to_owned()))
    };
    loose.or_else(packed).filter(|id| is_id(id)).map(CommitId::new)
}

fn pointing_at(folder: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from("gitdir: ");
    text.push(folder);
    text
}

/// Makes the worktree at `at` belong to `folder`. Renamed over what is there: the worker may hold that open.
fn point(at: &Path, folder: &Path) -> Result<(), GitError> {
    let (new, pointer) = (folder.join("wave-pointer"), at.join(".git"));
    let text = [pointing_at(folder).as_bytes(), b"\n"].concat();
    write(&new, &text)?;
    match fs::rename(&new, &pointer) {
        // The worktree may be on another file system than the repository.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            fs::remove_file(&pointer).map_err(|e| GitError::io(&pointer, e))?;
            write(&pointer, &text)?;
            fs::remove_file(&new).map_err(|e| GitError::io(&new, e))
        }
        renamed => renamed.map_err(|e| GitError::io(&pointer, e)),
    }
}

/// Git splits the variable at colons unless a path is quoted as in C.
fn quoted_for_git(path: &Path) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'"');
    std::ffi::OsString::from_vec(quoted)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    fs::write(path, bytes).map_err(|e| GitError::io(path, e))
}

/// Copies a regular file, if it is one; a symlink is not followed.
fn copy(from: &Path, to: &Path) -> Result<(), GitError> {
    match fs::symlink_metadata(from) {
        Ok(found) if found.is_file() => {
            let beside = to.with_extension("wave-new");
            fs::copy(from, &beside).map_err(|e| GitError::io(from, e))?;
            fs::rename(&beside, to).map_err(|e| GitError::io(to, e))
        }
        _ => Ok(()),
    }
}

fn remove(folder: &Path) -> Result<(), GitError> {
    remove_all(folder).map_err(|e| GitError::io(folder, e))
}
