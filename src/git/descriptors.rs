//! Descriptors: how many libgit2 may have for packs, and what its answers are worth while there are none.
//!
//! Has `unsafe` in it, with its argument.

use std::fs::File;
use std::sync::Once;

use git2::{ErrorClass, ErrorCode};
use rustix::process::{Resource, getrlimit};

/// With fewer than this free, libgit2 may have had none: it needs two at a time, and other threads come and go.
const ENOUGH: usize = 16;
/// Fewer packs than this are not worth closing.
const FEWEST_PACKS: u64 = 8;

/// Has libgit2 close the packs that it used longest ago when it has a quarter of our descriptors. It has no limit of its own, and a
/// store may have thousands of packs. To be called before it opens a repository.
#[expect(unsafe_code, reason = "git2's setter is unsafe")]
pub(super) fn leave_some() {
    static LIMITED: Once = Once::new();
    LIMITED.call_once(|| {
        let all = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let packs = usize::try_from((all / 4).max(FEWEST_PACKS)).unwrap_or(usize::MAX);
        // SAFETY: it stores a number in a global that libgit2 reads when it opens a pack; nobody has opened a repository yet,
        // and it is done once.
        let told = unsafe { git2::opts::set_mwindow_file_limit(packs) };
        debug_assert!(told.is_ok(), "BUG: libgit2 does not know its own option");
    });
}

/// Whether what libgit2 did not find is not there: of a pack that it cannot open for want of descriptors it says nothing, and
/// then that there is no such object.
pub(super) fn is_absent(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound && !is_for_want(error)
}

/// Whether libgit2 may have had no descriptors when it did not find an object. It looked twice, and had none either time.
pub(super) fn is_for_want(error: &git2::Error) -> bool {
    let names_object = error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Odb;
    names_object && (0..ENOUGH).map(|_| File::open("/dev/null")).collect::<Result<Vec<_>, _>>().is_err()
}

/// Whether libgit2 says that two histories share nothing. That a commit in them is missing, it says with the same code.
pub(super) fn is_no_base(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Merge
}
