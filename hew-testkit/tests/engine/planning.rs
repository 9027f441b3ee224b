//! What is next: by an agent's word, by the planner's, by the graph.

use hew_core::engine::{Effect, WorkerJob};
use hew_core::record::event::SkipReason;
use hew_core::record::{JournalEvent, RunView, StopReason};
use hew_core::settings::OnRed;
use hew_testkit::scenario::{
    Attempt, GateGoes, Place, PlannerCall, Scenario, Verifies, World, agent_of, next_block,
};

const TASKS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Eight tasks for two workers, of which `a` and `b` run until they are released.
fn two_at_work(first: Attempt) -> Scenario {
    let scenario = Scenario::new().jobs(2).tasks(&TASKS).attempts("a", [first]);
    TASKS.iter().fold(scenario, |scenario, task| scenario.holding(agent_of(task)))
}

/// Batches, in order: `1 agent a b`, `2 skipped parse_error`.
fn batches(run: &World) -> Vec<String> {
    run.journal
        .iter()
        .filter_map(|event| match event {
            JournalEvent::BatchPlanned { number, source, task_ids, dropped, reason, .. } => {
                let mut words = vec![number.to_string(), source.as_str().to_owned()];
                words.extend(task_ids.iter().map(ToString::to_string));
                words.extend(reason.map(|reason| reason.as_str().to_owned()));
                words.extend((!dropped.is_empty()).then(|| format!("-{}", dropped.len())));
                Some(words.join(" "))
            }
            _ => None,
        })
        .collect()
}

/// Ticks, in order: `agent:1 c d`, with `+2` for workers that wait.
fn ticks(run: &World) -> Vec<String> {
    run.journal
        .iter()
        .filter_map(|event| match event {
            JournalEvent::Tick { batch_source, batch, held_by_plan, assignments, .. } => {
                let number = batch.map(|number| format!(":{number}")).unwrap_or_default();
                let tasks: Vec<&str> = assignments.iter().map(|chosen| chosen.task.as_str()).collect();
                let held = if *held_by_plan > 0 { format!(" +{held_by_plan}") } else { String::new() };
                Some(format!("{}{number} {}{held}", batch_source.as_str(), tasks.join(" ")))
            }
            _ => None,
        })
        .collect()
}

/// Batches that iterations were picked under, in order: `c 1`.
fn picked(run: &World) -> Vec<String> {
    run.journal
        .iter()
        .filter_map(|event| match event {
            JournalEvent::IterationStarted { task, batch, .. } => {
                Some(format!("{task} {}", batch.map_or("-".to_owned(), |number| number.to_string())))
            }
            _ => None,
        })
        .collect()
}

fn let_end(run: &mut World, tasks: &[&str]) {
    for task in tasks {
        run.release(&agent_of(task));
        run.settle();
    }
}

#[test]
fn an_agents_word_decides_what_is_next_and_lapses_when_it_is_used_up() {
    let mut run = two_at_work(Attempt::done().naming_next(&["h", "f"])).start();
    run.settle();
    assert_eq!(run.running(), ["a", "b"]);
    let_end(&mut run, &["a", "b"]);
    assert_eq!(run.running(), ["f", "h"]);
    let_end(&mut run, &["f"]);
    assert_eq!(run.running(), ["c", "h"], "the plan has lapsed");
    assert_eq!(batches(&run)[0], "1 agent h f");
    assert_eq!(ticks(&run), ["skipped a b", "agent:1 f", "agent:1 h", "skipped c"]);
    assert_eq!(picked(&run), ["a -", "b -", "f 1", "h 1", "c -"]);
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!((run.landed().len(), run.exit()), (8, Some(0)));
}

#[test]
fn names_that_are_unknown_or_not_ready_only_narrow() {
    let words = Attempt::done().naming_next(&["nothing", "z", "g", "b", "?", "two words"]);
    let mut run = two_at_work(words).task("z", &["h"]).start();
    run.settle();
    let_end(&mut run, &["a"]);
    assert_eq!(run.running(), ["b", "g"]);
    assert_eq!(batches(&run), ["1 agent z g b -3"]);
    let_end(&mut run, &["b"]);
    assert_eq!(run.running(), ["c", "g"], "z waits for h, and b is done");
    TASKS.iter().chain(&["z"]).for_each(|task| run.release(&agent_of(task)));
    run.to_end();
    assert_eq!(run.landed().len(), 9);
}

