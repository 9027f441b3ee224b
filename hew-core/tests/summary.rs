//! Whole summaries, for people with and without colour, and for programs.

use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::record::event::{BatchSource, DeliveryRecord, JournalEvent, SkipReason, StopReason};
use hew_core::record::view::{IterationRow, RowFold, RunView};
use hew_core::record::{IterationOutcome, JournalEntry, RunState};
use hew_core::render::summary::json::SummaryJson;
use hew_core::render::summary::{self, SummaryPlace};
use hew_core::usage::Usage;
use hew_testkit::journal::{self, HOSTILE_TITLE, JournalBuilder, iteration};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

const FOLDER: &str = ".hew/loop/the-run";

/// Without styles, as a stream shows it that has no colour.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out + rest
}

fn fold(entries: &[JournalEntry]) -> (RunView, Vec<IterationRow>) {
    let mut fold = RowFold::default();
    for entry in entries {
        fold.apply(entry);
    }
    fold.finish()
}

fn coloured(entries: &[JournalEntry], state: RunState) -> String {
    let (view, rows) = fold(entries);
    summary::text(&view, SummaryPlace { state, folder: FOLDER, rows: &rows })
}

/// What a terminal of 80 columns shows.
fn page(entries: &[JournalEntry], state: RunState) -> String {
    let text = plain(&coloured(entries, state));
    for line in text.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
    }
    text
}

fn json(entries: &[JournalEntry], state: RunState) -> Value {
    let (view, rows) = fold(entries);
    let place = SummaryPlace { state, folder: FOLDER, rows: &rows };
    serde_json::to_value(SummaryJson { view: &view, place }).expect("serialisable")
}

/// With each escape that colours something spelt out.
fn spelt(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

const USED: Usage = Usage { input: 1000, output: 40, cache_read: 12_300, cache_create: 60 };

/// One worker, everything landed and delivered.
fn one_worker() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(1, 0x0000_0001);
    journal.baseline().agents_use(USED, Some(0.0249)).models(Some("opus"), Some("claude-opus-5-5"));
    journal.whole(iteration(0, 1), "app-1", "Read the settings");
    journal.agents_use(Usage { input: 9_000, output: 700, ..USED }, Some(0.1));
    journal.whole(iteration(0, 2), "app-2", "Write the settings");
    journal.deliver_and_end();
    journal
}

/// Four workers, three models, one of them answered by another, prices that are known in part, a person's settings.
fn many_workers() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(4, 0x0000_0004);
    let models = [
        (Some("opus"), Some("claude-opus-5-5"), Some(1.25)),
        (Some("claude-opus-4-5"), Some("claude-haiku-4-5"), Some(0.5)),
        (None, None, None),
        (Some("opus"), Some("claude-opus-5-5"), None),
    ];
    for (worker, (asked, observed, usd)) in (0..).zip(models) {
        let id = iteration(worker, 1);
        let used = Usage { input: 1_000_000 * u64::from(worker + 1), ..USED };
        journal.agents_use(used, usd).models(asked, observed);
        let task = format!("app-{}", worker + 1);
        if worker == 1 {
            changes_settings(&mut journal, id, &task);
        } else {
            journal.whole(id, &task, "One of many tasks that a title tells of at some length");
        }
    }
    journal.deliver_and_end();
    journal
}

fn changes_settings(journal: &mut JournalBuilder, id: IterationId, task: &str) {
    journal.start(id, task, "Change how hew runs", 1).spawn(id).exit(id, Exit::Code(0), 1500);
    let head_sha = journal::commit(77);
    journal.push(JournalEvent::Collected {
        iteration: id,
        head_sha,
        anchor: "refs/hew/x".into(),
        committed_leftovers: false,
        files_touched: vec![".hew.toml".to_owned()],
        file_count: 1,
        added: 1,
        removed: 0,
        symbols_touched: Vec::new(),
    });
    journal.gate(id, Exit::Code(0)).land(id, task);
}

