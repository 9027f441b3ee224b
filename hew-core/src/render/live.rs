//! The lines of a live view: one a worker, one for the lane, one for each thing that holds the run, one of totals.
//!
//! Invariants: the same view, signs, moment and size make the same lines; no line is wider than the terminal; what comes
//! from outside moves no cursor. While a run goes on, the number of lines changes only with what holds it.

pub(super) mod line;
mod sign;
mod totals;

use anstyle::Style;
use chrono::{DateTime, Utc};

use super::figures::{age_ms, compact, count, since_ms};
use super::held;
use super::style::{FAINT, GOOD, WARN};
use super::table::cut;
use super::text::visible_line;
use crate::ids::WorkerId;
use crate::record::view::{IterationView, Phase, RunView};
use line::Line;
pub use sign::{Sign, Signs};

/// Columns of a task's id at most.
const TASK_COLUMNS: usize = 20;
/// With so many columns left for words, title and last words stand side by side.
const BOTH_COLUMNS: usize = 56;
/// What is silent for less than this is not told to be.
const SILENCE_MS: u64 = 10_000;
const PLAIN: Style = Style::new();

/// The room that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns; no line is wider.
    pub columns: usize,
    /// Rows; there are never more lines.
    pub rows: usize,
}

/// The lines; none before a run has begun and after it has ended.
pub fn frame(view: &RunView, signs: &Signs, now: DateTime<Utc>, size: Size) -> Vec<String> {
    if view.header.is_none() || view.ending.is_some() {
        return Vec::new();
    }
    let held = held::words(view, now);
    let mut tail: Vec<String> =
        held.iter().map(|words| Line::new(size.columns).add(words, WARN).text()).collect();
    tail.push(totals::line(view, now, size.columns));
    let mut lines = work(view, signs, now, size.columns);
    let room = size.rows.saturating_sub(tail.len());
    if lines.len() > room {
        let left_out = lines.len() - room.saturating_sub(1);
        lines.truncate(room.saturating_sub(1));
        let words = format!("… and {left_out} lines more; the window is too low for them");
        lines.push(Line::new(size.columns).add(&words, FAINT).text());
    }
    lines.extend(tail);
    let hidden = lines.len().saturating_sub(size.rows);
    lines.split_off(hidden)
}

/// One line a worker and one for the lane.
pub fn work(view: &RunView, signs: &Signs, now: DateTime<Utc>, columns: usize) -> Vec<String> {
    let tasks = view.in_flight().map(|iteration| visible_line(task(iteration)).chars().count());
    let grid = Grid { task: tasks.max().unwrap_or(0).clamp(4, TASK_COLUMNS), columns, signs, now };
    let mut lines: Vec<String> =
        (0..view.jobs()).map(|number| worker(view, WorkerId(number), &grid)).collect();
    lines.push(lane(view, &grid));
    lines
}

fn worker(view: &RunView, worker: WorkerId, grid: &Grid<'_>) -> String {
    let is_its = |it: &&IterationView| it.id.worker == worker && it.phase.is_with_worker();
    match view.in_flight().filter(is_its).last() {
        Some(iteration) => grid.row(&worker.to_string(), iteration, 0),
        None => grid.nothing(&worker.to_string(), idle(view)),
    }
}

/// What is being landed, and how much waits for it.
fn lane(view: &RunView, grid: &Grid<'_>) -> String {
    let mut results: Vec<&IterationView> =
        view.in_flight().filter(|iteration| iteration.phase.is_in_lane()).collect();
    results.sort_by_key(|iteration| (std::cmp::Reverse(iteration.phase), iteration.number));
    match results.split_first() {
        None => match (whole(view), view.stacked().count()) {
            (Some(words), _) => Line::new(grid.columns).cell("land", 4, PLAIN).add(words, PLAIN).text(),
            (None, 0) => grid.nothing("land", "nothing waits"),
            (None, stacked) => {
                let tasks = count(stacked as u64, "task is", "tasks are");
                let words = format!("{tasks} done and merged at the end of the run");
                Line::new(grid.columns).cell("land", 4, PLAIN).add(&words, PLAIN).text()
            }
        },
        Some((first, more)) => grid.row("land", first, more.len()),
    }
}

