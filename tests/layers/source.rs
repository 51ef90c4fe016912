//! Reads Rust source as far as the rules need it: comments and strings out of the way, test modules known, paths spelt
//! out in full.
//!
//! Knows no rule. Not a parser: it splits text into words, and follows `use` groups, `mod` braces and `super`.

use std::ops::Range;

/// One word of code: an identifier, a number, `::`, or a single other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path as written in the code, with `use` groups multiplied out: `a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// How deep in modules it stands, counted from the crate's root, to resolve `super`.
    pub(crate) depth: usize,
    /// Whether it stands in a `#[cfg(test)]` module.
    pub(crate) place: Place,
}

/// Where code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Production,
    Test,
}

/// One file, read.
pub(crate) struct Source {
    pub(crate) words: Vec<Word>,
    /// The words inside `#[cfg(test)] mod … { … }`.
    pub(crate) tests: Vec<Range<usize>>,
    /// `#[cfg(test)] mod name;`: the files that are test modules as a whole.
    pub(crate) test_files: Vec<String>,
    /// The file's own depth: `lib.rs` 0, `names.rs` and `plan/mod.rs` 1, `plan/graph.rs` 2.
    depth: usize,
}

impl Source {
    pub(crate) fn read(text: &str, depth: usize) -> Self {
        let words = words(text);
        let (mut tests, mut test_files) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < words.len() {
            let Some(after) = after_cfg_test(&words, at) else {
                at += 1;
                continue;
            };
            let Some(name) = module_name(&words, after) else {
                at = after;
                continue;
            };
            if word(&words, name + 1) == "{" {
                let end = closing(&words, name + 1);
                tests.push(at..end);
                at = end;
            } else {
                test_files.push(words[name].text.clone());
                at = name + 1;
            }
        }
        Self { words, tests, test_files, depth }
    }

    pub(crate) fn place(&self, word: usize) -> Place {
        if self.tests.iter().any(|range| range.contains(&word)) { Place::Test } else { Place::Production }
    }

    pub(crate) fn word(&self, at: usize) -> &str {
        word(&self.words, at)
    }

