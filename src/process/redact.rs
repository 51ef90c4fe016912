//! Takes secrets out of a stream, also when they arrive in pieces.
//!
//! Secret are the values of variables that are named like one, and words with a known prefix. Ignorant of
//! where the stream comes from or goes to. Keeps back at most one secret's length.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// What stands where a secret stood.
const REDACTED: &[u8] = b"[redacted]";
/// Shorter values are words and numbers that logs are full of.
const SHORTEST: usize = 6;
/// Prefixes of credentials; a word that begins with one and goes on this long is a credential.
const PREFIXES: [&str; 17] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "rk_live_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "AKIA",
    "ASIA",
    "AIza",
    "npm_",
];
const WORD: usize = 16;

/// What is secret for one worker.
#[derive(Clone, Debug)]
pub struct Secrets {
    values: Arc<[Vec<u8>]>,
    starts: Arc<[bool; 256]>,
}

impl Secrets {
    /// Those in an environment: values of `*_TOKEN`, `*_KEY`, `*_SECRET`, `*PASS*` (not `*ASKPASS`, a program) of
    /// six bytes or more, and each long line of one that has several.
    pub fn of_environment<'a>(env: impl Iterator<Item = (&'a OsStr, &'a OsStr)>) -> Self {
        let named = env.filter(|(name, _)| names_a_secret(name)).map(|(_, value)| value.as_bytes());
        let mut values: Vec<Vec<u8>> = Vec::new();
        for value in named {
            let lines = value.split(|b| *b == b'\n').filter(|line| line.len() >= WORD);
            values.extend(lines.chain([value]).filter(|v| v.len() >= SHORTEST).map(<[u8]>::to_vec));
        }
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let mut starts = [false; 256];
        for first in values.iter().map(Vec::as_slice).chain(PREFIXES.map(str::as_bytes)).filter_map(<[u8]>::first) {
            starts[usize::from(*first)] = true;
        }
        Self { values: values.into(), starts: Arc::new(starts) }
    }

    /// What begins at the start of `rest`. `before` is the byte before it; `End::Open` if more may follow.
    fn look(&self, rest: &[u8], before: u8, end: End) -> Look {
        let mut look = Look::Nothing;
        // Longest first: a value that is part of another must not leave the other's end behind.
        for value in self.values.iter() {
            if rest.starts_with(value) && look == Look::Nothing {
                return Look::Secret(value.len());
            }
            if end == End::Open && value.starts_with(rest) {
                look = Look::Perhaps;
            }
        }
        if look == Look::Nothing && !in_word(before) { look_for_prefix(rest, end) } else { look }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    /// More bytes are needed to say.
    Perhaps,
    /// This many bytes are one.
    Secret(usize),
    /// This many bytes are one, and so is all that follows in the same word.
    Word(usize),
}

fn look_for_prefix(rest: &[u8], end: End) -> Look {
    let mut look = Look::Nothing;
    for prefix in PREFIXES.map(str::as_bytes) {
        if rest.starts_with(prefix) {
            let word = rest.iter().take_while(|b| in_word(**b)).count();
            if word >= prefix.len() + WORD {
                return Look::Word(word);
            }
            if end == End::Open && word == rest.len() {
                look = Look::Perhaps;
            }
        } else if end == End::Open && prefix.starts_with(rest) {
            look = Look::Perhaps;
        }
    }
    look
}

const fn in_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

fn names_a_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    let ends = ["_TOKEN", "_KEY", "_SECRET"].iter().any(|end| name.ends_with(end));
    (ends || name.contains("PASS")) && !name.ends_with("ASKPASS")
}

/// Redacts one stream.
#[derive(Debug)]
pub struct Redactor {
    secrets: Secrets,
    kept: Vec<u8>,
    before: u8,
    swallowing: bool,
}