#[test]
fn a_plan_of_nothing_that_is_known_or_ready_changes_nothing() {
    for ids in [&["nothing"][..], &["z"], &[]] {
        let mut run = two_at_work(Attempt::done().naming_next(ids)).task("z", &["h"]).start();
        run.settle();
        let_end(&mut run, &["a"]);
        assert_eq!(run.running(), ["b", "c"]);
        assert_eq!(picked(&run), ["a -", "b -", "c -"]);
        assert_eq!(batches(&run).len(), 1);
    }
}

#[test]
fn a_newer_plan_replaces_an_older_one_and_an_empty_one_lifts_it() {
    let start = || two_at_work(Attempt::done().naming_next(&["h", "g"])).holding(Place::Tracker);
    for (second, running) in [(&["f"][..], ["c", "f"]), (&[], ["c", "d"])] {
        let mut run = start().attempts("b", [Attempt::done().naming_next(second)]).start();
        run.release(&Place::Tracker);
        run.settle();
        run.hold(Place::Tracker);
        run.release(&agent_of("a"));
        run.release(&agent_of("b"));
        run.settle();
        run.release(&Place::Tracker);
        run.settle();
        assert_eq!(run.running(), running);
    }
}

#[test]
fn a_worker_waits_under_a_plan_until_something_lands_or_ends_and_no_longer() {
    let scenario = two_at_work(Attempt::done().naming_next(&["h"])).holding(Place::Tracker);
    let mut run = scenario.holding(Place::Lane).gate(|gate| gate.baseline = false).start();
    run.release(&Place::Tracker);
    run.settle();
    run.hold(Place::Tracker);
    run.release(&agent_of("a"));
    run.release(&agent_of("b"));
    run.settle();
    run.release(&Place::Tracker);
    run.settle();
    assert_eq!(run.running(), ["h"]);
    assert_eq!(ticks(&run).last().unwrap(), "agent:1 h +1");
    run.tracker_changed().settle();
    assert_eq!(run.running(), ["h"], "that others change the tracker is no reason");
    run.release(&Place::Lane);
    run.settle();
    assert_eq!(run.running(), ["c", "h"]);
    assert_eq!(ticks(&run).last().unwrap(), "skipped c");
}

#[test]
fn a_plan_of_what_its_own_work_unblocks_outlives_the_landing_and_holds_nobody_up_meanwhile() {
    let start = |named: &[&str]| {
        let scenario =
            two_at_work(Attempt::done().naming_next(named)).task("z", &["a"]).holding(agent_of("z"));
        let mut run = scenario.gate(|gate| gate.baseline = false).holding(Place::Lane).start();
        run.settle();
        run
    };
    let mut run = start(&["z"]);
    let_end(&mut run, &["a"]);
    assert_eq!(run.running(), ["b", "c"], "nothing waits for z");
    run.release(&Place::Lane);
    run.settle();
    let_end(&mut run, &["b"]);
    assert_eq!(run.running(), ["c", "z"]);
    assert_eq!(ticks(&run), ["skipped a b", "skipped c", "agent:1 z"]);

    let mut run = start(&["h", "z"]);
    let_end(&mut run, &["a", "b"]);
    assert_eq!(run.running(), ["c", "h"], "h is used up, and z is not ready");
    run.release(&Place::Lane);
    run.settle();
    let_end(&mut run, &["c"]);
    assert_eq!(run.running(), ["h", "z"]);
}

#[test]
fn a_plan_that_was_set_aside_lapses_where_the_landing_unblocks_nothing_of_it() {
    let words = Attempt::done().naming_next(&["z"]);
    let scenario = two_at_work(words).task("z", &["h"]).gate(|gate| gate.baseline = false);
    let mut run = scenario.holding(Place::Lane).start();
    run.settle();
    let_end(&mut run, &["a"]);
    run.release(&Place::Lane);
    run.settle();
    for task in ["b", "c", "d", "e", "f", "g", "h"] {
        let_end(&mut run, &[task]);
    }
    run.to_end();
    assert_eq!(run.landed().len(), 9);
    assert!(ticks(&run).iter().all(|tick| tick.starts_with("skipped")), "{:?}", ticks(&run));
}

