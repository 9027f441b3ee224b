//! The fold of a journal, and the files made from it.

use hew_core::agent::FailureClass;
use hew_core::exit::Exit;
use hew_core::ids::IterationId;
use hew_core::record::event::{BatchSource, JournalEntry, JournalEvent, TaskChange};
use hew_core::record::files::{
    self, FileError, IterationFile, ManifestFile, RunFile, iteration_dir, iteration_file_name, projections,
};
use hew_core::record::view::{Phase, RowFold};
use hew_core::record::{IterationOutcome, LineRecord, RunView};
use hew_core::usage::Usage;
use hew_testkit::journal::{self, JournalBuilder, commit, iteration};
use proptest::prelude::*;

fn view(journal: &JournalBuilder) -> RunView {
    RunView::of(journal.entries())
}

#[test]
fn a_run_with_every_outcome_adds_up() {
    let view = view(&journal::every_outcome());
    let totals = &view.totals;
    assert_eq!((totals.iterations, totals.ended()), (12, 12));
    for outcome in IterationOutcome::ALL {
        let expected = if outcome == IterationOutcome::Closed { 3 } else { 1 };
        assert_eq!(totals.of(outcome), expected, "{outcome:?}");
    }
    assert_eq!((totals.landed, totals.files, totals.added, totals.removed), (3, 6, 30, 9));
    assert_eq!((totals.parked, totals.gates), (2, 4));
    let by_worker: Vec<_> =
        view.workers.values().map(|w| (w.iterations, w.ended, w.closed, w.landed)).collect();
    assert_eq!(by_worker, [(4, 4, 2, 2), (5, 5, 1, 1), (3, 3, 0, 0)]);
    assert_eq!(view.tip, Some(commit(103)));
    assert_eq!((view.leftovers.len(), view.notice_count), (3, 1));
    assert_eq!(view.ending.as_ref().and_then(|ending| ending.exit_code), Some(3));
    assert_eq!(view.in_flight().count(), 0);
}

#[test]
fn tokens_and_money_add_up_over_agents_that_were_run_again() {
    let usage = Usage { input: 1000, output: 40, cache_read: 300, cache_create: 60 };
    let mut journal = JournalBuilder::launch(2, 7);
    let (one, other) = (iteration(0, 1), iteration(1, 1));
    journal.agents_use(usage, Some(0.25)).start(one, "app-1", "One", 1).spawn(one).exit(
        one,
        Exit::Code(1),
        10,
    );
    journal.exit(one, Exit::Code(0), 10).collect(one).end(one, "app-1", IterationOutcome::Closed, "done");
    journal.agents_use(usage, None).start(other, "app-2", "Two", 1).spawn(other).exit(
        other,
        Exit::Code(0),
        10,
    );
    let view = view(&journal);
    let file = |id| IterationFile::of(&view.iterations[&id], 2);
    let twice = Usage { input: 2000, output: 80, cache_read: 600, cache_create: 120 };
    assert_eq!((file(one).cost, file(one).cost_usd), (twice, Some(0.5)));
    assert_eq!(file(one).cost_source, Some(files::CostSource::Reported));
    assert_eq!((file(other).cost, file(other).cost_usd), (usage, None));
    assert_eq!(file(other).cost_source, Some(files::CostSource::Unknown));
    let totals = view.totals.spent;
    assert_eq!((totals.usage.total(), totals.cost_usd, totals.unpriced), (4200, Some(0.5), 1400));
    assert_eq!(RunFile::of(&view).map(|run| run.cumulative_tokens), Some(4200));
    let workers = ManifestFile::of(&view).map(|manifest| manifest.workers).unwrap_or_default();
    let tokens: Vec<u64> = workers.iter().map(|worker| worker.cumulative_tokens).collect();
    assert_eq!(tokens, [2800, 1400]);
}

