//! What a run works with: adapters, folders, and what is frozen for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hew_core::agent::Spawner;
use hew_core::clock::Clock;
use hew_core::ids::{BranchName, CommitId, IterationId, ModelName, RunId, WorkerId};
use hew_core::land::gate::GateRunner;
use hew_core::land::gate_detect::GateCommand;
use hew_core::plan::Host;
use hew_core::prompt::PromptPrefix;
use hew_core::settings::Settings;
use hew_core::settings::secret::SecretValues;
use hew_core::tracker::TaskEditor;
use hew_core::worktree::GitClient;

use crate::adapters::bd;
use crate::adapters::clock::SystemClock;
use crate::adapters::gate::ProcessGate;
use crate::adapters::git::RepoGit;
use crate::adapters::host;
use crate::adapters::secrets;
use crate::adapters::spawner::ProcessSpawner;
use crate::commands::context::Context;

/// The program that runs, as it was started: another version that is put in its place meanwhile speaks otherwise to shims.
pub(crate) const RUNNING_PROGRAM: &str = "/proc/self/exe";

/// Which run, and where it is.
#[derive(Debug, Clone)]
pub struct RunPlace {
    /// The run.
    pub run: RunId,
    /// Number of workers.
    pub jobs: u16,
    /// The run folder.
    pub folder: PathBuf,
    /// Where worktrees of all runs are.
    pub worktree_root: PathBuf,
    /// Where everything starts.
    pub launch: CommitId,
    /// Where results land.
    pub run_branch: BranchName,
    /// The branch to deliver to; none for a detached HEAD.
    pub target: Option<BranchName>,
    /// The gate; none where none was found or wanted.
    pub gate: Option<GateCommand>,
    /// Keep all worktrees after the run.
    pub keep_worktrees: bool,
}

impl RunPlace {
    /// The folder that holds the run's worktrees: `<root>/<run>`.
    pub fn worktrees(&self) -> PathBuf {
        self.worktree_root.join(self.run.as_str())
    }
}

/// Where a worker of a run begins that is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatStart {
    /// Counts folders that were kept as they are, from 1.
    pub generation: u32,
    /// Its worktree was made.
    pub exists: bool,
}

impl SeatStart {
    /// A worker's folder, by its first one: `<n>`, or `<n>.2` and so on after a folder had to be kept.
    pub fn folder(first: &Path, generation: u32) -> PathBuf {
        if generation == 1 { first.to_owned() } else { first.with_extension(generation.to_string()) }
    }
}

impl Default for SeatStart {
    fn default() -> Self {
        Self { generation: 1, exists: false }
    }
}

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
    /// The folder in which agents find their tasks, where these live in bd.
    pub beads_dir: Option<PathBuf>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Which run, and where it is.
    pub place: RunPlace,
    /// The working tree that hew was started in.
    pub project: PathBuf,
    /// Values that may not be told of.
    pub secrets: SecretValues,
    /// The settings, frozen.
    pub settings: Arc<Settings>,
    /// The machine.
    pub host: Host,
    /// The model that the run asks for.
    pub model: Option<ModelName>,
    /// The git folder that all worktrees share.
    pub common_dir: PathBuf,
    /// The prompt's prefix.
    pub prefix: PromptPrefix,
    /// Names of the repository's remotes.
    pub remotes: Vec<String>,
    /// The folder of the `hew` program.
    pub hew_folder: PathBuf,
    /// Where workers begin that worked before; the others have nothing yet.
    pub seats: BTreeMap<WorkerId, SeatStart>,
    /// Folders that may hold something that is nowhere else, or that a person shall look at.
    pub kept_folders: Mutex<BTreeSet<PathBuf>>,
    /// Workers' branches that a person shall look at.
    pub kept_branches: Mutex<BTreeSet<BranchName>>,
}

impl Rig {
    /// A rig of real adapters for a project, for a run that asks for no model.
    pub fn new(
        context: &Context,
        tracker: Arc<dyn TaskEditor>,
        place: RunPlace,
        prefix: PromptPrefix,
    ) -> Self {
        let git = RepoGit::new(&context.project.common_dir);
        let program = PathBuf::from(RUNNING_PROGRAM);
        let secrets = secrets::of(&context.settings);
        Self {
            // Without their names, pushes are still blocked by address.
            remotes: git.remotes().unwrap_or_default(),
            git: Arc::new(git),
            spawner: Arc::new(ProcessSpawner::new(program.clone(), secrets.clone())),
            gates: Arc::new(ProcessGate::new(program, secrets.clone())),
            secrets,
            tracker,
            beads_dir: None,
            clock: Arc::new(SystemClock::start()),
            place,
            project: context.project.root.clone(),
            settings: Arc::new(context.settings.clone()),
            host: host::load(&context.settings),
            model: None,
            common_dir: context.project.common_dir.clone(),
            prefix,
            hew_folder: hew_folder(),
            seats: BTreeMap::new(),
            kept_folders: Mutex::new(BTreeSet::new()),
            kept_branches: Mutex::new(BTreeSet::new()),
        }
    }

    /// Folders of a working tree that are the tracker's: nothing that an agent does to them lands.
    pub fn tracker_folders(&self) -> Vec<PathBuf> {
        self.beads_dir.iter().filter_map(|folder| folder.file_name()).map(PathBuf::from).collect()
    }

    /// The folders in which tasks are kept.
    pub fn task_folders(&self) -> Vec<PathBuf> {
        task_folders(self.beads_dir.as_deref(), &self.common_dir)
    }

    /// Puts a folder aside: it is not removed at the end of the run.
    ///
    /// # Panics
    /// Never: no thread panics while it holds the list.
    pub fn keep_folder(&self, path: PathBuf) {
        self.kept_folders.lock().expect("no thread panics while it holds this").insert(path);
    }

    /// A folder was kept.
    ///
    /// # Panics
    /// Never: no thread panics while it holds the list.
    pub fn is_kept(&self, path: &Path) -> bool {
        self.kept_folders.lock().expect("no thread panics while it holds this").contains(path)
    }
}

/// What an iteration's agent is told of the tracker.
pub(crate) fn tracker_env(
    beads_dir: Option<&Path>,
    run: &RunId,
    iteration: IterationId,
) -> BTreeMap<String, String> {
    beads_dir.map(|folder| bd::agent_env(folder, &run.actor(iteration))).unwrap_or_default()
}

/// The folders in which tasks are kept: bd's, and hew's own, in which calls of bd take turns too.
pub(crate) fn task_folders(beads_dir: Option<&Path>, common_dir: &Path) -> Vec<PathBuf> {
    beads_dir.map(Path::to_owned).into_iter().chain([common_dir.join("hew/tracker")]).collect()
}

/// This very program.
fn hew_program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| RUNNING_PROGRAM.into())
}

/// The folder of this program.
pub(crate) fn hew_folder() -> PathBuf {
    hew_program().parent().map(PathBuf::from).unwrap_or_default()
}
