//! Budgets, requests and signals, at every moment.

use hew_core::agent::StopRequest::{Graceful, Now};
use hew_core::record::StopReason;
use hew_testkit::scenario::{Attempt, Place, Scenario, World, agent_of};

fn two_running() -> World {
    let mut run =
        Scenario::new().jobs(2).tasks(&["a", "b", "c"]).holding(agent_of("a")).holding(agent_of("b")).start();
    run.settle();
    assert_eq!(run.running(), ["a", "b"]);
    run
}

#[test]
fn a_stop_file_lets_what_runs_end_and_delivers() {
    for stop in [World::stop_file as fn(&mut World) -> &mut World, World::cancel] {
        let mut run = two_running();
        stop(&mut run).settle();
        run.release(&agent_of("a"));
        run.release(&agent_of("b"));
        run.to_end();
        assert_eq!(run.landed(), ["a", "b"]);
        assert_eq!(run.claimed(), ["a", "b"]);
        assert_eq!(run.agent_stops(), []);
        assert_eq!(run.deliveries(), ["delivered"]);
        assert_eq!(run.left_over(), ["c: ready"]);
        assert_eq!(run.exit(), Some(5));
    }
}

#[test]
fn a_stop_with_nothing_left_over_is_no_failure() {
    let mut run = Scenario::new().tasks(&["a"]).holding(agent_of("a")).start();
    run.settle().cancel();
    run.release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.exit(), Some(0));
    assert_eq!(run.stop_reason(), Some(StopReason::Cancelled));
}

#[test]
fn cancel_now_stops_agents_and_lands_what_is_done() {
    let mut run = two_running();
    run.hold(Place::Lane);
    run.hold(agent_of("c"));
    run.release(&agent_of("a"));
    run.settle().cancel_now().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.ended().iter().filter(|end| end.ends_with("cancelled")).count(), 2);
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(5));
    assert_eq!(run.state_of("b"), "open");
}

