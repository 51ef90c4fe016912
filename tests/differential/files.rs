//! Random trees: what stands in them, and what people do to them.
//!
//! Knows nothing of commits. Every kind of file that merges treat in a way of its own is here.

use std::collections::BTreeMap;

use crate::dice::Dice;

/// What stands at a path. A submodule's content is the id of its commit.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) mode: &'static str,
    pub(crate) content: Vec<u8>,
}

/// A tree in the making.
pub(crate) type Files = BTreeMap<Vec<u8>, Item>;

const PLAIN: &str = "100644";
const FOLDERS: [&str; 9] = ["", "", "src/", "src/deep/", "src/deep/er/", "d\u{f6}cs/", "a b/", "lib/", "lib2/"];
const NAMES: [&[u8]; 12] = [
    b"a",
    b"b",
    b"c",
    b"d e",
    "\u{e9}\u{1F980}".as_bytes(),
    b"q\"uote",
    b"back\\slash",
    b"\xff\xfe",
    b"-x",
    b"*",
    b"f",
    b"g",
];
const KINDS: [&str; 12] = [".txt", ".txt", "", "", "", ".crlf", ".bin", ".union", ".pick", ".lfs", ".raw", ".inf"];

/// What `.gitattributes` may say; `pick` is a driver that refuses at times, `lfs` one that is not configured.
const ATTRIBUTES: [&str; 12] = [
    "*.txt text",
    "* text=auto",
    "*.crlf text eol=crlf",
    "*.raw -text",
    "*.bin binary",
    "*.union merge=union",
    "*.pick merge=pick",
    "*.lfs filter=lfs diff=lfs merge=lfs -text",
    "*.txt -merge",
    "src/** merge=union",
    "*.txt conflict-marker-size=12",
    "a* merge=binary",
];

pub(crate) fn base(dice: &mut Dice) -> Files {
    let mut files = Files::new();
    for _ in 0..7 + dice.below(12) {
        add(&mut files, dice);
    }
    if dice.one_in(2) {
        files.insert(b".gitattributes".to_vec(), attributes(dice));
    }
    without_clashes(files)
}

/// A few changes, of any kind; often only one.
pub(crate) fn changed(files: &Files, dice: &mut Dice) -> Files {
    let mut files = files.clone();
    let most = dice.pick(&[1, 1, 2, 4]);
    for _ in 0..=dice.below(most) {
        let paths: Vec<Vec<u8>> = files.keys().cloned().collect();
        if paths.is_empty() || dice.one_in(4) {
            add(&mut files, dice);
        } else {
            let path = paths[dice.below(paths.len())].clone();
            change(&mut files, &path, dice);
        }
    }
    without_clashes(files)
}

/// A folder gets another name, with everything in it or most of it; gives its old name, too.
pub(crate) fn moved(files: &Files, dice: &mut Dice) -> (Files, &'static str) {
    let mut files = files.clone();
    let is_used = |folder: &&&str| files.keys().any(|path| path.starts_with(folder.as_bytes()));
    let used: Vec<&str> = FOLDERS[2..].iter().filter(is_used).copied().collect();
    let folder = if used.is_empty() { FOLDERS[2] } else { dice.pick(&used) };
    move_folder(&mut files, folder, dice);
    (without_clashes(files), folder)
}

/// Something happens in a folder: mostly a new file.
pub(crate) fn touched(files: &Files, folder: &str, dice: &mut Dice) -> Files {
    let mut files = files.clone();
    let inside: Vec<Vec<u8>> = files.keys().filter(|path| path.starts_with(folder.as_bytes())).cloned().collect();
    match dice.below(4) {
        2 if !inside.is_empty() => drop(files.remove(&inside[dice.below(inside.len())])),
        3 if !inside.is_empty() => {
            let path = &inside[dice.below(inside.len())];
            let item = edited(&files[path], dice);
            files.insert(path.clone(), item);
        }
        _ => {
            let path = [folder.as_bytes(), dice.pick(&NAMES), b".new"].concat();
            files.insert(path, Item { mode: PLAIN, content: lines(dice) });
        }
    }
    without_clashes(files)
}

/// What a careless person makes of a merge: theirs where they changed something, else ours.
pub(crate) fn joined([base, ours, theirs]: [&Files; 3]) -> Files {
    let mut files = ours.clone();
    for path in base.keys().chain(theirs.keys()) {
        if base.get(path) != theirs.get(path) {
            match theirs.get(path) {
                Some(item) => drop(files.insert(path.clone(), item.clone())),
                None => drop(files.remove(path)),
            }
        }
    }
    without_clashes(files)
}

fn change(files: &mut Files, path: &[u8], dice: &mut Dice) {
    let item = files[path].clone();
    let is_attributes = path.ends_with(b".gitattributes");
    match dice.below(24) {
        // Git wants a file there.
        12..=19 if is_attributes => drop(files.insert(path.to_vec(), attributes(dice))),
        0..=8 => drop(files.insert(path.to_vec(), edited(&item, dice))),
        9..=11 => drop(files.remove(path)),
        12 | 13 => {
            files.remove(path);
            let content = if dice.one_in(2) { edited(&item, dice) } else { item };
            files.insert(fresh_path(dice), content);
        }
        14 | 15 => {
            let folder = dice.pick(&FOLDERS[2..]);
            move_folder(files, folder, dice);
        }
        16 => {
            let mode = if item.mode == PLAIN { "100755" } else { PLAIN };
            files.insert(path.to_vec(), Item { mode, ..with_text(item) });
        }
        17 => drop(files.insert(path.to_vec(), link(dice))),
        18 => drop(files.insert(path.to_vec(), submodule(dice))),
        19 => {
            files.remove(path);
            files.insert([path, b"/inside"].concat(), with_text(item));
        }
        20 => folder_to_file(files, dice),
        21 => drop(files.insert(b".gitattributes".to_vec(), attributes(dice))),
        22 => {
            let content = if item.content.is_empty() { lines(dice) } else { Vec::new() };
            files.insert(path.to_vec(), Item { mode: PLAIN, content });
        }
        _ => drop(files.insert(fresh_path(dice), item)),
    }
}

