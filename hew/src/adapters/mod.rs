//! The only users of processes, files, environment, time and network.

pub mod clock;
pub mod embedded;
pub mod git;
pub mod project;
pub mod settings_files;
pub mod tracker;
