//! What a person has to see to, each with the command that deals with it, and what is left over.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{SummaryPlace, heading};
use crate::agent::IterationOutcome;
use crate::ids::TaskId;
use crate::record::RunState;
use crate::record::event::{DeliveryRecord, LeftoverRecord, StopReason};
use crate::record::view::{OfIteration, RunHeader, RunView, TaskView};
use crate::render::facts::wrap;
use crate::render::figures::count;
use crate::render::style::{FAINT, WARN};
use crate::render::table::{PAGE, cut};
use crate::render::text::{visible, visible_line};

/// Most things of a kind that are shown; programs are given all of them.
const MAX_SHOWN: usize = 20;
/// Columns of a text that somebody else has written.
const TEXT_COLUMNS: usize = 200;
/// Columns of why the result is not where it should be, which names files.
const RESULT_COLUMNS: usize = 600;
/// Columns of a title.
const TITLE_COLUMNS: usize = 40;

/// One thing that a person has to see to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// What it is.
    pub(crate) what: String,
    /// The command that deals with it, where one does.
    pub(crate) command: Option<String>,
    /// Most columns of what it is.
    columns: usize,
}

impl Need {
    pub(crate) fn new(what: String, command: impl Into<String>) -> Self {
        Self { what, command: Some(command.into()), columns: TEXT_COLUMNS }
    }
}

/// Everything that a person has to see to, the result first.
pub(crate) fn of(view: &RunView, header: &RunHeader, place: SummaryPlace<'_>) -> Vec<Need> {
    let state = place.state;
    let mut needs = Vec::new();
    needs.extend(not_begun(view, place.folder));
    needs.extend(red(view, place.folder));
    needs.extend(undelivered(view, header, state));
    needs.extend(escaped(view));
    needs.extend(cut_off(view, header, state));
    if state == RunState::Crashed && !view.is_from_files {
        let what = "what the crashed run left behind may be looked at and cleaned up".to_owned();
        needs.push(Need::new(what, format!("hew loop prune-worktrees --run-id {}", header.run_id)));
    }
    for task in &view.settings_changed {
        let what = format!("{task} changed the project's settings: look at them before you trust them");
        needs.push(Need::new(what, "hew trust"));
    }
    view.tasks.values().for_each(|task| needs.extend(of_task(task)));
    let others = view.leftovers.iter().filter(|left| !is_told(view, left) && is_for_a_person(left));
    needs.extend(others.map(|left| Need::new(told(left), leftover_command(left))));
    add_remedies(view, &mut needs);
    needs
}

/// The gate was red, or could not be run, before anything was begun.
pub(crate) fn red_at_launch(view: &RunView) -> Option<&str> {
    let was_gate = view.ending.as_ref()?.stop_reason == StopReason::GuardTrip;
    let stop = view.stop.as_ref().filter(|_| was_gate && view.totals.iterations == 0)?;
    Some(&stop.detail)
}

fn not_begun(view: &RunView, folder: &str) -> Option<Need> {
    let why = red_at_launch(view)?;
    let way = "mend what it finds, or go on with --no-baseline or --no-gate";
    let what = format!("nothing was begun: {way} ({why})");
    let command = view.baseline.as_ref().map(|gate| format!("less {folder}/{}", gate.log));
    Some(Need { what, command, columns: TEXT_COLUMNS })
}

/// A crashed run can be gone on with; what it was at is still claimed by it.
fn cut_off(view: &RunView, header: &RunHeader, state: RunState) -> Option<Need> {
    if state != RunState::Crashed || view.is_from_files {
        return None;
    }
    let tasks: Vec<&str> =
        view.in_flight().filter_map(|iteration| iteration.task.as_ref()).map(TaskId::as_str).collect();
    let what = match tasks.as_slice() {
        [] => "the run crashed before its end: it goes on where it was when it is resumed".to_owned(),
        [one] => format!("{one} stays claimed by the crashed run until it is resumed"),
        [first, others @ ..] => {
            let others = count(others.len() as u64, "other", "others");
            format!("{first} and {others} stay claimed by the crashed run until it is resumed")
        }
    };
    Some(Need::new(what, format!("hew loop resume --run-id {}", header.run_id)))
}

/// The verification at the end was not green.
fn red(view: &RunView, folder: &str) -> Option<Need> {
    let seen = view.verify.as_ref()?;
    let why = seen.outcome.why_red(&seen.failed_tests)?;
    let command = seen.log.as_ref().map(|log| format!("less {folder}/{log}"));
    let what = format!("verify at the end is not green: {why}");
    Some(Need { what, command, columns: TEXT_COLUMNS })
}

fn undelivered(view: &RunView, header: &RunHeader, state: RunState) -> Option<Need> {
    let deliver = format!("hew loop deliver --run-id {}", header.run_id);
    match &view.delivery {
        Some(DeliveryRecord::Refused { target, reason, remedy, .. }) => {
            let need = Need::new(format!("the result is not on {target}: {reason}"), remedy);
            Some(Need { columns: RESULT_COLUMNS, ..need })
        }
        None if state != RunState::Running && view.totals.landed > 0 && header.run_branch.is_some() => {
            let target = header.target_branch.as_ref()?;
            let what = format!("what landed is not on {target}");
            Some(Need::new(what, deliver))
        }
        Some(DeliveryRecord::NotWanted { reason }) if asks_for(view, &deliver) => {
            let target = header.target_branch.as_ref()?;
            let need = Need::new(format!("the result is not on {target}: {reason}"), deliver);
            Some(Need { columns: RESULT_COLUMNS, ..need })
        }
        _ => None,
    }
}

/// The run itself said that this has to be done.
fn asks_for(view: &RunView, command: &String) -> bool {
    view.ending.as_ref().is_some_and(|ending| ending.remedies.contains(command))
}