/// What the lane does that is no task's.
fn whole(view: &RunView) -> Option<&'static str> {
    let kinds = [
        (&view.delivering, "delivering the result"),
        (&view.verifying, "all tests on the result"),
        (&view.gating_launch, "gate on the launch commit"),
    ];
    kinds.iter().find(|(commit, _)| commit.is_some()).map(|(_, words)| *words)
}

/// Why a worker has nothing to do, as far as it is known.
fn idle(view: &RunView) -> &'static str {
    match (&view.stop, view.awaiting_runtime, view.ready_left) {
        (Some(_), ..) => "idle: nothing new starts",
        (None, Some(_), _) => "idle: no runtime is usable",
        (None, None, _) if view.held_by_plan > 0 => "idle: waits for the batch plan",
        (None, None, _) if view.gating_launch.is_some() => "idle: waits for the gate on the launch commit",
        (None, None, Some(0)) => "idle: nothing else is ready",
        _ => "idle",
    }
}

fn task(iteration: &IterationView) -> &str {
    iteration.task.as_ref().map_or("?", |task| task.as_str())
}

/// Where columns begin, and what is known besides the view.
struct Grid<'a> {
    task: usize,
    columns: usize,
    signs: &'a Signs,
    now: DateTime<Utc>,
}

impl Grid<'_> {
    fn nothing(&self, name: &str, words: &str) -> String {
        Line::new(self.columns).cell(name, 4, FAINT).add(words, FAINT).text()
    }

    /// A row: who, task, phase, age, tokens, and how many results wait behind it; then as many words as there is room for.
    fn row(&self, name: &str, iteration: &IterationView, more: usize) -> String {
        let since = if iteration.phase.is_in_lane() { iteration.phase_since } else { iteration.started };
        let age = since.map_or(0, |since| since_ms(since.at, self.now));
        let tokens = match iteration.spent_so_far().usage.total() {
            0 => "-".to_owned(),
            tokens => compact(tokens),
        };
        let mut line = Line::new(self.columns)
            .cell(name, 4, PLAIN)
            .cell(task(iteration), self.task, PLAIN)
            .cell(iteration.phase.word(), 10, style_of(iteration.phase))
            .number(&age_ms(age), 6)
            .number(&tokens, 5);
        if more > 0 {
            line = line.add(&format!("+{more} behind it  "), WARN);
        }
        if iteration.attempt > 1 {
            line = line.add(&format!("attempt {}  ", iteration.attempt), WARN);
        }
        self.words(line, iteration).text()
    }

    /// Title and last words; where only one of them finds room, the last words.
    fn words(&self, line: Line, iteration: &IterationView) -> Line {
        let sign = self.signs.get(&iteration.id).filter(|_| !iteration.phase.is_in_lane());
        let room = line.room();
        let Some(sign) = sign else { return line.add(&iteration.title, PLAIN) };
        let silent = since_ms(sign.at, self.now);
        let ago = if silent < SILENCE_MS { String::new() } else { format!(" ({} ago)", age_ms(silent)) };
        let said = sign.said.clone().unwrap_or_else(|| "it has spoken".to_owned());
        if room < BOTH_COLUMNS {
            let said = cut(&visible_line(&said), room.saturating_sub(ago.len()));
            return line.add(&said, FAINT).add(&ago, FAINT);
        }
        let line = line.cell(&iteration.title, room * 2 / 5, PLAIN);
        let said = cut(&visible_line(&said), line.room().saturating_sub(ago.len()));
        line.add(&said, FAINT).add(&ago, FAINT)
    }
}

fn style_of(phase: Phase) -> Style {
    match phase {
        Phase::Running => GOOD,
        Phase::Waiting => WARN,
        Phase::Proving | Phase::Gating | Phase::Settling => Style::new().bold(),
        _ => PLAIN,
    }
}
