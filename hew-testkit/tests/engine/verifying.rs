//! All tests on the result before it is delivered.

use hew_core::agent::StopRequest;
use hew_core::settings::OnRed;
use hew_core::tracker::BdClient;
use hew_testkit::scenario::{Attempt, GateGoes, Place, Scenario, Verifies, World};

const GREEN: Verifies = Verifies::Goes(GateGoes::Green);
const RED: Verifies = Verifies::Goes(GateGoes::Red);
const SLOW: Verifies = Verifies::Goes(GateGoes::TimesOut);
const BROKEN: Verifies = Verifies::Goes(GateGoes::Fails);

fn one(on_red: OnRed, goes: Verifies) -> Scenario {
    Scenario::new().tasks(&["a"]).gate(|gate| gate.baseline = false).verifying(on_red, [goes])
}

fn memories(run: &World) -> Vec<String> {
    run.tracker.memories().expect("a fake answers").into_iter().map(|(_, text)| text).collect()
}

fn key(run: &World) -> String {
    let name = run.tracker.memories().expect("a fake answers");
    name.first().map(|(key, _)| key.clone()).unwrap_or_default()
}

#[test]
fn all_tests_run_once_after_the_last_landing_and_before_the_delivery() {
    let mut run = Scenario::new()
        .tasks(&["a", "b"])
        .gate(|gate| gate.baseline = false)
        .verifying(OnRed::Hold, [GREEN])
        .start();
    run.to_end();
    assert_eq!(
        run.lane_jobs(),
        ["merge", "gate", "advance", "merge", "gate", "advance", "verify", "deliver", "clean up"]
    );
    assert_eq!(
        (run.verified(), run.deliveries(), run.exit()),
        (vec!["passed".to_owned()], vec!["delivered".to_owned()], Some(0))
    );
    assert_eq!(memories(&run), [""; 0]);
}

#[test]
fn what_is_red_is_held_or_delivered_and_the_exit_code_says_so() {
    for (on_red, goes, kind, delivery) in [
        (OnRed::Hold, RED, "failed", "refused"),
        (OnRed::Hold, SLOW, "timed_out", "refused"),
        (OnRed::Deliver, RED, "failed", "delivered"),
        (OnRed::Deliver, SLOW, "timed_out", "delivered"),
    ] {
        let mut run = one(on_red, goes).start();
        run.to_end();
        assert_eq!(run.verified(), [kind]);
        assert_eq!(run.deliveries(), [delivery], "{kind}");
        assert_eq!(run.exit(), Some(1), "{kind} {delivery}");
        assert_eq!(run.state_of("a"), "closed", "closed tasks stay closed");
        assert!(memories(&run)[0].starts_with("`all tests`"), "its key is said once: {:?}", memories(&run));
        let run_id = key(&run);
        let run_id = run_id.strip_prefix("STATUS:loop-verify-failed:").expect("the key names the run");
        let held = [format!("hew loop deliver --run-id {run_id}")];
        let expected: &[String] = if on_red == OnRed::Hold { &held } else { &[] };
        assert_eq!(run.remedies(), expected);
    }
}

#[test]
fn a_later_green_run_drops_what_an_earlier_red_one_left() {
    let mut run = one(OnRed::Hold, GREEN).start();
    run.tracker.remember("STATUS:loop-verify-failed:loop-x", "red").expect("a fake answers");
    run.tracker.remember("own", "stays").expect("a fake answers");
    run.to_end();
    assert_eq!(memories(&run), ["stays"]);
}

#[test]
fn a_tracker_that_keeps_nothing_does_not_hide_the_outcome() {
    let mut run = one(OnRed::Hold, RED).forgetful_tracker().start();
    run.to_end();
    assert_eq!((run.verified(), run.exit()), (vec!["failed".to_owned()], Some(1)));
    assert_eq!(run.notices(), ["the tracker could not be told how the verification ended: database locked"]);
    let mut run = one(OnRed::Hold, GREEN).forgetful_tracker().start();
    run.to_end();
    assert_eq!((run.deliveries(), run.exit()), (vec!["delivered".to_owned()], Some(0)));
}

#[test]
fn with_nothing_landed_or_no_command_it_is_passed_by_and_changes_nothing() {
    let mut run = one(OnRed::Hold, GREEN).max_attempts(1).attempts("a", [Attempt::done().red()]).start();
    run.to_end();
    assert_eq!((run.verified(), run.exit()), (vec!["nothing landed".to_owned()], Some(1)));
    assert!(!run.lane_jobs().contains(&"verify"));
    let mut run = one(OnRed::Hold, Verifies::NoCommand).start();
    run.to_end();
    assert_eq!(run.verified(), ["no command was found that runs the project's tests"]);
    assert_eq!((run.deliveries(), run.exit()), (vec!["delivered".to_owned()], Some(0)));
}

