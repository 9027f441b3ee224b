//! `hew loop prune-worktrees`: worktrees that finished or crashed runs of this project left. Without `--apply` it only
//! looks. What is removed was provably safe a moment before, and its commits are anchored first.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId, RefName, RunId};
use hew_core::output::Output;
use hew_core::record::ledger::LedgerRun;
use hew_core::render::text::visible;
use hew_core::worktree::prune::{PruneDecision, decide};
use hew_core::worktree::{GitClient, GitError, names};
use schemars::JsonSchema;
use serde::Serialize;

use super::context::Context;
use super::loop_discard;
use super::loop_run::cut_off;
use crate::adapters::git::{RepoGit, discard};
use crate::adapters::leftovers::{self, LeftTree, RunLeftovers};
use crate::adapters::lock::{self, LockError, ProjectLock};
use crate::adapters::project::Project;
use crate::adapters::{ledger, owner, settings_files};
use crate::cli::loop_args::PruneArgs;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A worktree that a run left.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Leftover<'a> {
    /// The run.
    run_id: &'a RunId,
    /// The worktree.
    path: Cow<'a, str>,
    /// The branch that is checked out there.
    branch: Option<&'a BranchName>,
    /// The commit that is checked out there.
    head: Option<&'a CommitId>,
    /// `safe` (to remove), `removed`, `kept` or `failed`.
    outcome: &'a str,
    /// Why it is kept, or why it failed.
    reason: Option<&'a str>,
    /// A command to look at it.
    look: Option<&'a str>,
    /// The ref that keeps its commits now.
    anchor: Option<&'a RefName>,
}

impl Output for Leftover<'_> {
    const KIND: &'static str = "leftover";
}

/// Lists leftovers; with `--apply` removes those that are safe to remove.
pub fn run(args: &PruneArgs, ui: &Ui) -> Result<u8, Failure> {
    let context = Context::open()?;
    let wanted = args.run.run_id.as_deref().map(parse_id).transpose()?;
    let mut tally = Tally::default();
    if let Err(failure) = cut_off::mend_if_free(&context, &runs_of(&context.project)?, args.apply, ui) {
        // What makes room on a full disk is not held up by it.
        let words: Vec<String> = [vec![failure.message], failure.causes].concat();
        ui.warn(&words.join(": "));
        tally.failed += 1;
    }
    let print = |row: &Row<'_>| print(row, ui);
    let warn = |words: &str| ui.warn(words);
    each(&context, wanted.as_ref(), args.apply, &mut tally, &Tell { row: &print, warning: &warn })?;
    tally.tell(args.apply, ui);
    if args.discard {
        let project = &context.project;
        let runs = runs_of(project)?;
        let _lock = hold(&project.shared_dir, &runs, args.apply)?;
        let git = RepoGit::new(&project.common_dir);
        loop_discard::run(&git, &runs, wanted.as_ref(), args.apply, ui)?;
    }
    Ok(if tally.failed > 0 { code::FAILED } else { code::OK })
}

/// A worktree that a run left, and what became of it: `safe`, `removed`, `kept` or `failed`.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) run: RunId,
    pub(super) path: PathBuf,
    pub(super) outcome: &'static str,
    pub(super) reason: Option<String>,
    pub(super) look: Option<String>,
}

/// The same as the command does, for others to tell of.
pub(super) fn survey(context: &Context, apply: bool) -> Result<Vec<Left>, Failure> {
    let found = RefCell::new(Vec::new());
    let take = |row: &Row<'_>| {
        let (reason, look) = (row.reason.clone(), row.look.clone());
        let (run, path) = (row.run.clone(), row.tree.path.clone());
        found.borrow_mut().push(Left { run, path, outcome: row.outcome, reason, look });
    };
    each(context, None, apply, &mut Tally::default(), &Tell { row: &take, warning: &|_| {} })?;
    Ok(found.into_inner())
}

/// Who is told.
struct Tell<'a> {
    row: &'a dyn Fn(&Row<'_>),
    warning: &'a dyn Fn(&str),
}

