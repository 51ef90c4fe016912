//! How a command shows a run while it goes on.
//!
//! Knows nothing of how anything is drawn.

use crate::cli::Face;
use crate::plan::Plan;
use crate::report::{Paint, Setting, for_run};
use crate::run::{self, Mode};

/// The face of a run of `plan`.
pub(crate) fn of_run(face: &Face, plan: &Plan, _mode: Mode) -> Box<dyn run::Face> {
    let (reader, paint) = (face.reader, Paint::when(face.color));
    for_run(Setting { reader, paint, roster: run::roster(plan) })
}
