//! The fold of a journal that a run is gone on with, held against the view of the same journal: any beginning of it.

#![expect(clippy::unwrap_used, reason = "what a test relies on and is not there ends it")]

use std::time::Duration;

use hew_core::record::event::GivenBackRecord;
use hew_core::record::{IterationOutcome, JournalEntry, JournalEvent, RunView, StopReason};
use hew_core::resume::{NotResumable, Stands, Unfinished, UnfinishedFold};
use hew_core::tracker::NewTask;
use hew_testkit::journal::{self, JournalBuilder};

fn fold(entries: &[JournalEntry]) -> Result<Box<Unfinished>, NotResumable> {
    let mut fold = UnfinishedFold::default();
    for entry in entries {
        fold.apply(entry);
    }
    fold.finish()
}

fn assert_any_beginning_resumes(name: &str, journal: &JournalBuilder) {
    let entries = journal.entries();
    assert_eq!(fold(&[]).unwrap_err(), NotResumable::Empty, "{name}");
    for length in 1..=entries.len() {
        let beginning = &entries[..length];
        let last = &beginning[length - 1];
        if let JournalEvent::RunEnded { stop_reason: reason, exit_code, .. } = last.event {
            assert_eq!(fold(beginning).unwrap_err(), NotResumable::Ended { reason, exit_code }, "{name}");
            continue;
        }
        let before = fold(beginning).unwrap();
        let view = RunView::of(beginning);
        let open: Vec<_> = view.in_flight().map(|iteration| iteration.id).collect();
        assert_eq!(before.open.keys().copied().collect::<Vec<_>>(), open, "{name} {length}");
        assert_eq!(
            (before.started, before.landed),
            (view.totals.iterations, view.totals.landed),
            "{name} {length}"
        );
        assert_eq!((before.last_seq, before.lived), (last.seq, Duration::from_millis(last.elapsed_ms)));
        assert_eq!(before.spent.total().tokens, view.spent_so_far().usage.total(), "{name} {length}");
        if let Some(tip) = &view.tip {
            assert_eq!(before.tip, *tip, "{name} {length}");
        }
        for (id, task) in &before.tasks {
            let seen = &view.tasks[id];
            assert_eq!(
                (task.stands == Stands::Held, task.attempts),
                (seen.is_running, seen.attempts),
                "{name} {id}"
            );
        }
        for (worker, totals) in &view.workers {
            let last = before.iters.get(worker).copied().unwrap_or_default();
            assert!(u64::from(last) >= totals.iterations, "{name} {length}: numbers are never given twice");
        }
    }
}

#[test]
fn any_beginning_of_a_journal_can_be_gone_on_with() {
    assert_any_beginning_resumes("every path", &journal::every_path());
    assert_any_beginning_resumes("every outcome", &journal::every_outcome());
    assert_any_beginning_resumes("in the middle", &journal::in_the_middle());
    assert_any_beginning_resumes("a night", &journal::night(4, 60));
}

#[test]
fn a_landing_is_known_after_its_end_while_the_same_workers_work_waits_to_be_closed() {
    let mut run = JournalBuilder::launch(1, 7);
    let (change, none) = (journal::iteration(0, 1), journal::iteration(0, 2));
    for (id, task) in [(change, "a"), (none, "n")] {
        run.start(id, task, task, 1).spawn(id).collect(id);
        run.push(JournalEvent::Stacked {
            iteration: id,
            task: task.into(),
            branch: None,
            from: journal::launch_commit(),
            sha: journal::commit(1001),
            is_change: id == change,
            reason: String::new(),
        });
    }
    run.gate(change, hew_core::exit::Exit::Code(0)).land(change, "a");
    let before = fold(run.entries()).unwrap();
    assert_eq!(before.open.keys().copied().collect::<Vec<_>>(), [none]);
    assert!(before.branch_landings.contains(&(none.worker, before.tip.clone())), "{before:?}");
}

/// Two tasks wait on a worker's branch; the first has been given back.
fn half_given_back(outcome: IterationOutcome, is_kept: bool) -> JournalBuilder {
    let mut run = JournalBuilder::launch(1, 8);
    let ids = [journal::iteration(0, 1), journal::iteration(0, 2)];
    for (id, task) in ids.into_iter().zip(["a", "b"]) {
        run.start(id, task, task, 1).spawn(id).collect(id);
        run.push(JournalEvent::Stacked {
            iteration: id,
            task: task.into(),
            branch: None,
            from: journal::launch_commit(),
            sha: journal::commit(1001),
            is_change: true,
            reason: String::new(),
        });
    }
    let part = |iteration, task: &str| GivenBackRecord {
        iteration,
        task: task.into(),
        reason: format!("{task} does not land"),
    };
    if outcome == IterationOutcome::Cancelled {
        let detail = "SIGTERM".to_owned();
        run.push(JournalEvent::StopRequested { reason: StopReason::Signal, detail, now: false });
    }
    run.push(JournalEvent::GivenUp {
        iteration: ids[1],
        branch: "loop/r/w0".into(),
        sha: journal::commit(1001),
        parts: vec![part(ids[0], "a"), part(ids[1], "b")],
        outcome,
        is_first_taken: false,
        is_kept,
        bug: Some(Box::new(NewTask::titled("[merge-conflict] r worker-0"))),
    });
    run.push(JournalEvent::IterationEnded {
        iteration: ids[0],
        task: "a".into(),
        outcome,
        reason: None,
        landed_sha: None,
        spares_attempt: false,
    });
    run
}

#[test]
fn what_was_given_up_is_known_after_a_crash_in_the_middle_of_giving_it_back() {
    let run = half_given_back(IterationOutcome::Conflict, true);
    let before = fold(run.entries()).unwrap();
    let open: Vec<_> = before.open.values().collect();
    assert_eq!(open.len(), 1);
    let given_back = open[0].given_back.as_ref().unwrap();
    assert_eq!(
        (given_back.outcome, given_back.reason.as_str()),
        (IterationOutcome::Conflict, "b does not land")
    );
    assert!(given_back.bug.is_some() && !given_back.is_taken);
    let branch = &before.given_up[&open[0].id.worker];
    assert_eq!(branch.tasks, ["a", "b"].map(Into::into));
    assert!(!branch.was_left, "no agent left the folder as it was");
    assert!(before.is_merging, "nothing was begun any more");
}

#[test]
fn what_a_signal_gave_back_is_kept_by_no_branch_and_may_begin_again() {
    let run = half_given_back(IterationOutcome::Cancelled, false);
    let before = fold(run.entries()).unwrap();
    assert!(before.open.values().all(|open| open.given_back.is_some()));
    assert!(before.given_up.is_empty() && !before.is_merging);
}

#[test]
fn a_run_that_was_gone_on_with_can_be_gone_on_with_again() {
    let mut entries = journal::in_the_middle().entries().to_vec();
    let before = fold(&entries).unwrap();
    let last = entries.last().unwrap().clone();
    let event = JournalEvent::RunResumed {
        pid: 7,
        hew_version: "0".to_owned(),
        ended_processes: 0,
        removed_locks: Vec::new(),
    };
    entries.push(JournalEntry { seq: last.seq + 1, elapsed_ms: last.elapsed_ms + 5, event, ..last });
    let after = fold(&entries).unwrap();
    assert_eq!((before.resumes, after.resumes), (0, 1));
    assert_eq!((after.open, after.tasks), (before.open, before.tasks));
    assert_eq!(RunView::of(&entries).resumes, 1);
}
