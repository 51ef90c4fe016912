//! What libgit2's answers are worth while there are no descriptors.
//!
//! A pack that it cannot open it passes over, without a word: then there is no such object, or the pack is "invalid".

use std::fmt::Display;
use std::fs::File;

use git2::{ErrorClass, ErrorCode};

use super::GitError;

/// With fewer than this free, libgit2 may have had none: other threads come and go.
const ENOUGH: usize = 16;

/// What is wrong, unless it is only that what was asked for is not there.
pub(super) fn unless_absent(error: git2::Error, operation: impl Display) -> Option<GitError> {
    let is_absence = error.code() == ErrorCode::NotFound;
    let error = GitError::during(operation)(error);
    (!is_absence || error.is_transient()).then_some(error)
}

/// Whether libgit2 may say this for want of descriptors. It looked twice, and had none either time.
pub(super) fn may_be_for_want(error: &git2::Error) -> bool {
    let words = |class, start| error.class() == class && error.message().starts_with(start);
    let is_doubtful = error.code() == ErrorCode::NotFound
        || words(ErrorClass::Odb, "object not found")
        || words(ErrorClass::Os, "invalid packfile");
    is_doubtful && (0..ENOUGH).map(|_| File::open("/dev/null")).collect::<Result<Vec<_>, _>>().is_err()
}

/// Whether libgit2 says that two histories share nothing. It has the same code for more than that.
pub(super) fn is_no_base(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Merge
}
