//! Hand-made journals of whole runs.

use hew_core::exit::Exit;
use hew_core::record::IterationOutcome;
use hew_core::record::event::{
    BatchSource, DeliveryRecord, JournalEvent, LeftoverRecord, StopReason, TaskChange, VerifyOutcome,
};
use hew_core::usage::Usage;

use crate::journal::{JournalBuilder, commit, iteration};

/// A title with everything that breaks pictures, tables and terminals.
pub const HOSTILE_TITLE: &str =
    "Say \"hi\" [x] (y) {z} <b>&amp; --> `end` %%{init}%% #1; a|b 🦀\nsecond line \u{1b}[31mred\u{202e}";

/// Titles each of which breaks some picture that takes it as it is.
pub const HOSTILE_TITLES: [&str; 22] = [
    HOSTILE_TITLE,
    "end",
    "\"]; click x",
    "%%{init: {'theme': 'dark'}}%%",
    "%% a comment",
    "`code` **bold** _soft_ ~~gone~~",
    "1. a list",
    "- a list",
    "style a:b fill:#fff; classDef closed fill:#000",
    "a -->|x| b & c ==> d; e @{ shape: circle }",
    "</text></svg><script>alert(1)</script>&nbsp;&#x41;",
    "<img src=x onerror=alert(1)> <b>&amp;lt;</b>",
    "fa:fa-ban $$x^2$$$ :::closed #quot; #35;",
    "back\\slash \\N \\l \\\" {a|b} \\",
    "first\nsecond\r\nthird\ttab",
    "🦀🦀🦀 👩‍👩‍👧‍👦 é 漢字かな交じり文",
    "שלום עולם مرحبا بالعالم (abc) 123",
    "\u{202e}reversed\u{2066}\u{200b}\u{feff}\u{61c}",
    "\u{0}\u{7}\u{1b}[31m\u{9b}\u{7f}\u{ffff}\u{fffe}",
    "subgraph x[y] direction LR direction\u{a0}TB linkStyle 0",
    "",
    "A title that goes on and on, far longer than any box or line of a picture has room for, so that it has to be cut \
     somewhere without losing what comes after it, and without breaking a character in two: 漢字漢字漢字漢字漢字漢字漢字漢字",
];

/// A run of one worker that landed a task of each title.
pub fn with_titles(titles: &[&str]) -> JournalBuilder {
    let mut journal = JournalBuilder::launch(1, 0x7171);
    for (number, title) in (1..).zip(titles) {
        journal.whole(iteration(0, number), &format!("app-{number}"), title);
    }
    journal.deliver_and_end();
    journal
}

/// A run of three workers in which everything occurs that a picture tells apart: every outcome, every way in which a task
/// was picked, something that has not ended, and a verification that failed.
pub fn every_path() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(3, 0x00e0_e0e0);
    journal.agents_use(Usage { input: 12_000, output: 1_800, cache_read: 40_000, cache_create: 500 }, None);
    journal.baseline();
    landed_after_red(&mut journal);
    journal.plan(iteration(0, 2), BatchSource::Agent, &["app-4"]);
    conflicted(&mut journal);
    journal.plan(iteration(2, 1), BatchSource::Planner, &["app-5", "app-6"]);
    unlanded(&mut journal);
    journal.plan(iteration(1, 5), BatchSource::Skipped, &[]);
    let (manual, unended) = (iteration(2, 4), iteration(0, 5));
    journal.whole(manual, "app-12", "Write the manual").unplanned();
    journal.start(unended, "app-13", "Draw a graph", 1).spawn(unended);
    let failed = VerifyOutcome::Failed {
        command: "cargo test --workspace".to_owned(),
        exit_code: 101,
        duration_secs: 83.2,
        stderr_tail: String::new(),
    };
    let names = ["graph::tests::an_edge_has_both_ends", "render::\"quoted\"", "a::b<c>::d", "a fourth one"];
    journal.verified(failed, &names);
    journal
}

/// A run of three workers in which every outcome occurs, with a parked task, a bug task, leftovers, and a delivery that a
/// person has to finish.
pub fn every_outcome() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(3, 0x1a2b_3c4d);
    journal.baseline();
    landed_after_red(&mut journal);
    conflicted(&mut journal);
    unlanded(&mut journal);
    let about = Some(iteration(1, 3));
    journal.push(JournalEvent::Noticed { about, text: "a process was left behind: sleep (6001)".to_owned() });
    let refused = DeliveryRecord::Refused {
        target: "main".into(),
        reason: "src/lib.rs has changes that are not committed".to_owned(),
        remedy: format!("hew loop deliver --run-id {}", journal.run_id()),
        new_tip: None,
    };
    let remedy = format!("hew loop deliver --run-id {}", journal.run_id());
    journal.after_ms(15).push(JournalEvent::Delivery { outcome: refused });
    let left = |task: &str, title: &str, why: &str| LeftoverRecord {
        task: task.into(),
        title: title.to_owned(),
        why: why.to_owned(),
    };
    let leftovers = vec![
        left("app-4", "Split the parser", "parked"),
        left("app-9", "Needs a key", "parked"),
        left("app-12", "Write the manual", "waits for app-4"),
    ];
    journal.run_ended(StopReason::MaxIter, 3, leftovers, vec![remedy]);
    journal
}

