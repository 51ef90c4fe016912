//! (room policy)
