//! Git, run as a program: the real [`GitClient`].
//!
//! | file | holds |
//! | --- | --- |
//! | `run` | the one door to git processes |
//! | `servant` | git processes that answer many questions |
//! | `admin` | a worktree's `.git` file and git's record of it, as files |
//! | `discard` | removing folders: renamed aside first, read-only folders too |
//! | `clone`, `clone_settings` | clones in place of worktrees |
//! | `worktrees` | making, resetting, listing, removing worktrees |
//! | `inspect` | what lies in a worktree |
//! | `leftovers` | committing what an agent left uncommitted |
//! | `refs` | refs and branches, moved by compare-and-swap |
//! | `history` | questions about commits |
//! | `merge` | merging without a checkout |
//! | `forward` | bringing a person's branch or checkout forward |
//! | `own_merge` | a target merged into the run branch, and not delivered |
//! | `shared_step`, `cut_off_step`, `half_written` | what a kill leaves of steps on what people share, and mending it |
//! | `stale` | locks that a killed git left behind |
//! | `surroundings` | a person's checkout, branches and settings, only looked at |
//! | `identity` | in whose name hew commits |
//!
//! Invariants: every call names the repository, and in a worktree the working tree too, so that git never looks for
//! one upwards; hew's own calls run no hooks, sign nothing and start no background work.

mod admin;
pub(crate) mod clone;
mod clone_settings;
mod cut_off_step;
mod discard;
mod forward;
mod half_written;
mod history;
mod identity;
mod inspect;
mod leftovers;
mod merge;
mod obstacle;
mod own_merge;
mod refs;
pub(crate) mod run;
mod servant;
mod shared_step;
mod stale;
mod surroundings;
mod worktrees;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, RwLock};
use std::time::Duration;

use hew_core::ids::{BranchName, CommitId, RefName, RunId, TreeId};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, FileChange, ForwardOutcome, GitClient, GitError,
    Inspection, MergeOutcome, MergeRequest, WorktreeEntry, WorktreeReset, WorktreeStart,
};

use self::admin::Linked;
use self::run::GitCall;
use self::servant::Servants;
use super::fail_point;

pub use self::cut_off_step::Mended;
pub(crate) use self::discard::{cut_off, discard};
pub use self::run::process_count;
pub(crate) use self::surroundings::{FileSettings, mark_of};

