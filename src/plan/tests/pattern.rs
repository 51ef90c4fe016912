//! Path patterns against a matcher that tries every path of a small alphabet.

use proptest::prelude::*;

use crate::plan::pattern::Pattern;

/// Whether `text`, read as the documentation says, means `path`; by backtracking over the characters, one by one, and
/// sharing nothing with the code under test.
fn means(text: &str, path: &str) -> bool {
    expand(text).iter().any(|text| {
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let below = text.ends_with('/') || !text.contains(['*', '?', '[']);
        let path: Vec<&str> = path.split('/').collect();
        (1..=path.len()).any(|end| (end == path.len() || below) && segments(&parts, &path[..end]))
            || below && parts.is_empty()
    })
}

fn expand(text: &str) -> Vec<String> {
    let Some(open) = text.find('{') else { return vec![text.to_owned()] };
    let close = open + text[open..].find('}').unwrap();
    let inside = text[open + 1..close].split(',');
    inside.flat_map(|way| expand(&format!("{}{way}{}", &text[..open], &text[close + 1..]))).collect()
}

fn segments(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.first(), path.first()) {
        (None, None) => true,
        (Some(&"**"), _) => segments(&pattern[1..], path) || !path.is_empty() && segments(pattern, &path[1..]),
        (Some(part), Some(name)) => {
            let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
            characters(&part, &name) && segments(&pattern[1..], &path[1..])
        }
        _ => false,
    }
}

fn characters(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => characters(rest, name) || !name.is_empty() && characters(pattern, &name[1..]),
        (['?', rest @ ..], [_, tail @ ..]) => characters(rest, tail),
        (['[', '!', c, ']', rest @ ..], [first, tail @ ..]) => c != first && characters(rest, tail),
        (['[', c, ']', rest @ ..], [first, tail @ ..]) => c == first && characters(rest, tail),
        ([c, rest @ ..], [first, tail @ ..]) => c == first && characters(rest, tail),
        _ => false,
    }
}

/// Every path of up to three segments of up to two characters from `a` and `b`.
fn all_paths() -> Vec<String> {
    let names = ["a", "b", "aa", "ab", "ba", "bb"];
    let mut paths: Vec<String> = names.iter().map(ToString::to_string).collect();
    let two: Vec<String> = names.iter().flat_map(|a| names.iter().map(move |b| format!("{a}/{b}"))).collect();
    let three: Vec<String> = two.iter().flat_map(|a| names.iter().map(move |b| format!("{a}/{b}"))).collect();
    paths.extend(two);
    paths.extend(three);
    paths
}

/// Patterns short enough that where two of them share a path, they share one of `all_paths`.
fn any_pattern() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec!["a", "b", "*", "?", "[a]", "[!a]", "{a,b}", "{a,}"]);
    let segment = prop_oneof![
        4 => prop::collection::vec(token, 1..=2).prop_map(|tokens| tokens.concat()),
        1 => Just("**".to_owned()),
        1 => Just(".".to_owned()),
    ];
    let end = prop::sample::select(vec!["", "", "", "/"]);
    (prop::collection::vec(segment, 1..=2), end).prop_map(|(segments, end)| format!("{}{end}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn two_patterns_meet_exactly_where_some_path_is_meant_by_both(one in any_pattern(), other in any_pattern()) {
        let shared = all_paths().into_iter().find(|path| means(&one, path) && means(&other, path));
        let (a, b) = (Pattern::parse(&one), Pattern::parse(&other));
        prop_assert_eq!(a.meets(&b), shared.is_some(), "{} and {}: {:?}", one, other, shared);
        prop_assert_eq!(b.meets(&a), shared.is_some(), "{} and {}, turned", other, one);
    }

    #[test]
    fn no_text_is_too_odd_to_be_a_pattern(one in "[ab*?\\[\\]{},!^\\\\/.-]{0,24}", other in "[ab*?\\[\\]{},!^\\\\/.-]{0,24}") {
        let (a, b) = (Pattern::parse(&one), Pattern::parse(&other));
        prop_assert_eq!(a.meets(&b), b.meets(&a));
    }
}

fn meet(one: &str, other: &str) -> bool {
    Pattern::parse(one).meets(&Pattern::parse(other))
}

#[test]
fn patterns_as_people_write_them() {
    for (one, other) in [
        ("src/**", "src/auth/login.rs"),
        ("src", "src/auth/login.rs"),
        ("src/", "./src//auth"),
        ("src/**/*.rs", "src/lib.rs"),
        ("**/Cargo.toml", "Cargo.toml"),
        ("*.{toml,lock}", "Cargo.lock"),
        ("src/{auth,db}/**", "src/db/mod.rs"),
        ("src/[a-m]*.rs", "src/lib.rs"),
        ("docs/../src/a.rs", "src/a.rs"),
        ("/src/a.rs", "src/a.rs"),
        (".", "anything/at/all"),
        ("src/*/mod.rs", "src/a*/**"),
        ("a/{b/c,d}/e", "a/b/c/e/f"),
        ("naïve/日本.md", "naïve/*.md"),
        (r"odd/\*.rs", "odd/*.rs"),
    ] {
        assert!(meet(one, other) && meet(other, one), "{one} and {other} meet");
    }
    for (one, other) in [
        ("src/auth", "src/authority"),
        ("src/*.rs", "src/auth/login.rs"),
        ("**/*.rs", "docs/*.md"),
        ("src/[!l]*.rs", "src/lib.rs"),
        ("Src", "src"),
        ("src/{auth,db}/**", "src/ui/mod.rs"),
        (r"odd/\*.rs", "odd/a.rs"),
        ("a?", "a"),
    ] {
        assert!(!meet(one, other) && !meet(other, one), "{one} and {other} do not meet");
    }
}

#[test]
fn braces_that_explode_and_stars_that_pile_up_cost_nothing() {
    let started = std::time::Instant::now();
    let bomb = format!("src/x{}", "{a,b}".repeat(40));
    assert!(meet(&bomb, "src/anything"), "too many ways: everything below src");
    assert!(!meet(&bomb, "docs/anything"));
    let stars = format!("{}b", "*a".repeat(2_000));
    assert!(!meet(&stars, &"a".repeat(2_000)));
    let deep = format!("{}x", "**/a/".repeat(1_000));
    assert!(!meet(&deep, &format!("{}y.*", "a/".repeat(1_000))));
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
