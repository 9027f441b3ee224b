//! A failure of CI, from GitHub's event to a task.
//!
//! | module | answers |
//! | --- | --- |
//! | [`event`] | whether an event tells of a failure, and of which |
//! | [`remote`] | whether its repository is this project's |
//! | [`task`] | the task that is filed |
//! | [`question`] | what a model is asked about it |
//!
//! Whoever sends an event chose its texts: names are one short line each, and nothing in them means anything to hew.

pub mod event;
pub mod question;
pub mod remote;
pub mod task;

pub use event::{CiEvent, CiFailure, EventError, read_event};
pub use remote::is_of_repository;
