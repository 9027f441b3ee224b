//! Which task next: workers, claims, dependencies, attempts.

use hew_core::agent::FailureClass;
use hew_core::record::StopReason;
use hew_testkit::scenario::{Attempt, Place, Scenario, World, agent_of};
use serde_json::json;

#[test]
fn one_worker_drains_the_queue_in_its_order() {
    let mut run = Scenario::new().tasks(&["a", "b", "c"]).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b", "c"]);
    assert_eq!(run.ended(), ["a closed", "b closed", "c closed"]);
    assert_eq!(run.exit(), Some(0));
    assert_eq!(run.stop_reason(), Some(StopReason::ReadyEmpty));
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.state_of("a"), "closed");
}

#[test]
fn nothing_ready_starts_nothing_and_runs_no_baseline() {
    let mut run = Scenario::new().start();
    run.to_end();
    assert_eq!(run.exit(), Some(0));
    assert_eq!(run.lane_jobs(), ["clean up"]);
    assert_eq!(run.deliveries(), ["nothing landed"]);
}

#[test]
fn workers_work_side_by_side() {
    let held = ["a", "b", "c", "d"].map(agent_of);
    let scenario = Scenario::new().jobs(3).tasks(&["a", "b", "c", "d"]);
    let mut run = held.into_iter().fold(scenario, Scenario::holding).start();
    run.settle();
    assert_eq!(run.running(), ["a", "b", "c"]);
    run.release(&agent_of("b"));
    run.settle();
    assert_eq!(run.running(), ["a", "c", "d"], "a freed slot is filled at once");
    for task in ["a", "c", "d"] {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_worker_is_free_while_its_result_waits_for_the_lane() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(Place::Lane).holding(agent_of("b"));
    run = run.with(|config| config.gate = None);
    let mut run = run.start();
    run.settle();
    assert_eq!(run.running(), ["b"]);
    assert_eq!(run.landed(), [""; 0]);
}

#[test]
fn a_landing_frees_what_waits_for_it_at_once() {
    let mut run = Scenario::new()
        .jobs(3)
        .tasks(&["long", "a"])
        .task("b", &["a"])
        .task("c", &["a"])
        .holding(agent_of("long"))
        .holding(agent_of("b"))
        .holding(agent_of("c"))
        .start();
    run.settle();
    assert_eq!(run.running(), ["b", "c", "long"]);
    assert_eq!(run.landed(), ["a"]);
}

#[test]
fn at_most_two_results_a_worker_wait_then_workers_wait() {
    let mut run =
        Scenario::new().tasks(&["a", "b", "c", "d", "e", "f"]).ungated().holding(Place::Lane).start();
    run.settle();
    // One in the lane, two in its queue, one in the hands of its worker.
    assert_eq!(run.began(), ["a", "b", "c", "d"]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.landed(), ["a", "b", "c", "d", "e", "f"]);
}

#[test]
fn results_that_wait_for_the_queue_go_in_as_they_came() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    for last in [["f", "g"], ["g", "f"]] {
        let scenario = Scenario::new().jobs(2).tasks(&names).ungated().holding(Place::Lane);
        let mut run =
            names.into_iter().fold(scenario, |scenario, name| scenario.holding(agent_of(name))).start();
        run.settle();
        // Five results fill lane and queue; then both workers wait, whichever was done first.
        for name in ["a", "b", "c", "d", "e"].into_iter().chain(last) {
            run.release(&agent_of(name));
            run.settle();
        }
        run.release(&Place::Lane);
        run.to_end();
        assert_eq!(run.landed()[5..], last);
    }
}

#[test]
fn a_lost_claim_is_made_good_in_the_same_tick() {
    let mut run = Scenario::new().tasks(&["a", "b"]).losing_claims("a", 1).start();
    run.to_end();
    assert_eq!(run.claimed()[..2], ["a", "b"]);
    let lists_before_b =
        run.effects.iter().take_while(|effect| !format!("{effect:?}").contains("TaskId(\"b\")"));
    assert_eq!(lists_before_b.filter(|effect| format!("{effect:?}").starts_with("ListReady")).count(), 2);
    assert!(
        run.transcript().contains("claim_failures: [(TaskId(\"a\"), \"held by ann\")]"),
        "{}",
        run.transcript()
    );
}