#[test]
fn a_plan_that_nothing_can_be_started_under_is_ignored_once_nothing_runs() {
    let own = serde_json::json!({"labels": ["runtime:one"]});
    let quota = [Some((hew_core::agent::FailureClass::Quota, None))];
    let mut run = Scenario::new()
        .jobs(2)
        .task("a", &[])
        .task_with("x", &[], &own)
        .task("y", &["a"])
        .attempts("a", [Attempt::done().naming_next(&["x"])])
        .runtime_failing("one", quota)
        .holding(agent_of("a"))
        .start();
    run.settle();
    assert_eq!(run.runtime_changes(), ["one rests"], "x is ready, and held back");
    run.release(&agent_of("a"));
    run.settle();
    let ignored = "plan 1 is ignored: nothing runs, and nothing that it names can be started";
    assert!(run.notices().contains(&ignored), "{:?}", run.notices());
    assert_eq!(run.landed(), ["a", "y"]);
    run.to_end();
    assert_eq!(run.landed(), ["a", "y", "x"]);
}

#[test]
fn the_planner_is_asked_after_a_landing_and_decides_what_is_next() {
    let mut run = two_at_work(Attempt::done()).planner([PlannerCall::naming(&["g", "h"]).using(50)]).start();
    run.settle();
    let_end(&mut run, &["a"]);
    assert_eq!(run.running(), ["b", "c"], "the slot was filled at once");
    assert_eq!(batches(&run), ["1 planner g h"]);
    let_end(&mut run, &["b"]);
    assert_eq!(run.running(), ["c", "g"]);
    let job = run.effects.iter().find_map(|effect| match effect {
        Effect::DraftPlanner(job) => Some(job),
        _ => None,
    });
    let job = job.unwrap();
    let touched: Vec<_> =
        job.touched.iter().map(|it| (it.task.as_str(), it.files.len(), it.symbols.clone())).collect();
    assert_eq!(touched, [("a", 1, vec!["fn a() {".to_owned()])]);
    assert!(job.query.exclude.iter().any(|task| task.as_str() == "c"), "what runs is not ready");
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    let calls = run.effects.iter().filter(|effect| matches!(effect, Effect::DraftPlanner(_))).count();
    assert!(calls <= run.landed().len(), "at most once a landing");
    let view = view(&run);
    assert_eq!((view.totals.planner.usage.total(), view.totals.spent.usage.total()), (50, 50));
    assert_eq!((view.totals.picked.planner, view.totals.batches.planner), (2, 1));
}

/// The fold of what went into the journal.
fn view(run: &World) -> RunView {
    let mut view = RunView::new();
    for (number, event) in run.journal.iter().enumerate() {
        let (at, elapsed_ms) = (run.calendar(), 0);
        let seq = number as u64 + 2;
        view.apply(&hew_core::record::JournalEntry { seq, at, elapsed_ms, event: event.clone() });
    }
    view
}

#[test]
fn an_agents_word_spares_the_planner_and_beats_one_that_was_asked_before() {
    let mut run =
        two_at_work(Attempt::done().naming_next(&["h"])).planner([PlannerCall::naming(&["g"])]).start();
    run.settle();
    let_end(&mut run, &["a"]);
    assert_eq!(batches(&run), ["1 agent h"]);

    let scenario =
        two_at_work(Attempt::done()).planner([PlannerCall::naming(&["g"])]).holding(Place::Planner);
    let mut run = scenario.attempts("b", [Attempt::done().naming_next(&["h"])]).start();
    run.settle();
    let_end(&mut run, &["a", "b"]);
    assert_eq!(run.running(), ["c", "h"]);
    run.release(&Place::Planner);
    run.settle();
    assert_eq!(batches(&run), ["2 agent h", "1 planner g"]);
    let_end(&mut run, &["c"]);
    assert_eq!(run.running(), ["d", "h"], "the planner knew less");
}

