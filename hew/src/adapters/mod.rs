//! The only users of processes, files, environment, time and network.

pub mod clock;
pub mod control;
pub mod embedded;
pub mod files;
pub mod gate;
pub mod gate_files;
pub mod git;
pub mod jsonl;
pub mod launch_state;
pub mod ledger;
pub mod leftovers;
pub mod lock;
pub mod owner;
pub mod proc_tree;
pub mod process;
pub mod project;
pub mod recorder;
pub mod run_index;
pub mod session_file;
pub mod settings_files;
pub mod shim;
pub mod signals;
pub mod spawner;
pub mod store;
pub mod tracker;
pub mod watch;
