//! (room schedule)
