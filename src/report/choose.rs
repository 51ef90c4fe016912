//! Which face a run gets: a live one on a terminal, plain lines elsewhere, and JSON lines besides for a program.
//!
//! Knows nothing of runs.

use std::io::{IsTerminal, Write};

use super::json::JsonLines;
use super::live::Live;
use super::plain::Plain;
use super::screen::Screen;
use super::style::Paint;
use crate::cli::Reader;
use crate::event::{Pulse, Recorded, Roster};
use crate::run::Face;

/// What decides how a run is shown.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who reads stdout; people's text goes to stderr where it is a program.
    pub reader: Reader,
    /// Colours.
    pub paint: Paint,
    /// Whether a terminal may be drawn on.
    pub motion: Motion,
    /// The tickets, in plan order.
    pub roster: Vec<Roster>,
}

/// Whether a terminal may be drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Lines that change, where the terminal can.
    Live,
    /// Only lines that stay: a person is asked in between.
    Still,
}

/// The face of a run, on this process's own streams.
#[must_use]
pub fn for_run(setting: Setting) -> Box<dyn Face> {
    let Setting { reader, paint, motion, roster } = setting;
    let people = |stream: Stream| for_people(stream, motion, paint, roster);
    match reader {
        Reader::Person => people(Stream::Out),
        Reader::Program => {
            Box::new(Both { program: JsonLines::new(Box::new(std::io::stdout())), people: people(Stream::Err) })
        }
    }
}

/// Where people's text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl Stream {
    fn writer(self) -> Box<dyn Write + Send> {
        match self {
            Self::Out => Box::new(std::io::stdout()),
            Self::Err => Box::new(std::io::stderr()),
        }
    }

    /// Whether a cursor can be moved about on it.
    fn moves(self) -> bool {
        let terminal = match self {
            Self::Out => std::io::stdout().is_terminal(),
            Self::Err => std::io::stderr().is_terminal(),
        };
        terminal && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
    }
}

fn for_people(stream: Stream, motion: Motion, paint: Paint, roster: Vec<Roster>) -> Box<dyn Face> {
    if motion == Motion::Live && stream.moves() {
        Box::new(Live::new(Screen::new(stream.writer(), move || size(stream)), paint, roster))
    } else {
        Box::new(Plain::new(stream.writer(), paint, roster))
    }
}

/// Columns and rows right now; 80 × 24 where the terminal does not say.
pub(crate) fn size(stream: Stream) -> (u16, u16) {
    let size = match stream {
        Stream::Out => rustix::termios::tcgetwinsize(std::io::stdout()),
        Stream::Err => rustix::termios::tcgetwinsize(std::io::stderr()),
    };
    match size {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Columns for text on stdout: those of the terminal, or of no terminal in particular.
pub(crate) fn width() -> usize {
    const NOWHERE: usize = 100;
    if std::io::stdout().is_terminal() { usize::from(size(Stream::Out).0) } else { NOWHERE }
}

/// A program on stdout and people on stderr.
struct Both {
    program: JsonLines,
    people: Box<dyn Face>,
}

impl Face for Both {
    fn recorded(&mut self, recorded: &Recorded) {
        self.program.recorded(recorded);
        self.people.recorded(recorded);
    }

    fn pulse(&mut self, pulse: &Pulse) {
        self.people.pulse(pulse);
    }

    fn suspended(&mut self) {
        self.people.suspended();
    }
}
