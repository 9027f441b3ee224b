//! How work reaches the run branch and the target, as one transaction whose every step is proven.

mod blocked;
pub mod close;
pub mod conflict;
pub mod deliver;
pub mod failed_tests;
pub mod gate;
pub mod gate_detect;
pub mod merge_back;
pub mod tip_definition;
pub mod verify;
