//! Layer 3: the whole. The dispatcher ties the scheduler, the slots, the workers and the commit queue together.
//!
//! | file | duty |
//! |---|---|
//! | `settings` | what the user asked of a run, as it is kept with the run |
//! | `record` | a run's folder: its plan, settings, events, logs and report |
//! | `clock` | the times in a run's events: true spans, whatever is done to the wall clock |
//! | `naming` | the names of runs, which sort in the order in which these began |
//! | `listed` | the plan's tickets without the graph, for those who only look |
//! | `machine` | what this machine has, for sizing |
//! | `face` | the two seams to people: who is shown what happens, and who is asked |
//! | `agreed` | asking people once for the same |
//! | `brief` | what a worker is given: files and environment |
//! | `guard` | what workers tamper with, noticed and undone |
//! | `isolation` | how far workers are kept apart, and what this machine can do |
//! | `worker` | starting a ticket's command as its run keeps workers |
//! | `attempt` | one attempt of one ticket, from slot to commit queue |
//! | `saving` | what becomes of an attempt's work |
//! | `dispatcher` | the loop: happening in, actions out, actions done |
//! | `patience` | waiting, for a while, for landings that somebody is in the way of |
//! | `stopping` | what a run does about signals |
//! | `start` | how a run begins |
//! | `resume` | what a run that ended early, or was reopened, still has to do |
//! | `undo` | taking back what landed |

mod agreed;
mod attempt;
mod brief;
mod clock;
mod dispatcher;
mod ending;
mod face;
mod folders;
mod guard;
mod isolation;
mod landing;
mod leash;
mod listed;
mod machine;
mod naming;
mod pace;
mod patience;
mod record;
mod resume;
mod saving;
mod settings;
mod setup;
mod signals;
mod start;
mod stopping;
mod undo;
mod worker;

pub(crate) use clock::now;
pub use ending::Ending;
pub use face::{Consent, Face};
pub use isolation::{CACHES, Demand, Isolation, Level, Network, Unisolated};
pub use machine::measure;
pub(crate) use record::roster;
pub use record::{PlanFile, RecordError, RunRecord};
pub use resume::{Resumed, reopen, resume};
pub use settings::{Mode, OnConflict, Parallel, Settings, Worktrees};
pub(crate) use signals::{is_ignored, is_ignored_by};
pub use start::{RunError, Start, check, preview, start};
pub use undo::{Undoing, Undone, undo};
