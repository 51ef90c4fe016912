//! The names of things: ids and revisions as types, so that one can never be passed for another.
//!
//! Pure: knows nothing of git, of files or of what any name refers to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps `text` as it is; nothing is trimmed or checked.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

text_name! {
    /// A ticket's id: any text that is not empty. Data: it never becomes a path, a ref or shell text
    /// except through [`TicketId::slug`].
    TicketId
}
text_name! {
    /// A run's id, for example `20261121-0514-7f3a`: safe as a file name and as part of a ref.
    RunId
}
text_name! {
    /// A commit queue entry's id, for example `e12`: safe as a file name and as part of a ref.
    EntryId
}
text_name! {
    /// A commit's full object id in hexadecimal.
    CommitId
}
text_name! {
    /// A tree's full object id in hexadecimal.
    TreeId
}
text_name! {
    /// A branch's full ref name, for example `refs/heads/main`.
    BranchRef
}

impl CommitId {
    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.as_str().get(..10).unwrap_or(self.as_str())
    }
}

impl BranchRef {
    /// The ref of the branch that people call `name` (`main` or `refs/heads/main`).
    #[must_use]
    pub fn from_branch(name: &str) -> Self {
        if name.starts_with("refs/") { Self::new(name) } else { Self::new(format!("refs/heads/{name}")) }
    }

    /// What people call the branch: `main`.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.as_str().strip_prefix("refs/heads/").unwrap_or(self.as_str())
    }
}

impl TicketId {
    /// Longer ids are refused, in bytes: an id is carried in a trailer, a variable and many lines for people.
    pub const LONGEST: usize = 16 * 1024;

    /// An injective name that is safe as a file name and as one ref component, also where case is not told apart.
    ///
    /// Ids of up to 60 digits, inner `-` or `_` and letters of one case (ASCII) stand for themselves, with a `_` behind
    /// lower case: `AUTH-001`, `fix_`. Every other id is its readable part in lower case, `.`, and a 128-bit FNV-1a digest
    /// of the whole id in hexadecimal. The first kind never ends in `_`, the second always, and only the third has a `.`;
    /// so no two meet, folded or not.
    #[must_use]
    pub fn slug(&self) -> String {
        slug_of(self.as_str())
    }
}

/// [`TicketId::slug`] for any text.
#[must_use]
pub fn slug_of(text: &str) -> String {
    let plain = !text.is_empty()
        && text.len() <= 60
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && !text.starts_with(['-', '_'])
        && !text.ends_with(['-', '_']);
    let (upper, lower) = (text.bytes().any(|b| b.is_ascii_uppercase()), text.bytes().any(|b| b.is_ascii_lowercase()));
    match (plain, upper, lower) {
        (true, _, false) => return text.to_owned(),
        (true, false, true) => return format!("{text}_"),
        _ => {}
    }
    digested(text, "ticket", text.as_bytes())
}

/// A name for a place that no other has, as safe as [`TicketId::slug`]: what its `name` reads like, and a digest of its `path`.
#[must_use]
pub fn slug_of_place(name: &str, path: &[u8]) -> String {
    digested(name, "folder", path)
}

/// A readable part of `text`, if it has one, and a digest of `whole`.
fn digested(text: &str, otherwise: &str, whole: &[u8]) -> String {
    let readable: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(40).collect();
    let readable = readable.trim_matches('-');
    let readable = if readable.is_empty() { otherwise } else { readable };
    format!("{readable}.{:032x}", fnv1a_128(whole))
}

/// FNV-1a, 128 bits (Fowler, Noll, Vo; parameters from RFC 9923).
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

/// A slot's number, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlotId(pub u32);

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(slug: &str) -> bool {
        slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !slug.starts_with(['-', '.', '_'])
            && !slug.ends_with(['.', '-'])
            && !slug.contains("..")
            && slug.len() <= 80
            && std::path::Path::new(slug).extension().is_none_or(|end| end != "lock")
    }

    #[test]
    fn slugs_are_safe_and_distinct_for_odd_ids_also_where_case_is_folded() {
        let long = "x".repeat(10_000);
        let odd = [
            "../x", "-rf", "$(x)", "Fix", "fix", "FIX", "fix_", "FIX_", "a", "A", "a/b", "a-b", "A-b", "🦀", "", " ",
            &long, "a.b", "con", "x.lock", "x@{1}", "@", "x.", "x..y", "a\0b", "a\nb", "HEAD",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for id in odd {
            let slug = slug_of(id);
            assert!(safe(&slug), "{id:?}: {slug}");
            assert!(seen.insert(slug.to_ascii_lowercase()), "{slug} twice");
        }
        assert_eq!((slug_of("AUTH-001").as_str(), slug_of("fix-1").as_str()), ("AUTH-001", "fix-1_"));
    }

    proptest::proptest! {
        #[test]
        fn no_two_ids_share_a_slug_whatever_they_are(a in "\\PC{0,70}|[a-bA-B_-]{0,4}", b in "\\PC{0,70}|[a-bA-B_-]{0,4}") {
            proptest::prop_assert!(safe(&slug_of(&a)), "{a:?}: {}", slug_of(&a));
            let folded = |id: &str| slug_of(id).to_ascii_lowercase();
            proptest::prop_assert_eq!(folded(&a) == folded(&b), a == b);
        }
    }

    #[test]
    fn a_branch_keeps_its_name_both_ways() {
        assert_eq!(BranchRef::from_branch("feature/x").as_str(), "refs/heads/feature/x");
        assert_eq!(BranchRef::from_branch("refs/heads/main").branch(), "main");
    }
}
