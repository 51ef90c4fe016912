//! The bytes of a commit: built by hand, so that the same values make the same commit for ever.
//!
//! Knows nothing of what a message should say.

use super::program::Program;
use super::session::NewCommit;
use super::{GitError, Signature};
use crate::names::CommitId;

pub(super) fn text(new: &NewCommit) -> Vec<u8> {
    let mut text = format!("tree {}\n", new.tree);
    for parent in &new.parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    text.push_str(&format!("author {}\ncommitter {}\n\n", line(&new.author), line(&new.committer)));
    text.push_str(&new.message);
    text.into_bytes()
}

/// `Name <mail> seconds +hhmm`.
fn line(who: &Signature) -> String {
    let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
    format!("{} <{}> {}", clean(&who.name), clean(&who.email), date(who))
}

fn date(who: &Signature) -> String {
    let (sign, minutes) = (if who.offset_minutes < 0 { '-' } else { '+' }, who.offset_minutes.abs());
    format!("{} {sign}{:02}{:02}", who.seconds, minutes / 60, minutes % 60)
}

/// Made by git, which knows how to sign. A signature that fails is an error, never an unsigned commit.
///
/// Who signs, and with what, is told by the user's own environment. The message is UTF-8, whatever encoding is configured.
pub(super) fn signed(git: &mut Program, new: &NewCommit) -> Result<CommitId, GitError> {
    git.as_user().option("-c").option("i18n.commitEncoding=UTF-8");
    for (role, who) in [("AUTHOR", &new.author), ("COMMITTER", &new.committer)] {
        git.env(&format!("GIT_{role}_NAME"), &who.name).env(&format!("GIT_{role}_EMAIL"), &who.email);
        git.env(&format!("GIT_{role}_DATE"), format!("@{}", date(who)));
    }
    git.args(["commit-tree", "-S", new.tree.as_str(), "-F", "-"]);
    for parent in &new.parents {
        git.args(["-p", parent.as_str()]);
    }
    git.input(new.message.clone().into_bytes());
    let output = git.run(&[0])?;
    Ok(CommitId::new(String::from_utf8_lossy(&output.stdout).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_line_has_gits_shape_whatever_the_name_holds() {
        let who = |offset_minutes| Signature {
            name: " A <B>\n ".to_owned(),
            email: "a@b".to_owned(),
            seconds: 7,
            offset_minutes,
        };
        assert_eq!(line(&who(-90)), "A B <a@b> 7 -0130");
        assert_eq!(line(&who(330)), "A B <a@b> 7 +0530");
    }
}
