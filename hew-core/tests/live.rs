//! Whole frames of the live view and whole pages of `hew loop status`, and that no line of theirs is ever too wide.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use chrono::{DateTime, TimeDelta, Utc};
use hew_core::agent::FailureClass;
use hew_core::record::event::{BatchSource, JournalEvent, RuntimeChange, StopReason};
use hew_core::record::files::CostSource;
use hew_core::record::view::RunView;
use hew_core::record::{JournalEntry, RunState};
use hew_core::render::live::{self, Sign, Signs, Size};
use hew_core::render::narrate::{narrate, opening};
use hew_core::render::status::{self, Seen};
use hew_core::usage::Usage;
use hew_testkit::journal::{self, HOSTILE_TITLE, JournalBuilder, iteration};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

const TITLES: [&str; 4] = [
    HOSTILE_TITLE,
    "日本語のタイトルはとても長いので切られる必要があります、どこかで",
    "family 👨‍👩‍👧‍👦 and flags 🇩🇪🇫🇷 and a\tTab",
    "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\u{202e}backwards",
];

/// A run of so many workers, each with an agent that runs, and results in the lane.
fn busy(jobs: u16) -> JournalBuilder {
    let mut journal = JournalBuilder::launch(jobs, 0x0000_0042);
    for worker in 0..jobs {
        let id = iteration(worker, 1);
        journal.whole(id, &format!("app-{worker}"), "Landed already");
    }
    for worker in 0..jobs {
        let id = iteration(worker, 2);
        let title = TITLES[usize::from(worker) % TITLES.len()];
        let attempt = 1 + u32::from(worker % 3 == 1);
        journal.start(id, &format!("app-{}", 100 + worker), title, attempt).after_ms(700).spawn(id);
        if worker % 4 == 2 {
            journal.exit(id, hew_core::exit::Exit::Code(0), 900).collect(id);
        } else {
            let usage = Usage { input: 1_200 * u64::from(worker + 1), output: 345, ..Usage::default() };
            let (cost_usd, cost_source) = (Some(0.25), Some(CostSource::Reported));
            journal.push(JournalEvent::Used { iteration: id, usage, cost_usd, cost_source });
        }
    }
    journal
}

fn end(journal: &JournalBuilder) -> DateTime<Utc> {
    journal.entries().last().expect("an entry").at
}

fn signs(journal: &JournalBuilder) -> Signs {
    let said = ["▸ Bash cargo test --workspace", "I will look at 日本語 next", "\u{1b}[31mred\u{1b}[0m"];
    let at = |number: usize| end(journal) + TimeDelta::seconds(60 * i64::from(number.is_multiple_of(2)));
    let running = RunView::of(journal.entries());
    let ids: Vec<_> = running.in_flight().map(|it| it.id).collect();
    ids.iter()
        .enumerate()
        .map(|(number, id)| {
            (*id, Sign { at: at(number), said: said.get(number % 4).map(|s| (*s).to_owned()) })
        })
        .collect()
}

fn frame(journal: &JournalBuilder, columns: usize, rows: usize) -> Vec<String> {
    let now = end(journal) + TimeDelta::milliseconds(65_400);
    live::frame(&RunView::of(journal.entries()), &signs(journal), now, Size { columns, rows })
}

/// A frame as a page: each line between bars that show where it ends.
fn page(lines: &[String]) -> String {
    let mut page = String::new();
    for line in lines {
        let _ = writeln!(page, "|{line}|");
    }
    page
}

fn plain(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| strip_str(line).to_string()).collect()
}

fn widest(lines: &[String]) -> usize {
    plain(lines).iter().map(|line| line.width()).max().unwrap_or(0)
}

#[test]
fn frames_of_few_and_many_workers_in_narrow_and_wide_terminals() {
    for jobs in [1, 4, 16] {
        let journal = busy(jobs);
        for columns in [80, 200] {
            let lines = frame(&journal, columns, 50);
            assert_eq!(
                lines.len(),
                usize::from(jobs) + 2,
                "one line a worker, one for the lane, one of totals"
            );
            assert!(widest(&lines) <= columns);
            insta::assert_snapshot!(format!("frame_{jobs}_workers_{columns}_columns"), page(&plain(&lines)));
        }
    }
    let coloured = page(&frame(&busy(4), 80, 50)).replace('\u{1b}', "␛");
    insta::assert_snapshot!("frame_4_workers_80_columns_in_colour", coloured);
}

#[test]
fn a_low_window_keeps_the_totals_and_says_what_is_left_out() {
    let journal = busy(16);
    for rows in 0..20 {
        let lines = plain(&frame(&journal, 80, rows));
        assert_eq!(lines.len(), rows.min(18));
        assert!(rows == 0 || lines[lines.len() - 1].contains("16/32 landed"), "{lines:?}");
        assert_eq!(
            rows > 1 && rows < 18,
            lines.iter().any(|line| line.contains("lines more")),
            "{rows}: {lines:?}"
        );
    }
}

