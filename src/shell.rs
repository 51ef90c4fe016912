//! Words for a person's shell: what stands in commands that are shown, to be copied.
//!
//! Executes nothing, and is not for commands that we start: those need no shell.

use std::fmt::Write;

/// Whether a character may change how others are shown, or is not to be seen at all.
///
/// Control characters (C0, C1, DEL), line and paragraph separators, bidirectional controls (Unicode TR 9: CVE-2021-42574
/// "Trojan Source"), invisible operators and tags, and the byte order mark. The zero-width joiner stays: emoji need it.
pub(crate) fn treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A word of a POSIX shell's command line that means exactly `bytes`, a text or a path.
pub(crate) fn shell_word(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(bare) => text.to_owned(),
        Ok(text) if !text.contains(treacherous) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => format!("$'{}'", ansi_c(bytes)),
    }
}

/// The inside of `$'…'` (POSIX 2024, 2.2.4): each byte of an odd character in octal, so that nothing odd is shown.
fn ansi_c(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut buffer = [0; 4];
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c if treacherous(c) => octal(&mut out, c.encode_utf8(&mut buffer).as_bytes()),
                c => out.push(c),
            }
        }
        octal(&mut out, chunk.invalid());
    }
    out
}

fn octal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "\\{byte:03o}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_mean_what_they_say() {
        assert_eq!(shell_word("AUTH-001"), "AUTH-001");
        assert_eq!(shell_word("it's; rm -rf $HOME"), r"'it'\''s; rm -rf $HOME'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a\x1b'b\u{202e}"), r"$'a\033\'b\342\200\256'");
        assert_eq!(shell_word(b"of no \xe9 text"), r"$'of no \351 text'");
    }
}
