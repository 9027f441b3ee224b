//! What a run that is gone on with works with and knows: its frozen settings, its place, its state from its journal and from
//! what git and the tracker say now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hew_core::engine::State;
use hew_core::ids::{TaskId, WorkerId};
use hew_core::land::gate_detect::{GateCommand, detect_gate};
use hew_core::record::files::iteration_dir;
use hew_core::resume::frozen::thaw;
use hew_core::resume::{Evidence, KeptConflict, Unfinished, gather, give_back};
use hew_core::worktree::names;

use super::flags::OwnFlags;
use super::frozen;
use super::launch::prefix;
use crate::adapters::clock::SystemClock;
use crate::adapters::git::RepoGit;
use crate::adapters::tracker::Opened;
use crate::adapters::{gate_files, log_tail, settings_files};
use crate::commands::context::Context;
use crate::commands::task::tracker_failure;
use crate::drive::Rig;
use crate::drive::rig::{RunPlace, SeatStart};
use crate::failure::Failure;
use crate::ui::Ui;

/// The settings as they were frozen, in the project that the run was launched in.
pub(super) fn frozen_context(now: Context, before: &Unfinished) -> Result<Context, Failure> {
    let values =
        thaw(&before.header.settings, &now.values).map_err(|problems| settings_files::invalid(&problems))?;
    let settings = settings_files::typed(&values)?;
    Ok(Context { settings, values, ..now })
}

/// Where the run is.
pub(super) fn place(context: &Context, flags: &OwnFlags, before: &Unfinished, folder: &Path) -> RunPlace {
    let header = &before.header;
    let worktrees = PathBuf::from(&header.worktrees);
    RunPlace {
        run: before.run().clone(),
        jobs: header.jobs,
        folder: folder.to_owned(),
        worktree_root: worktrees.parent().map(Path::to_owned).unwrap_or(worktrees),
        launch: before.launch.clone(),
        run_branch: before.run_branch.clone(),
        target: header.target_branch.clone(),
        gate: gate(context, before),
        keep_worktrees: flags.keep_worktrees,
    }
}

/// The gate that the run had, with the files that define it as far as they are found now.
fn gate(context: &Context, before: &Unfinished) -> Option<GateCommand> {
    let command = before.header.gate.clone()?;
    let found = detect_gate(&gate_files::load(&context.project.root));
    let same = found.filter(|found| found.command == command);
    let definition_files = same.map(|found| found.definition_files).unwrap_or_default();
    Some(GateCommand { command, definition_files, why: format!("as run {} was launched", before.run()) })
}

/// What the run works with.
pub(super) fn rig(
    context: &Context,
    flags: &OwnFlags,
    tracker: &Opened,
    before: &Unfinished,
    place: RunPlace,
) -> Result<Rig, Failure> {
    let prefix = prefix(&*tracker.tasks, &context.settings)?;
    let lived = before.lived + unrecorded(before, &place.folder);
    let (seats, kept) = seats(before, &place);
    let rig = Rig {
        model: flags.model.clone(),
        beads_dir: tracker.beads_dir(),
        clock: Arc::new(SystemClock::going_on(lived)),
        seats,
        ..Rig::new(context, Arc::clone(&tracker.tasks), place, prefix)
    };
    for folder in kept {
        rig.keep_folder(folder);
    }
    Ok(rig)
}

/// How long it lived after its journal's last line, as far as what its agents and gates printed tells. Where a file is dated
/// later than now, it tells nothing.
fn unrecorded(before: &Unfinished, folder: &Path) -> Duration {
    let open = before.open.keys().map(|id| folder.join(iteration_dir(before.header.jobs, *id)));
    let files = open.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let now = SystemTime::now();
    // What somebody else put there tells nothing of the run.
    let is_output = |path: &Path| path.extension().is_some_and(|kind| kind == "log" || kind == "jsonl");
    let outputs = files.filter(|file| is_output(&file.path()));
    let written = outputs.filter_map(|file| file.metadata().ok()?.modified().ok());
    let newest = written.filter(|at| *at <= now).max();
    newest.and_then(|newest| newest.duration_since(SystemTime::from(before.last_at)).ok()).unwrap_or_default()
}

