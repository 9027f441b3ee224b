//! The first thing to be read: what happened, is it safe, is it delivered, what needs a person.

use std::fmt;

use super::page::Page;
use super::{Report, frame};
use crate::record::event::LeftoverRecord;
use crate::record::view::{GateProofView, TaskView};
use crate::record::{IterationOutcome, RunState, StopReason};
use crate::render::figures::{count, duration_ms, grouped, stamp};
use crate::render::summary::needs::{self, Need};
use crate::render::summary::spent::money;
use crate::render::summary::{self, SummaryPlace};
use crate::render::verify;

/// Open ends that are shown at once; the others are folded.
const SHOWN: usize = 20;

/// The page's title.
pub(super) fn title(report: &Report<'_>) -> String {
    let run = report.view.run_id().map_or_else(|| "a run".to_owned(), ToString::to_string);
    format!("{}, {}: hew {run}", landed_words(report), report.state.as_str())
}

fn landed_words(report: &Report<'_>) -> String {
    let so_far = if report.state == RunState::Running { " so far" } else { "" };
    let closed = report.view.totals.of(IterationOutcome::Closed);
    match report.view.landed_tasks() as u64 {
        // Older layouts know of no landings.
        0 if report.view.is_from_files && closed > 0 => format!("{} closed", count(closed, "task", "tasks")),
        0 if needs::red_at_launch(report.view).is_some() => {
            "Nothing was begun: the gate is not green on the launch commit".to_owned()
        }
        0 => format!("Nothing landed{so_far}"),
        number => match report.view.in_scope() {
            Some(in_scope) => {
                format!("{number} of {} landed{so_far}", count(in_scope as u64, "task", "tasks"))
            }
            None => format!("{} landed{so_far}", count(number, "task", "tasks")),
        },
    }
}

pub(super) fn write(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let ends = needs_of(report);
    page.raw("<header>\n<p class=\"over\">hew run report</p>\n<h1>")?;
    page.text(landed_words(report))?;
    page.raw("</h1>\n<p class=\"run\"><span class=\"state state-")?;
    let is_part = is_part(report);
    page.show(if is_part { "part" } else { report.state.as_str() })?;
    page.raw("\">")?;
    frame::mark(page, if is_part { "◐" } else { state_glyph(report.state) })?;
    page.raw(" ")?;
    page.show(report.state.as_str())?;
    page.raw("</span> <code>")?;
    page.text(report.view.run_id().map_or("(unknown)", |run| run.as_str()))?;
    page.raw("</code>")?;
    if let Some(header) = &report.view.header {
        page.raw(" <span class=\"soft\">started ")?;
        page.show(stamp(header.started.at))?;
        page.raw("</span>")?;
    }
    page.raw("</p>\n</header>\n")?;
    navigation(page)?;
    page.raw("<main id=\"main\" tabindex=\"-1\">\n<section id=\"answers\" aria-labelledby=\"h-answers\">\n<h2 id=\"h-answers\" class=\"quiet\">In short</h2>\n")?;
    answers(page, report, ends.len())?;
    tiles(page, report)?;
    page.raw("</section>\n")?;
    needs_section(page, report, &ends)
}

fn navigation(page: &mut Page<'_>) -> fmt::Result {
    page.raw("<nav aria-label=\"Parts of this page\">\n<ul>\n")?;
    page.raw("<li><a href=\"#needs\">Needs you</a></li><li><a href=\"#timeline\">Timeline</a></li>")?;
    page.raw("<li><a href=\"#tasks\">Tasks</a></li><li><a href=\"#failures\">Failures</a></li>")?;
    page.raw("<li><a href=\"#graph\">Graph</a></li><li><a href=\"#cost\">Cost</a></li>")?;
    page.raw(
        "<li><a href=\"#settings\">Settings</a></li><li><a href=\"#logs\">Logs</a></li>\n</ul>\n</nav>\n",
    )
}