#[test]
fn one_that_can_not_be_run_holds_the_result_for_a_person() {
    let mut run = one(OnRed::Hold, BROKEN).start();
    run.to_end();
    assert!(run.verified()[0].starts_with("it could not be run: "), "{:?}", run.verified());
    assert_eq!((run.deliveries(), run.exit()), (vec!["refused".to_owned()], Some(3)));
    let mut run = one(OnRed::Deliver, BROKEN).start();
    run.to_end();
    assert_eq!((run.deliveries(), run.exit()), (vec!["delivered".to_owned()], Some(0)));
}

#[test]
fn it_runs_without_a_delivery_too() {
    let mut run = one(OnRed::Hold, RED).with(|config| config.deliver = false).start();
    run.to_end();
    assert_eq!(run.verified(), ["failed"]);
    assert_eq!(run.deliveries(), ["delivery is off: the run branch is the result"]);
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_refusal_of_git_is_a_persons_even_where_all_tests_are_red() {
    let mut run = one(OnRed::Deliver, RED).refusing_delivery().start();
    run.to_end();
    assert_eq!((run.deliveries(), run.exit()), (vec!["refused".to_owned()], Some(3)));
}

/// A run whose only task has landed, and whose verification is under way.
fn verifying(goes: Verifies) -> World {
    let mut run = one(OnRed::Hold, goes).start();
    run.settle_until(|run| run.lane_jobs().last() == Some(&"verify"));
    run.hold(Place::Lane);
    run
}

#[test]
fn a_signal_gives_it_the_grace_and_stops_it_then() {
    let mut run = verifying(GREEN);
    run.interrupt().settle();
    assert_eq!(run.gate_stops(), []);
    run.pass(30).settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.gate_stops(), [StopRequest::Graceful]);
    assert_eq!(run.verified(), ["`all tests` was stopped: a signal ended the run"]);
    assert_eq!(run.deliveries(), ["a signal ended the run"]);
    assert_eq!(run.exit(), Some(130));
    assert_eq!(memories(&run), [""; 0], "a verification that was stopped shows nothing");
}

#[test]
fn a_second_signal_stops_it_at_once() {
    let mut run = verifying(GREEN);
    run.interrupt().interrupt().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.gate_stops(), [StopRequest::Now]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn what_it_shows_in_the_grace_of_a_signal_counts() {
    let mut run = verifying(RED);
    run.interrupt().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.verified(), ["failed"]);
    assert_eq!((memories(&run).len(), run.exit()), (1, Some(130)));
}

#[test]
fn a_request_lets_it_end_and_one_at_once_stops_it_and_holds_what_it_did_not_prove() {
    let mut run = verifying(GREEN);
    run.cancel().settle();
    assert_eq!(run.gate_stops(), []);
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!((run.verified(), run.deliveries()), (vec!["passed".to_owned()], vec!["delivered".to_owned()]));
    assert_eq!(run.exit(), Some(0), "nothing was left to stop");

    let mut run = verifying(GREEN);
    run.cancel_now().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.verified(), ["`all tests` was stopped: the run was to end at once"]);
    assert_eq!((run.deliveries(), run.exit()), (vec!["refused".to_owned()], Some(3)));
}

#[test]
fn a_budget_that_is_used_up_does_not_stop_it_but_a_person_may_after_that() {
    let scenario = || Scenario::new().tasks(&["a", "b"]).gate(|gate| gate.baseline = false).max_iter(1);
    let mut run = scenario().verifying(OnRed::Hold, [GREEN]).start();
    run.to_end();
    assert_eq!((run.verified(), run.deliveries()), (vec!["passed".to_owned()], vec!["delivered".to_owned()]));
    assert_eq!(run.exit(), Some(5));
    let mut run = scenario().verifying(OnRed::Hold, [RED]).start();
    run.to_end();
    assert_eq!((run.deliveries(), run.exit()), (vec!["refused".to_owned()], Some(5)), "5 goes before 1");

    let mut run = scenario().verifying(OnRed::Hold, [GREEN]).start();
    run.settle_until(|run| run.lane_jobs().last() == Some(&"verify"));
    run.hold(Place::Lane);
    run.cancel_now().settle();
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.verified(), ["`all tests` was stopped: the run was to end at once"]);
}

#[test]
fn a_watcher_verifies_each_result_before_it_is_delivered() {
    let mut run = one(OnRed::Hold, RED).watching().start();
    run.settle();
    assert_eq!((run.verified(), run.deliveries()), (vec!["failed".to_owned()], vec!["refused".to_owned()]));
    run.person_files("b").settle();
    assert_eq!(run.verified(), ["failed", "passed"], "what landed since is another result");
    assert_eq!(run.deliveries(), ["refused", "delivered"]);
    run.cancel().to_end();
    assert_eq!(run.verified().len(), 2, "a result is verified once");
    assert_eq!(run.exit(), Some(0));
}
