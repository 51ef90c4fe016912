//! The environment a worker gets: the caller's, less every `GIT_*`, with git told never to ask or tidy up.
//!
//! Pure: the caller's environment is an argument.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// What git reads in a worker: no question may hang it, and no garbage collection may race the other worktrees.
const FIXED: [(&str, &str); 10] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "gc.auto"),
    ("GIT_CONFIG_VALUE_0", "0"),
    ("GIT_CONFIG_KEY_1", "maintenance.auto"),
    ("GIT_CONFIG_VALUE_1", "false"),
];

/// The whole environment of a worker; what is `added` wins.
pub(super) fn of_worker(
    caller: impl Iterator<Item = (OsString, OsString)>,
    added: &[(OsString, OsString)],
) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<_, _> = caller.filter(|(name, _)| !of_git(name)).collect();
    env.extend(FIXED.map(|(name, value)| (name.into(), value.into())));
    env.extend(added.iter().cloned());
    env
}

fn of_git(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"GIT_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_git_leaks_in_and_what_is_added_wins() {
        let pair = |a: &str, b: &str| (OsString::from(a), OsString::from(b));
        let caller = [pair("GIT_DIR", "/x"), pair("PATH", "/bin"), pair("GIT_CONFIG_KEY_7", "x"), pair("A", "1")];
        let env = of_worker(caller.into_iter(), &[pair("A", "2"), pair("GIT_TERMINAL_PROMPT", "1")]);
        assert_eq!(env.get(OsStr::new("GIT_DIR")), None);
        assert_eq!(env.get(OsStr::new("GIT_CONFIG_KEY_7")), None);
        assert_eq!(env[OsStr::new("PATH")], "/bin");
        assert_eq!(env[OsStr::new("A")], "2");
        assert_eq!(env[OsStr::new("GIT_TERMINAL_PROMPT")], "1");
        assert_eq!(env[OsStr::new("GIT_CONFIG_COUNT")], "2");
    }
}
