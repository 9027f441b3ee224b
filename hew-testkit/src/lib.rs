//! Fakes, manual clock, contract suites and the scripted agent that test hew.

pub mod stub_agent;
