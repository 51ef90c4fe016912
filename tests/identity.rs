//! Who commits: in every environment and configuration exactly whom git names, or git's own refusal.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use common::TestRepo;

type Environment = &'static [(&'static str, &'static [u8])];

/// What is set beside the configuration.
const ENVIRONMENTS: &[Environment] = &[
    &[],
    &[("GIT_COMMITTER_NAME", b"E"), ("GIT_COMMITTER_EMAIL", b"e@e")],
    &[("GIT_COMMITTER_NAME", b"E")],
    &[("GIT_COMMITTER_EMAIL", b"e@e")],
    &[("GIT_COMMITTER_NAME", b"")],
    &[("GIT_COMMITTER_EMAIL", b"")],
    &[("GIT_COMMITTER_NAME", b""), ("GIT_COMMITTER_EMAIL", b"")],
    &[("GIT_COMMITTER_NAME", b"Andr\xe9")],
    &[("GIT_COMMITTER_EMAIL", b"\xe9@e")],
    &[("GIT_AUTHOR_NAME", b"A"), ("GIT_AUTHOR_EMAIL", b"a@a")],
    &[("GIT_COMMITTER_NAME", b" .,:;<>\"\\'\x01\n")],
    &[("GIT_COMMITTER_NAME", b"\x02 Jr. <x>\ny.\x7f"), ("GIT_COMMITTER_EMAIL", b"<e@e>")],
    &[("EMAIL", b"m@m")],
    &[("GIT_CONFIG_COUNT", b"1"), ("GIT_CONFIG_KEY_0", b"user.name"), ("GIT_CONFIG_VALUE_0", b"Counted")],
    &[("GIT_CONFIG_GLOBAL", b"/dev/null")],
    &[("GIT_CONFIG_GLOBAL", b"")],
    &[("GIT_CONFIG_NOSYSTEM", b"perhaps")],
    &[("GIT_CONFIG_NOSYSTEM", b"17")],
];

/// The user's file, and what the repository's own has besides.
const CONFIGURATIONS: &[(&[u8], &[u8])] = &[
    (b"", b""),
    (b"[user]\nname = U\nemail = u@u\n", b""),
    (b"[user]\nname = U\n", b""),
    (b"[user]\nemail = u@u\n", b""),
    (b"[user]\nname = U\nemail = u@u\n", b"[user]\nname = Own\n"),
    (b"[user]\nname = U\nemail = u@u\nuseConfigOnly = true\n", b""),
    (b"[user]\nuseConfigOnly = false\n", b""),
    (b"[user]\nname = U\nemail = u@u\nuseConfigOnly = perhaps\n", b""),
    (b"[user]\nname = U\nemail = u@u\n[committer]\nname = C\n", b"[user]\nname = Own\nemail = own@o\n"),
    (b"[user]\nname = U\nemail = u@u\n", b"[committer]\nname =\nemail =\n"),
    (b"[user]\nname = U\nemail = u@u\n", b"[user]\nname =\n"),
    (b"[user]\nname = U\nemail = u@u\n", b"[user]\nemail =\n"),
    (b"[author]\nname = A\nemail = a@a\n", b""),
    (b"[author]\nemail = a@a\n[user]\nname = U\n", b""),
    (b"[user]\nname\nemail = u@u\n", b""),
    (b"[user]\nname\nemail = u@u\n", b"[user]\nname = Own\n"),
    (b"[user]\nname = U\nemail = u@u\n[author]\nname\n", b""),
    (b"[user]\nname = U\nemail = u@u\n", b"[user]\nname = Andr\xe9\n"),
    (b"[user]\nname = Andr\xe9\nemail = u@u\n", b"[user]\nname = Own\n"),
    (b"[user]\nname = Andr\xe9\nemail = u@u\n", b""),
    (b"[user]\nname = \" .,:;<>\\\"\\\\'\"\nemail = u@u\n", b""),
    (b"[user]\nname = \" Jr. <x>\\ny.\"\nemail = <u@u>\n", b""),
    (b"[user]\nname = \"\\t\xc3\xa9 \"\nemail = \"u u\"\n", b""),
    (b"[include]\npath = more\n", b"[includeIf \"onbranch:main\"]\npath = more\n"),
];

/// How somebody is named, or why nobody is.
type Answer = Result<String, String>;

impl TestRepo {
    fn asks_git(&self, environment: Environment) -> Answer {
        let mut git = self.git_command(&["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"]);
        let output = git.envs(set(environment)).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.lines().rev().find_map(|line| line.strip_prefix("fatal: ")).unwrap().to_owned());
        }
        let end = output.stdout.iter().rposition(|byte| *byte == b'>').unwrap();
        match String::from_utf8(output.stdout[..=end].to_owned()) {
            Ok(name) => Ok(name),
            // What a commit of ours cannot say must be said, not made up.
            Err(_) => Err(format!("{} is not UTF-8", String::from_utf8_lossy(&output.stdout[..=end]))),
        }
    }

    fn asks_us(&self, environment: Environment) -> Answer {
        let output = self.wave_command(self.root(), &["doctor", "--json"]).envs(set(environment)).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        if said.is_empty() {
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        let doctor: serde_json::Value = serde_json::from_str(&said).unwrap();
        let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "identity").unwrap();
        let detail = check["detail"].as_str().unwrap();
        match detail.strip_prefix("git does not know who you are: ") {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(detail.to_owned()),
        }
    }
}

fn set(environment: Environment) -> impl Iterator<Item = (&'static str, &'static OsStr)> {
    environment.iter().map(|(name, value)| (*name, OsStr::from_bytes(value)))
}

#[test]
fn the_committer_is_whom_git_names_in_every_environment_and_configuration() {
    let repo = TestRepo::new();
    let own = std::fs::read(repo.path(".git/config")).unwrap();
    std::fs::write(repo.home().join("more"), "[user]\nname = More\nemail = more@m\n").unwrap();
    std::fs::write(repo.path(".git/more"), "[user]\nname = On Main\n").unwrap();
    let (mut wrong, mut named, mut refused) = (Vec::new(), 0, 0);
    for (users, ours) in CONFIGURATIONS {
        std::fs::write(repo.home().join(".gitconfig"), users).unwrap();
        std::fs::write(repo.path(".git/config"), [&own, *ours].concat()).unwrap();
        for environment in ENVIRONMENTS {
            let (git, wave) = (repo.asks_git(environment), repo.asks_us(environment));
            *if git.is_ok() { &mut named } else { &mut refused } += 1;
            if git != wave {
                let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
                let environment: Vec<_> =
                    environment.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
                wrong.push(format!(
                    "{} | {} | {environment:?}\n  git:  {git:?}\n  wave: {wave:?}",
                    shown(users),
                    shown(ours)
                ));
            }
        }
    }
    assert!(named > 100 && refused > 100, "{named} named, {refused} refused: the table has lost its point");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
