//! The run whose views stand in docs/loop.md: two workers, an evening's work, a red gate, a task that needs a person.

use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::land::verify::VerifyOutcome;
use hew_core::record::IterationOutcome;
use hew_core::record::event::{
    BatchSource, JournalEvent, LeftoverRecord, SettingRecord, StopReason, TaskChange,
};
use hew_core::usage::Usage;
use serde_json::{Value, json};

use crate::journal::{JournalBuilder, iteration};

const MINUTE: u64 = 60_000;

/// A task: id, title, type, priority, labels, what it waits for.
type Task = (&'static str, &'static str, &'static str, u8, &'static [&'static str], &'static [&'static str]);

const TASKS: [Task; 5] = [
    ("notes-1", "Read notes from a file", "feature", 0, &[], &[]),
    ("notes-2", "Sort notes by date", "task", 2, &["model:haiku"], &[]),
    ("notes-3", "Print notes", "task", 2, &[], &["notes-1"]),
    ("notes-4", "Search notes", "task", 2, &[], &["notes-1"]),
    ("notes-5", "Send notes by mail", "chore", 3, &[], &[]),
];

/// The tasks as beads records, a line each; those that the run closed are closed.
pub fn tasks() -> String {
    let closed = |id: &str| id != "notes-5";
    TASKS
        .iter()
        .map(|(id, title, kind, priority, labels, waits)| {
            let edge = |on: &&str| json!({"issue_id": id, "depends_on_id": on, "type": "blocks"});
            let mut task = json!({
                "id": id, "title": title, "issue_type": kind, "priority": priority, "labels": labels,
                "status": if closed(id) { "closed" } else { "open" },
                "created_at": "2026-11-20T18:00:00Z", "updated_at": "2026-11-20T18:00:00Z",
                "dependencies": waits.iter().map(edge).collect::<Vec<Value>>(),
            });
            if closed(id) {
                task["closed_at"] = "2026-11-20T20:00:00Z".into();
                task["close_reason"] = "landed".into();
            }
            task.to_string() + "\n"
        })
        .collect()
}

/// What an agent printed of one iteration, as transcript.jsonl has it.
pub fn transcript() -> (IterationId, String) {
    let said = |content: Value| json!({"type": "assistant", "message": {"content": [content]}});
    let lines = [
        json!({"type": "system", "subtype": "init", "runtime": "claude"}),
        said(json!({"type": "text", "text": "The dates come as text; I parse them before I compare them."})),
        said(
            json!({"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "cargo test sort"}}),
        ),
        json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t1",
            "content": "test sort::oldest_first ... ok\ntest result: ok. 1 passed"}]}}),
        said(json!({"type": "text", "text": "Sorted, with a test."})),
        json!({"type": "result", "subtype": "success", "is_error": false, "exit": {"code": 0}}),
    ];
    (iteration(1, 2), lines.iter().map(|line| line.to_string() + "\n").collect())
}

/// The first minutes: one task in the works on each worker.
pub fn early() -> JournalBuilder {
    let mut journal = launched();
    first_steps(&mut journal);
    journal
}

/// The whole run.
pub fn whole() -> JournalBuilder {
    let mut journal = launched();
    first_steps(&mut journal);
    rest(&mut journal);
    journal
}

fn launched() -> JournalBuilder {
    let mut journal = JournalBuilder::launch(2, 0x0a1b_2c3d);
    journal.launched_with(|event| {
        if let JournalEvent::RunStarted { in_scope, max_iter, budget_wall_secs, settings, .. } = event {
            *in_scope = TASKS.len();
            *max_iter = None;
            *budget_wall_secs = Some(8 * 3600);
            let setting = |key: &str, value: &str, origin: &str| SettingRecord {
                key: key.to_owned(),
                value: value.to_owned(),
                origin: origin.to_owned(),
            };
            *settings = vec![
                setting("loop.jobs", "2", "flag --jobs"),
                setting("loop.runtime", "claude", "project .hew.toml:2"),
                setting("loop.budget.wall", "8h", "flag --budget-wall"),
            ];
        }
    });
    journal.baseline();
    journal
}

/// Its worktree stands, its plan is made, its agent runs.
fn spawn(journal: &mut JournalBuilder, id: IterationId, model: &str, origin: &str) {
    let worktree = format!("/home/ada/.hew/wt/{}/{}", journal.run_id(), id.worker.0);
    journal.after_ms(400).push(JournalEvent::Prepared { iteration: id, worktree, fresh: id.iter == 1 });
    journal.after_ms(5).push(JournalEvent::Plan {
        iteration: id,
        runtime: "claude".into(),
        model: Some(model.into()),
        model_told: Some(model.into()),
        line: format!(
            "runtime=claude (project .hew.toml:2 loop.runtime) model={model} ({origin}) \
             endpoint=none (claude handles its own)"
        ),
        argv: ["claude", "-p", "--model", model].map(str::to_owned).to_vec(),
        prompt_prefix_hash: "9f86d081".to_owned(),
        provenance: Vec::new(),
    });
    journal.after_ms(2).push(JournalEvent::Spawned { iteration: id, pid: 5000 + id.iter, start_ticks: 77 });
}