#[test]
fn what_an_agent_had_told_of_counts_where_nobody_saw_its_end() {
    let usage = Usage { input: 1000, ..Usage::default() };
    let mut journal = JournalBuilder::launch(1, 7);
    let id = iteration(0, 1);
    journal.start(id, "app-1", "One", 1).spawn(id);
    let cost_source = Some(files::CostSource::ListPrice);
    journal.push(JournalEvent::Used { iteration: id, usage, cost_usd: Some(0.5), cost_source });
    journal.collect(id).end(id, "app-1", IterationOutcome::RuntimeError, "the disk is full");
    journal.end(id, "app-1", IterationOutcome::RuntimeError, "the disk is full");
    let view = view(&journal);
    let sums = [view.totals.spent, view.workers[&id.worker].spent, view.iterations[&id].spent];
    for spent in sums.into_iter().chain([view.spent_so_far()]) {
        assert_eq!((spent.usage.total(), spent.cost_usd), (1000, Some(0.5)));
        assert_eq!(spent.source(), files::CostSource::ListPrice);
    }
}

#[test]
fn workers_wait_for_a_plan_only_until_the_dispatcher_looks_anew() {
    let (one, other) = (iteration(0, 1), iteration(1, 1));
    let holding = || {
        let mut journal = JournalBuilder::launch(2, 7);
        journal.start(one, "app-1", "One", 1).spawn(one);
        journal.push(JournalEvent::Tick {
            ready_seen: 1,
            batch_source: BatchSource::Agent,
            batch: Some(1),
            held_by_plan: 1,
            assignments: Vec::new(),
            claim_failures: Vec::new(),
        });
        journal
    };
    assert_eq!(view(&holding()).held_by_plan, 1);
    assert_eq!(view(holding().start(other, "app-2", "Two", 1).spawn(other)).held_by_plan, 1);
    assert_eq!(view(holding().exit(one, Exit::Code(0), 9).collect(one)).held_by_plan, 0, "queued");
    assert_eq!(view(holding().land(one, "app-1")).held_by_plan, 0, "landed");
    assert_eq!(view(holding().end(one, "app-1", IterationOutcome::NoClose, "")).held_by_plan, 0, "ended");
    assert_eq!(view(holding().push(JournalEvent::Verifying { sha: commit(1) })).held_by_plan, 0);
    assert_eq!(view(holding().deliver()).held_by_plan, 0);
}

#[test]
fn an_iteration_that_is_tried_again_shows_no_agent_and_no_exit_of_its_last_try() {
    let mut journal = JournalBuilder::launch(1, 7);
    let id = iteration(0, 1);
    journal.start(id, "app-1", "One", 1).spawn(id).exit(id, Exit::Code(1), 10);
    journal.push(JournalEvent::RetryPlanned {
        iteration: id,
        runtime: "one".into(),
        class: FailureClass::Server,
        message: "503".to_owned(),
        retry: 1,
        wait_ms: 5000,
    });
    let view = view(&journal);
    let iteration = &view.iterations[&id];
    assert_eq!((iteration.phase, &iteration.agent, &iteration.exit), (Phase::Waiting, &None, &None));
}

#[test]
fn a_task_knows_its_attempts_its_landing_and_its_proof() {
    let view = view(&journal::every_outcome());
    let red_then_green = &view.tasks[&"app-2".into()];
    assert_eq!((red_then_green.attempts, red_then_green.is_closed), (2, true));
    assert_eq!(red_then_green.landed_sha, Some(commit(102)));
    assert!(red_then_green.gate.as_ref().is_some_and(hew_core::record::view::GateProofView::is_green));
    let conflicted = &view.tasks[&"app-4".into()];
    assert_eq!(conflicted.bug, Some("app-13".into()));
    assert_eq!(conflicted.parked.as_deref(), Some("3 attempts, the last one a conflict"));
    assert_eq!(view.tasks[&"app-3".into()].builds_on, ["app-1".into()]);
}

#[test]
fn what_runs_is_in_flight_with_its_phase() {
    let view = view(&journal::in_the_middle());
    let flight: Vec<_> = view.in_flight().map(|it| (it.id, it.phase)).collect();
    assert_eq!(flight, [(iteration(0, 2), Phase::Queued), (iteration(1, 1), Phase::Running)]);
    assert!(view.ending.is_none());
}