#[test]
fn cancel_then_cancel_now_asks_before_it_kills() {
    let mut run = two_running();
    run.cancel().cancel_now();
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
    run.cancel_now();
    assert_eq!(run.agent_stops(), [Graceful, Graceful, Now, Now]);
    run.to_end();
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_signal_gives_its_grace_then_stops_agents() {
    let mut run = two_running();
    run.interrupt().settle();
    assert_eq!(run.agent_stops(), []);
    run.pass(29);
    assert_eq!(run.agent_stops(), []);
    run.pass(1);
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled", "b cancelled"]);
    assert_eq!(run.deliveries(), ["nothing landed"]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_second_signal_kills() {
    let mut run = two_running();
    run.interrupt().interrupt();
    assert_eq!(run.agent_stops(), [Now, Now]);
    run.to_end();
    assert_eq!(run.exit(), Some(130));
    assert_eq!(run.state_of("a"), "open");
}

#[test]
fn a_signal_after_cancel_now_does_not_give_agents_new_time() {
    let mut run = two_running();
    run.cancel_now().interrupt();
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
    run.interrupt();
    assert_eq!(run.agent_stops(), [Graceful, Graceful, Now, Now]);
    run.to_end();
    assert_eq!(run.exit(), Some(130));
    assert_eq!(run.deliveries(), ["nothing landed"]);
}

#[test]
fn a_signal_lands_what_the_gate_is_at_and_gives_back_the_rest() {
    let mut run = Scenario::new().jobs(2).tasks(&["a", "b", "c"]).holding(agent_of("c")).start();
    run.settle_until(|run| run.lane_jobs().contains(&"gate"));
    run.hold(Place::Lane);
    run.settle().interrupt().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.ended(), ["b cancelled", "a closed", "c cancelled"]);
    assert_eq!(run.state_of("b"), "open");
    assert_eq!(run.deliveries(), ["a signal ended the run"]);
    assert_eq!(run.remedies().len(), 1, "{:?}", run.remedies());
    assert!(run.remedies()[0].starts_with("hew loop deliver"));
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_signal_during_the_merge_starts_no_gate() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.settle_until(|run| run.lane_jobs().contains(&"merge"));
    run.interrupt();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert_eq!(run.state_of("a"), "open");
}

#[test]
fn a_gate_that_outlives_the_grace_is_stopped_and_its_work_given_back() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.settle_until(|run| run.lane_jobs().contains(&"gate"));
    run.hold(Place::Lane);
    run.interrupt().settle();
    assert_eq!(run.gate_stops(), []);
    run.pass(30);
    assert_eq!(run.gate_stops(), [Graceful]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_result_that_waits_for_a_full_queue_is_given_back_on_a_signal() {
    let mut run = Scenario::new().tasks(&["a", "b", "c", "d", "e"]).ungated().holding(Place::Lane).start();
    run.settle().interrupt();
    run.settle();
    assert_eq!(run.ended(), ["b cancelled", "c cancelled", "d cancelled"]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_stop_while_a_claim_is_under_way_gives_it_back() {
    let mut run = Scenario::new().tasks(&["a", "b"]).losing_claims("b", 1).start();
    run.settle_until(|run| !run.claimed().is_empty());
    run.cancel();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert_eq!(run.state_of("a"), "open");
    assert_eq!(run.exit(), Some(5));

    let mut lost = Scenario::new().tasks(&["a", "b"]).losing_claims("a", 1).start();
    lost.settle_until(|run| !run.claimed().is_empty());
    lost.cancel();
    lost.to_end();
    assert_eq!(lost.claimed(), ["a"], "no other task is tried after a stop");
    assert_eq!(lost.exit(), Some(5));
}

#[test]
fn a_set_up_that_is_stopped_is_no_failure_of_its_task() {
    let mut run = Scenario::new().max_attempts(1).tasks(&["a"]).holding(Place::SetUp("a".into())).start();
    run.settle().cancel_now();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert_eq!(run.state_of("a"), "open");
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_signal_spares_agents_that_do_not_run_yet() {
    let mut run = Scenario::new().tasks(&["a"]).holding(Place::SetUp("a".into())).start();
    run.settle().interrupt();
    run.release(&Place::SetUp("a".into()));
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert!(!run.transcript().contains(" run\n"), "{}", run.transcript());
}

#[test]
fn a_request_lets_an_iteration_that_has_begun_go_on() {
    let mut run = Scenario::new().tasks(&["a"]).holding(Place::SetUp("a".into())).start();
    run.settle().cancel();
    run.release(&Place::SetUp("a".into()));
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
}

#[test]
fn a_stop_before_the_first_list_starts_nothing() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.cancel();
    run.to_end();
    assert_eq!(run.claimed(), [""; 0]);
    assert_eq!(run.lane_jobs(), ["clean up"]);
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_stop_ends_the_baseline_and_starts_nothing() {
    for (stop, exit) in [(World::cancel as fn(&mut World) -> &mut World, 5), (World::interrupt, 130)] {
        let mut run = Scenario::new().tasks(&["a"]).holding(Place::Lane).start();
        run.settle();
        stop(&mut run).settle();
        run.release(&Place::Lane);
        run.to_end();
        assert_eq!(run.gate_stops(), [Graceful]);
        assert_eq!(run.claimed(), [""; 0]);
        assert_eq!(run.exit(), Some(exit));
    }
}

#[test]
fn the_wall_budget_stops_starting_then_agents() {
    let mut run = Scenario::new()
        .jobs(2)
        .wall(100)
        .tasks(&["a", "b", "c", "d"])
        .holding(agent_of("a"))
        .holding(agent_of("b"))
        .start();
    run.settle().pass(100);
    run.release(&agent_of("a"));
    run.settle();
    assert_eq!(run.claimed(), ["a", "b"]);
    assert_eq!(run.agent_stops(), []);
    run.pass(9);
    assert_eq!(run.agent_stops(), []);
    run.pass(1);
    assert_eq!(run.agent_stops(), [Graceful]);
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.ended(), ["a closed", "b cancelled"]);
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetWall));
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(5));
}

/// L24: durations and deadlines are the monotonic clock's alone.
#[test]
fn a_calendar_that_jumps_by_a_day_stops_nothing_and_holds_up_nothing() {
    for days in [1, -1, 365, -365] {
        let mut run =
            Scenario::new().jobs(2).wall(100).tasks(&["a", "b", "c"]).holding(agent_of("a")).start();
        run.settle().pass(50);
        run.set_calendar(days).settle().pass(1);
        assert_eq!(run.agent_stops(), [], "{days} days");
        assert_eq!(run.landed(), ["b", "c"], "{days} days");
        run.set_calendar(-days).settle().pass(58);
        assert_eq!(run.agent_stops(), [], "{days} days");
        run.pass(1);
        assert_eq!(
            run.agent_stops(),
            [Graceful],
            "the budget and its grace are over after 110 s, {days} days"
        );
        run.to_end();
        assert_eq!(run.exit(), Some(5));
    }
}

#[test]
fn the_wall_budget_holds_after_another_stop() {
    for stop in [World::cancel as fn(&mut World) -> &mut World, World::settle] {
        let mut run =
            Scenario::new().jobs(2).max_iter(1).wall(100).tasks(&["a", "b"]).holding(agent_of("a")).start();
        run.settle();
        stop(&mut run).pass(109);
        assert_eq!(run.agent_stops(), []);
        run.pass(1);
        assert_eq!(run.agent_stops(), [Graceful]);
        run.to_end();
        assert_eq!(run.exit(), Some(5));
    }
}

#[test]
fn the_wall_budget_does_not_stop_the_delivery() {
    let mut run = Scenario::new().wall(100).tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle().pass(100);
    run.release(&agent_of("a"));
    run.settle_until(|run| run.lane_jobs().contains(&"deliver"));
    run.hold(Place::Lane);
    run.pass(50);
    assert_eq!(run.gate_stops(), []);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_request_while_the_run_ends_changes_nothing() {
    let failing = || Scenario::new().max_attempts(1).tasks(&["a"]).task("b", &["a"]).tasks(&["c"]);
    for stage in ["ListLeftovers", "Deliver {"] {
        let mut run = failing().attempts("a", [Attempt::done().red()]).start();
        run.settle_until(|run| run.effects.iter().any(|effect| format!("{effect:?}").contains(stage)));
        run.cancel();
        run.to_end();
        assert_eq!(run.exit(), Some(1), "{stage}");
        assert_eq!(run.stop_reason(), Some(StopReason::ReadyEmpty));
        assert_eq!(run.deliveries(), ["delivered"]);
    }
}

#[test]
fn a_signal_before_the_delivery_holds_it() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.settle_until(|run| run.effects.iter().any(|effect| format!("{effect:?}").contains("ListLeftovers")));
    run.interrupt();
    run.to_end();
    assert_eq!(run.deliveries(), ["a signal ended the run"]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_signal_during_the_delivery_lets_it_end_and_asks_for_nothing_that_is_done() {
    let mut run = Scenario::new().tasks(&["a"]).start();
    run.settle_until(|run| run.lane_jobs().contains(&"deliver"));
    run.interrupt();
    run.to_end();
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.remedies(), [""; 0]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_second_signal_or_cancel_now_stops_the_gate_of_a_delivery() {
    let held = || {
        let mut run = Scenario::new().tasks(&["a"]).start();
        run.settle_until(|run| run.lane_jobs().contains(&"deliver"));
        run.hold(Place::Lane);
        run
    };
    let mut run = held();
    run.interrupt().interrupt();
    assert_eq!(run.gate_stops(), [Now]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.exit(), Some(130));

    let mut run = held();
    run.cancel_now();
    assert_eq!(run.gate_stops(), [Graceful]);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.deliveries(), ["refused"]);
    assert_eq!(run.exit(), Some(3));
}
