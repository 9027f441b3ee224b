//! From a task to the text that an agent reads.
//!
//! Invariants: the prefix is byte-identical for the whole run, so that a provider's prompt cache hits; everything that
//! differs between iterations is in the tail; task text is passed as it is, never through a shell or a template.

pub mod planner;
pub mod prefix;
pub mod resumed;
pub mod tail;

pub use planner::{Draft, Touched, draft};
pub use prefix::PromptPrefix;
pub use resumed::render_resumed;
pub use tail::{DependencyLanding, FailedAttempt, FailedMerge, ReadyNow, TailRequest, render_tail, split};