#[test]
fn nothing_is_drawn_before_a_run_begins_and_after_it_has_ended() {
    let mut journal = journal::in_the_middle();
    let size = Size { columns: 80, rows: 24 };
    let of = |entries: &[JournalEntry]| {
        live::frame(&RunView::of(entries), &Signs::new(), DateTime::UNIX_EPOCH, size)
    };
    assert_eq!(of(&[]), Vec::<String>::new());
    assert_eq!(of(journal.entries()).len(), 4);
    journal.run_ended(StopReason::Signal, 130, Vec::new(), Vec::new());
    assert_eq!(of(journal.entries()), Vec::<String>::new());
}

/// A run that is held by everything at once.
fn held() -> JournalBuilder {
    let mut journal = journal::in_the_middle();
    let until = end(&journal) + TimeDelta::minutes(20);
    journal.push(JournalEvent::RuntimeChanged {
        iteration: iteration(1, 1),
        runtime: "claude".into(),
        change: RuntimeChange::Rests {
            class: FailureClass::Quota,
            message: "usage limit reached".to_owned(),
            until,
            named: true,
        },
    });
    journal.push(JournalEvent::AwaitingRuntime { until, why: "claude rests".to_owned() });
    let detail = "SIGINT".to_owned();
    journal.push(JournalEvent::StopRequested { reason: StopReason::Signal, detail, now: false });
    journal
}

#[test]
fn what_holds_a_run_is_said_in_words() {
    let lines = plain(&frame(&held(), 110, 24));
    insta::assert_snapshot!(page(&lines));
}

fn status_of(journal: &JournalBuilder, state: RunState) -> String {
    let now = end(journal) + TimeDelta::seconds(90);
    let signs = signs(journal);
    let view = RunView::of(journal.entries());
    strip_str(&status::text(&view, Seen { state, signs: &signs, now }, 100)).to_string()
}

#[test]
fn status_of_a_run_that_goes_on_and_of_one_that_died() {
    insta::assert_snapshot!("status_running", status_of(&journal::in_the_middle(), RunState::Running));
    insta::assert_snapshot!("status_held", status_of(&held(), RunState::Running));
    let died = status_of(&journal::in_the_middle(), RunState::Crashed);
    insta::assert_snapshot!("status_crashed", died);
    assert!(
        died.contains("crashed\n") && !died.contains("w1    app-3  running"),
        "nothing of a dead run runs: {died}"
    );
}

#[test]
fn more_than_was_in_scope_at_launch_is_still_all_of_it_and_commits_are_no_tasks() {
    let mut journal = busy(16);
    assert!(status_of(&journal, RunState::Running).contains("16 of 32 tasks in scope"));
    journal.whole(iteration(0, 3), "app-0", "Landed once more");
    assert!(status_of(&journal, RunState::Running).contains("16 of 32 tasks in scope"));
    let lines = plain(&frame(&journal, 80, 50));
    assert!(lines[lines.len() - 1].contains("16/32 landed"), "{lines:?}");
    // As a run that draws it forgets what is over.
    let mut view = RunView::new();
    for entry in journal.entries() {
        view.apply(entry);
        if let JournalEvent::IterationEnded { iteration, .. } = &entry.event {
            view.forget_with_task(*iteration);
        }
    }
    let lines = plain(&live::frame(&view, &Signs::new(), end(&journal), Size { columns: 80, rows: 50 }));
    assert!(lines[lines.len() - 1].contains("16/32 landed"), "{lines:?}");
}

#[test]
fn status_tells_that_the_planner_is_asked_until_it_has_answered() {
    let mut journal = busy(2);
    journal.push(JournalEvent::PlannerStarted {
        number: 1,
        iteration: iteration(0, 1),
        runtime: "claude".into(),
        model: None,
        line: String::new(),
        argv: Vec::new(),
        provenance: Vec::new(),
    });
    let text = status_of(&journal, RunState::Running);
    assert!(
        text.contains("  planner      claude is asked what is next, after w0/iter-001, for 1m30s so far\n"),
        "{text}"
    );
    journal.plan(iteration(0, 1), BatchSource::Planner, &["app-1"]);
    assert!(!status_of(&journal, RunState::Running).contains("planner"));
}

#[test]
fn status_for_programs_has_every_figure() {
    let journal = journal::in_the_middle();
    let (view, signs) = (RunView::of(journal.entries()), signs(&journal));
    let now = end(&journal) + TimeDelta::seconds(90);
    let object = |seen| serde_json::to_value(status::json::object(&view, seen)).expect("serialisable");
    let json = object(Seen { state: RunState::Running, signs: &signs, now });
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).expect("serialisable"));
    let dead = object(Seen { state: RunState::Crashed, signs: &Signs::new(), now });
    assert_eq!((&dead["state"], &dead["held"]), (&"crashed".into(), &serde_json::json!([])));
    let age = |value: &serde_json::Value| value["workers"][1]["age_ms"].as_u64().expect("an age");
    assert_eq!(age(&json), age(&dead) + 90_000, "a dead run gets no older");
}

