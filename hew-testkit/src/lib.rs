//! What tests of hew stand on: real temporary repositories, fakes of the seams, and the contract suites that keep each
//! fake and its real counterpart the same.

pub mod contract;
pub mod fake_git;
pub mod repo;