fn each(
    context: &Context,
    wanted: Option<&RunId>,
    apply: bool,
    tally: &mut Tally,
    tell: &Tell<'_>,
) -> Result<(), Failure> {
    let project = &context.project;
    let git = RepoGit::new(&project.common_dir);
    let root = settings_files::worktree_root(&context.settings);
    let ledger = runs_of(project)?;
    let found = leftovers::find(&git, &project.common_dir, &root).map_err(|error| unreadable(&error))?;
    let found = found.into_iter().filter(|left| wanted.is_none_or(|run| *run == left.run));
    for left in found {
        let pruning = Pruning { git: &git, shared_dir: &project.shared_dir, apply, tell };
        pruning.run_folder(&left, &ledger, tally)?;
    }
    Ok(())
}

fn print(row: &Row<'_>, ui: &Ui) {
    if ui.is_json() {
        ui.print_output(&row.leftover());
    } else {
        ui.print(&row.to_text());
    }
}

fn parse_id(text: &str) -> Result<RunId, Failure> {
    RunId::parse(text)
        .ok_or_else(|| Failure::usage(format!("{text} is not the id of a run")).hint("hew loop list"))
}

fn runs_of(project: &Project) -> Result<Vec<LedgerRun>, Failure> {
    let (runs, _) = ledger::read(&project.shared_dir).map_err(ledger::unreadable)?;
    Ok(runs)
}

/// Holds the project, so that nothing begins while refs go.
fn hold(shared_dir: &Path, ledger: &[LedgerRun], apply: bool) -> Result<Option<ProjectLock>, Failure> {
    let Some(run) = ledger.last().filter(|_| apply) else { return Ok(None) };
    let lock = ProjectLock::acquire(shared_dir, &run.run_id).map_err(|error| {
        Failure::with_code(code::HELD, error.to_string()).hint("wait for it, or stop it: hew loop cancel")
    })?;
    Ok(Some(lock))
}

fn unreadable(error: &GitError) -> Failure {
    Failure::failed("the project's worktrees can't be listed").because(error).hint("git worktree list")
}

/// What all leftovers of one call have in common.
struct Pruning<'a> {
    git: &'a RepoGit,
    shared_dir: &'a Path,
    apply: bool,
    tell: &'a Tell<'a>,
}

/// How many came to what.
#[derive(Default)]
struct Tally {
    safe: usize,
    removed: usize,
    kept: usize,
    failed: usize,
}

/// What became of one worktree, for people and machines.
struct Row<'a> {
    run: &'a RunId,
    tree: &'a LeftTree,
    outcome: &'static str,
    reason: Option<String>,
    look: Option<String>,
    anchor: Option<RefName>,
}