#[test]
fn what_a_stop_does_is_told_as_it_is() {
    let cases = [
        (StopReason::Signal, "SIGINT", false),
        (StopReason::Signal, "SIGINT", true),
        (StopReason::Cancelled, "hew loop cancel", false),
        (StopReason::Cancelled, "hew loop cancel --now", true),
        (StopReason::StopFile, "/p/.stop", false),
        (StopReason::BudgetWall, "3600s have passed", false),
        (StopReason::BudgetTokens, "1000 tokens are used", false),
        (StopReason::MaxIter, "4 iterations begun", false),
    ];
    let mut told = String::new();
    for (reason, detail, now) in cases {
        let mut journal = busy(4);
        journal.push(JournalEvent::StopRequested { reason, detail: detail.to_owned(), now });
        let view = RunView::of(journal.entries());
        let line = narrate(&journal.entries().last().expect("an entry").event, &view);
        let _ = writeln!(told, "{}", line.expect("a stop is told"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_done_with_a_whole_tree_is_named_and_a_stop_says_what_becomes_of_it() {
    let sha = || journal::commit(1);
    let cases = [
        (
            JournalEvent::BaselineStarted { sha: sha() },
            "gate on the launch commit",
            "launch commit is stopped",
        ),
        (
            JournalEvent::Verifying { sha: sha() },
            "all tests on the result",
            "the same signal again stops them",
        ),
    ];
    for (event, lane, fate) in cases {
        let mut journal = JournalBuilder::launch(1, 0x0000_0042);
        journal.push(event);
        let view = RunView::of(journal.entries());
        assert!(view.is_at_work(), "ages are told while it runs");
        let lines = plain(&frame(&journal, 100, 10));
        assert_eq!(lines[1], format!("land  {lane}"));
        let detail = "SIGINT".to_owned();
        journal.push(JournalEvent::StopRequested { reason: StopReason::Signal, detail, now: false });
        let view = RunView::of(journal.entries());
        let told =
            narrate(&journal.entries().last().expect("an entry").event, &view).expect("a stop is told");
        assert!(told.contains(fate) && !told.contains("their work"), "{told}");
    }
}

/// A terminal that closes says so twice: the second time asks for nothing.
#[test]
fn a_hangup_is_not_said_to_go_further_when_it_comes_again() {
    let told = |journal: &mut JournalBuilder| {
        let detail = "SIGHUP".to_owned();
        journal.push(JournalEvent::StopRequested { reason: StopReason::Signal, detail, now: false });
        let view = RunView::of(journal.entries());
        narrate(&journal.entries().last().expect("an entry").event, &view).expect("a stop is told")
    };
    let mut verifying = JournalBuilder::launch(1, 0x0000_0042);
    verifying.push(JournalEvent::Verifying { sha: journal::commit(1) });
    for mut journal in [busy(4), verifying] {
        let told = told(&mut journal);
        assert!(told.contains("hew loop cancel --now stops them now"), "{told}");
        assert!(!told.contains("the same signal"), "{told}");
    }
}

#[test]
fn a_signal_says_what_becomes_of_a_gate_that_runs() {
    let id = iteration(0, 1);
    let told = |is_gating: bool, now: bool| {
        let mut journal = JournalBuilder::launch(1, 0x0000_0042);
        journal.start(id, "app-1", "One", 1).spawn(id);
        journal.exit(id, hew_core::exit::Exit::Code(0), 900).collect(id);
        if is_gating {
            let (tip, candidate) = (journal::commit(1), journal::commit(2));
            let tree = journal::gate(hew_core::exit::Exit::Code(0), 2).tree_sha;
            journal.push(JournalEvent::Candidate { iteration: id, tip, candidate, tree });
        }
        let (reason, detail) = (StopReason::Signal, "SIGINT".to_owned());
        journal.push(JournalEvent::StopRequested { reason, detail, now });
        let view = RunView::of(journal.entries());
        narrate(&journal.entries().last().expect("an entry").event, &view).expect("a stop is told")
    };
    assert!(
        told(true, false).contains("the gate that runs may end within the grace"),
        "{}",
        told(true, false)
    );
    assert!(told(true, true).contains("the gate that runs is stopped; nothing is delivered"));
    assert!(told(false, false).contains("no new gate begins; nothing is delivered"));
}

#[test]
fn the_first_lines_say_where_to_look_and_how_to_stop() {
    let view = RunView::of(journal::in_the_middle().entries());
    insta::assert_snapshot!(opening(view.header.as_ref().expect("a header")).join("\n"));
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_moves_the_cursor(
        title in any::<String>(), said in any::<String>(), columns in 0_usize..300, rows in 0_usize..30,
    ) {
        let mut journal = journal::in_the_middle();
        let id = iteration(0, 3);
        journal.start(id, &title, &title, 2).spawn(id);
        let sign = Sign { at: end(&journal), said: Some(said) };
        let signs = Signs::from([(id, sign)]);
        let now = end(&journal) + TimeDelta::seconds(75);
        let view = RunView::of(journal.entries());
        let mut lines = live::frame(&view, &signs, now, Size { columns, rows });
        prop_assert!(lines.len() <= rows);
        lines.extend(status::lines(&view, Seen { state: RunState::Running, signs: &signs, now }, columns));
        for line in plain(&lines) {
            prop_assert!(line.width() <= columns, "{line:?}");
            prop_assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}
