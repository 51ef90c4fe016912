//! Character classes of path patterns: `[a-z_]`, `[!0-9]`.
//!
//! Knows nothing of the patterns around them. No class has the slash.

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    ranges: Vec<(char, char)>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What the ranges hold.
    Within,
    /// What they do not hold.
    Without,
}

impl Class {
    /// Every character.
    pub(super) fn any() -> Self {
        Self { ranges: Vec::new(), kind: Kind::Without }
    }

    /// Reads what follows a `[`: the class, and what is left after its `]`. `None` where no `]` follows: then the
    /// bracket is text. A `]` at the beginning is a member.
    pub(super) fn parse(text: &str) -> Option<(Self, &str)> {
        let (kind, body) = match text.strip_prefix(['!', '^']) {
            Some(rest) => (Kind::Without, rest),
            None => (Kind::Within, text),
        };
        let first = body.chars().next()?.len_utf8();
        let end = first + body.get(first..)?.find(']')?;
        Some((Self { ranges: ranges(&body[..end]), kind }, &body[end + 1..]))
    }

    pub(super) fn has(&self, c: char) -> bool {
        let listed = self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
        c != '/' && listed == (self.kind == Kind::Within)
    }

    /// Whether a character is in both. The edges of either's ranges and their neighbours stand for all characters:
    /// between two of them nothing changes.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let edges = self.ranges.iter().chain(&other.ranges);
        let edges = edges.flat_map(|(low, high)| [before(*low), Some(*low), Some(*high), after(*high)]);
        edges.flatten().chain(['\0', '.', '0', '\u{10ffff}']).any(|c| self.has(c) && other.has(c))
    }
}

fn ranges(body: &str) -> Vec<(char, char)> {
    let chars: Vec<char> = body.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if at + 2 < chars.len() && chars[at + 1] == '-' {
            ranges.push((chars[at], chars[at + 2]));
            at += 3;
        } else {
            ranges.push((chars[at], chars[at]));
            at += 1;
        }
    }
    ranges
}

fn before(c: char) -> Option<char> {
    ('\0'..c).next_back().map(|b| if b == '/' { '.' } else { b })
}

fn after(c: char) -> Option<char> {
    (c..=char::MAX).nth(1).map(|a| if a == '/' { '0' } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        Class::parse(text).expect("the test writes a class").0
    }

    #[test]
    fn a_class_holds_its_members_ranges_and_never_the_slash() {
        let digits = class("0-9_]");
        assert!(digits.has('5') && digits.has('_') && !digits.has('a'));
        assert!(!class("!a]").has('/') && !class("+-0]").has('/'));
        assert!(class("]a]").has(']') && class("^]]").has('a'));
        assert!(class("a-]").has('-'));
        assert_eq!(Class::parse("abc"), None);
    }

    #[test]
    fn classes_meet_where_a_character_is_in_both() {
        assert!(class("a-m]").meets(&class("m-z]")));
        assert!(!class("a-l]").meets(&class("m-z]")));
        assert!(class("a-c]").meets(&class("!b]")));
        assert!(!class("b]").meets(&class("!a-c]")));
        assert!(class("!a]").meets(&class("!b]")));
        assert!(!class(".-/]").meets(&class("/]")));
        assert!(class("+-0]").meets(&class("!+-.]")));
    }
}
