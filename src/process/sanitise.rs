//! Makes one line of a worker's output safe to show: text, and nothing that a terminal or a reader would obey.
//!
//! Pure.

/// At most this many characters are shown of a line.
const WIDTH: usize = 200;

/// The text in `bytes`: control sequences (CSI, OSC, DCS …), control characters and characters that reorder or hide
/// text are left out, tabs are spaces, invalid UTF-8 is replaced; trimmed; at most 200 characters.
#[must_use]
pub fn sanitise(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\t' | '\n' | '\r' => shown.push(' '),
            c if c.is_control() || hides(c) => continue,
            c => shown.push(c),
        }
        // Four bytes a character at most, and some white space to trim: enough is enough on an endless line.
        if shown.len() > 8 * WIDTH {
            break;
        }
    }
    let trimmed = shown.trim();
    match trimmed.char_indices().nth(WIDTH) {
        Some((end, _)) => trimmed[..end].to_owned(),
        None => trimmed.to_owned(),
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(' '..='/') => {
            // Intermediates, then one final character: `ESC ( B`.
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// To BEL or ST.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if(|c| *c == '\\');
                return;
            }
            _ => {}
        }
    }
}

/// Reorders text (bidirectional controls), or is invisible.
fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        for (raw, shown) in [
            (&b"\x1b[1;31mred\x1b[0m text"[..], "red text"),
            (b"\x1b]0;title\x07after", "after"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1bPq#0\x1b\\x", "x"),
            (b"\x1b(Bplain\x1b=", "plain"),
            (b"a\x08\x00\x7fb\tc", "ab c"),
            (b"\xc2\x9b31mred", "red"),
            (b"bad \xff utf", "bad \u{fffd} utf"),
            ("a\u{202e}b\u{200b}c".as_bytes(), "abc"),
            (b"\x1b[", ""),
            (b"\x1b", ""),
            (b"\x1b]never ends", ""),
        ] {
            assert_eq!(sanitise(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn an_endless_line_is_cut() {
        assert_eq!(sanitise(&vec![b'x'; 1 << 20]).len(), 200);
        assert_eq!(sanitise("é".repeat(5000).as_bytes()).chars().count(), 200);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_at_all_give_a_control_character(bytes: Vec<u8>) {
            let shown = sanitise(&bytes);
            proptest::prop_assert!(shown.chars().count() <= 200);
            proptest::prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
    }
}