impl Pruning<'_> {
    fn run_folder(
        &self,
        left: &RunLeftovers,
        ledger: &[LedgerRun],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        // While we hold the project no crashed run can be taken up again; where somebody else holds it, nobody can.
        let _lock = match self.apply.then(|| ProjectLock::acquire(self.shared_dir, &left.run)) {
            Some(Err(LockError::File(error))) => {
                return Err(Failure::usage("the project can't be locked").because(error));
            }
            Some(Err(LockError::Held { .. })) | None => None,
            Some(Ok(lock)) => Some(lock),
        };
        let is_over = is_over(left, ledger, self.shared_dir);
        let mut all_gone = is_over;
        for tree in &left.trees {
            let row = self.tree(&left.run, tree, is_over);
            tally.count(&row);
            all_gone &= row.outcome == "removed";
            (self.tell.row)(&row);
        }
        if self.apply && is_over {
            for folder in leftovers::passing_folders(&left.folder) {
                self.sweep(&folder);
            }
        }
        if self.apply && all_gone {
            owner::forget(&left.folder);
        }
        Ok(())
    }

    fn tree<'r>(&self, run: &'r RunId, tree: &'r LeftTree, is_over: bool) -> Row<'r> {
        let row = |outcome, reason, look, anchor| Row { run, tree, outcome, reason, look, anchor };
        let decision = leftovers::look(self.git, run, tree, is_over).map(|left| decide(&left));
        match decision {
            Err(error) => row("failed", Some(error.to_string()), None, None),
            Ok(PruneDecision::Keep { reason, look }) => row("kept", Some(reason), Some(look), None),
            Ok(PruneDecision::Remove) if !self.apply => row("safe", None, None, None),
            Ok(PruneDecision::Remove) => match self.remove(run, tree) {
                Ok(anchor) => row("removed", None, None, anchor),
                Err(error) => row("failed", Some(error.to_string()), None, None),
            },
        }
    }

    /// Anchors what only the worktree and its own branch hold, then removes it.
    fn remove(&self, run: &RunId, tree: &LeftTree) -> Result<Option<RefName>, GitError> {
        let own = self.git.own_refs(&tree.path)?.into_iter().map(|(_, commit)| commit);
        let commits: BTreeSet<CommitId> = own.chain(tree.head().cloned()).collect();
        let commits: Vec<CommitId> = commits.into_iter().collect();
        self.git.take_over(&tree.path, &commits)?;
        let mut anchor = None;
        for commit in &commits {
            if !self.git.is_kept(commit, tree.branch())? {
                anchor = Some(self.anchor(run, tree, commit)?);
            }
        }
        self.git.remove_worktree(&tree.path)?;
        Ok(anchor)
    }

    fn anchor(&self, run: &RunId, tree: &LeftTree, head: &CommitId) -> Result<RefName, GitError> {
        let folder = tree.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place =
            if folder.bytes().all(|byte| byte.is_ascii_digit()) { format!("w{folder}") } else { folder };
        // A name that no iteration takes: the run may go on yet.
        let prefix = format!("{}{place}/pruned-", names::anchor_prefix(run));
        let taken = self.git.refs_under(&prefix)?;
        let last = taken
            .iter()
            .filter_map(|(name, _)| name.as_str().strip_prefix(&prefix)?.parse::<u32>().ok())
            .max();
        let name = RefName::new(format!("{prefix}{:03}", last.unwrap_or(0) + 1));
        self.git.anchor_new(&name, head)?;
        Ok(name)
    }

    fn sweep(&self, folder: &Path) {
        if let Err(error) = discard(folder) {
            (self.tell.warning)(&format!("{} could not be removed: {error}", folder.display()));
        }
    }
}

/// The run has ended, or its process is provably gone.
fn is_over(left: &RunLeftovers, ledger: &[LedgerRun], shared_dir: &Path) -> bool {
    if lock::holder(shared_dir)
        .is_some_and(|holder| holder.run_id == left.run && holder.pid != std::process::id())
    {
        return false;
    }
    let recorded = ledger.iter().find(|run| run.run_id == left.run);
    let has_ended = recorded.is_some_and(|run| run.ended.is_some());
    has_ended || left.owner.as_ref().is_some_and(owner::Owner::is_gone)
}

impl Row<'_> {
    fn leftover(&self) -> Leftover<'_> {
        Leftover {
            run_id: self.run,
            path: self.tree.path.to_string_lossy(),
            branch: self.tree.branch(),
            head: self.tree.head(),
            outcome: self.outcome,
            reason: self.reason.as_deref(),
            look: self.look.as_deref(),
            anchor: self.anchor.as_ref(),
        }
    }

    fn to_text(&self) -> String {
        let mut lines = vec![format!("{:<8} {}", self.outcome, visible(&self.tree.path.to_string_lossy()))];
        lines.extend(self.reason.as_ref().map(|reason| format!("         why:  {}", visible(reason))));
        lines.extend(self.look.as_ref().map(|look| format!("         look: {}", visible(look))));
        lines.extend(
            self.anchor.as_ref().map(|anchor| format!("         its commits are kept under {anchor}")),
        );
        lines.join("\n") + "\n"
    }
}

impl Tally {
    fn count(&mut self, row: &Row<'_>) {
        let counter = match row.outcome {
            "safe" => &mut self.safe,
            "removed" => &mut self.removed,
            "kept" => &mut self.kept,
            _ => &mut self.failed,
        };
        *counter += 1;
    }

    fn tell(&self, apply: bool, ui: &Ui) {
        let Self { safe, removed, kept, failed } = self;
        if safe + removed + kept + failed == 0 {
            return ui.say("No run of this project left a worktree.");
        }
        let failures = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        if apply {
            return ui.say(&format!("{removed} removed, {kept} kept{failures}"));
        }
        let next = if *safe > 0 { "; remove what is safe: hew loop prune-worktrees --apply" } else { "" };
        ui.say(&format!("{safe} safe to remove, {kept} kept{failures}{next}"));
    }
}
