//! `hew loop logs`.

use std::collections::BTreeSet;
use std::time::Duration;

use hew_core::ids::{IterationId, RunId, TaskId, WorkerId};
use hew_core::record::files::JOURNAL;
use hew_core::record::view::{IterationRow, RowFold};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::render::logs::{self, RowFilter};
use hew_core::tracker::nearest::nearest_id;

use super::loop_logs_transcript as transcript;
use super::past_runs::{self, Shown, unreadable};
use crate::adapters::jsonl::JsonLines;
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::watch::FileWatch;
use crate::cli::loop_args::LogsArgs;
use crate::failure::{Failure, code};
use crate::ui::terminal::Stream;
use crate::ui::{self, Ui};

/// How often it is made sure that a run which says nothing still lives.
const LIFE_CHECK: Duration = Duration::from_secs(2);

/// Most tasks that an error names.
const MOST_NAMED: usize = 20;

/// Iterations of a run, or an agent's transcript.
pub fn run(args: &LogsArgs, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover_to_look()?;
    let filter =
        RowFilter { worker: args.worker, iter: args.iter, task: args.task.as_deref().map(TaskId::from) };
    let entry = run_index::select(&project.state_dir, args.run.run_id.as_deref())?;
    // A run of an older layout has no journal, and goes on no more.
    if args.follow && (entry.dir.join(JOURNAL).exists() || past_runs::is_held(&project, &entry.id)) {
        return follow(&project, &entry, args, &filter, ui);
    }
    let (run, rows) = past_runs::open_with_rows(&project, Some(entry.id.as_str()), Shown::Iterations, ui)?;
    if is_narrow(&filter) && !rows.iter().any(|row| filter.matches(row)) {
        let mut begun = Begun::default();
        for row in &rows {
            begun.take(row.id, row.task.as_ref());
        }
        return Err(begun.has_none(&filter, &run.id));
    }
    let rows: Vec<IterationRow> = rows.into_iter().filter(|row| filter.matches(row)).collect();
    if args.transcript {
        return transcript::print(&run, &rows, args.tail, ui);
    }
    print_rows(&rows[args.tail.map_or(0, |tail| rows.len().saturating_sub(tail))..], ui);
    past_runs::leave_to_exit((run, rows));
    Ok(code::OK)
}

/// Not every iteration is wanted.
fn is_narrow(filter: &RowFilter) -> bool {
    filter.task.is_some() || filter.worker.is_some() || filter.iter.is_some()
}

/// What a run has begun, for an error that says what there is where none of it is wanted.
#[derive(Default)]
struct Begun {
    iterations: BTreeSet<IterationId>,
    tasks: BTreeSet<TaskId>,
}

impl Begun {
    fn take(&mut self, id: IterationId, task: Option<&TaskId>) {
        self.iterations.insert(id);
        self.tasks.extend(task.cloned());
    }

    /// That nothing of this is wanted, with what there is of what was asked for.
    fn has_none(&self, filter: &RowFilter, run: &RunId) -> Failure {
        let failure = Failure::failed(format!("run {run} has no iteration{}", wanted(filter)));
        let here = format!("hew loop logs --run-id {run}");
        match &filter.task {
            Some(task) if !self.tasks.contains(task) => {
                let failure = failure.because(self.tasks_there());
                match nearest_id(task.as_str(), &self.tasks) {
                    Some(near) => failure.hint(format!("{here} --task {near}")),
                    None => failure.hint(here),
                }
            }
            _ => failure.because(self.iterations_there(filter.worker)).hint(here),
        }
    }

    fn tasks_there(&self) -> String {
        let named: Vec<&str> = self.tasks.iter().take(MOST_NAMED).map(TaskId::as_str).collect();
        let more = self.tasks.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        match named[..] {
            [] => "it has begun no task".to_owned(),
            _ => format!("its tasks are {}{more}", named.join(", ")),
        }
    }

    /// The workers, where the one that is wanted is none of them; else the numbers of the iterations.
    fn iterations_there(&self, worker: Option<u16>) -> String {
        let is_wanted = |id: &&IterationId| worker.is_none_or(|worker| id.worker.0 == worker);
        let last = self.iterations.iter().filter(is_wanted).map(|id| id.iter).max();
        let workers: BTreeSet<WorkerId> = self.iterations.iter().map(|id| id.worker).collect();
        let workers: Vec<String> = workers.iter().map(ToString::to_string).collect();
        match (last, workers.is_empty()) {
            (Some(last), _) => format!("its iterations are 1 to {last}"),
            (None, false) => format!("its workers are {}", workers.join(", ")),
            (None, true) => "it has begun no task".to_owned(),
        }
    }
}

