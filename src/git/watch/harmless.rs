//! Which changes of a configuration file are no tampering: what git writes when people make branches or submodules.
//!
//! Whatever is not certainly that is not harmless. Pure: text in, answer out.

/// Section, and the keys in it that start no program and lead nowhere else.
const HARMLESS: [(&str, &[&str]); 2] = [
    ("branch", &["remote", "merge", "rebase", "description", "pushremote", "vscode-merge-base", "gh-merge-base"]),
    ("submodule", &["url", "active", "branch", "ignore"]),
];

/// Whether the two say the same but for harmless sections.
pub(super) fn same_but_for_branches(before: &str, after: &str) -> bool {
    match (rest(before), rest(after)) {
        (Some(before), Some(after)) => before == after,
        _ => false,
    }
}

/// The lines outside harmless sections; none if the text has a shape that only a parser of git's own could be sure of.
fn rest(text: &str) -> Option<Vec<&str>> {
    let mut lines = Vec::new();
    let mut harmless: Option<&[&str]> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            harmless = keys_of(line);
        }
        match harmless {
            None => lines.push(line),
            Some(_) if line.starts_with(['[', '#', ';']) => {}
            Some(keys) => {
                let key = line.split('=').next().unwrap_or(line).trim().to_ascii_lowercase();
                if line.ends_with('\\') || !keys.contains(&key.as_str()) {
                    return None;
                }
            }
        }
    }
    Some(lines)
}

/// The keys that are harmless in the section that a line opens: `[branch "x"]`, and nothing else on the line.
fn keys_of(line: &str) -> Option<&'static [&'static str]> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let (section, name) = inner.split_once(' ')?;
    let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
    let plain = !name.contains(['"', '[', ']', '\\']);
    HARMLESS.iter().find(|(known, _)| plain && section.eq_ignore_ascii_case(known)).map(|(_, keys)| *keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: &str = "[core]\n\tbare = false\n";

    #[test]
    fn a_new_branch_is_harmless_and_nothing_hidden_in_one_is() {
        let with = |more: &str| same_but_for_branches(CORE, &format!("{CORE}{more}"));
        assert!(with("[branch \"x\"]\n\tremote = origin\n\tmerge = refs/heads/x\n# note\n"));
        assert!(with("[submodule \"a/b\"]\n\turl = ../x\n\tactive = true\n"));
        assert!(with(""));
        for hidden in [
            "\tfsmonitor = evil\n",
            "[filter \"x\"]\n\tclean = evil\n",
            "[branch \"x\"]\n\tmergeoptions = -s evil\n",
            "[branch \"x\"][core] fsmonitor = evil\n",
            "[branch \"x\"]\n\tremote = a\\\n[core]\n\tfsmonitor = evil\n",
            "[branch \"x\"] # [\n[core]\nfsmonitor = evil\n",
            "[branch \"x\"]\n[core]\n\tfsmonitor = evil\n",
            "[branch \"\\\"]\n[core]\n",
            "[submodule \"x\"]\n\tupdate = !evil\n",
            "[include]\n\tpath = evil\n",
            "[alias]\n\tst = !evil\n",
        ] {
            assert!(!with(hidden), "{hidden}");
        }
    }
}