/// Where each worker begins, and the folders that a person shall look at.
fn seats(before: &Unfinished, place: &RunPlace) -> (BTreeMap<WorkerId, SeatStart>, Vec<PathBuf>) {
    let mut kept = conflict_folders(&place.worktrees());
    let mut seats = BTreeMap::new();
    for (worker, seat) in &before.seats {
        let folder = PathBuf::from(&seat.worktree);
        let number = folder.extension().and_then(|number| number.to_str()?.parse().ok()).unwrap_or(1);
        let first = names::worker_dir(&place.worktree_root, &place.run, *worker);
        let earlier = (1..number).map(|number| SeatStart::folder(&first, number));
        kept.extend(earlier.filter(|folder| folder.is_dir()));
        // A worktree that showed a branch is put at its work again, and kept then; but one that an agent left is not touched.
        let shows_branch = before.given_up.get(worker).is_some_and(|branch| !branch.was_left);
        let start = if seat.is_left {
            kept.extend(Some(folder).filter(|_| !shows_branch));
            SeatStart { generation: number + 1, exists: false }
        } else {
            SeatStart { generation: number, exists: true }
        };
        seats.insert(*worker, start);
    }
    (seats, kept)
}

fn conflict_folders(worktrees: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(worktrees).into_iter().flatten().flatten();
    let is_conflict = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("conflict-")) && path.is_dir()
    };
    entries.map(|entry| entry.path()).filter(is_conflict).collect()
}

/// Takes away what killed gits left in the run's own worktrees and refs.
pub(super) fn clear_locks(git: &RepoGit, before: &Unfinished) -> Result<(), Failure> {
    let failed = |error| Failure::usage("locks of a git that was killed can't be removed").because(error);
    for seat in before.seats.values() {
        git.clear_worktree_locks(Path::new(&seat.worktree)).map_err(failed)?;
    }
    let branches = before.run_branch.to_ref();
    let branches = branches.as_str().trim_end_matches("main");
    git.clear_ref_locks(branches).map_err(failed)?;
    git.clear_ref_locks(&names::anchor_prefix(before.run())).map_err(failed)
}

/// What git and the tracker say now. Claims that no iteration knows are given back.
pub(super) fn evidence(
    git: &RepoGit,
    tracker: &Opened,
    before: &Unfinished,
    place: &RunPlace,
    ui: &Ui,
) -> Result<Evidence, Failure> {
    let mut evidence = gather(git, &*tracker.tasks, before)
        .map_err(|error| Failure::usage("what the run had come to can't be told").because(error))?;
    evidence.gate_tails = gate_tails(before, &place.folder);
    let is_lost = |task: &TaskId| !names::conflict_dir(&place.worktree_root, &place.run, task).exists();
    let conflicts = before.conflicts.iter().filter(|(task, _)| is_lost(task));
    let lost = |(task, work): (&TaskId, &hew_core::ids::CommitId)| KeptConflict {
        task: task.clone(),
        work: work.clone(),
    };
    evidence.lost_conflicts = conflicts.map(lost).collect();
    let strays = give_back(&*tracker.tasks, &evidence.strays).map_err(|error| tracker_failure(&error))?;
    for task in strays {
        ui.say(&format!("{task} was still held, and no attempt at it was under way; it is open again"));
    }
    Ok(evidence)
}

/// The ends of what red gates printed, for the next attempts.
fn gate_tails(before: &Unfinished, folder: &Path) -> BTreeMap<TaskId, String> {
    let of_task = |task: &hew_core::resume::TaskBefore| {
        let (_, log) = task.last_failure.as_ref()?.gate.as_ref()?;
        Some(log_tail::load(&folder.join(log)).ok()??.0)
    };
    let tails = before.tasks.iter().filter_map(|(id, task)| Some((id.clone(), of_task(task)?)));
    tails.collect()
}

/// The engine's state.
pub(super) fn state(
    context: &Context,
    flags: &OwnFlags,
    before: Unfinished,
    evidence: Evidence,
    place: &RunPlace,
) -> Result<State, Failure> {
    let Some(scope) = before.header.scope.as_ref().map(frozen::scope_of) else {
        return Err(Failure::usage("the run's scope is not in its journal"));
    };
    let config = frozen::run_config(&context.settings, flags, &scope, place);
    Ok(State::resumed(config, before, evidence))
}