/// A close that the tracker refused is tried again at the end, and its iteration ends once more.
#[test]
fn an_iteration_that_ends_twice_counts_once() {
    for forget in [false, true] {
        let mut journal = JournalBuilder::launch(1, 1);
        journal.whole(iteration(0, 1), "app-1", "One");
        let last = journal.entries().last().expect("an entry").event.clone();
        let mut view = view(&journal);
        if forget {
            view.forget(iteration(0, 1));
        }
        journal.push(last);
        view.apply(journal.entries().last().expect("an entry"));
        assert_eq!((view.totals.iterations, view.totals.ended(), view.totals.landed), (1, 1, 1), "{forget}");
        assert_eq!(view.workers[&iteration(0, 1).worker].closed, 1);
        assert_eq!(view.iterations.len(), usize::from(!forget));
    }
}

#[test]
fn forgetting_what_ended_changes_no_total_and_a_running_iteration_is_kept() {
    let journal = journal::every_outcome();
    let (mut kept, mut small) = (RunView::new(), RunView::new());
    let mut most = 0;
    for entry in journal.entries() {
        kept.apply(entry);
        small.apply(entry);
        let ids: Vec<IterationId> = small.iterations.keys().copied().collect();
        for id in ids {
            small.forget(id);
        }
        most = most.max(small.iterations.len());
    }
    assert_eq!(most, 1);
    assert!(small.iterations.is_empty());
    assert_eq!(small.totals, kept.totals);
    assert_eq!(small.workers, kept.workers);
    assert_eq!(small.tasks, kept.tasks);
}

#[test]
fn a_fold_for_files_keeps_no_settled_task_and_the_same_totals() {
    let journal = journal::every_outcome();
    let mut small = RunView::new();
    for entry in journal.entries() {
        small.apply(entry);
        if let JournalEvent::IterationEnded { iteration, .. } = &entry.event {
            small.forget_with_task(*iteration);
        }
    }
    let whole = view(&journal);
    assert!(small.tasks.is_empty() && small.iterations.is_empty());
    assert_eq!((small.totals, small.workers), (whole.totals, whole.workers));
}

proptest! {
    #[test]
    fn any_prefix_and_any_order_of_any_part_folds(
        picks in proptest::collection::vec((0_usize..200, any::<u64>(), any::<bool>()), 0..120)
    ) {
        let journal = journal::every_outcome();
        let all = journal.entries();
        let mut view = RunView::new();
        for (pick, elapsed_ms, forget) in picks {
            let mut entry: JournalEntry = all[pick % all.len()].clone();
            entry.elapsed_ms = elapsed_ms;
            view.apply(&entry);
            for name in projections(&view, &entry.event) {
                files::render(&view, &name);
            }
            if forget {
                let ids: Vec<IterationId> = view.iterations.keys().copied().collect();
                for id in ids {
                    view.forget(id);
                }
            }
            prop_assert!(view.totals.ended() <= view.totals.iterations);
            let ended: u64 = view.workers.values().map(|worker| worker.ended).sum();
            prop_assert_eq!(ended, view.totals.ended());
        }
    }

    #[test]
    fn any_prefix_of_a_journal_agrees_with_its_own_end(cut in 0_usize..200) {
        let journal = journal::every_outcome();
        let cut = cut.min(journal.entries().len());
        let (before, after) = journal.entries().split_at(cut);
        let mut view = RunView::of(before);
        prop_assert!(view.in_flight().count() <= 3);
        for entry in after {
            view.apply(entry);
        }
        prop_assert_eq!(view, RunView::of(journal.entries()));
    }
}

#[test]
fn a_journal_line_reads_back() {
    for entry in journal::every_outcome().entries() {
        let line = serde_json::to_string(entry).expect("serialisable");
        assert_eq!(&serde_json::from_str::<JournalEntry>(&line).expect("readable"), entry, "{line}");
    }
}

