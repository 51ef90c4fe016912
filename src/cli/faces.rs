//! How a command shows a run while it goes on.
//!
//! Knows nothing of how anything is drawn.

use crate::cli::Face;
use crate::plan::Plan;
use crate::report::{Motion, Paint, Setting, for_run};
use crate::run::{self, Mode};

/// The face of a run of `plan`. Where questions are asked nothing else moves on the terminal.
pub(crate) fn of_run(face: &Face, plan: &Plan, mode: Mode) -> Box<dyn run::Face> {
    let (reader, paint) = (face.reader, Paint::when(face.color));
    let motion = if mode == Mode::Auto { Motion::Live } else { Motion::Still };
    for_run(Setting { reader, paint, motion, roster: run::roster(plan) })
}