#[test]
fn a_task_that_is_listed_but_never_given_is_left_over() {
    let mut run = Scenario::new().tasks(&["a", "b"]).losing_claims("a", u32::MAX).start();
    run.to_end();
    assert_eq!(run.landed(), ["b"]);
    assert!(run.claimed().len() < 10, "{:?}", run.claimed());
    assert_eq!(run.left_over(), ["a: ready, but it could not be claimed: held by ann"]);
    assert_eq!(run.exit(), Some(1));
    assert!(
        run.transcript().contains("claim_failures: [(TaskId(\"a\"), \"held by ann\")]"),
        "{}",
        run.transcript()
    );
}

#[test]
fn a_storm_of_changes_neither_tries_a_lost_task_for_ever_nor_keeps_the_run_alive() {
    let mut run = Scenario::new().tasks(&["a"]).losing_claims("a", u32::MAX).start();
    run.storm(50);
    assert_eq!(run.exit(), Some(1), "{}", run.transcript());
    assert!(run.claimed().len() <= 3, "{:?}", run.claimed());
}

#[test]
fn a_task_that_is_filed_while_others_run_is_done_too() {
    let mut run = Scenario::new().tasks(&["a"]).holding(agent_of("a")).start();
    run.settle();
    run.person_files("b").settle();
    run.release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
}

#[test]
fn a_task_that_is_filed_as_the_last_list_is_answered_is_done_too() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.hold(Place::Tracker);
    while run.exit().is_none() && run.landed().is_empty() {
        run.release(&Place::Tracker);
        run.step();
    }
    run.person_files("b");
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
}