/// What is wanted, behind "iteration".
fn wanted(filter: &RowFilter) -> String {
    let RowFilter { worker, iter, task } = filter;
    let number = iter.map(|iter| format!(" {iter}")).unwrap_or_default();
    let task = task.as_ref().map(|task| format!(" of task {task}")).unwrap_or_default();
    let joint = if task.is_empty() { "of" } else { "by" };
    let worker = worker.map(|worker| format!(" {joint} worker {}", WorkerId(worker))).unwrap_or_default();
    format!("{number}{task}{worker}")
}

fn print_rows(rows: &[IterationRow], ui: &Ui) {
    if ui.is_json() {
        ui.print_outputs(rows);
    } else if rows.is_empty() {
        ui.say("no iterations");
    } else {
        ui.print_in_pieces(|out| logs::write_table(rows, Stream::Stdout.columns_or_any(), out));
    }
}

/// Goes on until the run ends, its process is gone, or nobody reads any more.
fn follow(
    project: &Project,
    entry: &RunEntry,
    args: &LogsArgs,
    filter: &RowFilter,
    ui: &Ui,
) -> Result<u8, Failure> {
    let journal = entry.dir.join(JOURNAL);
    let unwatched = |error| Failure::failed(format!("{} can't be watched", journal.display())).because(error);
    let mut watch = FileWatch::new([&journal]).map_err(unwatched)?;
    // A run that begins has its folder first.
    while !journal.exists() && past_runs::is_held(project, &entry.id) {
        watch.wait(Some(LIFE_CHECK)).map_err(unwatched)?;
    }
    let mut lines = JsonLines::<JournalEntry>::open(&journal).map_err(unreadable)?;
    let mut tracking = Following {
        fold: RowFold::of_iterations(),
        transcripts: transcript::Tails::new(&entry.dir),
        kept: transcript::Kept::new(args.tail),
        begun: Begun::default(),
        has_wanted: false,
        has_ended: false,
    };
    loop {
        // Whether it lives is asked before its last words are read, so that none is missed.
        let is_alive = past_runs::is_held(project, &entry.id);
        while let Some(next) = lines.next_in_place().map_err(unreadable)? {
            tracking.take(next, args, filter, &mut watch, ui).map_err(unwatched)?;
        }
        tracking.transcripts.take_new(&mut tracking.kept, ui)?;
        tracking.kept.release(ui);
        if tracking.has_ended || !is_alive || !ui.is_stdout_open() {
            // One that is still to come can't be told from one that never will before the end.
            if is_narrow(filter) && !tracking.has_wanted && ui.is_stdout_open() {
                return Err(tracking.begun.has_none(filter, &entry.id));
            }
            return Ok(code::OK);
        }
        watch.wait(Some(LIFE_CHECK)).map_err(unwatched)?;
    }
}

struct Following {
    fold: RowFold,
    transcripts: transcript::Tails,
    kept: transcript::Kept,
    begun: Begun,
    /// Something that is wanted was begun.
    has_wanted: bool,
    /// The run has, or the one iteration that is wanted.
    has_ended: bool,
}

impl Following {
    fn take(
        &mut self,
        entry: &JournalEntry,
        args: &LogsArgs,
        filter: &RowFilter,
        watch: &mut FileWatch,
        ui: &Ui,
    ) -> std::io::Result<()> {
        let ending = match &entry.event {
            JournalEvent::IterationEnded { iteration, .. } => Some(*iteration),
            _ => None,
        };
        let before = ending.and_then(|id| self.fold.view.iterations.get(&id).map(IterationRow::of));
        self.fold.apply(entry);
        if let JournalEvent::IterationStarted { iteration, task, .. } = &entry.event {
            self.begun.take(*iteration, Some(task));
            self.has_wanted |= filter.names(*iteration, Some(task));
        }
        let is_the_one = ending.is_some_and(|id| filter.is_only(id, self.fold.view.jobs()));
        self.has_ended |= is_the_one || matches!(entry.event, JournalEvent::RunEnded { .. });
        if args.transcript {
            if let Some(id) = ending {
                self.transcripts.end(id);
            }
            return self.follow_agent(&entry.event, filter, watch);
        }
        if before.is_some_and(|row| filter.matches(&row))
            && let Some(row) = self.fold.last_ended()
        {
            let text = if ui.is_json() {
                ui::json_line(row)
            } else {
                logs::line(row, Stream::Stdout.columns_or_any())
            };
            self.kept.take(&text, ui);
        }
        Ok(())
    }

    fn follow_agent(
        &mut self,
        event: &JournalEvent,
        filter: &RowFilter,
        watch: &mut FileWatch,
    ) -> std::io::Result<()> {
        let JournalEvent::Spawned { iteration, .. } = event else { return Ok(()) };
        let row = self.fold.view.iterations.get(iteration).map(IterationRow::of);
        match row.filter(|row| filter.matches(row)) {
            Some(row) => self.transcripts.add(self.fold.view.jobs(), &row, watch),
            None => Ok(()),
        }
    }
}
