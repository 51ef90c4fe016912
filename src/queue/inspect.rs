//! What no candidate may bring in: names that git must never check out, links that lead out of the worktree, and files
//! whose content is not there, or has rotted.
//!
//! Looks at what the candidate adds or changes, not at what was there before. Moves nothing.

use std::collections::BTreeMap;

use crate::git::{Differences, Flaw, GitError, Item, LINK, SUBMODULE, Session, shown};

/// Why a candidate with these changes is refused, if it is.
pub(super) fn objection(session: &Session, changes: &Differences) -> Result<Option<String>, GitError> {
    let added: BTreeMap<&Vec<u8>, Item> =
        changes.iter().filter_map(|(path, change)| Some((path, change.after?))).collect();
    let unsound = unsound(session, &added)?;
    for (path, item) in &added {
        if let Some(name) = path.split(|byte| *byte == b'/').find(|name| is_forbidden(name)) {
            return Ok(Some(format!("it holds the path {:?}: {:?} is no name for a file", shown(path), shown(name))));
        }
        if unsound.is_none()
            && item.mode == LINK
            && let Some(text) = session.blob(*item)?
            && leads_out(path, &text)
        {
            return Ok(Some(format!("the link {:?} leads out of the worktree, to {:?}", shown(path), shown(&text))));
        }
    }
    Ok(unsound)
}

fn unsound(session: &Session, added: &BTreeMap<&Vec<u8>, Item>) -> Result<Option<String>, GitError> {
    // A submodule's commit is in the submodule.
    let files: Vec<Item> = added.values().filter(|item| item.mode != SUBMODULE).copied().collect();
    let Some((id, flaw)) = session.flaw(&files)? else { return Ok(None) };
    let path = added.iter().find(|(_, item)| item.id == id).map_or_else(String::new, |(path, _)| shown(path));
    Ok(Some(match flaw {
        Flaw::Missing => format!("the content of {path:?} is missing: there is no blob {id}"),
        // A ticket that writes the same again would find it there, and leave it as it is.
        Flaw::Damaged(how) => format!(
            "the content of {path:?} is damaged: blob {id}: {how}; `git fsck` says where it lies: put a whole copy there \
             and retry the entry, or remove it and let the ticket run again"
        ),
    }))
}

/// What git's own `core.protectHFS` and `core.protectNTFS` refuse, too: the tree may be checked out anywhere.
fn is_forbidden(name: &[u8]) -> bool {
    if matches!(name, b"" | b"." | b"..") {
        return true;
    }
    let text = String::from_utf8_lossy(name);
    let seen: String = text.chars().filter(|c| !is_ignored_by_hfs(*c)).collect::<String>().to_ascii_lowercase();
    let on_windows = seen.split([':', '\\']).next().unwrap_or_default().trim_end_matches([' ', '.']);
    [seen.as_str(), on_windows].iter().any(|name| matches!(*name, ".git" | "git~1"))
}

fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Follows a link's text from its own folder, by name only.
fn leads_out(path: &[u8], text: &[u8]) -> bool {
    if text.starts_with(b"/") {
        return true;
    }
    let mut depth = path.iter().filter(|byte| **byte == b'/').count();
    for name in text.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_the_repository_itself_are_forbidden_in_every_disguise() {
        for name in [".git", ".GIT", ".gi\u{200c}t", "git~1", ".git. ", ".git::$DATA", "..", ".", ""] {
            assert!(is_forbidden(name.as_bytes()), "{name:?}");
        }
        for name in [".gitignore", ".github", "git", "...", "a..b", ".gitmodules", "\u{1F980}"] {
            assert!(!is_forbidden(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn links_may_go_up_but_not_out() {
        for (path, text) in [("a/b/link", "../../x"), ("link", "x/../y"), ("a/link", ".."), ("a/link", "../b/../c")] {
            assert!(!leads_out(path.as_bytes(), text.as_bytes()), "{path} {text}");
        }
        for (path, text) in [("link", ".."), ("a/link", "../../x"), ("link", "/etc/passwd"), ("a/link", "b/../../../x")]
        {
            assert!(leads_out(path.as_bytes(), text.as_bytes()), "{path} {text}");
        }
    }
}
