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

    /// An injective name that is safe as a file name and as one ref component.
    ///
    /// Ids of up to 60 letters, digits and inner `-` or `_` (ASCII) stand for themselves; every other id is its readable
    /// part and `.` and a 128-bit FNV-1a digest of the whole id in hexadecimal. A `.` never occurs in the first kind, so
    /// the kinds cannot meet. File systems that fold case are not reckoned with.
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
    if plain {
        return text.to_owned();
    }
    let readable: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(40).collect();
    let readable = readable.trim_matches('-');
    let readable = if readable.is_empty() { "ticket" } else { readable };
    format!("{readable}.{:032x}", fnv1a_128(text.as_bytes()))
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

    #[test]
    fn slugs_are_safe_and_distinct_for_odd_ids() {
        let odd = [
            "../x",
            "-rf",
            "$(x)",
            "Fix",
            "fix",
            "a",
            "a/b",
            "a-b",
            "🦀",
            "",
            " ",
            "x".repeat(10_000).as_str(),
            "a.b",
            "con",
        ]
        .map(slug_of);
        let mut seen = std::collections::BTreeSet::new();
        for slug in odd {
            assert!(slug.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{slug}");
            assert!(!slug.starts_with(['-', '.']) && !slug.ends_with(['.', '-']) && !slug.contains(".."), "{slug}");
            assert!(slug.len() <= 80, "{slug}");
            assert!(seen.insert(slug.clone()), "{slug} twice");
        }
    }

    #[test]
    fn a_branch_keeps_its_name_both_ways() {
        assert_eq!(BranchRef::from_branch("feature/x").as_str(), "refs/heads/feature/x");
        assert_eq!(BranchRef::from_branch("refs/heads/main").branch(), "main");
    }
}
