//! What a run that is gone on with takes from its journal and from git.

#![expect(clippy::unwrap_used, reason = "a journal that can not be gone on with ends the test")]

use std::sync::Arc;

use hew_core::agent::IterationOutcome;
use hew_core::clock::Clock;
use hew_core::engine::{Effect, Event, State, step};
use hew_core::ids::{CommitId, TaskId};
use hew_core::resume::{Evidence, Unfinished, UnfinishedFold, gather};
use hew_core::tracker::{BdClient, Scope, TaskEditor};
use hew_testkit::fake_git::FakeGit;
use hew_testkit::fake_tracker::FakeTracker;
use hew_testkit::journal::{self, JournalBuilder};
use hew_testkit::manual_clock::ManualClock;
use hew_testkit::scenario::Scenario;
use serde_json::json;

fn fold(run: &JournalBuilder) -> Unfinished {
    let mut fold = UnfinishedFold::default();
    run.entries().iter().for_each(|entry| fold.apply(entry));
    *fold.finish().unwrap()
}

/// Tasks that a run claims first, where one task ended like this before the crash, without a word to the tracker.
fn claims_after(outcome: IterationOutcome) -> Vec<TaskId> {
    let mut config = None;
    drop(Scenario::new().with(|frozen| config = Some(frozen.clone())));
    let config = hew_core::engine::RunConfig { scope: Scope::Ready, ..config.unwrap() };
    let mut run = JournalBuilder::launch(1, 7);
    let id = journal::iteration(0, 1);
    run.start(id, "a", "Task a", 1).spawn(id).end(id, "a", outcome, "no key");
    let before = fold(&run);
    let clock = Arc::new(ManualClock::default());
    let tracker = FakeTracker::new(Arc::clone(&clock) as Arc<dyn Clock>);
    let record = json!({
        "id": "a", "title": "Task a", "status": "open", "priority": 2, "issue_type": "task",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    });
    tracker.import(&record.to_string(), false).unwrap();
    let mut state = State::resumed(config, before, Evidence::default());
    let asked = step(&mut state, Event::Launched, clock.now());
    let query = asked.into_iter().find_map(|effect| match effect {
        Effect::ListReady(query) => Some(query),
        _ => None,
    });
    let ready = tracker.ready(&query.expect("a worker is free")).unwrap();
    let answered = step(&mut state, Event::ReadyListed(Ok(ready)), clock.now());
    let claims = answered.into_iter().filter_map(|effect| match effect {
        Effect::Claim { task, .. } => Some(task),
        _ => None,
    });
    claims.collect()
}

#[test]
fn a_blocked_task_is_not_tried_again_though_the_tracker_was_not_told_to_park_it() {
    assert_eq!(claims_after(IterationOutcome::Blocked), []);
    assert_eq!(claims_after(IterationOutcome::NoClose), [TaskId::new("a")]);
}

/// A run that was about to deliver its tip, and whose branch somebody has moved on since.
fn delivering(git: &FakeGit) -> (Unfinished, CommitId) {
    let mut run = JournalBuilder::launch(1, 7);
    run.whole(journal::iteration(0, 1), "a", "Task a");
    let mut before = fold(&run);
    let tip = git.add_commit(vec![git.base()], &[("a", "work")], "a");
    let on_top = git.add_commit(vec![tip.clone()], &[("theirs", "more")], "on top");
    git.set_ref(&before.run_branch.to_ref(), &on_top);
    before.header.target_branch = Some("main".into());
    (before.tip, before.delivering) = (tip.clone(), Some(tip));
    (before, on_top)
}

#[test]
fn what_stands_on_the_run_branch_is_a_deliverys_merge_only_where_the_target_has_it() {
    let git = FakeGit::new(&[("README", "A project.\n")]);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let tracker = FakeTracker::new(clock);
    let (before, on_top) = delivering(&git);
    assert_eq!(gather(&git, &tracker, &before).unwrap().merged_tip, None, "an agent may have put it there");
    let main = before.header.target_branch.clone().unwrap();
    git.set_ref(&main.to_ref(), &on_top);
    assert_eq!(gather(&git, &tracker, &before).unwrap().merged_tip, Some(on_top));
}
