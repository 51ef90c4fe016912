//! Layer 4: how a run is shown. Reads events and reports, and never reaches down past `run/`.
//!
//! | file | duty |
//! |---|---|
//! | `choose` | which face a run gets: live, plain, JSON lines |
//! | `live`, `screen` | the terminal: one line per slot, the queue, a bar |
//! | `plain`, `lines`, `banner` | plain lines |
//! | `summary`, `deferrals`, `verdict` | the end of a run as text, and the words all formats share |
//! | `markdown`, `html`, `junit`, `json` | the other formats |
//! | `status`, `explain`, `plan` | one look, one ticket, one plan |
//! | `style`, `duration` | colours, cleaning, widths, seconds |

mod banner;
mod choose;
mod deferrals;
mod duration;
mod explain;
mod html;
mod json;
mod junit;
mod lines;
mod live;
mod markdown;
mod plain;
mod plan;
#[cfg(test)]
mod sample;
mod screen;
mod status;
mod style;
mod summary;
mod verdict;

pub use banner::workers_line;
pub use choose::{Motion, Setting, for_run};
pub use duration::duration;
pub use explain::{Explanation, Need};
pub use html::html;
pub use json::JsonLines;
pub use junit::junit;
pub use live::Live;
pub use markdown::markdown;
pub use plain::Plain;
pub use plan::{plan_dot, plan_mermaid, plan_svg, plan_text};
pub use status::status;
pub(crate) use style::count;
pub use style::{Paint, inert, printable};
pub use summary::{Detail, Look, summary, summary_in};
