//! STUB
#![allow(missing_docs)]
pub fn inert(s: &str) -> String {
    s.to_owned()
}
pub fn markdown(_: &crate::event::Report) -> String {
    todo!()
}
pub fn html(_: &crate::event::Report) -> String {
    todo!()
}
pub fn summary(_: &crate::event::Report, _: bool) -> String {
    todo!()
}
pub fn plan_text(_: &crate::plan::PlanReport, _: bool) -> String {
    todo!()
}
pub fn workers_line(_: &crate::event::Workers) -> String {
    todo!()
}