#[test]
fn dependents_wait_for_hews_own_close_whatever_the_tracker_says() {
    let mut run = Scenario::new()
        .jobs(2)
        .tasks(&["a"])
        .task("b", &["a"])
        .attempts("a", [Attempt::done().closing_its_task()])
        .holding(Place::Lane)
        .ungated()
        .start();
    run.settle();
    assert_eq!(run.state_of("a"), "closed", "the agent has closed it");
    run.tracker_changed().settle();
    assert_eq!(run.began(), ["a"]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
}

#[test]
fn a_list_that_was_asked_for_while_a_task_was_being_claimed_frees_nobody_by_mistake() {
    let mut run = Scenario::new().jobs(2).tasks(&["a"]).task("b", &["a"]).start();
    run.settle_until(|run| run.claimed() == ["a"]);
    run.tracker_changed();
    run.settle_until(|run| run.began() == ["a"]);
    run.person_closes("a").to_end();
    assert_eq!(run.began(), ["a"], "{}", run.transcript());
}

#[test]
fn a_task_that_its_agent_closed_is_reopened_when_the_gate_is_red() {
    let red = || Attempt::done().closing_its_task().red();
    let mut run =
        Scenario::new().tasks(&["a"]).task("b", &["a"]).max_attempts(2).attempts("a", [red(), red()]).start();
    run.to_end();
    assert_eq!(run.ended(), ["a backpressure_fail", "a backpressure_fail"]);
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert_eq!(run.left_over(), ["a: parked", "b: waits for a"]);
}

#[test]
fn a_task_closed_before_the_run_is_settled() {
    let closed = json!({ "status": "closed" });
    let mut run = Scenario::new().task_with("a", &[], &closed).task("b", &["a"]).start();
    run.to_end();
    assert_eq!(run.landed(), ["b"]);
}

#[test]
fn a_task_that_cannot_run_here_is_skipped_and_reported() {
    let other = json!({ "labels": ["runtime:nosuch"] });
    let mut run = Scenario::new().task_with("x", &[], &other).tasks(&["a"]).task("y", &["x"]).start();
    run.to_end();
    assert_eq!(run.claimed(), ["a"]);
    assert_eq!(run.exit(), Some(1));
    let left = run.left_over();
    assert!(left[0].starts_with("x: can't run here: runtime `nosuch`"), "{left:?}");
    assert!(left[0].ends_with("; to mend it: hew config set loop.runtime_defs.nosuch.command PROGRAM"));
    assert_eq!(left[1], "y: waits for x");
}

#[test]
fn tasks_that_cannot_run_here_do_not_hide_those_that_can() {
    let other = json!({ "labels": ["runtime:nosuch"] });
    let scenario = ["x1", "x2", "x3", "x4", "x5"]
        .into_iter()
        .fold(Scenario::new(), |scenario, id| scenario.task_with(id, &[], &other));
    let mut run = scenario.tasks(&["a"]).start();
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
}

#[test]
fn iterations_are_counted_to_the_last_one() {
    for jobs in 1..=4 {
        for max in 1..=6 {
            let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut run =
                Scenario::new().jobs(jobs).max_iter(max).tasks(&names).losing_claims("b", 1).start();
            run.to_end();
            assert_eq!(run.began().len() as u64, max, "{jobs} jobs");
            assert_eq!(run.exit(), Some(5));
            assert_eq!(run.stop_reason(), Some(StopReason::MaxIter));
            assert_eq!(run.landed().len() as u64, max, "what has begun is landed");
        }
    }
}

#[test]
fn as_many_iterations_as_tasks_leave_nothing_over() {
    let mut run = Scenario::new().max_iter(2).tasks(&["a", "b"]).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn blocked_parks_at_once() {
    let mut run = Scenario::new().tasks(&["a", "b"]).attempts("a", [Attempt::blocked("no key")]).start();
    run.to_end();
    assert_eq!(run.ended(), ["a blocked", "b closed"]);
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert!(run.task("a").notes.contains("no key"), "{}", run.task("a").notes);
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn hew_fail_counts_as_an_attempt() {
    let mut run = Scenario::new()
        .max_attempts(2)
        .tasks(&["a"])
        .attempts("a", [Attempt::gives_up("too hard"), Attempt::gives_up("still too hard")])
        .start();
    run.to_end();
    assert_eq!(run.ended(), ["a no_close", "a no_close"]);
    assert_eq!(run.told("a")[0].reason, "too hard");
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn nothing_changed_closes_only_on_a_word() {
    let mut said = Scenario::new().tasks(&["a"]).attempts("a", [Attempt::done().changing_nothing()]).start();
    said.to_end();
    assert_eq!(said.ended(), ["a closed"]);
    assert_eq!(said.landed(), [""; 0]);
    assert_eq!(said.state_of("a"), "closed");
    assert_eq!(said.exit(), Some(0));

    let silent = [Attempt::silent().changing_nothing()];
    let mut silent = Scenario::new().max_attempts(1).tasks(&["a"]).attempts("a", silent).start();
    silent.to_end();
    assert_eq!(silent.ended(), ["a no_close"]);
    assert_eq!(silent.state_of("a"), "open hew:parked");
}

#[test]
fn a_task_closed_without_a_change_frees_what_waits_for_it() {
    let mut run = Scenario::new()
        .tasks(&["a"])
        .task("b", &["a"])
        .attempts("a", [Attempt::done().changing_nothing()])
        .start();
    run.to_end();
    assert_eq!(run.ended(), ["a closed", "b closed"]);
}

#[test]
fn the_same_spawn_error_on_three_tasks_in_a_row_ends_the_run() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let unstartable = || std::iter::repeat_n(Attempt::unstartable(), 3);
    let mut run = names
        .into_iter()
        .fold(Scenario::new().max_attempts(1).tasks(&names), |scenario, name| {
            scenario.attempts(name, unstartable())
        })
        .start();
    run.to_end();
    assert_eq!(run.began(), ["a", "b", "c"]);
    assert_eq!(run.stop_reason(), Some(StopReason::RuntimeError));
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn one_task_that_never_starts_is_parked_and_others_go_on() {
    let unstartable = std::iter::repeat_n(Attempt::unstartable(), 3);
    let mut run = Scenario::new().tasks(&["a", "b"]).attempts("a", unstartable).start();
    run.to_end();
    assert_eq!(run.began(), ["a", "a", "a", "b"]);
    assert_eq!(run.landed(), ["b"]);
    assert_eq!(run.state_of("a"), "open hew:parked");
}

#[test]
fn whatever_becomes_of_an_agent_its_folder_is_collected() {
    let mut run = Scenario::new()
        .tasks(&["a"])
        .attempts("a", [Attempt::unstartable(), Attempt::done().with_task_unread("database locked")])
        .start();
    run.to_end();
    assert_eq!(run.ended(), ["a runtime_error", "a closed"]);
    assert_eq!(run.landed(), ["a"]);
    assert!(run.told("a")[0].anchor.is_some(), "{}", run.transcript());
    let notices = run.notices();
    assert!(notices.iter().any(|line| line.contains("database locked")), "{notices:?}");
}

#[test]
fn a_worktree_that_cannot_be_prepared_is_an_error_like_a_spawn_error() {
    let full = || [Attempt::unprepared("disk full")];
    let mut run = Scenario::new()
        .max_attempts(1)
        .tasks(&["a", "b", "c", "d"])
        .attempts("a", full())
        .attempts("b", full())
        .attempts("c", full())
        .start();
    run.to_end();
    assert_eq!(run.began(), ["a", "b", "c"]);
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_tracker_that_does_not_answer_a_claim_is_tried_again_when_something_changed() {
    let mut run = Scenario::new().tasks(&["a", "b"]).unanswered_claims("a", 1).holding(agent_of("b")).start();
    run.settle();
    assert_eq!(run.running(), ["b"]);
    run.tracker_changed().settle();
    run.release(&agent_of("b"));
    run.to_end();
    assert_eq!(run.landed(), ["b", "a"]);
    assert_eq!(run.exit(), Some(0), "{:?}", run.left_over());
}

#[test]
fn a_task_whose_claim_is_never_answered_needs_a_person() {
    let mut run = Scenario::new().tasks(&["a"]).unanswered_claims("a", u32::MAX).start();
    run.to_end();
    assert_eq!(run.exit(), Some(3));
    assert_eq!(run.left_over(), ["a: ready, but it could not be claimed: database locked"]);
}

#[test]
fn a_tracker_that_does_not_answer_lets_no_run_begin() {
    let mut run = Scenario::new().tasks(&["a"]).deaf_tracker().start();
    run.to_end();
    assert_eq!((run.exit(), run.elapsed().as_secs()), (Some(3), 0));
    assert_eq!(run.stop_reason(), Some(StopReason::RuntimeError));
}

/// What a run told of a tracker that does not answer.
fn told_of_the_tracker(run: &World) -> Vec<&str> {
    run.notices().into_iter().filter(|line| line.contains("the tracker")).collect()
}

#[test]
fn a_list_that_is_not_answered_is_asked_for_again_and_told_once() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle().leave_lists_unanswered(4).release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(run.exit(), Some(0));
    // 5, 10, 20 and 40 seconds, a fifth more or less.
    assert!((60..90).contains(&run.elapsed().as_secs()), "{:?}", run.elapsed());
    let told = told_of_the_tracker(&run);
    assert!(told.len() == 2 && told[0].contains("database locked"), "{told:?}");
    assert_eq!(told[1], "the tracker answers again");
}

#[test]
fn a_tracker_that_never_answers_again_ends_the_run_in_the_end() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle().leave_lists_unanswered(u32::MAX).release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a"], "what ran is landed");
    assert_eq!(run.stop_reason(), Some(StopReason::RuntimeError));
    assert!((600..960).contains(&run.elapsed().as_secs()), "{:?}", run.elapsed());
    assert!(run.lists() < 12, "{}", run.lists());
    assert_eq!(run.exit(), Some(3));
    assert_eq!(run.remedies(), ["hew task ready   # once it answers: hew loop run"]);
}

#[test]
fn a_stop_ends_the_wait_for_a_tracker_that_does_not_answer() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle().leave_lists_unanswered(u32::MAX).release(&agent_of("a"));
    run.settle().cancel().settle();
    assert_eq!((run.exit(), run.elapsed().as_secs()), (Some(5), 0));
}

/// Three at work on a budget of 300, of which `a` has landed; the list that followed was not answered, and what `b` has
/// told since leaves no room for another task.
fn without_room(b: Attempt, c: Attempt) -> World {
    let scenario = Scenario::new().jobs(3).tasks(&["a", "b", "c", "d"]).budget_tokens(300, 100);
    let scenario = scenario.attempts("a", [Attempt::done().using(10)]).attempts("b", [b]).attempts("c", [c]);
    let mut run = scenario.holding(agent_of("a")).holding(agent_of("b")).holding(agent_of("c")).start();
    run.settle().leave_lists_unanswered(2).release(&agent_of("a"));
    run.settle_until(|run| run.landed() == ["a"]).settle();
    run.agent_uses("b", 285).settle();
    run
}

#[test]
fn retries_come_about_while_there_is_no_room_to_ask_for_tasks() {
    let failing = |tokens| Attempt::done().using(tokens).failing(FailureClass::Overloaded, 1);
    let mut run = without_room(failing(285), failing(0));
    run.pass(30);
    run.release(&agent_of("b"));
    run.release(&agent_of("c"));
    run.to_end();
    assert_eq!(run.retry_waits().len(), 2);
    assert_eq!(
        run.stop_reason(),
        Some(StopReason::BudgetTokens),
        "the budget ends it, and not a timer that is missing"
    );
}

#[test]
fn time_without_room_to_ask_for_tasks_is_no_time_of_asking_in_vain() {
    let mut run = without_room(Attempt::done().using(285), Attempt::done().using(1));
    let lists = run.lists();
    run.pass(700);
    assert_eq!(run.lists(), lists);
    run.release(&agent_of("c"));
    run.settle();
    assert_eq!(run.lists(), lists + 1);
    assert_eq!(run.stop_reason(), None);
    run.pass(30);
    assert_eq!(told_of_the_tracker(&run).last(), Some(&"the tracker answers again"));
    assert!(run.landed().contains(&"d"), "{}", run.transcript());
}
