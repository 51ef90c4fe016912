//! What a conflict looks like inside: the regions on which base, ours and theirs disagree, a bounded number of them.
//!
//! For people to read; no decision rests on it. Knows nothing of the queue.

use std::collections::BTreeMap;

use super::differences::Item;
use super::engine::Session;
use super::merge_tree::Staged;
use super::{GitError, shown};
use crate::event::Hunk;

const MOST: usize = 20;
const LONGEST: usize = 4096;
const LARGEST_FILE: usize = 1 << 20;
/// Longer than any marker found in real files.
const MARKER: u16 = 53;

impl Session {
    /// The conflicting regions, at most 20, each side at most 4 KiB. Binary and very large files have none.
    pub(crate) fn hunks(&self, staged: &[Staged]) -> Result<Vec<Hunk>, GitError> {
        let mut sides: BTreeMap<&[u8], [Option<Item>; 3]> = BTreeMap::new();
        for one in staged {
            if let Some(place) = usize::from(one.stage).checked_sub(1).filter(|place| *place < 3) {
                sides.entry(&one.path).or_default()[place] = Some(one.item);
            }
        }
        let mut hunks = Vec::new();
        for (path, items) in sides {
            if hunks.len() >= MOST {
                break;
            }
            if let Some(texts) = self.texts(items)? {
                hunks.extend(hunks_of(&shown(path), items, &texts));
            }
        }
        hunks.truncate(MOST);
        Ok(hunks)
    }

    fn texts(&self, items: [Option<Item>; 3]) -> Result<Option<[String; 3]>, GitError> {
        let mut texts: [String; 3] = Default::default();
        for (text, item) in texts.iter_mut().zip(items) {
            let Some(item) = item else { continue };
            let Some(bytes) = self.blob(item)? else { return Ok(None) };
            if bytes.len() > LARGEST_FILE || bytes.iter().take(8000).any(|byte| *byte == 0) {
                return Ok(None);
            }
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(Some(texts))
    }
}

fn hunks_of(path: &str, items: [Option<Item>; 3], texts: &[String; 3]) -> Vec<Hunk> {
    if let [_, Some(_), Some(_)] = items
        && let Some(merged) = merged(texts)
    {
        return regions(path, &merged);
    }
    let [base, ours, theirs] = texts;
    vec![Hunk { path: path.to_owned(), base: cut(base), ours: cut(ours), theirs: cut(theirs) }]
}

/// The file with diff3 markers.
fn merged(texts: &[String; 3]) -> Option<String> {
    let mut inputs = [git2::MergeFileInput::new(), git2::MergeFileInput::new(), git2::MergeFileInput::new()];
    for (input, text) in inputs.iter_mut().zip(texts) {
        input.content(text.as_bytes()).path(std::path::Path::new("file"));
    }
    let mut options = git2::MergeFileOptions::new();
    options.style_diff3(true).marker_size(MARKER);
    let result = git2::merge_file(&inputs[0], &inputs[1], &inputs[2], Some(&mut options)).ok()?;
    Some(String::from_utf8_lossy(result.content()).into_owned())
}

#[derive(Clone, Copy)]
enum Side {
    None,
    Ours,
    Base,
    Theirs,
}

fn regions(path: &str, merged: &str) -> Vec<Hunk> {
    let marker = |sign: &str| sign.repeat(usize::from(MARKER));
    let [begin, middle, turn, end] = ["<", "|", "=", ">"].map(marker);
    let empty = || Hunk { path: path.to_owned(), base: String::new(), ours: String::new(), theirs: String::new() };
    let (mut hunks, mut hunk, mut side) = (Vec::new(), empty(), Side::None);
    for line in merged.split_inclusive('\n') {
        match side {
            Side::None if line.starts_with(&begin) => side = Side::Ours,
            Side::Ours if line.starts_with(&middle) => side = Side::Base,
            Side::Base if line.starts_with(&turn) => side = Side::Theirs,
            Side::Theirs if line.starts_with(&end) => {
                hunks.push(std::mem::replace(&mut hunk, empty()));
                side = Side::None;
            }
            Side::None => {}
            Side::Ours => hunk.ours.push_str(line),
            Side::Base => hunk.base.push_str(line),
            Side::Theirs => hunk.theirs.push_str(line),
        }
    }
    for hunk in &mut hunks {
        for text in [&mut hunk.base, &mut hunk.ours, &mut hunk.theirs] {
            *text = cut(text);
        }
    }
    hunks
}

fn cut(text: &str) -> String {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    if end == text.len() { text.to_owned() } else { format!("{}\n… {} more bytes\n", &text[..end], text.len() - end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disagreeing_lines_of_each_side_are_found() {
        let _library_is_up = git2::Config::new().unwrap();
        let texts = ["a\nb\nc\n", "a\nours\nc\n", "a\ntheirs\nc\n"].map(str::to_owned);
        let hunks = regions("f", &merged(&texts).unwrap());
        assert_eq!(hunks.len(), 1);
        let hunk = &hunks[0];
        assert_eq!((hunk.base.as_str(), hunk.ours.as_str(), hunk.theirs.as_str()), ("b\n", "ours\n", "theirs\n"));
    }

    #[test]
    fn a_long_side_is_cut_at_a_character() {
        let text = "\u{1F980}".repeat(2000);
        let short = cut(&text);
        assert!(short.len() < LONGEST + 40 && short.contains("3904 more bytes"), "{}", &short[4080..]);
    }
}