#[test]
fn every_failure_of_the_planner_is_told_and_the_graph_goes_on() {
    for (call, reason) in [
        (PlannerCall::answering("I don't know"), SkipReason::ParseError),
        (PlannerCall::answering("```next_iteration\n[\"g\""), SkipReason::ParseError),
        (PlannerCall::failing().using(70), SkipReason::RuntimeError),
        (PlannerCall::missing(), SkipReason::RuntimeError),
        (PlannerCall::too_late(), SkipReason::RuntimeError),
        (PlannerCall::refused(), SkipReason::RuntimeError),
    ] {
        let mut run = two_at_work(Attempt::done()).planner([call]).start();
        run.settle();
        let_end(&mut run, &["a", "b"]);
        assert_eq!(batches(&run)[0], format!("1 skipped {}", reason.as_str()));
        assert_eq!(picked(&run), ["a -", "b -", "c -", "d 1"], "the graph decides, and the record says why");
        assert_eq!(ticks(&run).last().unwrap(), "skipped:1 d");
    }
}

#[test]
fn a_planner_that_is_off_is_told_of_once() {
    let mut run = two_at_work(Attempt::done()).start();
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!(batches(&run), ["1 skipped planner_disabled"]);
    let zero = two_at_work(Attempt::done()).planner([]).setting(&[("loop.planner.budget_tokens", "0")]);
    let mut run = zero.start();
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!(batches(&run), ["1 skipped planner_disabled"]);
}

#[test]
fn a_runtime_that_is_not_made_for_calls_is_asked_only_where_a_person_names_it() {
    let on = [("loop.planner.enabled", "true")];
    let fallback = [("loop.runtime", "one"), ("loop.fallback_runtime", "two")];
    for settings in [&[][..], &fallback] {
        let mut run = two_at_work(Attempt::done()).setting(&on).setting(settings).start();
        run.settle();
        let_end(&mut run, &TASKS);
        run.to_end();
        assert_eq!(batches(&run), ["1 skipped runtime_error"], "told once");
        assert!(!run.effects.iter().any(|effect| matches!(effect, Effect::DraftPlanner(_))));
        assert_eq!(run.landed().len(), 8);
    }
}

#[test]
fn a_prompt_over_the_budget_is_never_spawned() {
    let scenario = two_at_work(Attempt::done()).planner([PlannerCall::naming(&["g"])]);
    let mut run = scenario.setting(&[("loop.planner.budget_tokens", "20")]).start();
    run.settle();
    let_end(&mut run, &["a", "b"]);
    assert_eq!(batches(&run)[0], "1 skipped budget_exceeded");
    assert!(!run.effects.iter().any(|effect| matches!(effect, Effect::RunPlanner { .. })));
}

#[test]
fn a_planner_that_hangs_idles_nobody_and_ends_with_the_run() {
    let scenario = two_at_work(Attempt::done()).planner([PlannerCall::naming(&["g"]).using(30)]);
    let mut run = scenario.holding(Place::Planner).start();
    run.settle();
    let_end(&mut run, &TASKS);
    run.to_end();
    assert_eq!((run.landed().len(), run.exit()), (8, Some(0)));
    assert!(run.effects.contains(&Effect::StopPlanner));
    assert_eq!(batches(&run), ["1 skipped runtime_error"]);
}

#[test]
fn a_planner_that_was_refused_is_asked_again_after_a_rest() {
    let calls = [PlannerCall::refused(), PlannerCall::refused(), PlannerCall::naming(&["h"])];
    let mut run = two_at_work(Attempt::done()).planner(calls).start();
    let asked =
        |run: &World| run.effects.iter().filter(|effect| matches!(effect, Effect::RunPlanner { .. })).count();
    run.settle();
    let_end(&mut run, &["a", "b"]);
    assert_eq!(asked(&run), 1, "one landing after the other, and its provider has no room");
    run.pass(61);
    let_end(&mut run, &["c"]);
    assert_eq!(asked(&run), 2);
    run.pass(61);
    let_end(&mut run, &["d"]);
    assert_eq!(asked(&run), 2, "it rests longer with each time in a row");
    run.pass(61);
    let_end(&mut run, &["e"]);
    assert_eq!(asked(&run), 3);
}

