//! What runs left: locks, processes, results that wait, worktrees.
//!
//! Invariant: nothing of a run is touched that may still go on; whoever mends holds the project's lock meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use hew_core::ids::RunId;
use hew_core::record::ledger::LedgerRun;
use hew_core::worktree::GitClient as _;
use hew_core::worktree::prune::quoted;

use super::finding::Finding;
use crate::adapters::git::{Mended, RepoGit};
use crate::adapters::git_locks::{self, LockFile};
use crate::adapters::lock::{self, ProjectLock};
use crate::adapters::proc_tree;
use crate::adapters::run_processes::{self, RunProcess};
use crate::adapters::{ledger, survivors};
use crate::commands::context::Context;
use crate::commands::loop_prune::{self, Left};
use crate::commands::loop_run::{cut_off, undelivered_everywhere};

/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(3);

const BLOCKS_GIT: &str = "git refuses to work while it is there";

/// Looks at all of it; `fix` mends what is provably safe.
pub(super) fn look(context: &Context, fix: bool) -> Vec<Finding> {
    let git = RepoGit::new(&context.project.common_dir);
    let runs = match ledger::read(&context.project.shared_dir) {
        Ok((runs, _)) => runs,
        Err(error) => {
            let words = format!("the ledger of runs can't be read: {error}");
            let command = format!("less {}", quoted(&error.path));
            return vec![Finding::problem("run", words, &ledger::way_out(&error), command)];
        }
    };
    let mut findings = cut_off_steps(context, &runs, &git, fix);
    findings.extend(locks(context, &git, fix));
    findings.extend(processes(context, &runs, fix));
    findings.extend(crashed(context, &runs));
    findings.extend(undelivered(&runs, &git));
    findings.extend(worktrees(context, fix));
    if findings.is_empty() {
        findings.push(Finding::ok("run", "earlier runs left nothing behind"));
    }
    findings
}

/// What a kill left of hew's own steps on the checkout and the branches of a person.
fn cut_off_steps(context: &Context, runs: &[LedgerRun], git: &RepoGit, fix: bool) -> Vec<Finding> {
    let shared_dir = &context.project.shared_dir;
    if !git.has_cut_off_step() || lock::holder(shared_dir).is_some() {
        return Vec::new();
    }
    let problem = |what: String, command: &str| {
        Finding::problem("lock", what, "git, or the next delivery, may refuse to work because of it", command)
    };
    let lock = runs.last().filter(|_| fix).map(|run| ProjectLock::acquire(shared_dir, &run.run_id));
    let Some(Ok(_lock)) = lock else {
        return vec![problem(cut_off::KILLED.to_owned(), "hew doctor --fix")];
    };
    let Mended { removed, taken_in, not_taken_in, left: _ } = match git.mend_cut_off_step() {
        Ok(mended) => mended,
        Err(error) => {
            return vec![problem(format!("what a killed git left can't be mended: {error}"), "git status")];
        }
    };
    let removed =
        removed.iter().map(|lock| format!("{} was left by a git of hew's: removed", lock.display()));
    let files =
        format!("{taken_in} files that a delivery had written before it was cut off: the index knows them");
    let fixed = removed.chain((taken_in > 0).then_some(files)).map(|what| Finding::fixed("lock", what));
    let refused = not_taken_in.map(|why| {
        let what =
            format!("files that a delivery had written before it was cut off may be taken for yours: {why}");
        problem(what, "git status")
    });
    fixed.chain(refused).collect()
}

fn locks(context: &Context, git: &RepoGit, fix: bool) -> Vec<Finding> {
    let project = &context.project;
    let mut trees: Vec<PathBuf> =
        git.list_worktrees().unwrap_or_default().into_iter().map(|entry| entry.path).collect();
    trees.extend(project.main_root.clone());
    let mut findings = Vec::new();
    for LockFile { path, age, holder } in git_locks::find(&project.common_dir, &trees) {
        let shown = format!("{} (made {} ago)", path.display(), words(age.as_secs()));
        findings.push(match holder {
            Some(holder) => Finding::note("lock", format!("{shown} may be held by {holder}"), BLOCKS_GIT),
            None if fix => match std::fs::remove_file(&path) {
                Ok(()) => Finding::fixed("lock", format!("{shown} was nobody's: removed")),
                Err(error) => {
                    let command = format!("rm {}", quoted(&path));
                    Finding::problem(
                        "lock",
                        format!("{shown} can't be removed: {error}"),
                        BLOCKS_GIT,
                        command,
                    )
                }
            },
            None => {
                let command = format!("rm {}   # or: hew doctor --fix", quoted(&path));
                Finding::problem(
                    "lock",
                    format!("{shown} is left over: nobody holds it"),
                    BLOCKS_GIT,
                    command,
                )
            }
        });
    }
    findings
}

