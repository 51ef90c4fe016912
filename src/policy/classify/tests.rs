//! What tools really print when they fail, and what it is taken for.

use super::*;

/// (class, exit code, the end of the output)
const SEEN: &[(FailureClass, i32, &str)] = &[
    (
        FailureClass::Tests,
        101,
        "running 3 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nthread 'b' panicked at src/lib.rs:9:9:\nassertion `left == right` failed\n  left: 1\n right: 2\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored\n\nerror: test failed, to rerun pass `--lib`\n",
    ),
    (
        FailureClass::Tests,
        100,
        "     Summary [   0.012s] 2 tests run: 1 passed, 1 failed, 0 skipped\nerror: test run failed\n",
    ),
    (
        FailureClass::Tests,
        1,
        "=========================== short test summary info ============================\nFAILED test_a.py::test_x - assert 1 == 2\n========================= 1 failed, 3 passed in 0.12s =========================\n",
    ),
    (FailureClass::Tests, 1, "Tests:       1 failed, 12 passed, 13 total\nSnapshots:   0 total\nTime:        1.2 s\n"),
    (FailureClass::Tests, 1, " Test Files  1 failed | 3 passed (4)\n      Tests  2 failed | 11 passed (13)\n"),
    (
        FailureClass::Tests,
        1,
        "--- FAIL: TestLogin (0.00s)\n    login_test.go:12: got 1\nFAIL\nFAIL\texample.com/auth\t0.004s\n",
    ),
    (FailureClass::Tests, 1, "FAILED (failures=1, errors=2)\n"),
    (FailureClass::Tests, 1, "14 examples, 2 failures\n\nFailed examples:\n"),
    (
        FailureClass::Lint,
        101,
        "error: unused variable: `x`\n  = help: for further information visit https://rust-lang.github.io/rust-clippy/master/index.html#x\nerror: could not compile `a` (lib) due to 1 previous error\n",
    ),
    (
        FailureClass::Lint,
        1,
        "/src/a.js\n  1:1  error  Unexpected var  no-var\n\n\u{2716} 3 problems (2 errors, 1 warning)\n  1 error and 0 warnings potentially fixable with the `--fix` option.\n",
    ),
    (FailureClass::Lint, 1, "would reformat src/a.py\nOh no! 1 file would be reformatted.\n"),
    (FailureClass::Lint, 1, "Diff in /src/main.rs:3:\n-fn  main() {}\n+fn main() {}\n"),
    (FailureClass::Lint, 1, "Found 3 errors.\n[*] 2 fixable with the `--fix` option.\n"),
    (
        FailureClass::Types,
        2,
        "src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\nFound 1 error in src/a.ts:3\n",
    ),
    (
        FailureClass::Types,
        1,
        "app/a.py:4: error: Incompatible types in assignment  [assignment]\nFound 1 error in 1 file (checked 3 source files)\n",
    ),
    (
        FailureClass::Types,
        101,
        "error[E0308]: mismatched types\n --> src/main.rs:2:18\nerror: could not compile `a` (bin \"a\") due to 1 previous error\n",
    ),
    (
        FailureClass::Build,
        101,
        "error[E0432]: unresolved import `foo`\nerror: could not compile `a` (lib) due to 1 previous error\n",
    ),
    (
        FailureClass::Build,
        2,
        "a.c:1:10: fatal error: nope.h: No such file or directory\ncompilation terminated.\nmake: *** [Makefile:3: a.o] Error 1\n",
    ),
    (
        FailureClass::Build,
        1,
        "/usr/bin/ld: a.o: undefined reference to `f'\ncollect2: error: ld returned 1 exit status\n",
    ),
    (FailureClass::Build, 1, "Error: Cannot find module './nope'\nRequire stack:\n- /src/a.js\n"),
    (FailureClass::Build, 1, "FAILURE: Build failed with an exception.\n\nBUILD FAILED in 3s\n"),
    (FailureClass::Build, 1, "./a.go:4:2: undefined: f\n"),
    (
        FailureClass::RateLimit,
        1,
        "API Error: 429 {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request would exceed your organization's rate limit\"}}\n",
    ),
    (FailureClass::RateLimit, 1, "Claude AI usage limit reached|1763708400\n"),
    (FailureClass::RateLimit, 1, "You've hit your usage limit. Upgrade to Pro or try again in 2 days.\n"),
    (FailureClass::RateLimit, 1, "openai.RateLimitError: Error code: 429 - You exceeded your current quota\n"),
    (FailureClass::RateLimit, 22, "curl: (22) The requested URL returned error: 429\n"),
    (FailureClass::RateLimit, 1, "status: RESOURCE_EXHAUSTED\n"),
    (
        FailureClass::Network,
        128,
        "fatal: unable to access 'https://example.com/a.git/': Could not resolve host: example.com\n",
    ),
    (FailureClass::Network, 1, "npm ERR! code ECONNRESET\nnpm ERR! network read ECONNRESET\n"),
    (
        FailureClass::Network,
        101,
        "warning: spurious network error (3 tries remaining): [7] Could not connect to server\nerror: failed to download from `https://example.com`\n",
    ),
    (FailureClass::Memory, 134, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n"),
    (FailureClass::Memory, 101, "memory allocation of 4294967296 bytes failed\n"),
    (FailureClass::Memory, 137, "Killed\n"),
    (FailureClass::Timeout, 124, ""),
    (FailureClass::Spawn, 127, "sh: 1: claud: not found\n"),
    (FailureClass::Spawn, 127, "bash: line 1: claud: command not found\n"),
    (FailureClass::Spawn, 126, "sh: 1: ./agent: Permission denied\n"),
    (FailureClass::Unknown, 1, ""),
    (FailureClass::Unknown, 3, "I could not decide what to do.\n"),
];

#[test]
fn what_tools_print_is_taken_for_what_it_is() {
    for (class, code, output) in SEEN {
        assert_eq!(classify(ExitKind::Code(*code), output), *class, "exit {code}:\n{output}");
    }
}

#[test]
fn how_it_ended_decides_before_what_it_printed() {
    let red = "test result: FAILED. 0 passed; 1 failed\n";
    assert_eq!(classify(ExitKind::TimedOut, red), FailureClass::Timeout);
    assert_eq!(classify(ExitKind::NotStarted, red), FailureClass::Spawn);
    assert_eq!(classify(ExitKind::Signal(9), red), FailureClass::Memory);
    assert_eq!(classify(ExitKind::Signal(6), red), FailureClass::Tests);
    assert_eq!(classify(ExitKind::Signal(11), "Segmentation fault\n"), FailureClass::Unknown);
}

#[test]
fn talk_of_rate_limits_long_before_the_end_is_a_ticket_about_rate_limits() {
    let talk = "I will make the login answer 'rate limit exceeded' after five tries.\n";
    let work = "compiling\n".repeat(LAST_LINES);
    let output = format!("{talk}{work}test result: FAILED. 0 passed; 1 failed\n");
    assert_eq!(classify(ExitKind::Code(1), &output), FailureClass::Tests);
    assert_eq!(classify(ExitKind::Code(1), talk), FailureClass::RateLimit);
}

#[test]
fn every_row_is_in_lower_case_and_is_not_hidden_by_one_before_it() {
    for (at, (class, parts)) in TELLING.iter().enumerate() {
        let line = parts.concat();
        assert_eq!(line, line.to_lowercase());
        let first = TELLING.iter().position(|(_, earlier)| earlier.iter().all(|part| line.contains(part)));
        let first = first.map(|row| TELLING[row].0);
        assert_eq!(first, Some(*class), "row {at} {parts:?} can never decide");
    }
}