#[test]
fn a_watcher_that_verifies_while_it_is_idle_goes_on_with_its_planner() {
    let goes = [Verifies::Goes(GateGoes::Green)];
    let scenario = two_at_work(Attempt::done()).watching().verifying(OnRed::Hold, goes);
    let mut run = scenario.planner([PlannerCall::naming(&["g"])]).holding(Place::Planner).start();
    run.settle();
    let_end(&mut run, &TASKS);
    assert_eq!((run.verified(), run.deliveries()), (vec!["passed".to_owned()], vec!["delivered".to_owned()]));
    assert!(!run.effects.contains(&Effect::StopPlanner));
    run.release(&Place::Planner);
    run.settle();
    assert_eq!(batches(&run)[0].split(' ').nth(1), Some("planner"), "{:?}", batches(&run));
}

#[test]
fn a_stop_ends_the_planner_at_once() {
    let scenario = two_at_work(Attempt::done()).planner([PlannerCall::naming(&["g"])]);
    let mut run = scenario.holding(Place::Planner).start();
    run.settle();
    let_end(&mut run, &["a"]);
    assert!(!run.effects.contains(&Effect::StopPlanner));
    run.cancel().settle();
    assert!(run.effects.contains(&Effect::StopPlanner));
    assert_eq!(batches(&run), ["1 skipped runtime_error"]);
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!(run.landed().len(), 3);
}

#[test]
fn what_the_planner_takes_counts_in_the_budget() {
    let planned = |tokens| {
        let call = PlannerCall::naming(&["g", "h"]).using(tokens);
        let scenario = two_at_work(Attempt::done().using(10)).planner([call]).budget_tokens(200, 10);
        scenario.setting(&[("loop.planner.budget_tokens", "150")])
    };
    let mut run = planned(250).start();
    run.settle();
    let_end(&mut run, &TASKS);
    run.to_end();
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetTokens), "{}", run.transcript());
    assert!(run.notices().iter().any(|text| text.contains("what the planner used")), "{:?}", run.notices());

    let no_room = planned(10).budget_tokens(140, 10).setting(&[("loop.planner.budget_tokens", "10000")]);
    let mut run = no_room.start();
    run.settle();
    let_end(&mut run, &["a"]);
    assert_eq!(batches(&run), ["1 skipped budget_exceeded"]);
}

#[test]
fn a_run_of_one_worker_plans_nothing() {
    let words = Attempt::done().naming_next(&["c"]);
    let mut run = Scenario::new()
        .tasks(&["a", "b", "c"])
        .attempts("a", [words])
        .planner([PlannerCall::naming(&["c"])])
        .start();
    run.to_end();
    assert_eq!(run.began(), ["a", "b", "c"]);
    assert_eq!(batches(&run), [""; 0]);
    let asks = run.effects.iter().any(|effect| match effect {
        Effect::Work { job: WorkerJob::Plan { ready, .. }, .. } => ready.is_some(),
        _ => false,
    });
    assert!(!asks);
}

#[test]
fn a_prompt_tells_what_is_ready_where_there_are_more_workers() {
    let mut run = two_at_work(Attempt::done()).start();
    run.settle();
    let ready: Vec<_> = run
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Work { job: WorkerJob::Plan { ready, .. }, .. } => ready.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(ready.len(), 2);
    assert_eq!(ready[0].limit, Some(16));
    assert!(ready.iter().all(|query| query.exclude.len() == 2), "what runs is not among them");
}

#[test]
fn words_of_an_agent_that_was_stopped_or_failed_with_its_runtime_count_for_nothing() {
    let words = next_block(&["h"]);
    for attempt in [
        Attempt::hopeless(hew_core::agent::FailureClass::Auth).with_last_words(&words),
        Attempt::unstartable().with_last_words(&words),
    ] {
        let mut run = two_at_work(attempt).start();
        run.settle();
        let_end(&mut run, &["a"]);
        assert!(batches(&run).iter().all(|batch| !batch.contains("agent")), "{:?}", batches(&run));
    }
}