/// It came to its end, and not everything in scope landed.
fn is_part(report: &Report<'_>) -> bool {
    let all_landed = report.view.in_scope().is_none_or(|in_scope| report.view.landed_tasks() >= in_scope);
    report.state == RunState::Completed && !all_landed
}

fn state_glyph(state: RunState) -> &'static str {
    match state {
        RunState::Running => "▶",
        RunState::Completed => "✓",
        RunState::Cancelled => "⊘",
        RunState::Crashed | RunState::Failed => "✗",
    }
}

/// Whether an answer is good, is worth a look, or is bad: a sign and a word beside the colour.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Look,
    Bad,
}

fn answers(page: &mut Page<'_>, report: &Report<'_>, ends: usize) -> fmt::Result {
    let needs = match ends {
        0 => (Tone::Good, "No. Nothing waits for a person.".to_owned()),
        _ => (Tone::Look, format!("Yes: {} below.", count(ends as u64, "thing", "things"))),
    };
    page.raw("<dl class=\"answers\">\n")?;
    answer(page, "What happened?", happened(report))?;
    answer(page, "Is it safe?", safe(report))?;
    answer(page, "Is it delivered?", delivered(report))?;
    answer(page, "Does it need you?", needs)?;
    if report.view.is_from_files {
        let words = "It has no journal, as in an older layout: its files don't tell all of this.";
        answer(page, "What is missing here?", (Tone::Look, words.to_owned()))?;
    }
    for gap in report.gaps {
        answer(page, "What is missing here?", (Tone::Look, gap.clone()))?;
    }
    page.raw("</dl>\n")
}

fn answer(page: &mut Page<'_>, question: &'static str, (tone, words): (Tone, String)) -> fmt::Result {
    page.around("<div><dt>", question, "</dt><dd class=\"")?;
    let (class, glyph) = match tone {
        Tone::Good => ("good", "✓"),
        Tone::Look => ("look", "!"),
        Tone::Bad => ("bad", "✗"),
    };
    page.raw(class)?;
    page.raw("\">")?;
    frame::mark(page, glyph)?;
    page.around("", words, "</dd></div>\n")
}

fn happened(report: &Report<'_>) -> (Tone, String) {
    let view = report.view;
    let resumed = match view.resumes {
        0 => String::new(),
        times => format!(" It was gone on with after {}.", count(u64::from(times), "crash", "crashes")),
    };
    let work = format!(
        "{} by {} in {}.{resumed}",
        count(view.totals.iterations, "iteration", "iterations"),
        count(u64::from(view.jobs()), "worker", "workers"),
        duration_ms(view.duration_ms())
    );
    match (&view.ending, report.state) {
        (Some(ending), state) => {
            let detail = view.why_ended().map(|detail| format!(" ({detail})")).unwrap_or_default();
            let tone = match (state, ending.exit_code) {
                (RunState::Completed, Some(0)) if !is_part(report) => Tone::Good,
                (RunState::Failed | RunState::Crashed, _) => Tone::Bad,
                _ => Tone::Look,
            };
            let why = stop_words(ending.stop_reason);
            let code = ending.exit_code.map(|code| format!("; exit code {code}")).unwrap_or_default();
            (tone, format!("{why}{detail}{code}. {work}"))
        }
        (None, RunState::Running) => {
            (Tone::Good, format!("It goes on; this page shows it as of {}. {work}", stamp(report.made_at)))
        }
        (None, _) if view.is_from_files => {
            (Tone::Look, format!("It did not come to its end, or did not say so. {work}"))
        }
        (None, _) => (Tone::Bad, format!("Its process is gone; this is how far its record goes. {work}")),
    }
}