/// A run in the middle of its work whose agents have told of what they used.
fn under_way() -> JournalBuilder {
    let mut journal = journal::in_the_middle();
    let usage = Usage { input: 5_000, ..USED };
    journal.push(JournalEvent::Used { iteration: iteration(1, 1), usage, cost_usd: None, cost_source: None });
    journal
}

/// Titles, reasons and details that would break a page.
fn hostile() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(1, 0x0000_0bad);
    let long = "long title ".repeat(30);
    let titles = [
        HOSTILE_TITLE,
        "🦀🦀🦀 emoji 👩‍👩‍👧‍👦 family",
        "two\nlines",
        "\u{1b}]0;owned\u{7}\u{1b}[2J",
        long.as_str(),
    ];
    for (number, title) in (1..).zip(titles) {
        let (id, task) = (iteration(0, number), format!("app-{number}"));
        journal.start(id, &task, title, 1).spawn(id).exit(id, Exit::Code(0), 1000);
        journal.change(id, &task, hew_core::tracker::change::TaskChange::Parked { reason: title.to_owned() });
        journal.end(id, &task, IterationOutcome::NoClose, title);
    }
    let reason = format!("no\u{1b}[31m: {}", "x".repeat(300));
    let remedy = "hew loop deliver".to_owned();
    let outcome = DeliveryRecord::Refused { target: "main".into(), reason, remedy, new_tip: None };
    journal.push(JournalEvent::Delivery { outcome });
    journal.push(JournalEvent::Noticed { about: None, text: long.clone() + "\n\u{202e}" });
    journal.run_ended(StopReason::ReadyEmpty, 1, Vec::new(), Vec::new());
    journal
}

#[test]
fn of_one_worker() {
    let run = one_worker();
    insta::assert_snapshot!(page(run.entries(), RunState::Completed));
    insta::assert_snapshot!("of_one_worker_in_colour", spelt(&coloured(run.entries(), RunState::Completed)));
}

#[test]
fn of_many_workers() {
    let run = many_workers();
    insta::assert_snapshot!(page(run.entries(), RunState::Completed));
    insta::assert_snapshot!(
        "of_many_workers_in_colour",
        spelt(&coloured(run.entries(), RunState::Completed))
    );
}

#[test]
fn of_a_run_with_every_outcome() {
    let run = journal::every_outcome();
    insta::assert_snapshot!(page(run.entries(), RunState::Completed));
    let text = spelt(&coloured(run.entries(), RunState::Completed));
    insta::assert_snapshot!("of_a_run_with_every_outcome_in_colour", text);
}

#[test]
fn of_a_run_in_flight() {
    insta::assert_snapshot!(page(under_way().entries(), RunState::Running));
    let text = spelt(&coloured(under_way().entries(), RunState::Running));
    insta::assert_snapshot!("of_a_run_in_flight_in_colour", text);
}

#[test]
fn of_a_crashed_run() {
    insta::assert_snapshot!(page(under_way().entries(), RunState::Crashed));
    let text = spelt(&coloured(under_way().entries(), RunState::Crashed));
    insta::assert_snapshot!("of_a_crashed_run_in_colour", text);
}

#[test]
fn a_run_that_crashed_before_any_claim_can_be_gone_on_with_too() {
    let text = page(JournalBuilder::launch(2, 7).entries(), RunState::Crashed);
    assert!(
        text.contains("the run crashed before its end: it goes on where it was when it is resumed"),
        "{text}"
    );
    assert!(text.contains("hew loop resume --run-id "), "{text}");
}

#[test]
fn of_hostile_titles() {
    let text = coloured(hostile().entries(), RunState::Completed);
    insta::assert_snapshot!("of_hostile_titles_in_colour", spelt(&text));
    let text = page(hostile().entries(), RunState::Completed);
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn for_programs_has_every_figure() {
    let value = json(journal::every_outcome().entries(), RunState::Completed);
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("serialisable"));
}

#[test]
fn of_every_prefix_renders() {
    let journal = journal::every_outcome();
    for cut in 0..=journal.entries().len() {
        let entries = &journal.entries()[..cut];
        assert!(page(entries, RunState::Crashed).contains(FOLDER));
        assert_eq!(json(entries, RunState::Crashed)["kind"], "summary");
    }
}

