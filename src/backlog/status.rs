//! The words that backlogs use for how far a ticket is, as a standing.
//!
//! Knows nothing of fields or files. A format whose words mean something of their own translates them itself.

use crate::plan::Standing;

/// The standing that `word` stands for, whatever its case and separators; `None` for a word nobody uses.
///
/// Work left in progress is open: whoever had it is gone, or the ticket would not be in a backlog to run.
pub(crate) fn standing_of(word: &str) -> Option<Standing> {
    let plain: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "open" | "todo" | "new" | "pending" | "ready" | "backlog" | "unprocessed" | "planned" | "queued"
        | "started" | "inprogress" | "running" | "failed" | "partiallycompleted" | "reopened" | "skipped" => {
            Standing::Open
        }
        "done" | "complete" | "completed" | "closed" | "finished" | "landed" | "merged" | "passed" | "resolved" => {
            Standing::Complete
        }
        "cancelled" | "canceled" | "wontfix" | "wontdo" | "dropped" | "obsolete" | "rejected" | "abandoned" => {
            Standing::Cancelled
        }
        "held" | "hold" | "onhold" | "blocked" | "deferred" | "postponed" | "paused" | "waiting" | "review"
        | "inreview" => Standing::Held,
        _ => return None,
    })
}

/// The word that reads back as `standing`; open needs none.
pub(crate) fn word_of(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Open => None,
        Standing::Complete => Some("complete"),
        Standing::Cancelled => Some("cancelled"),
        Standing::Held => Some("held"),
    }
}
