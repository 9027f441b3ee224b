//! `hew loop resume`: goes on with a run whose process is gone. Safe to call again: a run that is over is left as it is, and
//! one that was gone on with and crashed again is gone on with again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use hew_core::ids::RunId;
use hew_core::output::Output;
use hew_core::record::files::JOURNAL;
use hew_core::record::ledger::{LedgerEvent, LedgerRun};
use hew_core::record::{JournalEvent, RunView};
use hew_core::resume::{NotResumable, Unfinished, UnfinishedFold};
use schemars::JsonSchema;
use serde::Serialize;

use super::conduct::{Ready, conduct, ended_line, hear_signals, listen, unwritable};
use super::cut_off;
use super::flags::OwnFlags;
use super::frozen::OutcomeWatch;
use super::launch::{held, own_start, own_worktrees};
use super::preflight;
use super::revive;
use crate::adapters::git::RepoGit;
use crate::adapters::lock::ProjectLock;
use crate::adapters::project::Project;
use crate::adapters::{ledger, rebuild, store, survivors};
use crate::cli::loop_args::RunSelection;
use crate::commands::context::Context;
use crate::commands::trust;
use crate::failure::{Failure, code};
use crate::ui::Ui;

/// A run that is over: there is nothing to go on with.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct NotResumed<'a> {
    /// The run.
    run_id: &'a RunId,
    /// Why, for people.
    reason: &'a str,
}

impl Output for NotResumed<'_> {
    const KIND: &'static str = "not_resumed";
}

/// Goes on with the run that is meant.
pub(in crate::commands) fn run(args: &RunSelection, ui: &Ui) -> Result<u8, Failure> {
    let here = Context::open()?;
    let run = select(&here, args.run_id.as_deref())?;
    go_on(&here, &run, ui)
}

/// The run that is meant: by id, else the newest, of those that wrote anything.
fn select(here: &Context, wanted: Option<&str>) -> Result<LedgerRun, Failure> {
    let (runs, _) = ledger::read(&here.project.shared_dir).map_err(ledger::unreadable)?;
    let found = match wanted {
        Some(id) => runs.iter().find(|run| run.run_id.as_str() == id),
        None => runs.iter().rev().find(|run| has_journal(&here.project, run)).or(runs.last()),
    };
    found.cloned().ok_or_else(|| match wanted {
        Some(id) => Failure::failed(format!("no run {id} in this project")).hint("hew loop list"),
        None => Failure::failed("no run in this project yet").hint("hew loop run --scope ready"),
    })
}

fn has_journal(project: &Project, run: &LedgerRun) -> bool {
    store::run_dir(&project.state_dir, &run.run_id).join(JOURNAL).exists()
}

/// Goes on with one run. Answers its exit code.
pub(super) fn go_on(here: &Context, run: &LedgerRun, ui: &Ui) -> Result<u8, Failure> {
    refuse_elsewhere(&here.project, run)?;
    let lock = ProjectLock::acquire(&here.project.shared_dir, &run.run_id).map_err(held)?;
    let ears = hear_signals()?;
    let folder = store::run_dir(&here.project.state_dir, &run.run_id);
    let Journal { before, view, outcome, warning } = match read(run, &folder)? {
        Ok(journal) => journal,
        Err(over) => return finish_books(here, run, over, ui),
    };
    if let Some(warning) = warning {
        ui.warn(&warning);
    }
    let context = context_of(&before)?;
    trust::require(&context, ui)?;
    let context = revive::frozen_context(context, &before)?;
    let flags = OwnFlags::of_records(&before.header.settings);
    preflight::check_again(&context, flags.model.as_ref())?;
    let place = revive::place(&context, &flags, &before, &folder);
    let tracker = context.open_tracker_in_use()?;
    let ended_processes = end_survivors(&context, &run.run_id, ui)?;
    let git = RepoGit::new(&context.project.common_dir);
    revive::clear_locks(&git, &before)?;
    let removed_locks = cut_off::mend(&git, ui)?;
    if let (Some(target), Some(_)) = (&before.header.target_branch, &before.delivering) {
        cut_off::take_back_merge(&git, &run.run_id, &before.run_branch, target, &before.tip, ui)?;
    }
    let evidence = revive::evidence(&git, &tracker, &before, &place, ui)?;
    let rig = revive::rig(&context, &flags, &tracker, &before, place.clone())?;
    let ears = listen(ears, &context, flags.stop_file.as_deref(), &folder, &tracker)?;
    own_worktrees(&context, &place.worktrees(), &run.run_id, own_start())?;
    ledger::append(&context.project.shared_dir, resumed_line(&run.run_id)).map_err(unwritable)?;
    let state = revive::state(&context, &flags, *before, evidence, &place)?;
    let first = JournalEvent::RunResumed {
        pid: std::process::id(),
        hew_version: env!("CARGO_PKG_VERSION").to_owned(),
        ended_processes,
        removed_locks,
    };
    conduct(&context, Ready { lock, rig: Arc::new(rig), state, first, view, outcome }, ears, ui)
}

