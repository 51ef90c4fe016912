//! Signed landings, by SSH and by GPG, and who else hears of a landing: a signature or nothing, one hook or none.
#![allow(clippy::unwrap_used, reason = "functions that tests share are tests too")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::TestRepo;
use serde_json::Value;

/// The environment of the one who lands.
type Environment<'a> = &'a [(&'a str, &'a Path)];

impl TestRepo {
    fn process(&self, environment: Environment<'_>, code: i32) -> Vec<Value> {
        let mut command = self.wave_command(self.root(), &["--json", "queue", "process"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Three candidates that land as one group, one of them as two commits, and one that git has to merge.
    fn candidates(&self) -> String {
        self.write("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        let base = self.commit("numbers");
        let add = |ticket: &str, strategy: &str, head: &str| {
            self.wave(&["queue", "add", "--ticket", ticket, "--strategy", strategy, head]).exits(0);
        };
        add("one", "squash", &self.candidate(&base, "one", &[("f", Some("one\n2\n3\n4\n5\n6\n7\n8\n9\n"))]));
        add("two", "merge", &self.candidate(&base, "two", &[("f", Some("1\n2\n3\n4\n5\n6\n7\n8\ntwo\n"))]));
        let three = self.candidate(&base, "three", &[("g", Some("g\n"))]);
        add("three", "rebase", &self.candidate(&three, "four \u{e9}", &[("h", Some("h\n"))]));
        base
    }

    /// Every commit since `base` that the queue made has a good signature.
    fn assert_signed(&self, base: &str, environment: Environment<'_>) {
        let range = format!("{base}..main");
        let made = self.git(&["log", "--first-parent", "--format=%H", &range]);
        assert_eq!(made.lines().count(), 4, "{made}");
        for commit in made.lines() {
            let mut verify = self.git_command(&["verify-commit", commit]);
            let output = verify.envs(environment.iter().copied()).output().unwrap();
            assert!(output.status.success(), "{commit}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(!self.git(&["cat-file", "commit", commit]).contains("\nencoding "), "messages are UTF-8");
        }
        let bad = self.try_git(&["verify-commit", base]);
        assert_ne!(bad.code, Some(0), "the check can fail");
    }

    /// An SSH key of the user's, which git is told to sign with; gives where it is.
    fn ssh_key(&self) -> std::path::PathBuf {
        let key = self.home().join("key");
        self.shell(&format!("ssh-keygen -q -t ed25519 -N '' -C tess -f {}", key.display()));
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let allowed = self.home().join("allowed");
        std::fs::write(&allowed, format!("tess@example.com {public}")).unwrap();
        self.git(&["config", "gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()]);
        self.git(&["config", "gpg.format", "ssh"]);
        self.git(&["config", "commit.gpgsign", "true"]);
        self.git(&["config", "user.signingkey", key.with_extension("pub").to_str().unwrap()]);
        key
    }
}

/// Whether a program is here; says aloud what is not checked without it.
fn present(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    let found = found.unwrap().success();
    if !found {
        println!("NOT CHECKED: there is no {program} here");
    }
    found
}

/// Ended when it is dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_group_is_signed_by_ssh_commit_by_commit() {
    if !present("ssh-keygen") {
        return;
    }
    let repo = TestRepo::new();
    repo.ssh_key();
    repo.git(&["config", "i18n.commitEncoding", "latin1"]);
    let base = repo.candidates_unsigned();
    let lines = repo.process(&[], 0);
    assert!(lines.iter().all(|line| line["state"] == "landed"), "{lines:?}");
    repo.assert_signed(&base, &[]);
    repo.git(&["config", "--unset", "i18n.commitEncoding"]);
    assert_eq!(repo.subjects("main").last().unwrap(), "four \u{e9}");
    repo.assert_tidy();
}

#[test]
fn a_key_that_only_an_agent_has_is_reached() {
    if !present("ssh-agent") || !present("ssh-add") {
        return;
    }
    let repo = TestRepo::new();
    let key = repo.ssh_key();
    let socket = repo.home().join("agent");
    let mut agent = Command::new("ssh-agent");
    agent.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
    let _agent = Agent(agent.spawn().unwrap());
    while !socket.exists() {
        std::thread::yield_now();
    }
    repo.shell(&format!("SSH_AUTH_SOCK={} ssh-add -q {}", socket.display(), key.display()));
    std::fs::remove_file(&key).unwrap();
    let base = repo.candidates_unsigned();
    let without = repo.process(&[], 1);
    assert!(without.iter().all(|line| line["state"] == "failed"), "{without:?}");
    repo.wave(&["queue", "retry", "one", "two", "three"]).exits(0);
    let lines = repo.process(&[("SSH_AUTH_SOCK", &socket)], 0);
    assert!(lines.iter().all(|line| line["state"] == "landed"), "{lines:?}");
    repo.assert_signed(&base, &[]);
}

#[test]
fn a_group_is_signed_by_gpg_with_the_keys_of_gnupghome() {
    if !present("gpg") {
        return;
    }
    let repo = TestRepo::new();
    let keys = repo.home().join("keys");
    std::fs::create_dir(&keys).unwrap();
    let gpg = format!("chmod 700 {0}; GNUPGHOME={0} gpg --batch --quiet", keys.display());
    repo.shell(&format!("{gpg} --passphrase '' --quick-gen-key 'Tess Ter <tess@example.com>' ed25519 sign never 2>&1"));
    let base = repo.candidates();
    repo.git(&["config", "commit.gpgsign", "true"]);
    let environment: Environment<'_> = &[("GNUPGHOME", &keys)];
    let lines = repo.process(environment, 0);
    assert!(lines.iter().all(|line| line["state"] == "landed"), "{lines:?}");
    repo.assert_signed(&base, environment);
    repo.shell(&format!("GNUPGHOME={} gpgconf --kill gpg-agent", keys.display()));
    repo.assert_tidy();
}

#[test]
fn a_key_named_by_the_configuration_that_the_environment_names_is_used() {
    if !present("ssh-keygen") {
        return;
    }
    let repo = TestRepo::new();
    let key = repo.ssh_key();
    let base = repo.candidates_unsigned();
    let own = repo.home().join("own.gitconfig");
    repo.git(&["config", "--unset", "user.signingkey"]);
    let text = format!(
        "[user]\n\tname = Tess Ter\n\temail = tess@example.com\n\tsigningkey = {}\n",
        key.with_extension("pub").display()
    );
    std::fs::write(&own, text).unwrap();
    let lines = repo.process(&[("GIT_CONFIG_GLOBAL", &own)], 0);
    assert!(lines.iter().all(|line| line["state"] == "landed"), "{lines:?}");
    repo.assert_signed(&base, &[]);
}

#[test]
fn a_signature_that_cannot_be_made_says_why_and_nothing_lands_unsigned() {
    let repo = TestRepo::new();
    let base = repo.candidates();
    repo.git(&["config", "commit.gpgsign", "true"]);
    let program = repo.home().join("gpg");
    std::fs::write(&program, "#!/bin/sh\necho 'the card is not in its reader' >&2\nexit 2\n").unwrap();
    repo.shell(&format!("chmod +x {}", program.display()));
    repo.git(&["config", "gpg.program", program.to_str().unwrap()]);
    for line in repo.process(&[], 1) {
        assert_eq!((&line["state"], &line["commit"]), (&"failed".into(), &Value::Null));
        assert!(line["reason"].as_str().unwrap().contains("the card is not in its reader"), "{line}");
    }
    assert_eq!(repo.git(&["rev-parse", "main"]), base);
    repo.git(&["config", "commit.gpgsign", "perhaps"]);
    repo.wave(&["queue", "retry", "one"]).exits(0);
    let said = repo.wave(&["queue", "process"]);
    assert_ne!(said.code, Some(0), "git would not commit with such a setting: {}", said.stderr);
    assert_eq!(repo.git(&["rev-parse", "main"]), base);
    repo.git(&["config", "--unset", "commit.gpgsign"]);
    repo.wave(&["queue", "retry", "one", "two", "three"]).exits(0);
    assert_eq!(repo.process(&[], 0).len(), 3);
    repo.fsck();
}

impl TestRepo {
    /// The candidates themselves are not signed: what lands is.
    fn candidates_unsigned(&self) -> String {
        self.git(&["config", "commit.gpgsign", "false"]);
        let base = self.candidates();
        self.git(&["config", "commit.gpgsign", "true"]);
        base
    }
}
