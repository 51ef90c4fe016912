//! (room backlog)