fn resumed_line(run: &RunId) -> LedgerEvent {
    let (pid, start_ticks) = (std::process::id(), own_start());
    LedgerEvent::Resumed { run_id: run.clone(), at: Utc::now(), pid, start_ticks }
}

/// A run is gone on with where it was begun. In a copy of that project its worktrees, its target and its processes, which may
/// well live, would be the other's; and worktrees do not follow a project that is moved.
pub(super) fn refuse_elsewhere(project: &Project, run: &LedgerRun) -> Result<(), Failure> {
    let begun = Path::new(&run.state_dir);
    if is_same_folder(begun, &project.state_dir) {
        return Ok(());
    }
    let (id, there, here) = (&run.run_id, &run.project, project.root.display());
    let refused = |why: String| Failure::usage(format!("run {id} can't be gone on with here")).because(why);
    let anew = "or begin another run here: hew loop run --force-new …";
    if begun.exists() {
        return Err(refused(format!("it was begun in {there}, of which {here} is a copy"))
            .hint(format!("cd '{there}' && hew loop resume --run-id {id}\n{anew}")));
    }
    Err(refused(format!(
        "it was begun in {there}, which was moved or is gone: its worktrees know that place only"
    ))
    .hint(format!(
        "mv '{here}' '{there}', then there: hew loop resume --run-id {id}\n\
             or bring what it has landed to its target: hew loop deliver --run-id {id}\n{anew}"
    )))
}

/// Also by another path, as a mount gives one.
fn is_same_folder(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| path.metadata().map(|about| (about.dev(), about.ino())).ok();
    one == other || place(one).is_some_and(|one| place(other) == Some(one))
}

/// What a journal without an end says.
struct Journal {
    before: Box<Unfinished>,
    view: RunView,
    outcome: OutcomeWatch,
    warning: Option<String>,
}

/// A run that can't be gone on with, and what its journal says of its end.
struct Over {
    why: NotResumable,
    outcome: OutcomeWatch,
}

/// Reads the journal, and makes the files anew that were not written any more.
fn read(run: &LedgerRun, folder: &Path) -> Result<Result<Journal, Over>, Failure> {
    let mut fold = UnfinishedFold::default();
    let mut outcome = OutcomeWatch::new(run.launch_sha.clone(), run.target_branch.is_some());
    if !folder.join(JOURNAL).exists() {
        return Ok(Err(Over { why: NotResumable::Empty, outcome }));
    }
    let (view, warning) = rebuild::rebuild(folder, |entry| {
        fold.apply(entry);
        outcome.see(&entry.event);
    })
    .map_err(|error| {
        Failure::usage(format!("run {} can't be gone on with", run.run_id)).because(error).hint(format!(
            "mend that line of {}; what a newer hew wrote, a newer hew reads\nor begin another run: hew loop run --force-new …",
            folder.join(JOURNAL).display()
        ))
    })?;
    if let Some(header) = &view.header {
        outcome.wants_delivery &= header.is_to_deliver();
    }
    Ok(match fold.finish() {
        Ok(before) => Ok(Journal { before, view, outcome, warning }),
        Err(why) => Err(Over { why, outcome }),
    })
}

/// Something of the run was written behind its journal's first line, which is on disk before anything else.
fn holds_more_than_a_journal(folder: &Path) -> bool {
    let names = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut names = names;
    names.any(|name| name != JOURNAL)
}