/// What agents left where it is not theirs: nobody but a person knows whether it may stay.
fn escaped(view: &RunView) -> Vec<Need> {
    let told = |found: &OfIteration| {
        let what = format!("{} {}", super::escapes::who(found), found.escape.words());
        Need::new(what, found.escape.change.look())
    };
    view.escapes.left().into_iter().map(told).collect()
}

fn of_task(task: &TaskView) -> Vec<Need> {
    let id = &task.id;
    let mut needs = Vec::new();
    if let Some(reason) = &task.close_failed {
        let what = format!("{id} landed, but the tracker refuses its close: {reason}");
        needs.push(Need::new(what, format!("hew task close {id} --reason landed")));
    }
    if let Some(bug) = &task.bug {
        let is_red = task.outcome == Some(IterationOutcome::BackpressureFail);
        let why = if is_red { "is red once merged" } else { "does not merge" };
        let what = format!("{id} {why}; that is filed as {bug}");
        needs.push(Need::new(what, format!("hew task show {bug}")));
    }
    if let Some(reason) = &task.parked {
        needs.push(Need::new(format!("{id} is parked: {reason}"), format!("hew task unpark {id}")));
    }
    if let Some(reason) = &task.left_alone {
        needs.push(Need::new(format!("{id} was left alone: {reason}"), format!("hew task show {id}")));
    }
    needs
}

/// What the run said has to be done, where nothing above says so already.
fn add_remedies(view: &RunView, needs: &mut Vec<Need>) {
    for remedy in view.ending.iter().flat_map(|ending| &ending.remedies) {
        if !needs.iter().any(|need| need.command.as_ref() == Some(remedy)) {
            needs.push(Need::new("the run asks for this".to_owned(), remedy));
        }
    }
}

/// Its task says more of it already.
fn is_told(view: &RunView, left: &LeftoverRecord) -> bool {
    left.why == "parked" && view.tasks.get(&left.task).is_some_and(|task| task.parked.is_some())
}

/// Nobody but a person can make it ready.
fn is_for_a_person(left: &LeftoverRecord) -> bool {
    ["parked", "can't run here", "ready, but"].iter().any(|begin| left.why.starts_with(begin))
}

/// It was not done, and that needs nobody: it is ready, or waits for something else.
pub(crate) fn needs_nobody(view: &RunView, left: &LeftoverRecord) -> bool {
    !is_told(view, left) && !is_for_a_person(left)
}

/// A leftover in a sentence.
pub(crate) fn told(left: &LeftoverRecord) -> String {
    format!("{} {} {}", left.task, joint(&left.why), left.why) + &titled(&left.title)
}

fn joint(why: &str) -> &'static str {
    if why.starts_with("can't") || why.starts_with("waits") { "" } else { "is" }
}

fn titled(title: &str) -> String {
    if title.is_empty() { String::new() } else { format!(" ({})", cut(&visible_line(title), TITLE_COLUMNS)) }
}

/// The section for people.
pub(super) fn section(needs: &[Need]) -> String {
    if needs.is_empty() {
        return String::new();
    }
    let mut out = heading("needs you");
    needs.iter().take(MAX_SHOWN).for_each(|need| show(&mut out, &format!("{WARN}!{WARN:#}"), need));
    more(&mut out, needs.len());
    out
}

/// A thing behind its sign, which is one column wide.
fn show(out: &mut String, sign: &str, need: &Need) {
    let mut sign = sign;
    for line in wrap(&cut(&visible(&need.what), need.columns), PAGE - 4) {
        let _ = writeln!(out, "  {sign} {line}");
        sign = " ";
    }
    if let Some(command) = &need.command {
        let _ = writeln!(out, "      {}", visible(command));
    }
}

fn more(out: &mut String, number: usize) {
    let more = number.saturating_sub(MAX_SHOWN);
    if more > 0 {
        let _ = writeln!(out, "  {FAINT}and {more} more: hew loop summary --json{FAINT:#}");
    }
}

/// What was not done and needs nobody: what is ready, what waits for something else.
pub(super) fn left_over(view: &RunView) -> String {
    let (ready, waiting): (Vec<_>, Vec<_>) =
        view.leftovers.iter().filter(|left| needs_nobody(view, left)).partition(|left| left.why == "ready");
    if ready.is_empty() && waiting.is_empty() {
        return String::new();
    }
    let mut out = heading("left over");
    if let [first, ..] = ready[..] {
        let names: Vec<&str> = ready.iter().map(|left| left.task.as_str()).take(MAX_SHOWN).collect();
        let rest = ready.len() - names.len();
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let what = format!(
            "{} ready: {}{rest}",
            count(ready.len() as u64, "task is", "tasks are"),
            names.join(", ")
        );
        let one = leftover_command(first);
        let command = if ready.len() == 1 { one } else { "hew loop run --scope ready".to_owned() };
        show(&mut out, "·", &Need::new(what, command));
    }
    for left in waiting.iter().take(MAX_SHOWN) {
        show(&mut out, "·", &Need::new(told(left), leftover_command(left)));
    }
    more(&mut out, waiting.len());
    out
}

/// The command that deals with a leftover.
pub(crate) fn leftover_command(left: &LeftoverRecord) -> String {
    match left.why.as_str() {
        "parked" => format!("hew task unpark {}", left.task),
        why if why == "ready" || why.starts_with("ready since") => {
            format!("hew loop run --task {}", left.task)
        }
        _ => format!("hew task show {}", left.task),
    }
}

/// The needs for programs.
pub(super) fn figures(needs: &[Need]) -> Value {
    needs.iter().map(|need| json!({ "what": need.what, "command": need.command })).collect()
}
