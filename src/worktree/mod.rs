//! (room worktree)
