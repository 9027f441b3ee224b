//! What agents change that is not theirs, and how anybody knows that it was they.
//!
//! An escape is a change of what agents share with the user AND evidence that this iteration made it. A change without
//! evidence is a foreign change: it is told once, and fails nothing, for people work in their checkout meanwhile.
//!
//! | file | holds |
//! | --- | --- |
//! | `surroundings` | what is looked at, as it stood at one look |
//! | `change` | what differs between two looks |
//! | `evidence` | what shows who made a change |
//! | `claim` | what an iteration reached for, and whether that covers a change |
//! | `trace` | git's own events, told of by agents' git |
//! | `git_reach` | what a git command reaches for |
//! | `tool_reach` | what a tool call reaches for |
//! | `tar` | what a call of `tar` writes |
//! | `script` | a shell's command line in its parts |
//! | `keys` | settings of git's that run code |
//! | `pace` | when a look is due |
//! | `attribution` | whose change it is, among iterations that ran side by side |
//!
//! Invariants: remote refs, tags, new branches, the stash and packing are never looked at, so they are never an escape;
//! everything that is read from an agent is bounded.

pub mod attribution;
pub mod change;
pub mod claim;
pub mod evidence;
mod git_reach;
pub mod keys;
pub mod pace;
mod script;
pub mod surroundings;
mod tar;
mod tool_reach;
pub mod trace;

pub use attribution::{Attribution, Verdicts};
pub use change::{Change, Subject};
pub use claim::{Claim, Place, Reach};
pub use evidence::{Escape, Evidence, shows_values, why_failed};
pub use pace::Pace;
pub use surroundings::{Checkout, FileMark, FileState, Surroundings};
pub use tool_reach::claims_of_tools;