fn used(journal: &mut JournalBuilder, thousands: u64, dollars: f64) {
    let usage = Usage {
        input: 2_000 * thousands,
        output: 700 * thousands,
        cache_read: 21_000 * thousands,
        cache_create: 1_300 * thousands,
    };
    journal.agents_use(usage, Some(dollars));
}

/// What the agent or the planner says is to come next.
fn planned(journal: &mut JournalBuilder, number: u32, id: IterationId, source: BatchSource, tasks: &[&str]) {
    journal.push(JournalEvent::BatchPlanned {
        number,
        iteration: id,
        source,
        task_ids: tasks.iter().map(|task| (*task).into()).collect(),
        dropped: Vec::new(),
        reason: None,
        detail: None,
        planner_tokens: (source == BatchSource::Planner).then(|| Usage {
            input: 1_900,
            output: 60,
            ..Usage::default()
        }),
        cost_usd: (source == BatchSource::Planner).then_some(0.01),
        cost_source: None,
    });
}

/// `notes-1` lands; `notes-2` is red; both workers have begun their second task.
fn first_steps(journal: &mut JournalBuilder) {
    let (read, sort) = (iteration(0, 1), iteration(1, 1));
    journal.after_ms(300).start(read, "notes-1", "Read notes from a file", 1);
    journal.start(sort, "notes-2", "Sort notes by date", 1);
    spawn(journal, read, "opus", "project .hew.toml:9 loop.model.by_priority.P0");
    spawn(journal, sort, "haiku", "label model:haiku");
    used(journal, 3, 0.11);
    journal.exit(sort, Exit::Code(0), 4 * MINUTE).collect(sort).gate(sort, Exit::Code(101));
    journal.change(sort, "notes-2", TaskChange::Released);
    journal.end(sort, "notes-2", IterationOutcome::BackpressureFail, "gate red: cargo test (exit code 101)");
    let again = iteration(1, 2);
    journal.start(again, "notes-2", "Sort notes by date", 2);
    spawn(journal, again, "haiku", "label model:haiku");
    used(journal, 8, 1.92);
    journal
        .exit(read, Exit::Code(0), 3 * MINUTE)
        .collect(read)
        .gate(read, Exit::Code(0))
        .land(read, "notes-1");
    planned(journal, 1, read, BatchSource::Agent, &["notes-3", "notes-4"]);
    let print = iteration(0, 2);
    journal.start_on(print, "notes-3", "Print notes", 1, &["notes-1"]).under_batch(1);
    spawn(journal, print, "sonnet", "project .hew.toml:8 loop.model.default");
    journal.after_ms(MINUTE);
}

/// The rest of the evening.
fn rest(journal: &mut JournalBuilder) {
    let (again, print) = (iteration(1, 2), iteration(0, 2));
    used(journal, 4, 0.14);
    journal
        .exit(again, Exit::Code(0), MINUTE)
        .collect(again)
        .gate(again, Exit::Code(0))
        .land(again, "notes-2");
    let search = iteration(1, 3);
    journal.start_on(search, "notes-4", "Search notes", 1, &["notes-1"]).under_batch(1);
    spawn(journal, search, "sonnet", "project .hew.toml:8 loop.model.default");
    used(journal, 5, 0.48);
    journal
        .exit(print, Exit::Code(0), 2 * MINUTE)
        .collect(print)
        .gate(print, Exit::Code(0))
        .land(print, "notes-3");
    let send = iteration(0, 3);
    journal.start(send, "notes-5", "Send notes by mail", 1);
    spawn(journal, send, "haiku", "project .hew.toml:10 loop.model.by_type.chore");
    used(journal, 1, 0.03);
    let why = "there is no mail server in the settings";
    journal.exit(send, Exit::Code(0), MINUTE);
    journal.change(send, "notes-5", TaskChange::Parked { reason: why.to_owned() });
    journal.end(send, "notes-5", IterationOutcome::Blocked, why);
    used(journal, 6, 0.61);
    journal
        .exit(search, Exit::Code(0), 3 * MINUTE)
        .collect(search)
        .gate(search, Exit::Code(0))
        .land(search, "notes-4");
    let sha = journal.tip.clone();
    journal.push(JournalEvent::Verifying { sha: sha.clone() });
    let outcome = VerifyOutcome::Passed { command: "cargo test".to_owned(), duration_secs: 2.6 };
    journal.after_ms(2_600).push(JournalEvent::Verified {
        sha,
        outcome,
        log: Some("verify.log".to_owned()),
        failed_tests: Vec::new(),
    });
    let left = LeftoverRecord {
        task: "notes-5".into(),
        title: "Send notes by mail".to_owned(),
        why: "parked".to_owned(),
    };
    journal.deliver();
    journal.run_ended(StopReason::ReadyEmpty, 1, vec![left], Vec::new());
}