fn words(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// The run has ended, or its process is gone and nobody took it up again.
fn is_over(context: &Context, run: &LedgerRun) -> bool {
    let holds = lock::holder(&context.project.shared_dir).is_some_and(|holder| holder.run_id == run.run_id);
    let lives = proc_tree::lives(run.pid, run.start_ticks);
    !holds && (run.ended.is_some() || !lives)
}

fn processes(context: &Context, runs: &[LedgerRun], fix: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for process in run_processes::all() {
        let Some(run) = runs.iter().find(|run| run.run_id == process.run) else { continue };
        if !is_over(context, run) {
            continue;
        }
        let RunProcess { pid, command, .. } = &process;
        let shown = format!("process {pid} of run {}, which is over: {command}", process.run);
        let why = "it goes on writing, or spending, with nobody to watch it";
        // Nobody takes the run up again while we hold the project.
        let ended = fix && end(context, &run.run_id, &process);
        findings.push(if ended {
            Finding::fixed("process", format!("ended {shown}"))
        } else {
            Finding::problem("process", shown, why, format!("kill {pid}   # or: hew doctor --fix"))
        });
    }
    findings
}

fn end(context: &Context, run: &RunId, process: &RunProcess) -> bool {
    let lock = ProjectLock::acquire(&context.project.shared_dir, run);
    if lock.is_ok() {
        // All of the run are ended with the first that is found.
        survivors::end(run, GRACE);
    }
    lock.is_ok() && !process.is_alive()
}

fn crashed(context: &Context, runs: &[LedgerRun]) -> Vec<Finding> {
    let crashed = runs.iter().filter(|run| run.ended.is_none() && is_over(context, run));
    let told = crashed.map(|run| {
        let id = &run.run_id;
        Finding::problem(
            "run",
            format!("run {id} crashed: it began at {} and has no end", run.launched_at.format("%F %T UTC")),
            "its tasks may still be claimed, and work in its worktrees waits",
            format!("hew loop resume --run-id {id}"),
        )
    });
    told.collect()
}

fn undelivered(runs: &[LedgerRun], git: &RepoGit) -> Vec<Finding> {
    let waiting = match undelivered_everywhere(runs, git) {
        Ok(waiting) => waiting,
        Err(failure) => return vec![Finding::of_failure("run", &failure)],
    };
    let told = waiting.into_iter().map(|run| {
        let id = &run.run_id;
        let target = run.target_branch.as_ref().map(ToString::to_string).unwrap_or_default();
        Finding::problem(
            "run",
            format!("run {id} landed work on {} that is not on {target}", run.run_branch),
            "the next run of that branch refuses to start without it",
            format!("hew loop deliver --run-id {id}"),
        )
    });
    told.collect()
}

fn worktrees(context: &Context, fix: bool) -> Vec<Finding> {
    let left = match loop_prune::survey(context, fix) {
        Ok(left) => left,
        Err(failure) => return vec![Finding::of_failure("worktree", &failure)],
    };
    let told = left.into_iter().map(|Left { run, path, outcome, reason, look }| {
        let shown = format!("{} of run {run}", path.display());
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        match outcome {
            "removed" => Finding::fixed("worktree", format!("removed {shown}; its commits are kept")),
            "safe" => Finding::problem(
                "worktree",
                format!("{shown} is left, and all in it but what git ignores is kept elsewhere"),
                "it takes room",
                "hew loop prune-worktrees --apply   # or: hew doctor --fix",
            ),
            "kept" if reason.contains("may still be going on") => {
                Finding::ok("worktree", format!("{shown}{reason}"))
            }
            outcome => Finding::problem(
                "worktree",
                format!("{shown} is {outcome}{reason}"),
                "it may hold work that is nowhere else",
                look.unwrap_or_else(|| "hew loop prune-worktrees".to_owned()),
            ),
        }
    });
    told.collect()
}
