//! Trust: a set-up command that a repository supplies runs only once the user has said so, for exactly that text.
//!
//! Knows nothing of how it runs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::context::Context;
use crate::cli::{CliError, Face};
use crate::config::{Origin, user_folder};
use crate::store::{FileLock, StoreError, private_dir, write_atomic};

/// One thing the user trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trusted {
    repository: PathBuf,
    command: String,
}

/// Whether `--trust` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Nothing,
    Trust,
}

/// The configured set-up command, if it may run. What the user's own file or the environment says, may.
pub(crate) fn setup(context: &Context, say: Say, face: &Face) -> Result<Option<String>, CliError> {
    let Some(found) = context.config.sourced("worktree.setup") else { return Ok(None) };
    let root = context.repo.checkout().unwrap_or(context.repo.root());
    let supplied = match &found.origin {
        Origin::File(place) => Path::new(&*place.file).starts_with(root),
        Origin::Environment(_) => false,
    };
    let this = Trusted { repository: context.repo.root().to_owned(), command: found.value.clone() };
    if supplied && !known()?.contains(&this) {
        if say == Say::Nothing {
            let what = format!("this repository wants to run a set-up command in every worktree: {:?}", found.value);
            return Err(CliError::usage(format!("{what} ({})", found.origin))
                .hint("read it; if you trust it, say so once with --trust"));
        }
        remember(this)?;
        face.remark(&format!("from now on trusted in this repository: {:?}", found.value));
    }
    Ok(Some(found.value.clone()))
}

fn file() -> Result<PathBuf, CliError> {
    let folder =
        user_folder().ok_or_else(|| CliError::usage("trust needs a home: neither HOME nor XDG_CONFIG_HOME is set"))?;
    Ok(folder.join("trusted.json"))
}

fn known() -> Result<Vec<Trusted>, CliError> {
    let file = file()?;
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| CliError::usage(format!("{}: {error}", file.display())).hint("mend or remove it")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(CliError::usage(format!("{}: {error}", file.display()))),
    }
}

fn remember(this: Trusted) -> Result<(), CliError> {
    let file = file()?;
    private_dir(file.parent().unwrap_or(Path::new("/")))?;
    let _alone = match FileLock::block(&file.with_extension("lock")) {
        // A home on another machine, where a lock means nothing: two at once are rarer than such homes.
        Err(StoreError::Network { .. }) => None,
        alone => Some(alone?),
    };
    let mut all = known()?;
    if all.contains(&this) {
        return Ok(());
    }
    all.push(this);
    let text = serde_json::to_vec_pretty(&all).expect("BUG: paths of a repository that git found are UTF-8 or refused");
    Ok(write_atomic(&file, &text)?)
}
