//! Layer 2: the commit queue. Candidates in, landed commits or reasons out; exactly once, whatever is killed when.
//!
//! Usable alone: any number of processes may add and process at once. Knows nothing of runs, workers or faces.
//!
//! ```
//! # use std::{path::Path, process::Command, time::Duration};
//! use git_wave::git::Repository;
//! use git_wave::names::{BranchRef, TicketId};
//! use git_wave::queue::{Landing, NewEntry, Processing, Queue, Told};
//!
//! # let folder = tempfile::tempdir()?;
//! # let at: &Path = folder.path();
//! # let git = |line: &str| {
//! #     let mut git = Command::new("git");
//! #     git.current_dir(at).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", at);
//! #     assert!(git.args(line.split(' ')).output().unwrap().status.success(), "git {line}");
//! # };
//! # git("init -q -b main");
//! # git("config user.name A");
//! # git("config user.email a@example.com");
//! # git("commit -q --allow-empty -m begin");
//! # git("switch -q -c feature/login");
//! # std::fs::write(at.join("login"), "x")?;
//! # git("add -A");
//! # git("commit -q -m login");
//! let repo = Repository::discover(at)?;
//! let queue = Queue::open(&repo)?;
//! let main = BranchRef::from_branch("main");
//!
//! // When `add` returns, neither the entry nor its commits can be lost.
//! let head = repo.resolve("feature/login")?;
//! queue.add(NewEntry::new(TicketId::new("LOGIN-1"), main.clone(), head))?;
//!
//! // Lands everything there is for the branch. What is told as landed survives a power cut.
//! let mut landed = 0;
//! let how = Processing { wait: Duration::from_secs(30), approve: None, give_up: &|| false };
//! queue.process(&main, &how, &mut |told| {
//!     if let Told::Outcome(outcome) = told {
//!         match outcome.landing {
//!             Landing::Landed { commit, .. } => {
//!                 println!("{} is {}", outcome.ticket, commit.short());
//!                 landed += 1;
//!             }
//!             other => println!("{}: {other:?}", outcome.ticket),
//!         }
//!     }
//! })?;
//! assert_eq!(landed, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ahead;
mod behind;
mod book;
mod candidate;
mod checkouts;
mod deferral;
mod drain;
mod eligible;
mod entry;
mod error;
mod group;
mod held;
mod inspect;
mod jitter;
mod landing;
mod law;
mod message;
mod process;
mod record;
mod recovery;
mod register;
mod settle;
mod shape;
mod whole;

pub use entry::{Added, Change, Entry, EntryState, EntryView, NewEntry, Strategy};
pub use error::QueueError;
pub use landing::{Approval, Landing, Outcome, Processing, Proposal, Told};
pub use message::land_of as land_id;
pub use register::{Dropped, Queue};
