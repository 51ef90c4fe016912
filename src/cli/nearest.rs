//! Names that a person typed, held against the names there are: unknown ones suggest the nearest.
//!
//! Knows nothing of what the names stand for.

use crate::cli::CliError;
use crate::git::Repository;
use crate::names::TicketId;
use crate::report::inert;
use crate::run::RunRecord;

/// The name most like `wanted`, if any is like it at all.
pub(crate) fn of<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase());
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.6)
}

/// The ticket called `wanted`, compared whole.
pub(crate) fn ticket(wanted: &str, known: &[TicketId]) -> Result<TicketId, CliError> {
    if let Some(id) = known.iter().find(|id| id.as_str() == wanted) {
        return Ok(id.clone());
    }
    let error = CliError::usage(format!("no ticket {}", inert(wanted)));
    Err(match of(wanted, known.iter().map(TicketId::as_str)) {
        Some(name) => error.hint(format!("did you mean {}?", inert(name))),
        None => error,
    })
}

/// The ticket of the run that is called `wanted`, complete ones included.
pub(crate) fn in_run(wanted: &str, record: &RunRecord, repo: &Repository) -> Result<TicketId, CliError> {
    ticket(wanted, &known(record)?).map_err(|error| or_of_another(error, wanted, record, repo))
}

/// The tickets of the run that are called so; every unknown one is told at once.
pub(crate) fn all_in_run(wanted: &[String], record: &RunRecord, repo: &Repository) -> Result<Vec<TicketId>, CliError> {
    let known = known(record)?;
    let (mut found, mut unknown): (Vec<TicketId>, Option<CliError>) = (Vec::new(), None);
    for name in wanted {
        match ticket(name, &known).map_err(|error| or_of_another(error, name, record, repo)) {
            Ok(id) => found.push(id),
            Err(error) => {
                unknown = Some(match unknown {
                    None => error,
                    Some(before) => before.and(error),
                });
            }
        }
    }
    unknown.map_or(Ok(found), Err)
}

/// `error`, with the latest other run that has a ticket called `wanted`: runs may go on side by side.
pub(crate) fn or_of_another(error: CliError, wanted: &str, record: &RunRecord, repo: &Repository) -> CliError {
    let others = RunRecord::list(repo).unwrap_or_default().into_iter().rev().filter(|other| other.id() != record.id());
    let has = |other: &RunRecord| known(other).is_ok_and(|known| known.iter().any(|id| id.as_str() == wanted));
    match others.into_iter().find(has) {
        Some(other) => error.hint(format!("run {0} has a ticket {1}: `--run {0}`", other.id(), inert(wanted))),
        None => error,
    }
}

fn known(record: &RunRecord) -> Result<Vec<TicketId>, CliError> {
    Ok(record.plan()?.tickets.into_iter().map(|ticket| ticket.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_whole_and_the_nearest_is_suggested() {
        let known = ["AUTH-1", "AUTH-10", "DOC-1"].map(TicketId::from);
        assert_eq!(ticket("AUTH-1", &known).unwrap().as_str(), "AUTH-1");
        let error = ticket("AUHT-10", &known).unwrap_err();
        assert_eq!(error.hints, ["did you mean AUTH-10?"]);
        assert!(ticket("zzz", &known).unwrap_err().hints.is_empty());
    }
}