fn stop_words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Cancelled => "It was cancelled",
        StopReason::StopFile => "A stop file ended it",
        StopReason::BudgetTokens => "Its tokens were used up",
        StopReason::BudgetWall => "Its time was used up",
        StopReason::BudgetUsd => "Its money was used up",
        StopReason::MaxIter => "Its iterations were used up",
        StopReason::ReadyEmpty => "It went on until nothing more was ready",
        StopReason::GuardTrip => "A red gate stopped it",
        StopReason::RuntimeError => "It could not go on",
        StopReason::Quota => "No runtime could be used any more",
        StopReason::Signal => "A signal ended it",
    }
}

/// The check of the whole, where there was one, comes after what each landing passed.
fn safe(report: &Report<'_>) -> (Tone, String) {
    use crate::record::event::VerifyOutcome::{Failed, Passed, Skipped, TimedOut};
    let (tone, words) = gated(report);
    let Some(seen) = &report.view.verify else { return (tone, words) };
    let verified = verify::words(&seen.outcome, &seen.failed_tests);
    let tone = match &seen.outcome {
        Failed { .. } | TimedOut { .. } => Tone::Bad,
        Skipped { .. } if report.view.totals.landed > 0 => Tone::Look,
        Skipped { .. } | Passed { .. } => tone,
    };
    (tone, format!("{words} The check of the whole at the end: {verified}."))
}

fn gated(report: &Report<'_>) -> (Tone, String) {
    let view = report.view;
    let landed: Vec<&TaskView> = view.tasks.values().filter(|task| task.landed_sha.is_some()).collect();
    if landed.is_empty() && view.is_from_files {
        return (Tone::Look, "Its files don't tell what landed.".to_owned());
    }
    if landed.is_empty() {
        return (Tone::Good, "Nothing landed, so nothing changed.".to_owned());
    }
    let all = landed.len();
    let green = landed.iter().filter(|task| task.gate.as_ref().is_some_and(GateProofView::is_green)).count();
    let gate = view.header.as_ref().and_then(|header| header.gate.as_ref());
    match gate {
        Some(command) if green == all => {
            (Tone::Good, format!("Everything that landed passed {command} on the very tree that landed."))
        }
        None if green == 0 => (Tone::Look, "There was no gate: what landed was tested by nobody.".to_owned()),
        _ => (
            Tone::Look,
            format!(
                "{green} of {} that landed have a green gate on record.",
                count(all as u64, "task", "tasks")
            ),
        ),
    }
}

fn delivered(report: &Report<'_>) -> (Tone, String) {
    use crate::record::event::DeliveryRecord::{Delivered, NotWanted, Refused};
    let Some(header) = &report.view.header else {
        return (Tone::Look, "It is not on record.".to_owned());
    };
    let words = summary::delivered(report.view, header);
    let tone = match &report.view.delivery {
        Some(Delivered { .. }) => Tone::Good,
        // Work that is not where it should be, unless that was asked for.
        Some(NotWanted { .. }) if report.view.totals.landed == 0 || !header.is_to_deliver() => Tone::Good,
        None if report.state == RunState::Running || report.view.totals.landed == 0 => Tone::Good,
        Some(NotWanted { .. } | Refused { .. }) | None => Tone::Look,
    };
    (tone, sentence(&words))
}

/// With a capital and a full stop.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let Some(first) = rest.next() else { return String::new() };
    // A branch's name is no word.
    let is_word = !words.contains(" is at ");
    let first = if is_word { first.to_uppercase().to_string() } else { first.to_string() };
    format!("{first}{}.", rest.as_str())
}

