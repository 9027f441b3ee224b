//! What a run works with: adapters, folders, and what is frozen for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use hew_core::agent::Spawner;
use hew_core::clock::Clock;
use hew_core::ids::{BranchName, CommitId, RunId};
use hew_core::land::gate::GateRunner;
use hew_core::land::gate_detect::GateCommand;
use hew_core::prompt::PromptPrefix;
use hew_core::settings::Settings;
use hew_core::tracker::TaskEditor;
use hew_core::worktree::GitClient;

/// Everything that the threads of a run share.
pub struct Rig {
    /// Git.
    pub git: Arc<dyn GitClient>,
    /// Agents.
    pub spawner: Arc<dyn Spawner>,
    /// Gates and set-ups.
    pub gates: Arc<dyn GateRunner>,
    /// Tasks.
    pub tracker: Arc<dyn TaskEditor>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The run.
    pub run: RunId,
    /// Number of workers.
    pub jobs: u16,
    /// The working tree that hew was started in.
    pub project: PathBuf,
    /// The run folder.
    pub folder: PathBuf,
    /// The folder that holds the run's worktrees: `<root>/<run>`.
    pub worktrees: PathBuf,
    /// Where worktrees of all runs are.
    pub worktree_root: PathBuf,
    /// Where everything starts.
    pub launch: CommitId,
    /// Where results land.
    pub run_branch: BranchName,
    /// The branch to deliver to.
    pub target: Option<BranchName>,
    /// The gate; none where none was found or wanted.
    pub gate: Option<GateCommand>,
    /// The settings, frozen.
    pub settings: Arc<Settings>,
    /// hew's own environment.
    pub ambient: BTreeMap<String, String>,
    /// The prompt's prefix.
    pub prefix: PromptPrefix,
    /// Names of the repository's remotes.
    pub remotes: Vec<String>,
    /// The folder of the `hew` program.
    pub hew_folder: PathBuf,
    /// Keep all worktrees after the run.
    pub keep_worktrees: bool,
    /// Folders that may hold something that is nowhere else, or that a person shall look at.
    pub kept_folders: Mutex<BTreeSet<PathBuf>>,
}

impl Rig {
    /// Puts a folder aside: it is not removed at the end of the run.
    pub fn keep_folder(&self, path: PathBuf) {
        self.kept_folders.lock().expect("no thread panics while it holds this").insert(path);
    }
}