impl Redactor {
    /// A redactor at the start of a stream.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, kept: Vec::new(), before: b'\n', swallowing: false }
    }

    /// Takes `chunk` and appends what is safe to show to `out`; what may be the start of a secret is kept back.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.kept.is_empty() {
            self.scan(chunk, End::Open, out);
        } else {
            let mut all = std::mem::take(&mut self.kept);
            all.extend_from_slice(chunk);
            self.scan(&all, End::Open, out);
        }
    }

    /// The stream has ended: appends what was kept back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let all = std::mem::take(&mut self.kept);
        self.scan(&all, End::Closed, out);
    }

    fn scan(&mut self, bytes: &[u8], end: End, out: &mut Vec<u8>) {
        let mut shown = 0;
        let mut at = 0;
        if self.swallowing {
            at = bytes.iter().take_while(|b| in_word(**b)).count();
            shown = at;
            self.swallowing = at == bytes.len();
        }
        while at < bytes.len() {
            if !self.secrets.starts[usize::from(bytes[at])] {
                at += 1;
                continue;
            }
            let before = if at == 0 { self.before } else { bytes[at - 1] };
            match self.secrets.look(&bytes[at..], before, end) {
                Look::Nothing => at += 1,
                Look::Perhaps => break,
                found @ (Look::Secret(length) | Look::Word(length)) => {
                    out.extend_from_slice(&bytes[shown..at]);
                    out.extend_from_slice(REDACTED);
                    at += length;
                    shown = at;
                    self.swallowing = at == bytes.len() && matches!(found, Look::Word(_));
                }
            }
        }
        out.extend_from_slice(&bytes[shown..at]);
        if let Some(last) = bytes[..at].last() {
            self.before = *last;
        }
        self.kept = bytes[at..].to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let env = [
            ("API_TOKEN", "s3cr3t-value"),
            ("OTHER_KEY", "s3cr3t-value-longer"),
            ("DB_PASSWORD", "hunter22"),
            ("SHORT_KEY", "on"),
            ("GIT_ASKPASS", "/usr/bin/askpass"),
            ("PLAIN", "not-a-secret"),
            ("PEM_KEY", "-----BEGIN-----\nMIIEowIBAAKCAQEA7\n-----END-----"),
        ];
        Secrets::of_environment(env.iter().map(|(k, v)| (OsStr::new(*k), OsStr::new(*v))))
    }

    fn redact(pieces: &[&[u8]]) -> String {
        let mut redactor = Redactor::new(secrets());
        let mut out = Vec::new();
        for piece in pieces {
            redactor.feed(piece, &mut out);
        }
        redactor.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn secrets_are_taken_out_wherever_the_stream_is_cut() {
        let text: &[u8] = b"a s3cr3t-value b s3cr3t-value-longer hunter22 on not-a-secret s3cr3t \
            ghp_0123456789abcdefghij, task-force sk-abcdefghijklmnopqrstuvwxyz x MIIEowIBAAKCAQEA7 /usr/bin/askpass s";
        let expected = "a [redacted] b [redacted] [redacted] on not-a-secret s3cr3t [redacted], task-force [redacted] \
            x [redacted] /usr/bin/askpass s";
        assert_eq!(redact(&[text]), expected);
        for cut in 0..=text.len() {
            assert_eq!(redact(&[&text[..cut], &text[cut..]]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(redact(&single), expected);
    }

    #[test]
    fn a_word_that_only_looks_like_one_stays() {
        assert_eq!(
            redact(&[b"sk-short AKIA desk-0123456789abcdefghijkl"]),
            "sk-short AKIA desk-0123456789abcdefghijkl"
        );
    }

    #[test]
    fn an_endless_word_is_not_kept() {
        let mut redactor = Redactor::new(secrets());
        let mut out = Vec::new();
        redactor.feed(b"sk-", &mut out);
        for _ in 0..1000 {
            redactor.feed(&[b'a'; 1000], &mut out);
            assert!(redactor.kept.len() < 100);
        }
        redactor.feed(b" end", &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "[redacted] end");
    }

    #[test]
    fn output_that_holds_no_secret_passes_unchanged() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let mut redactor = Redactor::new(secrets());
        let mut out = Vec::new();
        bytes.chunks(7).for_each(|chunk| redactor.feed(chunk, &mut out));
        redactor.finish(&mut out);
        assert_eq!(out, bytes);
    }
}
