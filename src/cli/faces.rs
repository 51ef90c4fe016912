//! STUB
pub(crate) fn of_run(_: &crate::cli::Face, _: &crate::plan::Plan, _: crate::run::Mode) -> Box<dyn crate::run::Face> {
    todo!()
}