/// `app-1` lands at once; `app-2` is red, then lands; `app-3` builds on `app-1`.
fn landed_after_red(journal: &mut JournalBuilder) {
    let (first, second) = (iteration(0, 1), iteration(1, 1));
    journal.whole(first, "app-1", "Read the settings");
    journal.start(second, "app-2", HOSTILE_TITLE, 1).spawn(second).exit(second, Exit::Code(0), 900);
    journal.collect(second).gate(second, Exit::Code(101));
    journal.change(second, "app-2", TaskChange::Released);
    journal.end(second, "app-2", IterationOutcome::BackpressureFail, "gate red: cargo test (exit code 101)");
    let again = iteration(1, 2);
    journal.start(again, "app-2", HOSTILE_TITLE, 2).spawn(again).exit(again, Exit::Code(0), 1100);
    journal.collect(again).gate(again, Exit::Code(0)).land(again, "app-2");
    let third = iteration(0, 2);
    journal.start_on(third, "app-3", "Show the settings", 1, &["app-1"]).spawn(third);
    journal.exit(third, Exit::Code(0), 700).collect(third).gate(third, Exit::Code(0)).land(third, "app-3");
}

/// `app-4` does not merge; it is parked and a bug task is filed.
fn conflicted(journal: &mut JournalBuilder) {
    let id = iteration(2, 1);
    journal.start(id, "app-4", "Split the parser", 3).spawn(id).exit(id, Exit::Code(0), 2000).collect(id);
    let (tip, anchor) = (journal.tip.clone(), format!("refs/hew/{}/w2/iter-001", journal.run_id()));
    journal.push(JournalEvent::Conflicted {
        iteration: id,
        tip,
        work: commit(3001),
        anchor: anchor.as_str().into(),
        files: vec!["src/parser.rs".to_owned()],
    });
    journal.change(id, "app-4", TaskChange::Filed { bug: "app-13".into() });
    journal.change(
        id,
        "app-4",
        TaskChange::Parked { reason: "3 attempts, the last one a conflict".to_owned() },
    );
    let why = "its work conflicts with what landed meanwhile in src/parser.rs";
    journal.end(id, "app-4", IterationOutcome::Conflict, why);
}

/// The other outcomes, one task each.
fn unlanded(journal: &mut JournalBuilder) {
    use IterationOutcome::{Blocked, Cancelled, NoClose, RateLimited, RuntimeError, Stalled, TimedOut};
    type Case =
        (u16, u32, &'static str, &'static str, Exit, Option<&'static str>, IterationOutcome, &'static str);
    let cases: [Case; 7] = [
        (1, 3, "app-5", "Tidy up", Exit::Code(0), None, NoClose, "ended without a word"),
        (
            2,
            2,
            "app-6",
            "Port to ARM",
            Exit::Code(127),
            None,
            RuntimeError,
            "the agent failed with exit code 127",
        ),
        (0, 3, "app-7", "Make it fast", Exit::Signal(15), Some("timeout"), TimedOut, "60m were up"),
        (
            1,
            4,
            "app-8",
            "Draw the logo",
            Exit::Signal(9),
            Some("stalled"),
            Stalled,
            "no sign of life for 15m",
        ),
        (2, 3, "app-9", "Needs a key", Exit::Code(0), None, Blocked, "there is no API key"),
        (0, 4, "app-10", "Ask the model", Exit::Code(1), None, RateLimited, "the runtime rests"),
        (
            1,
            5,
            "app-11",
            "Add colours",
            Exit::Signal(15),
            Some("requested"),
            Cancelled,
            "the run was stopped",
        ),
    ];
    for (worker, iter, task, title, exit, stopped, outcome, reason) in cases {
        let id = iteration(worker, iter);
        journal.start(id, task, title, 1).spawn(id).exit_stopped(id, exit, 3_000, stopped);
        if outcome == Blocked {
            journal.change(id, task, TaskChange::Parked { reason: reason.to_owned() });
        } else {
            journal.change(id, task, TaskChange::Released);
        }
        journal.end(id, task, outcome, reason);
    }
}

/// A run that is in the middle of its work: one landed, one running, one in the gate.
pub fn in_the_middle() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(2, 0x0000_0042);
    journal.whole(iteration(0, 1), "app-1", "Read the settings");
    let (lane, agent) = (iteration(0, 2), iteration(1, 1));
    journal.start(lane, "app-2", "Write the settings", 1).spawn(lane).exit(lane, Exit::Code(0), 800);
    journal.collect(lane);
    journal.start(agent, "app-3", "Show the settings", 2).spawn(agent);
    journal
}