#[test]
fn iterations_lie_at_the_root_with_one_worker_and_in_its_folder_with_more() {
    assert_eq!(iteration_dir(1, iteration(0, 7)), "iter-007");
    assert_eq!(iteration_dir(2, iteration(0, 7)), "worker-0/iter-007");
    for (jobs, id) in [(1, iteration(0, 7)), (3, iteration(2, 1000))] {
        let name = iteration_file_name(jobs, id);
        assert_eq!(files::iteration_of_name(jobs, &name), Some(id), "{name}");
    }
    for (jobs, name) in
        [(1, "worker-0/iter-001.json"), (2, "iter-001.json"), (2, "run.json"), (2, "worker-x/iter-1.json")]
    {
        assert_eq!(files::iteration_of_name(jobs, name), None, "{name}");
    }
}

#[test]
fn only_what_an_event_changes_is_due() {
    let journal = journal::every_outcome();
    let mut view = RunView::new();
    let mut due = Vec::new();
    for entry in journal.entries().iter().take(11) {
        view.apply(entry);
        due.push(projections(&view, &entry.event).join(" "));
    }
    let iteration = "worker-0/iter-001.json";
    let expected = [
        "run.json manifest.json",
        "",
        &format!("{iteration} run.json manifest.json"),
        "",
        "",
        "",
        iteration,
        "",
        "",
        "",
        iteration,
    ];
    assert_eq!(due, expected);
}

#[test]
fn run_json_has_the_fields_of_the_specification() {
    let view = view(&journal::every_outcome());
    insta::assert_snapshot!(files::render(&view, files::RUN).expect("a run"));
}

#[test]
fn manifest_json_has_the_fields_of_the_specification() {
    let view = view(&journal::in_the_middle());
    insta::assert_snapshot!(files::render(&view, files::MANIFEST).expect("a run"));
}

#[test]
fn iteration_json_has_the_fields_of_the_specification() {
    let view = view(&journal::every_outcome());
    insta::assert_snapshot!(files::render(&view, "worker-1/iter-002.json").expect("an iteration"));
}

#[test]
fn files_read_back_and_unknown_fields_are_kept_out_of_the_way() {
    let view = view(&journal::every_outcome());
    let run = RunFile::of(&view).expect("a run");
    let text = files::render(&view, files::RUN).expect("a run").replacen('{', "{\"later\": [1],", 1);
    assert_eq!(files::parse::<RunFile>(&text).expect("readable"), run);
    let manifest = ManifestFile::of(&view).expect("a run");
    let text = files::render(&view, files::MANIFEST).expect("a run");
    assert_eq!(files::parse::<ManifestFile>(&text).expect("readable"), manifest);
    for iteration in view.iterations.values() {
        let file = IterationFile::of(iteration, 3);
        let text = files::render(&view, &iteration_file_name(3, iteration.id)).expect("an iteration");
        assert_eq!(files::parse::<IterationFile>(&text).expect("readable"), file);
    }
}

#[test]
fn a_file_of_an_older_layout_reads_with_defaults() {
    let old = r#"{"number": 4, "started_at": "2026-01-02T03:04:05Z", "task_id": "x-1", "outcome": "closed"}"#;
    let file: IterationFile = files::parse(old).expect("readable");
    assert_eq!((file.number, file.worker, file.cost.input, file.model), (4, None, 0, None));
    let old = r#"{"id": "loop-20260102T030405Z-00000001", "started_at": "2026-01-02T03:04:05Z",
                  "last_updated_at": "2026-01-02T03:04:05Z", "iter_count": 2}"#;
    let file: RunFile = files::parse(old).expect("readable");
    assert_eq!((file.jobs, file.launch_sha, file.verify_outcome), (1, None, None));
}

#[test]
fn a_newer_file_is_refused_with_both_versions() {
    for text in [r#"{"schema_version": 9, "id": 5}"#, r#"{"schema_version": 9}"#] {
        let error = files::parse::<RunFile>(text).expect_err("newer");
        assert_eq!(error, FileError::Newer { found: 9, known: 1 });
        assert_eq!(error.to_string(), "schema_version 9, but this hew knows up to 1");
    }
    let event = JournalEvent::Queued { iteration: iteration(0, 1) };
    let entry = JournalEntry { seq: 1, at: chrono::DateTime::UNIX_EPOCH, elapsed_ms: 0, event };
    let line = serde_json::to_string(&entry).expect("serialisable");
    assert!(files::parse_line::<JournalEntry>(&line).is_ok());
    let newer = line.replacen('{', "{\"schema_version\":2,", 1);
    assert!(matches!(
        files::parse_line::<JournalEntry>(&newer),
        Err(FileError::Newer { found: 2, known: 1 })
    ));
}

