//! The lane: gate, conflict, meddling, what is said to the tracker.

use hew_core::ids::{IterationId, WorkerId};
use hew_core::record::StopReason;
use hew_core::settings::OnGateFail;
use hew_core::tracker::CONFLICT_OF;
use hew_testkit::scenario::{Attempt, GateGoes, Place, Scenario, agent_of};
use serde_json::json;

#[test]
fn a_red_gate_is_told_to_the_next_attempt_and_parks_the_task_in_the_end() {
    let red = std::iter::repeat_n(Attempt::done().red(), 3);
    let mut run = Scenario::new().tasks(&["a", "b"]).attempts("a", red).start();
    run.to_end();
    assert_eq!(
        run.ended(),
        ["a backpressure_fail", "b closed", "a backpressure_fail", "a backpressure_fail"]
    );
    assert_eq!(run.landed(), ["b"]);
    let told = run.told("a");
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].outcome, "backpressure_fail");
    assert_eq!(told[0].gate, Some(("just test".to_owned(), "1 test failed".to_owned())));
    assert!(told[0].anchor.as_ref().unwrap().as_str().ends_with("/w0/iter-001"));
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert!(run.task("a").notes.contains("3 attempts used up"), "{}", run.task("a").notes);
    assert_eq!(run.exit(), Some(1));
    assert_eq!(run.left_over(), ["a: parked"]);
}