#[test]
fn a_stop_that_came_too_late_is_not_the_cause() {
    let journal = one_worker();
    let detail = "hew loop cancel".to_owned();
    let stopped = |reason| {
        let mut entries = journal.entries().to_vec();
        let last = entries.len() - 1;
        let asked =
            JournalEvent::StopRequested { reason: StopReason::Cancelled, detail: detail.clone(), now: false };
        entries.insert(last, JournalEntry { event: asked, ..entries[last].clone() });
        if let JournalEvent::RunEnded { stop_reason, .. } = &mut entries[last + 1].event {
            *stop_reason = reason;
        }
        page(&entries, RunState::Completed)
    };
    let late = stopped(StopReason::ReadyEmpty);
    assert!(late.contains("stopped     ready_empty (exit code 0)\n"), "{late}");
    let cause = stopped(StopReason::Cancelled);
    assert!(cause.contains("stopped     cancelled (exit code 0): hew loop cancel\n"), "{cause}");
}

#[test]
fn without_a_gate_says_so() {
    let mut entries = one_worker().entries().to_vec();
    if let JournalEvent::RunStarted { gate, .. } = &mut entries[0].event {
        *gate = None;
    }
    entries.remove(1);
    let text = page(&entries, RunState::Completed);
    assert!(text.contains("\n  gate        none\n"), "{text}");
    assert!(!text.contains("\nworkers\n"), "{text}");
}

#[test]
fn what_running_agents_told_of_is_counted_in_every_table() {
    let value = json(under_way().entries(), RunState::Crashed);
    let told = 5_000 + 40 + 12_300 + 60;
    assert_eq!(value["tokens"]["total"], told);
    assert_eq!(
        (&value["tokens"]["unpriced"], &value["tokens"]["unpriced_agents"]),
        (&told.into(), &1.into())
    );
    assert_eq!(value["workers"][1]["tokens"]["total"], told);
    assert_eq!(value["models"][0]["tokens"]["total"], told);
}

#[test]
fn money_that_is_known_in_part_says_for_how_much() {
    let text = page(many_workers().entries(), RunState::Completed);
    assert!(text.contains("$1.75 (reported by the runtime), and 7,024,800 tokens (2 agents)"), "{text}");
    assert!(text.contains("opus: 1 agent has no known price"), "{text}");
    let mut journal = JournalBuilder::launch(1, 9);
    journal.agents_use(Usage::default(), Some(0.0)).whole(iteration(0, 1), "app-1", "One");
    journal.agents_use(USED, None).whole(iteration(0, 2), "app-2", "Two").deliver_and_end();
    let text = page(journal.entries(), RunState::Completed);
    assert!(text.contains("unknown: 13,400 tokens (1 agent) have no known price"), "{text}");
    assert!(!text.contains("$0.00"), "{text}");
}

#[test]
fn an_alias_that_its_family_answered_is_no_difference() {
    let (view, _) = fold(many_workers().entries());
    let asked: Vec<&str> = view.models.differing.keys().map(|(asked, _)| asked.as_str()).collect();
    assert_eq!(asked, ["claude-opus-4-5"]);
}

#[test]
fn a_bar_stands_for_several_iterations_where_there_are_many() {
    let mut journal = JournalBuilder::launch(1, 9);
    for number in 1..=200 {
        journal.agents_use(Usage { input: u64::from(number), ..Usage::default() }, None);
        let (id, task) = (iteration(0, number), format!("app-{number}"));
        journal.start(id, &task, "x", 1).spawn(id).exit(id, Exit::Code(0), 5);
        journal.end(id, &task, IterationOutcome::NoClose, "x");
    }
    let text = page(journal.entries(), RunState::Crashed);
    assert!(text.contains("the most of each 4 iterations, 1 to 200 tokens"), "{text}");
    let bars = text.lines().find(|line| line.contains("effort")).expect("a line of bars");
    assert_eq!(bars.chars().filter(|c| ('▁'..='█').contains(c)).count(), 50, "{bars}");
    assert!(text.contains("and 160 more: hew loop logs"), "{text}");
    assert_eq!(
        json(journal.entries(), RunState::Crashed)["effort"]["values"].as_array().map(Vec::len),
        Some(200)
    );
}

