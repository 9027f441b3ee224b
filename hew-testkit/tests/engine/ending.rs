//! Leftovers, delivery, exit codes and their order.

use hew_testkit::scenario::{Attempt, GateGoes, Scenario, agent_of};
use serde_json::json;

#[test]
fn a_red_baseline_starts_nothing() {
    for gate in [GateGoes::Red, GateGoes::TimesOut, GateGoes::Fails] {
        let mut run = Scenario::new().tasks(&["a"]).baseline(gate).start();
        run.to_end();
        assert_eq!(run.claimed(), [""; 0]);
        assert_eq!(run.lane_jobs(), ["baseline", "clean up"]);
        assert_eq!(run.exit(), Some(2));
    }
}

#[test]
fn no_baseline_where_none_is_wanted() {
    let mut run = Scenario::new().tasks(&["a"]).gate(|gate| gate.baseline = false).start();
    run.to_end();
    assert_eq!(run.lane_jobs(), ["merge", "gate", "advance", "deliver", "clean up"]);
}

#[test]
fn a_refused_delivery_needs_a_person() {
    let mut run = Scenario::new().tasks(&["a"]).refusing_delivery().start();
    run.to_end();
    assert_eq!(run.deliveries(), ["refused"]);
    assert_eq!(run.remedies(), ["hew loop deliver"]);
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_moved_target_is_delivered() {
    let mut run = Scenario::new().tasks(&["a"]).with_target_moved().start();
    run.to_end();
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn the_run_branch_is_the_result_where_no_delivery_is_wanted() {
    let mut off = Scenario::new().tasks(&["a"]).with(|config| config.deliver = false).start();
    off.to_end();
    assert_eq!(
        (off.deliveries()[0].as_str(), off.exit()),
        ("delivery is off: the run branch is the result", Some(0))
    );
    let mut detached = Scenario::new().tasks(&["a"]).with(|config| config.target = None).start();
    detached.to_end();
    assert!(detached.deliveries()[0].starts_with("HEAD was detached"));
    assert_eq!(detached.exit(), Some(0));
}

#[test]
fn what_is_left_over_is_named_with_its_reason() {
    let mut run = Scenario::new()
        .max_attempts(1)
        .tasks(&["a"])
        .task("b", &["a"])
        .task_with("held", &[], &json!({ "status": "in_progress", "assignee": "ann" }))
        .task_with("later", &[], &json!({ "defer_until": "2099-01-01T00:00:00Z" }))
        .task_with("parked", &[], &json!({ "labels": ["hew:parked"] }))
        .task_with("set-aside", &[], &json!({ "status": "blocked" }))
        .attempts("a", [Attempt::done().red()])
        .start();
    run.to_end();
    assert_eq!(
        run.left_over(),
        [
            "a: parked",
            "b: waits for a",
            "held: held by ann",
            "later: put off until later",
            "parked: parked",
            "set-aside: status blocked"
        ]
    );
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn what_others_hold_or_put_off_is_no_failure() {
    let mut run = Scenario::new()
        .tasks(&["a"])
        .task_with("held", &[], &json!({ "status": "in_progress", "assignee": "ann" }))
        .task_with("later", &[], &json!({ "defer_until": "2099-01-01T00:00:00Z" }))
        .start();
    run.to_end();
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_claim_of_the_runs_own_that_nobody_works_on_needs_a_person() {
    let held = json!({ "status": "in_progress", "assignee": "hew/loop-20261120T000000Z-00000007/w0/9" });
    let scenario = Scenario::new().tasks(&["a"]).task_with("held", &[], &held).unanswered_release("held");
    let mut run = scenario.start();
    run.to_end();
    assert_eq!((run.landed(), run.exit()), (vec!["a"], Some(3)));
}

#[test]
fn tasks_parked_by_earlier_runs_are_taken_up_on_request() {
    let parked = json!({ "labels": ["hew:parked"] });
    let mut left = Scenario::new().task_with("a", &[], &parked).start();
    left.to_end();
    assert_eq!((left.claimed().len(), left.exit()), (0, Some(0)), "nothing was ready");
    let mut taken =
        Scenario::new().task_with("a", &[], &parked).with(|config| config.retry_parked = true).start();
    taken.to_end();
    assert_eq!(taken.landed(), ["a"]);
}

/// What is true of a run, and the code that it has to end with: the most severe one wins.
#[test]
fn exit_codes_rank() {
    let conflict = || Attempt::done().conflicting();
    let red = || Attempt::done().red();
    let base = || Scenario::new().jobs(2).max_attempts(1).tasks(&["a", "b", "c"]).holding(agent_of("c"));
    let cases = [
        ("all landed", base(), "", Some(0)),
        ("one parked", base().attempts("a", [red()]), "", Some(1)),
        ("stopped, one parked", base().attempts("a", [red()]), "cancel", Some(5)),
        ("stopped, one in conflict", base().attempts("a", [conflict()]), "cancel", Some(3)),
        ("stopped, delivery refused", base().refusing_delivery(), "cancel", Some(3)),
        ("signal, one in conflict", base().attempts("a", [conflict()]), "interrupt", Some(130)),
    ];
    for (name, scenario, stop, exit) in cases {
        let mut run = scenario.tasks(&["d", "e", "f", "g"]).holding(agent_of("d")).start();
        run.settle();
        match stop {
            "cancel" => drop(run.cancel()),
            "interrupt" => drop(run.interrupt()),
            _ => {}
        }
        run.release(&agent_of("c"));
        run.release(&agent_of("d"));
        run.to_end();
        assert_eq!(run.exit(), exit, "{name}");
    }
}

#[test]
fn what_this_run_parked_is_left_over_as_parked_where_parked_tasks_are_eligible_too() {
    let fails = || [Attempt::done().red(), Attempt::done().red(), Attempt::done().red()];
    let mut run = Scenario::new()
        .tasks(&["a"])
        .gate(|gate| gate.baseline = false)
        .attempts("a", fails())
        .with(|config| config.retry_parked = true)
        .start();
    run.to_end();
    assert_eq!(run.left_over(), ["a: parked"]);
    assert_eq!(run.exit(), Some(1));
}
