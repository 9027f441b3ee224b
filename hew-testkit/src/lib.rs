//! Fakes, manual clock, contract suites and the scripted agent that test hew.
//!
//! A contract suite states what every implementation of a trait does; it runs against the fake here and against the real
//! adapter in the binary's crate, so that the two can't drift apart.

pub mod contract;
pub mod fake_gate;
pub mod fake_spawner;
pub mod fake_store;
pub mod fake_tracker;
pub mod journal;
pub mod stub_agent;
pub mod tracker_clock;