#[test]
fn a_verification_that_was_cut_off_says_so() {
    let mut journal = JournalBuilder::launch(1, 1);
    journal.whole(iteration(0, 1), "app-1", "One");
    journal.push(JournalEvent::Verifying { sha: journal::commit(5) });
    let (mut view, rows) = fold(journal.entries());
    view.cut_off();
    let place = SummaryPlace { state: RunState::Crashed, folder: FOLDER, rows: &rows };
    let text = plain(&summary::text(&view, place));
    assert!(text.contains("verification was cut off: the result is not verified"), "{text}");
    let value = serde_json::to_value(SummaryJson { view: &view, place }).expect("serialisable");
    assert_eq!((&value["verify_outcome"]["kind"], value["verify"].is_object()), (&"skipped".into(), true));
}

#[test]
fn a_result_that_a_signal_kept_from_its_target_says_so() {
    let mut journal = JournalBuilder::launch(1, 3);
    journal.whole(iteration(0, 1), "app-1", "One");
    let reason = "a signal ended the run".to_owned();
    journal.push(JournalEvent::Delivery { outcome: DeliveryRecord::NotWanted { reason } });
    let deliver = format!("hew loop deliver --run-id {}", journal.run_id());
    journal.push(JournalEvent::RunEnded {
        stop_reason: StopReason::Signal,
        exit_code: 143,
        leftovers: Vec::new(),
        remedies: vec![deliver.clone()],
    });
    let text = page(journal.entries(), RunState::Cancelled);
    assert_eq!(text.matches(&deliver).count(), 1, "{text}");
    assert!(text.contains("the result is not on main: a signal ended the run"), "{text}");
    assert!(!text.contains("the run asks for this"), "{text}");
}

#[test]
fn a_gate_that_is_red_at_launch_needs_a_person() {
    let mut journal = JournalBuilder::launch(1, 3);
    let gate = journal::gate(Exit::Code(1), 1);
    let log = gate.log.clone();
    journal.push(JournalEvent::Baseline { gate });
    let detail = "the gate is red on the untouched launch commit: exit code 1".to_owned();
    journal.push(JournalEvent::StopRequested { reason: StopReason::GuardTrip, detail, now: false });
    journal.run_ended(StopReason::GuardTrip, 2, Vec::new(), Vec::new());
    let text = page(journal.entries(), RunState::Failed);
    assert!(text.contains("1 thing needs you") && text.contains("--no-baseline or"), "{text}");
    assert!(text.contains(&format!("less {FOLDER}/{log}")), "{text}");
}

#[test]
fn a_planner_that_is_off_has_no_line() {
    let mut journal = JournalBuilder::launch(1, 3);
    journal.whole(iteration(0, 9), "app-9", "Before").plan(iteration(0, 9), BatchSource::Skipped, &[]);
    journal.whole(iteration(0, 1), "app-1", "One");
    assert!(page(journal.entries(), RunState::Crashed).contains("  planner  "), "one that failed has");
    let mut entries = journal.take_entries();
    for entry in &mut entries {
        if let JournalEvent::BatchPlanned { reason, .. } = &mut entry.event {
            *reason = Some(SkipReason::PlannerDisabled);
        }
    }
    let text = page(&entries, RunState::Crashed);
    assert!(!text.contains("  planner  "), "{text}");
}

#[test]
fn tasks_that_were_filed_during_the_run_are_in_its_scope() {
    let mut journal = JournalBuilder::launch(1, 3);
    journal.launched_with(|event| {
        if let JournalEvent::RunStarted { in_scope, .. } = event {
            *in_scope = 1;
        }
    });
    journal.whole(iteration(0, 1), "app-1", "One").whole(iteration(0, 2), "app-2", "Two");
    journal.start(iteration(0, 3), "app-3", "Three", 1);
    assert!(page(journal.entries(), RunState::Crashed).contains("2 of 3 tasks landed"));
}