    /// Every path of two segments or more.
    pub(crate) fn paths(&self) -> Vec<CodePath> {
        let mut found = Vec::new();
        let mut modules: Vec<bool> = Vec::new();
        let mut at = 0;
        while at < self.words.len() {
            match self.word(at) {
                "{" => modules.push(at >= 2 && self.word(at - 2) == "mod"),
                "}" => {
                    modules.pop();
                }
                text if is_identifier(text) && self.word(at + 1) == "::" => {
                    let depth = self.depth + modules.iter().filter(|module| **module).count();
                    let (start, mut spelt) = (at, Vec::new());
                    at = spell(&self.words, at, &mut Vec::new(), &mut spelt);
                    let place = self.place(start);
                    found.extend(spelt.into_iter().map(|(segments, line)| CodePath { segments, line, depth, place }));
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

/// Follows one path from `at`, multiplying groups out; returns the first word after it.
fn spell(words: &[Word], mut at: usize, prefix: &mut Vec<String>, out: &mut Vec<(Vec<String>, usize)>) -> usize {
    let kept = prefix.len();
    let line = words[at].line;
    loop {
        match word(words, at) {
            "{" => {
                at += 1;
                while at < words.len() && word(words, at) != "}" {
                    at = if word(words, at) == "," { at + 1 } else { spell(words, at, prefix, out) };
                }
                prefix.truncate(kept);
                return at + 1;
            }
            text if is_identifier(text) || text == "*" => {
                prefix.push(text.to_owned());
                at += 1;
            }
            // Generic arguments in a path, `Vec::<u8>::new`: the path ends here, its arguments are read as code.
            _ => break,
        }
        if word(words, at) != "::" {
            break;
        }
        at += 1;
    }
    if word(words, at) == "as" {
        prefix.push("as".to_owned());
        at += 2;
    }
    out.push((prefix.clone(), line));
    prefix.truncate(kept);
    // Always forward, whatever stood in a group.
    if kept > 0 && !matches!(word(words, at), "," | "}") { at + 1 } else { at }
}

fn word(words: &[Word], at: usize) -> &str {
    words.get(at).map_or("", |word| &word.text)
}

pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// The word after `#[cfg(test)]`, if that is what stands at `at`.
fn after_cfg_test(words: &[Word], at: usize) -> Option<usize> {
    let wanted = ["#", "[", "cfg", "(", "test", ")", "]"];
    wanted.iter().enumerate().all(|(n, text)| word(words, at + n) == *text).then_some(at + wanted.len())
}

/// The place of a module's name, past further attributes and visibility.
fn module_name(words: &[Word], mut at: usize) -> Option<usize> {
    while word(words, at) == "#" {
        at = matching(words, at + 1, "[", "]");
    }
    if word(words, at) == "pub" {
        at += 1;
        if word(words, at) == "(" {
            at = matching(words, at, "(", ")");
        }
    }
    (word(words, at) == "mod").then_some(at + 1)
}

fn closing(words: &[Word], open: usize) -> usize {
    matching(words, open, "{", "}")
}

/// The word after the bracket that closes the one at `open`.
fn matching(words: &[Word], open: usize, left: &str, right: &str) -> usize {
    let mut level = 0_usize;
    for (at, word) in words.iter().enumerate().skip(open) {
        if word.text == left {
            level += 1;
        } else if word.text == right {
            level = level.saturating_sub(1);
            if level == 0 {
                return at + 1;
            }
        }
    }
    words.len()
}

/// Splits code into words; comments are dropped, and a string stays as one word that begins with `"`.
fn words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = word_end(&chars, at);
        let piece: String = chars[at..end].iter().collect();
        let kind = kind(&chars, at);
        if kind == Kind::Code {
            out.push(Word { text: piece.clone(), line });
        } else if kind == Kind::Text {
            let open = piece.find('"').unwrap_or(0);
            out.push(Word { text: format!("\"{}", piece[open..].trim_matches(['"', '#'])), line });
        }
        line += piece.matches('\n').count();
        at = end;
    }
    out
}

#[derive(PartialEq, Eq)]
enum Kind {
    Code,
    Text,
    Nothing,
}

fn kind(chars: &[char], at: usize) -> Kind {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or(' ');
    match chars[at] {
        c if c.is_whitespace() => Kind::Nothing,
        '/' if matches!(next(1), '/' | '*') => Kind::Nothing,
        '\'' => Kind::Nothing,
        _ if string_open(chars, at).is_some() => Kind::Text,
        _ => Kind::Code,
    }
}

fn word_end(chars: &[char], at: usize) -> usize {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
    if let Some((hashes, body)) = string_open(chars, at) {
        return string_end(chars, body, hashes);
    }
    match chars[at] {
        '/' if next(1) == '/' => run(chars, at, |c| c != '\n'),
        '/' if next(1) == '*' => block_comment_end(chars, at),
        '\'' => quote_end(chars, at),
        'r' if next(1) == '#' && is_identifier(&next(2).to_string()) => {
            run(chars, at + 2, |c| c == '_' || c.is_alphanumeric())
        }
        c if c == '_' || c.is_alphanumeric() => run(chars, at, |c| c == '_' || c.is_alphanumeric()),
        ':' if next(1) == ':' => at + 2,
        _ => at + 1,
    }
}

fn run(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| !wanted(chars[*at])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut at, mut level) = (at + 2, 1);
    while at < chars.len() && level > 0 {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, level) = (at + 2, level + 1),
            ('*', Some('/')) => (at, level) = (at + 2, level - 1),
            _ => at += 1,
        }
    }
    at
}

/// A character literal, or only the quote of a lifetime.
fn quote_end(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        return (run(chars, at + 3, |c| c != '\'') + 1).min(chars.len());
    }
    if chars.get(at + 2) == Some(&'\'') { at + 3 } else { at + 1 }
}

/// For a string that opens at `at`: how many `#` it has (`None`: not raw, backslashes count), and where its text begins.
fn string_open(chars: &[char], at: usize) -> Option<(Option<usize>, usize)> {
    if at > 0 && (chars[at - 1] == '_' || chars[at - 1].is_alphanumeric()) {
        return None;
    }
    let mut quote = at + usize::from(matches!(chars[at], 'b' | 'c'));
    let raw = chars.get(quote) == Some(&'r');
    quote += usize::from(raw);
    let hashes = run(chars, quote, |c| c == '#') - quote;
    let opens = chars.get(quote + hashes) == Some(&'"') && (raw || hashes == 0);
    opens.then_some((raw.then_some(hashes), quote + hashes + 1))
}

fn string_end(chars: &[char], mut at: usize, hashes: Option<usize>) -> usize {
    while at < chars.len() {
        match (chars[at], hashes) {
            ('\\', None) => at += 1,
            ('"', None) => return at + 1,
            ('"', Some(n)) if run(chars, at + 1, |c| c == '#') > at + n => return at + 1 + n,
            _ => {}
        }
        at += 1;
    }
    chars.len()
}