/// Settings of people's that must not matter to hew's own calls. Line endings are left alone: agents' git uses them too.
const OWN_SETTINGS: [(&str, &str); 13] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("core.safecrlf", "false"),
    ("core.filesRefLockTimeout", "5000"),
    ("core.packedRefsTimeout", "5000"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("commit.gpgSign", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("submodule.recurse", "false"),
    ("add.ignoreErrors", "false"),
    ("status.showUntrackedFiles", "all"),
];

/// What makes new objects and moved refs survive a loss of power.
const SYNCED: [(&str, &str); 2] = [("core.fsync", "committed,loose-object"), ("core.fsyncMethod", "batch")];

/// Git on one repository, shared by all its worktrees.
#[derive(Debug)]
pub struct RepoGit {
    common_dir: PathBuf,
    identity: OnceLock<identity::Identity>,
    /// Held while git's records of worktrees are added to or read: a half-written one makes git fail.
    records: RwLock<()>,
    environment: Vec<(OsString, OsString)>,
    servants: AllServants,
    clone_settings: clone_settings::CloneSettings,
}

/// Servants by what they can do.
#[derive(Debug, Default)]
struct AllServants {
    /// `update-ref --stdin`.
    updates: Servants,
    /// `diff-tree --stdin`.
    diffs: Servants,
    /// `diff-tree --stdin` with patches.
    patches: Servants,
    /// `cat-file --batch`.
    objects: Servants,
}

impl RepoGit {
    /// Git on the repository whose shared git folder this is. Nothing is run or checked.
    pub fn new(common_dir: &Path) -> Self {
        Self {
            common_dir: common_dir.to_owned(),
            identity: OnceLock::new(),
            records: RwLock::new(()),
            environment: Vec::new(),
            servants: AllServants::default(),
            clone_settings: clone_settings::CloneSettings::default(),
        }
    }

    /// The same with variables of its own for every call, e.g. whose settings count.
    #[must_use]
    pub fn with_environment(mut self, variables: Vec<(OsString, OsString)>) -> Self {
        self.environment = variables;
        self
    }

    fn call_in(&self, folder: &Path) -> GitCall {
        let call = GitCall::new(folder);
        self.environment.iter().fold(call, |call, (name, value)| call.env(name, value))
    }

    /// A call on the repository as a whole.
    fn on_repository(&self) -> GitCall {
        self.call_in(&self.common_dir).env("GIT_DIR", &self.common_dir).settings(&OWN_SETTINGS)
    }

    /// A call on a git folder of a clone, whether or not its folder is there.
    fn in_git_folder(&self, folder: &Path) -> GitCall {
        self.call_in(folder).env("GIT_DIR", folder).settings(&OWN_SETTINGS)
    }

    /// A call in one of its worktrees. Git is told where everything is and looks for nothing.
    fn in_worktree(&self, linked: &Linked) -> GitCall {
        self.call_in(&linked.path)
            .env("GIT_DIR", &linked.admin)
            .env("GIT_WORK_TREE", &linked.path)
            .env("GIT_CEILING_DIRECTORIES", linked.path.parent().unwrap_or(&linked.path))
            .settings(&OWN_SETTINGS)
    }

    /// Removes locks that a killed git left in a worktree's record. Whoever made them must be gone.
    pub fn clear_worktree_locks(&self, worktree: &Path) -> Result<(), GitError> {
        stale::clear_worktree(&self.common_dir, worktree).map_err(|error| file_error(worktree, error))
    }

    /// The same of refs below a folder of refs, e.g. `refs/hew/<run>`.
    pub fn clear_ref_locks(&self, below: &str) -> Result<(), GitError> {
        stale::clear_refs(&self.common_dir, below)
            .map_err(|error| file_error(&self.common_dir.join(below), error))
    }

    /// Mends what steps on a person's checkout or branch left that were cut off by a kill: locks, and files of which the index
    /// does not know. What can't be mended yet is tried again by the next one. The caller holds the project's lock.
    pub fn mend_cut_off_step(&self) -> Result<Mended, GitError> {
        cut_off_step::mend(self)
    }

    /// There is something to mend, if nobody holds the project's lock.
    pub fn has_cut_off_step(&self) -> bool {
        cut_off_step::is_there(self)
    }

    /// Takes a merge of a target off its run branch again that a process made and did not come to deliver. Answers whether there
    /// was one. The caller holds the project's lock.
    pub fn take_back_merge(
        &self,
        run: &RunId,
        run_branch: &BranchName,
        target: &BranchName,
        tip: &CommitId,
    ) -> Result<bool, GitError> {
        own_merge::take_back(self, run, run_branch, target, tip)
    }

    /// Names of the repository's remotes.
    pub fn remotes(&self) -> Result<Vec<String>, GitError> {
        let answer = self.on_repository().arg("remote").run()?.success()?;
        Ok(answer.line()?.lines().map(str::to_owned).collect())
    }

    /// Every address from which the repository's remotes are fetched, as git understands it.
    pub fn remote_urls(&self) -> Result<Vec<String>, GitError> {
        let mut urls = Vec::new();
        for name in self.remotes()? {
            // A remote may have no address; git says so by its exit code.
            let answer = self.on_repository().args(["remote", "get-url", "--all", "--", &name]).run()?;
            if answer.exit.is_success() {
                urls.extend(answer.line()?.lines().map(str::to_owned));
            }
        }
        Ok(urls)
    }

    /// The last commits that led to one, or to `HEAD` where it is not here, one line each. Takes `limit` at most.
    pub fn last_commits(&self, commit: &CommitId, count: usize, limit: Duration) -> Result<String, GitError> {
        history::last_commits(self, commit, count, limit)
    }

    /// Number of files and bytes of a commit's tree.
    pub fn tree_size(&self, commit: &CommitId) -> Result<(u64, u64), GitError> {
        history::tree_size(self, commit)
    }

    /// Refs of hew's and branches, none that a worktree is on, whose commit is reachable from this one.
    pub fn refs_merged_into(&self, commit: &CommitId) -> Result<Vec<(RefName, CommitId)>, GitError> {
        refs::merged_into(self, commit)
    }

    /// Points a ref of hew's at a commit; one that is there already stays, and is an error.
    pub fn anchor_new(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
        done("anchor", refs::anchor_new(self, name, commit))
    }

    /// Deletes refs that are still where they were said to be, all or none.
    pub fn delete_refs(&self, refs: &[(RefName, CommitId)]) -> Result<(), GitError> {
        refs::delete(self, refs)
    }

    /// A commit is reachable from a branch, `except` left out, or from one of hew's own refs.
    pub fn is_kept(&self, commit: &CommitId, except: Option<&BranchName>) -> Result<bool, GitError> {
        refs::is_kept(self, commit, except)
    }

    /// A branch contains a commit.
    pub fn is_on_a_branch(&self, commit: &CommitId) -> Result<bool, GitError> {
        refs::is_on_a_branch(self, commit)
    }

    /// The same as [`RepoGit::is_kept`] for what lies in a worktree: a branch of a clone's own counts.
    pub fn is_kept_at(&self, path: &Path, commit: &CommitId) -> Result<bool, GitError> {
        match clone::find(&self.common_dir, path) {
            Some(linked) => refs::is_kept_by(self.in_git_folder(&linked.admin), commit, None),
            None => refs::is_kept(self, commit, None),
        }
    }

    /// Where a clone stands, its folder there or not; none where there is no clone that can be read.
    pub fn clone_entry(&self, path: &Path) -> Result<Option<WorktreeEntry>, GitError> {
        clone::entry(self, path)
    }

    /// Folders of a worktree that its index holds as another repository's commit, although `.gitmodules` does not know
    /// them: their files are in no commit of this repository.
    pub fn repository_links(&self, worktree: &Path) -> Result<Vec<PathBuf>, GitError> {
        inspect::repository_links(self, &self.locate(worktree)?)
    }

    fn locate_unfinished(&self, path: &Path) -> Result<Linked, GitError> {
        admin::locate_unfinished(&self.common_dir, path).map_err(|reason| file_error(path, reason))
    }

    fn locate(&self, path: &Path) -> Result<Linked, GitError> {
        admin::locate(&self.common_dir, path).map_err(|reason| file_error(path, reason))
    }
}

fn file_error(path: &Path, reason: impl std::fmt::Display) -> GitError {
    GitError::File { path: path.to_owned(), reason: reason.to_string() }
}

/// What changed something in the repository has ended.
fn done<T>(step: &str, result: T) -> T {
    fail_point::reach("git", step);
    result
}

impl GitClient for RepoGit {
    fn hold(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        done("hold", worktrees::hold(self, path, commit))
    }

    fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        history::read_file(self, commit, path)
    }

    fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError> {
        refs::resolve(self, name)
    }

    fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError> {
        history::tree_of(self, commit)
    }

    fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError> {
        history::contains_all(self, descendant, ancestors)
    }

    fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError> {
        done("create_branch", refs::create_branch(self, branch, at))
    }

    fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError> {
        done("delete_branch", refs::delete_branch(self, branch, at))
    }

    fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        done("add_worktree", worktrees::add(self, path, start))
    }

    fn add_clone(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        clone::add(self, path, start)
    }

    fn own_refs(&self, path: &Path) -> Result<Vec<(RefName, CommitId)>, GitError> {
        let found = clone::find(&self.common_dir, path);
        found.map_or(Ok(Vec::new()), |linked| clone::own_refs(self, &linked))
    }

    fn take_over(&self, path: &Path, commits: &[CommitId]) -> Result<(), GitError> {
        match clone::find(&self.common_dir, path) {
            Some(linked) => forward::fetch(self, &linked.admin, commits),
            None => Ok(()),
        }
    }

    fn add_merge_place(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        done("add_merge_place", worktrees::add_merge_place(self, path, commit))
    }

    fn reset_worktree(
        &self,
        path: &Path,
        start: &WorktreeStart,
        depth: CleanDepth,
    ) -> Result<WorktreeReset, GitError> {
        done("reset_worktree", worktrees::reset(self, path, start, depth))
    }

    fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError> {
        inspect::inspect(self, path)
    }

    fn commit_leftovers(
        &self,
        path: &Path,
        head: &CommitId,
        message: &str,
        leave_out: &[PathBuf],
    ) -> Result<CommitId, GitError> {
        done("commit_leftovers", leftovers::commit(self, path, head, message, leave_out))
    }

    fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
        done("anchor", refs::anchor(self, name, commit))
    }

    fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
        refs::refs_under(self, prefix)
    }

    fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
        history::changes(self, from, to)
    }

    fn symbols(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
        history::symbols(self, from, to)
    }

    fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
        done("merge", merge::merge(self, request))
    }

    fn checkout(&self, path: &Path, commit: &CommitId, depth: CleanDepth) -> Result<(), GitError> {
        done("checkout", worktrees::checkout(self, path, commit, depth))
    }

    fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
        inspect::alteration(self, path, commit)
    }

    fn advance(
        &self,
        branch: &BranchName,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<AdvanceOutcome, GitError> {
        done("advance", refs::advance(self, branch, from, to))
    }

    fn forward_checkout(
        &self,
        checkout: &Path,
        branch: &BranchName,
        to: &CommitId,
    ) -> Result<ForwardOutcome, GitError> {
        done("forward_checkout", forward::checkout(self, checkout, branch, to))
    }

    fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
        done("forward_branch", forward::branch(self, branch, to))
    }

    fn mend_cut_off(&self) -> Result<Vec<String>, GitError> {
        let mended = self.mend_cut_off_step()?;
        Ok(mended.done().into_iter().chain(mended.not_done()).collect())
    }

    fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError> {
        worktrees::list(self)
    }

    fn git_dir_of(&self, path: &Path) -> Result<PathBuf, GitError> {
        Ok(self.locate(path)?.admin)
    }

    fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        done("remove_worktree", worktrees::remove(self, path))
    }
}
