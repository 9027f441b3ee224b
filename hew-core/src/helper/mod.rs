//! Small questions to a model of the person's own: what it is asked, and what counts as its answer.
//!
//! Invariant: a helper adds, and nothing depends on it. Whatever a model says that is not what was asked for counts as
//! if nobody had been asked.

pub mod elaborated;
pub mod json;
pub mod words;
