//! `--watch`: deliver when idle, and go on.

use hew_core::agent::StopRequest::Graceful;
use hew_core::record::StopReason;
use hew_testkit::scenario::{Attempt, Scenario, agent_of};
use serde_json::json;

#[test]
fn a_watcher_delivers_when_idle_and_goes_on() {
    let mut run = Scenario::new().watching().tasks(&["a"]).start();
    run.settle();
    assert_eq!(run.deliveries(), ["delivered"]);
    run.pass(100);
    assert_eq!(run.deliveries(), ["delivered"], "nothing new, nothing to deliver");
    run.person_files("b").settle();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(run.deliveries(), ["delivered", "delivered"]);
    run.cancel().to_end();
    assert_eq!(run.deliveries(), ["delivered", "delivered"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_watcher_sees_tasks_whose_time_has_come() {
    let soon = json!({ "defer_until": "2026-11-20T00:01:00Z" });
    let mut run = Scenario::new().watching().task_with("a", &[], &soon).start();
    run.settle().pass(59);
    assert_eq!(run.claimed(), [""; 0]);
    run.pass(20);
    assert_eq!(run.landed(), ["a"]);
}

#[test]
fn a_watcher_does_not_ask_in_a_loop() {
    let mut run = Scenario::new().watching().start();
    run.settle().pass(150);
    assert!(run.lists() <= 12, "{}", run.lists());
}

#[test]
fn the_wall_budget_ends_an_idle_watcher() {
    let mut run = Scenario::new().watching().wall(100).tasks(&["a"]).start();
    run.settle().pass(99);
    assert_eq!(run.exit(), None);
    run.pass(1).to_end();
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetWall));
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn the_wall_budget_stops_a_watchers_agents_after_the_grace() {
    let mut run = Scenario::new().watching().wall(100).start();
    run.settle().pass(50);
    run.hold(agent_of("a"));
    run.person_files("a").settle().pass(59);
    assert_eq!(run.agent_stops(), []);
    run.pass(1);
    assert_eq!(run.agent_stops(), [Graceful]);
    run.to_end();
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_refused_delivery_is_tried_again_at_the_end() {
    let mut run = Scenario::new().watching().tasks(&["a"]).refusing_delivery().start();
    run.settle().pass(100);
    assert_eq!(run.deliveries(), ["refused"], "not in a loop");
    run.cancel().to_end();
    assert_eq!(run.deliveries(), ["refused", "delivered"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_stop_while_an_idle_watcher_delivers_ends_the_run_after_it() {
    let mut run = Scenario::new().watching().tasks(&["a"]).start();
    run.settle_until(|run| run.lane_jobs().contains(&"deliver"));
    run.cancel().to_end();
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_moved_target_is_built_upon() {
    let mut run = Scenario::new().watching().tasks(&["a"]).with_target_moved().start();
    run.settle().person_files("b").settle();
    assert_eq!(run.landed(), ["a", "b"]);
    run.cancel().to_end();
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_watcher_closes_what_was_refused_before_when_it_is_idle() {
    let mut run = Scenario::new().watching().tasks(&["a"]).refusing_closes("a", 2).start();
    run.settle();
    assert_eq!(run.state_of("a").split(' ').next(), Some("in_progress"));
    run.pass(60);
    assert_eq!(run.state_of("a"), "closed");
}

#[test]
fn a_storm_of_changes_does_not_hold_the_delivery() {
    let mut run = Scenario::new().watching().tasks(&["a"]).start();
    run.storm(50);
    assert_eq!(run.deliveries(), ["delivered"]);
    run.person_files("b").storm(50);
    assert_eq!(run.deliveries(), ["delivered", "delivered"]);
}

#[test]
fn a_parked_task_does_not_keep_a_watcher_busy() {
    let blocked = [Attempt::blocked("no key")];
    let mut run = Scenario::new().watching().tasks(&["a"]).attempts("a", blocked).start();
    run.settle().pass(100);
    assert_eq!(run.claimed(), ["a"]);
    run.cancel().to_end();
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_watcher_that_begins_with_nothing_runs_the_gate_before_its_first_task() {
    let mut run = Scenario::new().watching().gate(|gate| gate.baseline = true).start();
    run.settle();
    assert_eq!(run.lane_jobs(), [""; 0]);
    run.person_files("a").settle();
    assert_eq!(run.lane_jobs()[0], "baseline");
    assert_eq!(run.landed(), ["a"]);
    run.cancel().to_end();
    assert_eq!(run.exit(), Some(0));
}