#[test]
fn a_line_is_read_by_its_columns_as_by_its_grammar() {
    for journal in [journal::every_outcome(), journal::every_path(), journal::in_the_middle()] {
        for entry in journal.entries() {
            let line = serde_json::to_string(entry).expect("serialisable");
            let mut place = None;
            assert_eq!(JournalEntry::read_line(&mut line.clone().into_bytes(), &mut place), Ok(()), "{line}");
            assert_eq!(place.as_ref(), Some(entry), "{line}");
            assert_eq!(files::parse_line(&line).as_ref(), Ok(entry), "{line}");
        }
    }
}

#[test]
fn a_fold_that_forgets_tasks_keeps_iterations_and_sums() {
    for journal in [journal::every_outcome(), journal::every_path(), journal::in_the_middle()] {
        let (mut all, mut brief) = (RowFold::default(), RowFold::of_iterations());
        for entry in journal.entries() {
            all.apply(entry);
            brief.apply(entry);
        }
        let ((all, rows), (brief, brief_rows)) = (all.finish(), brief.finish());
        assert_eq!(rows, brief_rows);
        assert_eq!((&all.totals, &all.workers, &all.models), (&brief.totals, &brief.workers, &brief.models));
        assert_eq!((all.landed_tasks(), all.in_scope()), (brief.landed_tasks(), brief.in_scope()));
        assert!(brief.tasks.len() < all.tasks.len(), "{:?}", brief.tasks.keys());
        assert!(brief.tasks.values().all(|task| task.is_running), "{:?}", brief.tasks);
    }
}

/// The tracker takes the close later than the iteration ends, when the task was forgotten.
#[test]
fn a_task_that_comes_back_after_it_was_forgotten_is_counted_once() {
    let mut journal = JournalBuilder::launch(1, 1);
    journal.whole(iteration(0, 1), "app-1", "One");
    let mut entries = journal.entries().to_vec();
    let is_close = |entry: &JournalEntry| matches!(entry.event, JournalEvent::TaskChanged { .. });
    let close = entries.iter().position(is_close).expect("it was closed");
    let late = entries[close].clone();
    if let JournalEvent::TaskChanged { change, .. } = &mut entries[close].event {
        *change = TaskChange::CloseFailed { reason: "busy".to_owned() };
    }
    entries.push(late);
    let mut view = RunView::new();
    for entry in &entries {
        view.apply(entry);
        if let Some(id) = view.completed_by(&entry.event) {
            view.forget_with_task(id);
            assert!(view.tasks.is_empty());
        }
    }
    assert!(view.tasks.contains_key(&"app-1".into()), "the close that came late brought it back");
    assert_eq!(view.landed_tasks(), 1);
}

/// The entries of an iteration whose summary comes after its end.
fn summed_up_late() -> Vec<JournalEntry> {
    let mut journal = JournalBuilder::launch(1, 7);
    let id = iteration(0, 1);
    journal.whole(id, "app-1", "One");
    journal.sum_up_late(id, "It is done.");
    journal.entries().to_vec()
}

#[test]
fn an_iteration_is_complete_with_its_end_or_with_the_summary_that_was_awaited() {
    let late = summed_up_late();
    let mut early = late.clone();
    let helped = early.pop().expect("the summary");
    early.insert(early.len() - 1, helped);
    for (entries, by) in [(late, "helped"), (early, "iteration_ended")] {
        let mut view = RunView::new();
        let mut completed = Vec::new();
        for entry in &entries {
            view.apply(entry);
            if let Some(id) = view.completed_by(&entry.event) {
                assert_eq!(view.iterations[&id].summary.as_deref(), Some("It is done."));
                view.forget_with_task(id);
                completed.push(serde_json::to_value(entry).expect("JSON")["kind"].clone());
            }
        }
        assert_eq!(completed, [by]);
        assert!(view.iterations.is_empty() && view.tasks.is_empty());
    }
}
