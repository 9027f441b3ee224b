//! One suite a trait, run against the fake and the real thing, so that fakes can't drift.

pub mod gate;
pub mod git;
pub mod spawner;
pub mod store;
pub mod tracker;
