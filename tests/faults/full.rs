//! A disk that is full while entries land: the landing waits, and goes on by itself once there is room.

use crate::common::TestRepo;
use crate::no_mounts;

/// On a disk of 2 MiB with `$SLACK` KiB left: says how it ended, and what stands where afterwards.
const FULL: &str = r#"
set -e
home=$(cd .. && pwd)
mkdir "$home/disk" && mount -t tmpfs -o size=2m none "$home/disk"
cp -a . "$home/disk/repo" && cd "$home/disk/repo"
head -c 9000000 /dev/zero > ../hog 2>/dev/null || true
truncate -s $(($(stat -c %s ../hog) - SLACK * 1024)) ../hog
"$WAVE" queue process --json > "$home/out" 2> "$home/err" & process=$!
# A disk that was not full enough is no wait.
while kill -0 $process 2>/dev/null && ! grep -q 'No space left on device' "$home/err"; do sleep 0.02; done
rm ../hog
code=0; wait $process || code=$?
git fsck --full --strict --no-dangling
echo "exit $code"; git log --reverse --format=%s main; echo "keep $(git for-each-ref refs/wave/keep/)"
git status --porcelain
"#;

#[test]
fn a_landing_on_a_full_disk_waits_and_goes_on_by_itself_when_there_is_room() {
    let repo = TestRepo::new();
    if no_mounts(&repo) {
        return;
    }
    let base = repo.git(&["rev-parse", "main"]);
    for ticket in ["A", "B", "C"] {
        let head = repo.candidate(&base, ticket, &[(ticket, Some(&format!("{ticket}\n").repeat(10_000)))]);
        repo.wave(&["queue", "add", "--ticket", ticket, &head]).exits(0);
    }
    std::fs::write(repo.home().join("script"), FULL).unwrap();
    let mut waited = Vec::new();
    for slack in [0, 4, 8, 12, 16, 24, 48, 200] {
        let said = repo.try_shell(&format!("SLACK={slack} unshare -m sh ../script")).exits(0);
        let err = std::fs::read_to_string(repo.home().join("err")).unwrap();
        let lines: Vec<&str> = said.stdout.lines().collect();
        let landed = ["exit 0", "begin", "A", "B", "C", "keep "];
        assert!(lines.starts_with(&landed), "{slack}: {}\n{err}", said.stdout);
        // The checkout may have had no room when the landing had: that is said.
        let left_behind = lines.len() > landed.len();
        assert!(!left_behind || err.contains("could not be brought along"), "{slack}: {}\n{err}", said.stdout);
        if err.contains("No space left on device") && err.contains("; try 1 in ") {
            waited.push(slack);
        }
        let told = std::fs::read_to_string(repo.home().join("out")).unwrap();
        let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(told.len() == 3 && told.iter().all(|line| line["state"] == "landed"), "{slack}: {told:?}");
        std::fs::remove_dir(repo.home().join("disk")).unwrap();
    }
    assert!(waited.len() >= 3, "the disk was to be too full at several places: {waited:?}");
}
