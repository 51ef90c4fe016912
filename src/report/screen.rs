//! A terminal to draw on: anything that can be written to, with a size that may change at any time.
//!
//! Everything between two flushes goes out in one write, between the marks of a synchronised update, so nothing flickers;
//! terminals that do not know the marks ignore them. Knows nothing of what is drawn.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

type Size = Box<dyn Fn() -> (u16, u16) + Send + Sync>;

/// The terminal; clones draw on the same one.
#[derive(Clone)]
pub struct Screen {
    inner: Arc<Inner>,
}

struct Inner {
    out: Mutex<Buffered>,
    size: Size,
}

struct Buffered {
    out: Box<dyn Write + Send>,
    text: String,
}

impl Screen {
    /// Draws on `out`; `size` gives columns and rows at the time of asking.
    pub fn new(out: Box<dyn Write + Send>, size: impl Fn() -> (u16, u16) + Send + Sync + 'static) -> Self {
        let out = Mutex::new(Buffered { out, text: String::new() });
        Self { inner: Arc::new(Inner { out, size: Box::new(size) }) }
    }

    pub(crate) fn columns(&self) -> usize {
        usize::from(self.width())
    }

    fn add(&self, text: &str) -> io::Result<()> {
        self.lock().text.push_str(text);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Buffered> {
        self.inner.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

/// A move by nothing must not be written: `CSI 0 A` moves by one.
fn moves(n: usize, way: char) -> String {
    if n == 0 { String::new() } else { format!("\x1b[{n}{way}") }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.inner.size)().0
    }

    fn height(&self) -> u16 {
        (self.inner.size)().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.add(&moves(n, 'A'))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.add(&moves(n, 'B'))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.add(&moves(n, 'C'))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.add(&moves(n, 'D'))
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.add(s)?;
        self.add("\r\n")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.add(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K")
    }

    /// A terminal that went away is no fault of the run: what cannot be written is dropped.
    fn flush(&self) -> io::Result<()> {
        let mut screen = self.lock();
        if screen.text.is_empty() {
            return Ok(());
        }
        let text = format!("\x1b[?2026h{}\x1b[?2026l", std::mem::take(&mut screen.text));
        let _ = screen.out.write_all(text.as_bytes()).and_then(|()| screen.out.flush());
        Ok(())
    }
}
