//! `hew loop logs`.

use std::time::Duration;

use hew_core::record::files::JOURNAL;
use hew_core::record::view::{IterationRow, RowFold};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::render::logs::{self, RowFilter};

use super::loop_logs_transcript as transcript;
use super::past_runs::{self, unreadable};
use crate::adapters::jsonl::JsonLines;
use crate::adapters::project::Project;
use crate::adapters::run_index::{self, RunEntry};
use crate::adapters::watch::FileWatch;
use crate::cli::loop_args::LogsArgs;
use crate::failure::{Failure, code};
use crate::ui::{self, Ui};

/// How often it is made sure that a run which says nothing still lives.
const LIFE_CHECK: Duration = Duration::from_secs(2);

/// Iterations of a run, or an agent's transcript.
pub fn run(args: &LogsArgs, ui: &Ui) -> Result<u8, Failure> {
    let project = Project::discover()?;
    let filter = RowFilter {
        worker: args.worker,
        iter: args.iter,
        task: args.task.as_deref().map(hew_core::ids::TaskId::from),
    };
    if args.follow {
        let entry = run_index::select(&project.state_dir, args.run.run_id.as_deref())?;
        return follow(&project, &entry, args, &filter, ui);
    }
    let (run, rows) = past_runs::open_with_rows(&project, args.run.run_id.as_deref(), ui)?;
    let rows: Vec<IterationRow> = rows.into_iter().filter(|row| filter.matches(row)).collect();
    if args.transcript {
        return transcript::print(&run, &rows, args.tail, ui);
    }
    let rows = &rows[args.tail.map_or(0, |tail| rows.len().saturating_sub(tail))..];
    print_rows(rows, ui);
    Ok(code::OK)
}

fn print_rows(rows: &[IterationRow], ui: &Ui) {
    if ui.is_json() {
        for row in rows {
            ui.print_output(row);
        }
    } else if rows.is_empty() {
        ui.say("no iterations");
    } else {
        ui.print(&logs::table(rows));
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
    let mut lines = JsonLines::<JournalEntry>::open(&journal).map_err(unreadable)?;
    let mut tracking = Following {
        fold: RowFold::default(),
        transcripts: transcript::Tails::new(&entry.dir),
        kept: transcript::Kept::new(args.tail),
        has_ended: false,
    };
    loop {
        // Whether it lives is asked before its last words are read, so that none is missed.
        let is_alive = past_runs::is_held(project, &entry.id);
        while let Some(next) = lines.next_value().map_err(unreadable)? {
            tracking.take(&next, args, filter, &mut watch, ui).map_err(unwatched)?;
        }
        tracking.transcripts.take_new(&mut tracking.kept, ui)?;
        tracking.kept.release(ui);
        if tracking.has_ended || !is_alive || !ui.is_stdout_open() {
            return Ok(code::OK);
        }
        watch.wait(Some(LIFE_CHECK)).map_err(unwatched)?;
    }
}

struct Following {
    fold: RowFold,
    transcripts: transcript::Tails,
    kept: transcript::Kept,
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
        self.has_ended |= matches!(entry.event, JournalEvent::RunEnded { .. });
        if args.transcript {
            if let Some(id) = ending {
                self.transcripts.end(id);
            }
            return self.follow_agent(&entry.event, filter, watch);
        }
        if before.is_some_and(|row| filter.matches(&row))
            && let Some(row) = self.fold.last_ended()
        {
            let text = if ui.is_json() { ui::json_line(row) } else { logs::line(row) };
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
