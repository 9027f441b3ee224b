//! The only users of processes, files, environment, time and network.

pub mod clock;
pub mod embedded;
pub mod gate;
pub mod gate_files;
pub mod git;
pub mod proc_tree;
pub mod process;
pub mod project;
pub mod settings_files;
pub mod shim;
pub mod spawner;
pub mod tracker;
