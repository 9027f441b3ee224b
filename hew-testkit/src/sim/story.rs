//! What happened, a line each, for whoever plays a case again.

use hew_core::cut::shortened;
use hew_core::engine::{Effect, Event, WorkerJob};
use hew_core::record::JournalEvent;

/// Most bytes of a line.
const MOST: usize = 600;

/// Lines, if anybody wants them.
#[derive(Debug, Default)]
pub(super) struct Story {
    lines: Option<Vec<String>>,
}

impl Story {
    /// Every line is kept.
    pub(super) fn told() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(super) fn line(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(super) fn text(&self) -> String {
        self.lines.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }
}

/// What the engine is told.
pub(super) fn event(event: &Event) -> String {
    let text = match event {
        Event::ReadyListed(Ok(tasks)) => {
            let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
            format!("ReadyListed {ids:?}")
        }
        Event::Claimed { iteration, result: Ok(hew_core::tracker::ClaimOutcome::Won(task)) } => {
            format!("Claimed {iteration} won {}", task.id)
        }
        Event::Planned { iteration, result } => format!("Planned {iteration} {}", result.is_ok()),
        Event::RunningRead(tasks) => {
            let ids: Vec<String> = tasks.iter().map(|(id, _)| id.to_string()).collect();
            format!("RunningRead {ids:?}")
        }
        Event::Exited { iteration, result: Ok(view) } => {
            let report = &view.report;
            format!("Exited {iteration} {:?} {:?} {:?}", report.exit, report.stopped, report.signal)
        }
        other => format!("{other:?}"),
    };
    shortened(&text, MOST)
}

/// What it wants.
pub(super) fn effect(effect: &Effect) -> String {
    let text = match effect {
        Effect::Work { iteration, job } => match job {
            WorkerJob::Prepare { base, .. } => format!("prepare {iteration} at {base}"),
            WorkerJob::Plan { .. } => format!("plan {iteration}"),
            WorkerJob::Run { task, .. } => format!("run {iteration} {task}"),
            WorkerJob::Prove { .. } => format!("prove {iteration}"),
            WorkerJob::Collect { .. } => format!("collect {iteration}"),
        },
        Effect::RunPlanner { number, .. } => format!("run planner {number}"),
        Effect::DraftPlanner(job) => format!("draft planner {}", job.number),
        Effect::ListReady(query) => {
            format!("list, without {:?}, held open {:?}", query.exclude, query.hold_open)
        }
        other => format!("{other:?}"),
    };
    shortened(&text, MOST)
}

/// A line of the journal.
pub(super) fn record(event: &JournalEvent) -> String {
    let text = match event {
        JournalEvent::Plan { iteration, runtime, .. } => format!("Plan {iteration} {runtime}"),
        JournalEvent::RunStarted { .. } => "RunStarted".to_owned(),
        other => format!("{other:?}"),
    };
    shortened(&text, MOST)
}