/// A run that is over stays as it is; if its process died right before the ledger was told, the ledger is told now.
fn finish_books(here: &Context, run: &LedgerRun, over: Over, ui: &Ui) -> Result<u8, Failure> {
    let id = &run.run_id;
    let Over { why, outcome } = over;
    match &why {
        NotResumable::Empty => {
            let anew = "hew loop run --force-new --scope ready";
            if holds_more_than_a_journal(&store::run_dir(&here.project.state_dir, id)) {
                let why = "its journal is empty or gone, though it had begun";
                return Err(Failure::failed(format!("run {id} can't be gone on with: {why}")).hint(format!(
                    "hew loop summary --run-id {id}   # what its other files tell\nthen begin another run: {anew}"
                )));
            }
            return Err(Failure::failed(format!("run {id} can't be gone on with: {why}")).hint(anew));
        }
        NotResumable::Ended { exit_code, .. } if run.ended.is_none() => {
            let line = ended_line(id.clone(), &run.launch_sha, &outcome, *exit_code);
            ledger::append(&here.project.shared_dir, line).map_err(unwritable)?;
        }
        NotResumable::Ended { .. } => {}
    }
    let reason = why.to_string();
    if ui.is_json() {
        ui.print_output(&NotResumed { run_id: id, reason: &reason });
    } else {
        ui.print(&format!("run {id} is over, there is nothing to go on with: {reason}\n"));
    }
    Ok(code::OK)
}

/// The project that the run was launched in, with its settings of now.
fn context_of(before: &Unfinished) -> Result<Context, Failure> {
    let root = Path::new(&before.header.project);
    if !root.is_dir() {
        return Err(Failure::usage(format!("the working tree {} of the run is gone", root.display()))
            .hint(format!("hew loop deliver --run-id {}", before.run())));
    }
    Context::of(Project::discover_from(root)?, &[])
}

fn end_survivors(context: &Context, run: &RunId, ui: &Ui) -> Result<usize, Failure> {
    let (count, left) = survivors::end(run, context.settings.kill_grace.value);
    if !left.is_empty() {
        let ids = left.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        return Err(Failure::usage(format!("processes of the dead run can't be ended: {ids}"))
            .hint(format!("ps -o pid,stat,etime,args -p {}", ids.replace(' ', ","))));
    }
    if count > 0 {
        ui.say(&format!("{count} processes of the dead run still lived; they were ended"));
    }
    Ok(count)
}

/// How a run without an end in the ledger stands, for whoever is about to begin another.
pub(super) enum Standing {
    /// It can be gone on with.
    Unfinished(Box<Unfinished>),
    /// It is over, and only the ledger does not know.
    Over,
    /// It wrote nothing, or its folder is gone.
    Nothing,
}

/// Looks at a crashed run. Of one that is over the files are made whole, and the ledger is told; not where the project can't be
/// had for that: then nobody would look at it again.
pub(super) fn look(here: &Context, run: &LedgerRun, ui: &Ui) -> Result<Standing, Failure> {
    let folder = store::run_dir(&here.project.state_dir, &run.run_id);
    let mut fold = UnfinishedFold::default();
    if !folder.join(JOURNAL).exists() {
        return Ok(Standing::Nothing);
    }
    let mut outcome = OutcomeWatch::new(run.launch_sha.clone(), run.target_branch.is_some());
    store::for_each_entry(&folder, |entry| {
        if let JournalEvent::RunStarted { .. } = entry.event {
            let header = RunView::of([entry]).header;
            outcome.wants_delivery &= header.is_none_or(|header| header.is_to_deliver());
        }
        fold.apply(entry);
        outcome.see(&entry.event);
    })
    .map_err(|error| super::earlier::unreadable(run, error).hint(put_aside(&folder)))?;
    match fold.finish() {
        Ok(before) => Ok(Standing::Unfinished(before)),
        Err(NotResumable::Empty) => Ok(Standing::Nothing),
        Err(NotResumable::Ended { exit_code, .. }) => {
            let _lock = ProjectLock::acquire(&here.project.shared_dir, &run.run_id).map_err(held)?;
            // The files, too, that its process did not come to write. They are no reason to begin nothing else.
            if let Err(error) = rebuild::rebuild(&folder, |_| {}) {
                let id = &run.run_id;
                ui.warn(&format!("files of run {id} can't be made whole: {error}; hew loop resume --run-id {id} tries again"));
            }
            let line = ended_line(run.run_id.clone(), &run.launch_sha, &outcome, exit_code);
            ledger::append(&here.project.shared_dir, line).map_err(unwritable)?;
            Ok(Standing::Over)
        }
    }
}

/// What a person does with a journal that can't be read.
pub(super) fn put_aside(folder: &Path) -> String {
    format!("mend it, or put it aside: mv {} ELSEWHERE", folder.display())
}
