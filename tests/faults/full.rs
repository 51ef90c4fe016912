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
# The checkout may have had no room when the landing had: that is said, with what to run.
eval "$(sed -n 's/.*could not be brought along.*; run: //p' "$home/err")"
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
        assert_eq!(lines, ["exit 0", "begin", "A", "B", "C", "keep "], "{slack}: {}\n{err}", said.stdout);
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

/// The branch is checked out on a disk of 64 KiB. Says what came of it there when it was full, and after there was room and
/// what the warning says had been run.
const SMALL: &str = r#"
set -e
home=$(cd .. && pwd)
git switch -q --detach
mkdir "$home/small" && mount -t tmpfs -o size=64k none "$home/small"
git worktree add -q "$home/small/tree" main
"$WAVE" queue process --json > "$home/out" 2> "$home/err" || { cat "$home/err"; exit 9; }
echo "full: $(git -C "$home/small/tree" status --porcelain | tr '\n' ' ')"
mount -o remount,size=4m "$home/small"
command=$(sed -n 's/.*could not be brought along.*; run: //p' "$home/err")
[ -n "$command" ] || { cat "$home/err"; exit 8; }
eval "$command"
echo "room: $(git -C "$home/small/tree" status --porcelain)"
cmp "$home/small/tree/dir/large" <(git show main:dir/large)
"#;

#[test]
fn a_checkout_that_was_too_small_for_what_landed_is_put_right_by_what_the_warning_says() {
    let repo = TestRepo::new();
    if no_mounts(&repo) {
        return;
    }
    repo.write("dir/changed", "old\n");
    repo.write("dir/removed", "old\n");
    let base = repo.commit("base");
    let large: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    let head = repo.candidate(
        &base,
        "LARGE",
        &[
            ("dir/changed", Some("new\n")),
            ("dir/large", Some(&large)),
            ("dir/removed", None),
            ("other/new", Some("n\n")),
        ],
    );
    repo.wave(&["queue", "add", "--ticket", "LARGE", &head]).exits(0);
    std::fs::write(repo.home().join("script"), SMALL).unwrap();
    let said = repo.try_shell("unshare -m bash ../script").exits(0);
    let err = std::fs::read_to_string(repo.home().join("err")).unwrap();
    let (full, room) = said.stdout.trim_end().split_once("\nroom: ").unwrap_or_else(|| (said.stdout.trim_end(), ""));
    assert!(full.starts_with("full: ") && full.contains("dir/"), "it was to be too small: {full}\n{err}");
    assert!(!full.contains("??"), "what git wrote by half is left: {full}\n{err}");
    assert_eq!(room, "", "the checkout is not as the branch\n{err}");
    assert!(err.matches("half written").count() <= 1, "the same is said again and again: {err}");
    repo.git(&["worktree", "prune"]);
    repo.assert_tidy();
}

/// Founds the demo's repository on disks that are larger and larger, until it has the room. Says what each said.
const FOUNDING: &str = r#"
mkdir ../disk
for pages in $(seq 30 110); do
    mount -t tmpfs -o size=$((pages * 4))k none ../disk
    said=$("$WAVE" demo --at ../disk/demo 2>&1); code=$?
    if grep -q "a repository with a backlog of its own" <<< "$said"; then echo "founded"; exit 0; fi
    echo "exit $code: $(tr '\n' ' ' <<< "$said")"
    git -C ../disk/demo rev-parse --verify --quiet main
    umount ../disk
done
"#;

#[test]
fn a_repository_that_is_founded_on_a_full_disk_says_that_it_is_full_wherever_the_room_ends() {
    let repo = TestRepo::new();
    if no_mounts(&repo) {
        return;
    }
    std::fs::write(repo.home().join("script"), FOUNDING).unwrap();
    let said = repo.try_shell("unshare -m bash ../script").exits(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    let (last, refused) = lines.split_last().unwrap();
    assert!(*last == "founded" && refused.len() > 20, "{}", said.stdout);
    // At one place libgit2 has no words for it.
    let says_why = |line: &&str| line.contains("No space left on device") || line.ends_with("/demo: no error ");
    for line in refused {
        assert!(line.starts_with("exit 3: error: founding ") && says_why(line), "{line}\n{}", said.stdout);
    }
    let named = refused.iter().filter(|line| line.contains("No space left on device")).count();
    assert!(named + 1 >= refused.len(), "{}", said.stdout);
}
