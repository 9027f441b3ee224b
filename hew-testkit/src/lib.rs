//! What tests of hew stand on: real temporary repositories, fakes of the seams, the scripted agent, and the contract
//! suites that keep each fake and its real counterpart the same.
//!
//! A contract suite states what every implementation of a trait does; it runs against the fake here and against the real
//! adapter in the binary's crate.

pub mod bd;
pub mod browser;
pub mod contract;
pub mod documented_run;
pub mod fake_gate;
pub mod fake_git;
pub mod fake_spawner;
pub mod fake_store;
pub mod fake_tracker;
pub mod faulty;
mod git_settings;
pub mod glass;
mod guard;
pub mod journal;
pub mod json_schema;
pub mod kills;
pub mod local_stage;
pub mod loop_stage;
pub mod loopback;
pub mod manual_clock;
pub mod mock_model;
pub mod real_agent;
pub mod repo;
pub mod run_check;
mod running;
mod sample_night;
mod sample_runs;
pub mod scenario;
pub mod sim;
pub mod small_disk;
pub mod stub_agent;
pub mod terminal;
pub mod tool;
pub mod tracker_clock;