/// The figures that everybody asks for; each says by its name where the summary's JSON has it.
fn tiles(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let (view, totals) = (report.view, &report.view.totals);
    page.raw("<dl class=\"tiles\">\n")?;
    let landed = view.landed_tasks();
    tile(page, "tasks landed", "landed.tasks", landed, grouped(landed as u64))?;
    tile(page, "commits", "landed.commits", totals.landed, grouped(totals.landed))?;
    tile(page, "file changes", "landed.files", totals.files, grouped(totals.files))?;
    if !view.is_from_files {
        tile(
            page,
            "lines added, summed over commits",
            "landed.added",
            totals.added,
            format!("+{}", grouped(totals.added)),
        )?;
        let removed = format!("−{}", grouped(totals.removed));
        tile(page, "lines removed, summed over commits", "landed.removed", totals.removed, removed)?;
    }
    tile(page, "iterations", "iterations", totals.iterations, grouped(totals.iterations))?;
    tile(page, "time", "duration_ms", view.duration_ms(), duration_ms(view.duration_ms()))?;
    let spent = view.spent_so_far();
    let tokens = spent.usage.total();
    if tokens > 0 {
        tile(page, "tokens", "tokens.total", tokens, grouped(tokens))?;
        let words = money(&spent).unwrap_or_else(|| "unknown".to_owned());
        match spent.cost_usd {
            Some(cost) => tile(page, "cost", "tokens.cost_usd", cost, words)?,
            None => tile(page, "cost", "tokens.cost_usd", "null", words)?,
        }
    }
    page.raw("</dl>\n")
}

fn tile(
    page: &mut Page<'_>,
    name: &'static str,
    path: &'static str,
    figure: impl fmt::Display,
    shown: impl fmt::Display,
) -> fmt::Result {
    page.around("<div><dt>", name, "</dt><dd data-figure=\"")?;
    page.raw(path)?;
    page.raw("\" data-v=\"")?;
    page.show(figure)?;
    page.raw("\">")?;
    page.show(shown)?;
    page.raw("</dd></div>\n")
}

/// What a person has to see to: the summary's own list.
fn needs_of(report: &Report<'_>) -> Vec<Need> {
    let place = SummaryPlace { state: report.state, folder: report.folder, rows: report.rows };
    let header = report.view.header.as_ref();
    header.map(|header| needs::of(report.view, header, place)).unwrap_or_default()
}

fn needs_section(page: &mut Page<'_>, report: &Report<'_>, ends: &[Need]) -> fmt::Result {
    frame::section(page, "needs", "Needs you")?;
    if ends.is_empty() {
        page.raw("<p class=\"none\">Nothing.</p>\n")?;
    }
    let (first, rest) = ends.split_at(ends.len().min(SHOWN));
    if !first.is_empty() {
        list(page, first)?;
    }
    if !rest.is_empty() {
        page.raw("<details>\n<summary>And ")?;
        page.show(format_args!("{} more", grouped(rest.len() as u64)))?;
        page.raw("</summary>\n")?;
        list(page, rest)?;
        page.raw("</details>\n")?;
    }
    left_over(page, report)?;
    frame::end_section(page)
}

/// What was not done and waits for nobody.
fn left_over(page: &mut Page<'_>, report: &Report<'_>) -> fmt::Result {
    let view = report.view;
    let is_left = |left: &&LeftoverRecord| needs::needs_nobody(view, left);
    let ends: Vec<Need> = view.leftovers.iter().filter(is_left).map(left).collect();
    if ends.is_empty() {
        return Ok(());
    }
    page.raw("<details class=\"left\">\n<summary>Left over, and waits for nobody: ")?;
    page.show(count(ends.len() as u64, "task", "tasks"))?;
    page.raw("</summary>\n")?;
    list(page, &ends)?;
    page.raw("</details>\n")
}

fn left(left: &LeftoverRecord) -> Need {
    Need::new(needs::told(left), summary::leftover_command(left))
}

fn list(page: &mut Page<'_>, ends: &[Need]) -> fmt::Result {
    page.raw("<ul class=\"ends\">\n")?;
    for end in ends {
        page.around("<li><span>", &end.what, "</span>")?;
        if let Some(command) = &end.command {
            page.around(" <code class=\"command\">", command, "</code>")?;
        }
        page.raw("</li>\n")?;
    }
    page.raw("</ul>\n")
}
