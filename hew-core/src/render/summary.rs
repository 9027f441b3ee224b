//! What a run did, for a person who was away: what landed and where it is, what needs them, then the rest.
//!
//! A run that goes on, that crashed, or that an older layout left renders as far as it went and says so. Works on a view
//! from which iterations were forgotten. No line is wider than a page unless a name is.

mod effort;
pub(crate) mod escapes;
pub mod json;
mod limits;
mod models;
pub(crate) mod needs;
mod outcome;
pub mod shape;
pub(crate) mod spent;
pub(crate) mod tasks;
mod workers;

pub(crate) use needs::leftover_command;
pub(crate) use outcome::delivered;

use std::fmt::Write as _;

use super::facts::{self, Fact, wrap};
use super::figures::count;
use super::style::{self, HEADING, WARN};
use super::table::{self, Cell, PAGE};
use super::text::visible;
use crate::record::RunState;
use crate::record::event::ScopeRecord;
use crate::record::view::{IterationRow, RunHeader, RunView};

/// Most notices that are shown; the journal has them all.
const MAX_NOTICES: usize = 20;

/// What a view does not know of its run.
#[derive(Debug, Clone, Copy)]
pub struct SummaryPlace<'a> {
    /// How the run stands.
    pub state: RunState,
    /// The run folder, for people.
    pub folder: &'a str,
    /// Its iterations, in the order in which they began.
    pub rows: &'a [IterationRow],
}

/// The whole summary.
pub fn text(view: &RunView, place: SummaryPlace<'_>) -> String {
    let Some(header) = &view.header else {
        return format!("The run has not written anything yet: {}\n", visible(place.folder));
    };
    let needs = needs::of(view, header, place);
    let mut out = banner(view, header, place.state);
    out.push_str(&outcome::verdict(view, header, &needs));
    out.push('\n');
    out.push_str(&facts::render(&outcome::facts(view, header)));
    for section in [
        needs::section(&needs),
        in_flight(view, place.state),
        tasks::table(view),
        needs::left_over(view),
        figures(view, header, place.rows),
        workers::table(view),
        models::table(view),
        models::differing(view),
        limits::runtimes(view),
        escapes::sections(view),
        notices(view),
    ] {
        out.push_str(&section);
    }
    let _ = writeln!(out, "\nlogs: {}", visible(place.folder));
    out
}

fn banner(view: &RunView, header: &RunHeader, state: RunState) -> String {
    let style = style::of_state(state);
    let mut out =
        format!("{HEADING}hew run {}{HEADING:#}  {style}{}{style:#}\n", header.run_id, state.as_str());
    let note = match state {
        RunState::Running => "It goes on; this is how far it is.",
        RunState::Crashed if view.is_from_files => "It did not come to its end, or did not say so.",
        RunState::Crashed => "Its process is gone; this is how far its journal goes.",
        _ => "",
    };
    let layout = "It has no journal, as in an older layout: its files don't tell all of this.";
    for line in [note, if view.is_from_files { layout } else { "" }].iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(out, "  {WARN}{line}{WARN:#}");
    }
    out
}

/// The figures, behind what happened and what is to be done.
fn figures(view: &RunView, header: &RunHeader, rows: &[IterationRow]) -> String {
    let mut facts =
        vec![Fact::new("iterations", outcome::iterations(view)), Fact::new("scope", scope(header))];
    facts.extend(spent::planner(view));
    let spent = spent::facts(&view.spent_so_far()).into_iter().chain(spent::helpers(view));
    facts.extend(spent.map(|(name, text)| Fact::new(name, text)));
    facts.extend(limits::budget_facts(view, header));
    facts.extend(limits::waiting(view));
    heading("figures") + &facts::render(&facts) + &effort::line(rows)
}

/// The slice of the queue, and how much was in it.
pub(crate) fn scope(header: &RunHeader) -> String {
    let names =
        |ids: &[crate::ids::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = match &header.scope {
        Some(ScopeRecord::Ready) => "everything that is ready".to_owned(),
        Some(ScopeRecord::Epics { epic_ids }) => format!("epics {}", names(epic_ids)),
        Some(ScopeRecord::Tasks { task_ids }) => format!("tasks {}", names(task_ids)),
        None => "not recorded".to_owned(),
    };
    let open = header.in_scope.map(|number| count(number as u64, "task", "tasks"));
    what + &open.map(|open| format!("; {open} open at launch")).unwrap_or_default()
}

fn heading(text: &str) -> String {
    format!("\n{HEADING}{text}{HEADING:#}\n")
}

fn in_flight(view: &RunView, state: RunState) -> String {
    let rows: Vec<_> = view
        .in_flight()
        .map(|iteration| {
            vec![
                Cell::text(iteration.id.to_string()),
                Cell::text(iteration.task.as_ref().map_or("?", |task| task.as_str())),
                Cell::text(iteration.phase.as_str()),
                Cell::text(&iteration.title),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let name = if state == RunState::Running { "in flight" } else { "cut off" };
    heading(name) + &table::fitted(&rows)
}

fn notices(view: &RunView) -> String {
    if view.notices.is_empty() {
        return String::new();
    }
    let mut out = heading("noticed");
    for notice in view.notices.iter().take(MAX_NOTICES) {
        let about = notice.about.map(|id| format!("{id} ")).unwrap_or_default();
        let mut sign = format!("{WARN}!{WARN:#}");
        for line in wrap(&visible(&format!("{about}{}", notice.text)), PAGE - 4) {
            let _ = writeln!(out, "  {sign} {line}");
            " ".clone_into(&mut sign);
        }
    }
    let more = view.notice_count.saturating_sub(MAX_NOTICES as u64);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more, in events.jsonl");
    }
    out
}
