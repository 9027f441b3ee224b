//! Fakes, manual clock, contract suites and the scripted agent that test hew.

pub mod contract;
pub mod fake_gate;
pub mod fake_spawner;
pub mod stub_agent;