fn add(files: &mut Files, dice: &mut Dice) {
    let path = fresh_path(dice);
    let item = match dice.below(16) {
        0 => link(dice),
        1 => submodule(dice),
        2 => Item { mode: PLAIN, content: Vec::new() },
        3 => Item { mode: "100755", content: lines(dice) },
        4 => Item { mode: PLAIN, content: (0..300 + dice.below(40)).flat_map(|n| row(n, dice)).collect() },
        _ => Item { mode: PLAIN, content: content(&path, dice) },
    };
    files.insert(path, item);
}

fn fresh_path(dice: &mut Dice) -> Vec<u8> {
    let (folder, name, kind) = (dice.pick(&FOLDERS), dice.pick(&NAMES), dice.pick(&KINDS));
    [folder.as_bytes(), name, kind.as_bytes()].concat()
}

fn content(path: &[u8], dice: &mut Dice) -> Vec<u8> {
    if path.ends_with(b".crlf") || (path.ends_with(b".txt") && dice.one_in(3)) {
        with_crlf(&lines(dice))
    } else if path.ends_with(b".bin") {
        (0..200).map(|_| u8::try_from(dice.below(4)).unwrap()).collect()
    } else if path.ends_with(b".lfs") {
        let id = (0..64).map(|_| dice.pick(&['0', 'a', '7', 'e'])).collect::<String>();
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize {}\n", dice.below(9999)).into()
    } else {
        lines(dice)
    }
}

fn lines(dice: &mut Dice) -> Vec<u8> {
    (0..8 + dice.below(10)).flat_map(|n| row(n, dice)).collect()
}

fn row(number: usize, dice: &mut Dice) -> Vec<u8> {
    format!("line {number} {}\n", dice.below(6)).into_bytes()
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] }).collect()
}

fn edited(item: &Item, dice: &mut Dice) -> Item {
    if item.mode == "160000" {
        return submodule(dice);
    }
    let mut rows: Vec<Vec<u8>> = item.content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = dice.below(rows.len() + 1);
    match dice.below(8) {
        0 => rows.insert(at, b"inserted\n".to_vec()),
        1 if rows.iter().any(|row| row.ends_with(b"\r\n")) => {
            rows.iter_mut().for_each(|row| row.retain(|byte| *byte != b'\r'));
        }
        1 => rows = vec![with_crlf(&rows.concat())],
        2 => rows.truncate(at),
        3 => rows.extend(lines(dice).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec)),
        _ => match rows.get_mut(at) {
            Some(row) => *row = format!("edited {}\n", dice.below(9)).into_bytes(),
            None => rows.push(b"no newline at the end".to_vec()),
        },
    }
    Item { mode: item.mode, content: rows.concat() }
}

fn attributes(dice: &mut Dice) -> Item {
    let lines: String = (0..1 + dice.below(5)).map(|_| dice.pick(&ATTRIBUTES).to_owned() + "\n").collect();
    Item { mode: PLAIN, content: lines.into_bytes() }
}

fn link(dice: &mut Dice) -> Item {
    Item { mode: "120000", content: dice.pick(&["a", "src/b.txt", "nowhere"]).into() }
}

fn submodule(dice: &mut Dice) -> Item {
    Item { mode: "160000", content: dice.pick(&["1", "2", "3"]).repeat(40).into_bytes() }
}

/// A submodule's id is no text: as a file it says something else.
fn with_text(item: Item) -> Item {
    let is_file = item.mode.starts_with("100");
    Item { mode: if is_file { item.mode } else { PLAIN }, content: item.content }
}

fn move_folder(files: &mut Files, folder: &str, dice: &mut Dice) {
    let from = folder.as_bytes();
    let to = dice.pick(&["moved/", "src/", "lib/", "lib2/", "away/deep/", ""]).as_bytes();
    let paths: Vec<Vec<u8>> = files.keys().filter(|path| path.starts_with(from)).cloned().collect();
    for path in paths {
        if !dice.one_in(8) {
            let item = files.remove(&path).unwrap();
            let item = if dice.one_in(4) { edited(&item, dice) } else { item };
            files.insert([to, &path[from.len()..]].concat(), item);
        }
    }
}

fn folder_to_file(files: &mut Files, dice: &mut Dice) {
    let folder = dice.pick(&FOLDERS[2..]).as_bytes();
    files.retain(|path, _| !path.starts_with(folder));
    files.insert(folder[..folder.len() - 1].to_vec(), Item { mode: PLAIN, content: lines(dice) });
}

/// A path cannot be a file and a folder at once.
pub(crate) fn without_clashes(mut files: Files) -> Files {
    let folders: std::collections::BTreeSet<Vec<u8>> = files
        .keys()
        .flat_map(|path| path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| path[..at].to_vec()))
        .collect();
    files.retain(|path, _| !folders.contains(path));
    files
}