#[test]
fn a_red_gate_stops_the_run_where_that_is_wanted() {
    let mut run = Scenario::new()
        .tasks(&["a", "b"])
        .gate(|gate| gate.on_fail = OnGateFail::Stop)
        .attempts("a", [Attempt::done().red(), Attempt::done().red(), Attempt::done().red()])
        .start();
    run.to_end();
    let tries = run.began().iter().filter(|task| **task == "a").count();
    assert_eq!(tries, 3, "a red gate is tried again; only the last one stops the run");
    assert!(!run.landed().contains(&"a"));
    assert_eq!(run.stop_reason(), Some(StopReason::GuardTrip));
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_flaky_gate_is_run_once_more_and_recorded() {
    let flaky = || [Attempt::done().gated(&[GateGoes::Red, GateGoes::Green])];
    let mut run =
        Scenario::new().tasks(&["a"]).gate(|gate| gate.retry_flaky = true).attempts("a", flaky()).start();
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert!(run.transcript().contains("flaky: true"));
    assert_eq!(run.lane_jobs(), ["baseline", "merge", "gate", "gate", "advance", "deliver", "clean up"]);

    let mut run = Scenario::new().tasks(&["a"]).attempts("a", flaky()).start();
    run.to_end();
    assert_eq!(run.ended(), ["a backpressure_fail", "a closed"]);
}

#[test]
fn a_flaky_gate_is_run_once_more_while_the_run_drains() {
    let flaky = [Attempt::done().gated(&[GateGoes::Red, GateGoes::Green])];
    let mut run = Scenario::new()
        .tasks(&["a", "b"])
        .gate(|gate| gate.retry_flaky = true)
        .attempts("a", flaky)
        .holding(agent_of("a"))
        .start();
    run.settle().cancel();
    run.release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn a_conflict_is_tried_again_on_the_new_tip_then_filed_once() {
    let conflicts = std::iter::repeat_n(Attempt::done().conflicting(), 2);
    let mut run = Scenario::new().max_attempts(2).tasks(&["a", "b"]).attempts("a", conflicts).start();
    run.to_end();
    assert_eq!(run.ended(), ["a conflict", "b closed", "a conflict"]);
    let merge = run.told("a")[0].merge.clone().expect("the second attempt is told of the conflict");
    assert_eq!(merge.files, ["shared.txt"]);
    assert_eq!(run.state_of("a"), "open hew:parked");
    let bug = run.task("t-1");
    assert_eq!(bug.title, "[merge-conflict] a Task a");
    assert_eq!((bug.issue_type.as_str(), bug.priority), ("bug", 2));
    assert_eq!(bug.metadata_text(CONFLICT_OF), Some("a"));
    assert_eq!(run.claimed(), ["a", "b", "a"], "a run does not take up its own bug task");
    assert_eq!(run.lane_jobs().iter().filter(|job| **job == "keep").count(), 1);
    assert_eq!(run.left_over(), ["a: parked", "t-1: filed by this run; ready"]);
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_bug_of_this_run_is_left_to_the_next_though_nobody_learned_that_it_was_filed() {
    let mut actor = None;
    let id = IterationId { worker: WorkerId(0), iter: 1 };
    let scenario = Scenario::new().with(|config| actor = Some(config.run.actor(id)));
    let own = actor.unwrap();
    let of_task = json!({ "metadata": { "hew.conflict_of": "x" }, "created_by": own.as_str() });
    let of_branch = json!({ "metadata": { "hew.conflict_of": ["x", "y"] }, "created_by": own.as_str() });
    let anothers = json!({ "metadata": { "hew.conflict_of": "z" }, "created_by": "hew/another/w0/1" });
    let mut run = scenario
        .task_with("of-task", &[], &of_task)
        .task_with("of-branch", &[], &of_branch)
        .task_with("anothers", &[], &anothers)
        .start();
    run.to_end();
    assert_eq!(run.claimed(), ["anothers"]);
    assert_eq!(run.left_over(), ["of-task: filed by this run; ready", "of-branch: filed by this run; ready"]);
}

#[test]
fn a_bug_task_that_lands_closes_what_it_is_about() {
    let about = json!({ "metadata": { "hew.conflict_of": "a" } });
    let parked = json!({ "labels": ["hew:parked"] });
    let mut run =
        Scenario::new().task_with("a", &[], &parked).task("b", &["a"]).task_with("bug", &[], &about).start();
    run.to_end();
    assert_eq!(run.landed(), ["bug", "b"]);
    assert_eq!(run.state_of("a"), "closed hew:parked");
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_bug_task_never_files_another() {
    let about = json!({ "metadata": { "hew.conflict_of": "a" } });
    let mut run = Scenario::new()
        .max_attempts(1)
        .task_with("bug", &[], &about)
        .attempts("bug", [Attempt::done().conflicting()])
        .start();
    run.to_end();
    assert!(!run.transcript().contains("Filed"), "{}", run.transcript());
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_meddled_run_branch_is_named_and_not_built_upon() {
    let mut run = Scenario::new()
        .tasks(&["a", "b"])
        .attempts("a", [Attempt::done().meddled_with()])
        .attempts("b", [Attempt::done().with_branch_deleted()])
        .start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    let escapes = run.escapes();
    let words: Vec<String> = escapes.iter().map(|(_, escape)| escape.words()).collect();
    assert_eq!(words.len(), 2, "{words:?}");
    assert!(words[0].contains("to foreign") && words[0].ends_with("it was put back"), "{words:?}");
    assert!(words[1].contains("is gone"), "{words:?}");
    assert!(escapes.iter().all(|(about, _)| about.is_none()), "nobody is known to have done it");
}

#[test]
fn rewritten_history_and_a_mess_end_the_attempt_with_their_reason() {
    let mut run = Scenario::new()
        .max_attempts(1)
        .tasks(&["a", "b", "c"])
        .attempts("a", [Attempt::done().rewriting_history()])
        .attempts("b", [Attempt::done().leaving_a_mess()])
        .attempts("c", [Attempt::exits(3)])
        .start();
    run.to_end();
    assert_eq!(run.ended(), ["a runtime_error", "b runtime_error", "c runtime_error"]);
    assert!(run.task("a").notes.contains("history was rewritten"), "{}", run.task("a").notes);
    assert!(run.task("b").notes.contains("unresolved merge in a.txt"));
    assert!(run.task("c").notes.contains("exit code 3"));
}

#[test]
fn a_lane_that_cannot_work_ends_the_run_before_every_task_is_parked() {
    let broken = || [Attempt::done().gated(&[GateGoes::Fails])];
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut run = names
        .into_iter()
        .fold(Scenario::new().max_attempts(1).tasks(&names), |scenario, name| {
            scenario.attempts(name, broken())
        })
        .start();
    run.to_end();
    assert_eq!(run.stop_reason(), Some(StopReason::RuntimeError));
    assert!(run.began().len() < 8, "{:?}", run.began());
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_single_failure_of_the_lane_is_one_attempt() {
    let mut run = Scenario::new()
        .tasks(&["a", "b", "c"])
        .attempts("a", [Attempt::done().unmergeable("disk full")])
        .attempts("b", [Attempt::done().not_advancing()])
        .attempts("c", [Attempt::done().gated(&[GateGoes::TimesOut])])
        .start();
    run.to_end();
    assert_eq!(run.exit(), Some(0));
    let failed: Vec<_> = run.ended().into_iter().filter(|end| !end.ends_with("closed")).collect();
    assert_eq!(failed, ["a runtime_error", "b runtime_error", "c backpressure_fail"]);
}

#[test]
fn a_refused_close_is_tried_again_and_dependents_go_on() {
    let mut run = Scenario::new().tasks(&["a"]).task("b", &["a"]).refusing_closes("a", 1).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(run.state_of("a"), "closed");
    assert_eq!(run.ended(), ["a closed", "b closed"], "an iteration ends once");
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_close_that_is_refused_to_the_end_needs_a_person() {
    let mut run = Scenario::new().tasks(&["a", "b"]).refusing_closes("a", u32::MAX).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(run.ended(), ["a closed", "b closed"]);
    assert_eq!(run.remedies(), ["hew task close a --reason landed"]);
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_release_without_an_answer_needs_a_person() {
    let mut run = Scenario::new()
        .tasks(&["a", "b"])
        .attempts("a", [Attempt::done().red()])
        .unanswered_release("a")
        .start();
    run.to_end();
    assert_eq!(run.landed(), ["b"]);
    assert_eq!(run.claimed(), ["a", "b"]);
    assert_eq!(run.remedies(), ["hew task reopen a"]);
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_person_who_closes_a_running_task_stops_it_and_is_left_alone() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle();
    run.person_closes("a").settle();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled", "b closed"]);
    assert_eq!(run.agent_stops().len(), 1);
    assert_eq!(run.state_of("a"), "closed");
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_person_who_takes_a_running_task_keeps_it() {
    let mut run = Scenario::new().tasks(&["a", "b"]).holding(agent_of("a")).start();
    run.settle();
    run.person_takes("a");
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled", "b closed"]);
    assert_eq!(run.state_of("a"), "in_progress ann");
    assert_eq!(run.left_over(), ["a: held by ann"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_change_that_comes_while_running_tasks_are_read_is_not_missed() {
    let mut run = Scenario::new().tasks(&["a"]).holding(agent_of("a")).start();
    run.settle().tracker_changed();
    run.serve_tracker();
    run.person_closes("a").settle();
    assert_eq!(run.ended(), ["a cancelled"]);
}

#[test]
fn a_person_who_closes_a_task_before_its_agent_runs_spares_the_agent() {
    let mut run = Scenario::new().tasks(&["a"]).holding(Place::SetUp("a".into())).start();
    run.settle();
    run.person_closes("a");
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert!(!run.transcript().contains(" run\n"), "{}", run.transcript());
    assert_eq!(run.state_of("a"), "closed");
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_person_who_closes_a_task_that_waits_for_the_lane_is_left_alone() {
    let mut run = Scenario::new().tasks(&["a"]).ungated().holding(Place::Lane).start();
    run.settle().person_closes("a");
    run.release(&Place::Lane);
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert_eq!(run.landed(), [""; 0]);
    assert_eq!(run.state_of("a"), "closed");
}
