//! Writes many commits and branches at once through `git fast-import`.

use crate::common::TestRepo;
use crate::files::Files;

/// A commit in the making, by number.
pub(crate) type Mark = usize;

#[derive(Default)]
pub(crate) struct Importer {
    stream: Vec<u8>,
    marks: Mark,
}

impl Importer {
    pub(crate) fn commit(&mut self, files: &Files, parents: &[Mark], at: i64) -> Mark {
        self.marks += 1;
        let number = self.marks;
        if parents.is_empty() {
            // Otherwise it would go on from the branch's last commit.
            self.say("reset refs/heads/scratch\n\n");
        }
        self.say(&format!("commit refs/heads/scratch\nmark :{number}\nauthor A {number} <a@e> {at} +0130\n"));
        let message = format!("step {number}");
        self.say(&format!("committer T <t@e> {at} +0000\ndata {}\n{message}\n", message.len()));
        for (n, parent) in parents.iter().enumerate() {
            self.say(&format!("{} :{parent}\n", if n == 0 { "from" } else { "merge" }));
        }
        self.say("deleteall\n");
        for (path, item) in files {
            self.file(path, item.mode, &item.content);
        }
        number
    }

    pub(crate) fn branch(&mut self, name: &str, at: Mark) {
        self.say(&format!("reset refs/heads/{name}\nfrom :{at}\n\n"));
    }

    fn file(&mut self, path: &[u8], mode: &str, content: &[u8]) {
        if mode == "160000" {
            self.say(&format!("M {mode} {} ", String::from_utf8_lossy(content)));
        } else {
            self.say(&format!("M {mode} inline "));
        }
        self.say("\"");
        for byte in path {
            match byte {
                b'"' | b'\\' => self.stream.extend([b'\\', *byte]),
                0x20..0x7f => self.stream.push(*byte),
                _ => self.say(&format!("\\{byte:03o}")),
            }
        }
        self.say("\"\n");
        if mode != "160000" {
            self.say(&format!("data {}\n", content.len()));
            self.stream.extend(content);
            self.say("\n");
        }
    }

    fn say(&mut self, text: &str) {
        self.stream.extend(text.as_bytes());
    }

    /// Ids by mark.
    pub(crate) fn run(self, repo: &TestRepo) -> Vec<String> {
        let (stream, marks) = (repo.home().join("stream"), repo.home().join("marks"));
        std::fs::write(&stream, self.stream).unwrap();
        let (from, to) = (stream.display(), marks.display());
        repo.shell(&format!("git fast-import --quiet --force --date-format=raw --export-marks={to} < {from}"));
        let mut ids = vec![String::new(); self.marks + 1];
        for line in std::fs::read_to_string(marks).unwrap().lines() {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            ids[mark.parse::<usize>().unwrap()] = id.to_owned();
        }
        ids
    }
}
