//! A conflict that is answered with another attempt, beside others who land.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use git_wave::store::FileLock;
use serde_json::Value;

use super::common::TestRepo;
use super::common::workers::until;
use super::{backlog, ticket};

#[test]
fn what_somebody_landed_before_the_run_heard_of_its_conflict_is_not_made_again() {
    let repo = TestRepo::new();
    repo.git(&["checkout", "-q", "--detach"]);
    let base = repo.git(&["rev-parse", "main"]);
    // So many at once say more than a pipe holds whose reader is slow: then the run hears nothing either.
    let talkers = (0..20).map(|n| ticket(&format!("T{n}-{}", "x".repeat(150)), &[], "sleep 1.5"));
    backlog(&repo, &(ticket("A", &[], "echo $WAVE_ATTEMPT >> README") + &talkers.collect::<String>()));
    std::fs::create_dir_all(repo.path(".git/wave/landing")).unwrap();
    std::fs::set_permissions(repo.path(".git/wave"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let landing =
        FileLock::acquire(&repo.path(".git/wave/landing/main_.lock"), Duration::ZERO, "a long landing").unwrap();
    let args = ["--json", "run", "../tickets.toml", "--onto", "main", "-j", "21", "--on-conflict", "rerun"];
    let mut command = repo.wave_command(repo.root(), &args);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::with_capacity(512, run.stdout.take().unwrap());
    rustix::pipe::fcntl_setpipe_size(said.get_ref(), 4096).unwrap();
    let mut heard = String::new();
    while !heard.contains("\"ticket_queued\"") {
        assert!(said.read_line(&mut heard).unwrap() > 0, "{heard}");
    }
    let mut full = 0;
    until("a full pipe", || {
        let now = rustix::io::ioctl_fionread(said.get_ref()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        now > 3000 && std::mem::replace(&mut full, now) == now
    });
    let tip = repo.candidate(&base, "another's", &[("README", Some("another's\n"))]);
    repo.git(&["update-ref", "refs/heads/main", &tip, &base]);
    drop(landing);
    until("the conflict", || repo.wave(&["queue", "list"]).stdout.contains("deferred"));
    repo.git(&["update-ref", "refs/heads/main", &base, &tip]);
    assert!(repo.wave(&["queue", "process", "--onto", "main"]).exits(0).stdout.contains("landed"));
    said.read_to_string(&mut heard).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{heard}");
    let events: Vec<Value> = heard.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_a = |name: &str| events.iter().filter(|event| event["ticket"] == "A" && event["event"] == name).count();
    assert_eq!([of_a("attempt_started"), of_a("ticket_landed")], [1, 1], "{heard}");
    assert_eq!(repo.git(&["rev-list", "--count", "main"]), "2");
}
