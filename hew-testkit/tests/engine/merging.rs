//! `--merge end`: work waits on its worker's branch; the branches are merged when nothing runs any more.

use hew_core::ids::CommitId;
use hew_core::record::{JournalEvent, StopReason};
use hew_core::settings::OnGateFail;
use hew_core::tracker::CONFLICT_OF;
use hew_core::tracker::change::TaskChange;
use hew_testkit::scenario::{Attempt, BranchMerges, GateGoes, Place, PlannerCall, Scenario, World, agent_of};
use serde_json::json;

fn proof_of(task: &str) -> Place {
    Place::Proof(task.into())
}

/// The commit that a task was closed with.
fn landing_of(run: &World, wanted: &str) -> Option<CommitId> {
    run.journal.iter().find_map(|event| match event {
        JournalEvent::TaskChanged { task, change: TaskChange::Closed { landed_sha }, .. } => {
            (task.as_str() == wanted).then_some(landed_sha.clone()).flatten()
        }
        _ => None,
    })
}

/// Two workers, of which the first does `a` and `c`, the second `b`.
fn two_branches(scenario: Scenario) -> World {
    let mut run = scenario.jobs(2).tasks(&["a", "b", "c"]).holding(agent_of("b")).start();
    run.settle();
    assert_eq!(run.stacked(), ["w0 a", "w0 c"]);
    run.release(&agent_of("b"));
    run
}

#[test]
fn work_waits_on_its_workers_branch_and_lands_once_at_the_end() {
    let mut run = two_branches(Scenario::new().merging_at_end([]));
    assert_eq!(run.landed(), Vec::<&str>::new());
    assert!(
        run.state_of("a").starts_with("in_progress hew/"),
        "nothing is closed yet: {}",
        run.state_of("a")
    );
    run.to_end();
    assert_eq!(run.branches(), ["a c", "b"]);
    assert_eq!(
        run.lane_jobs(),
        [
            "baseline",
            "merge branch",
            "gate",
            "advance",
            "merge branch",
            "gate",
            "advance",
            "deliver",
            "clean up"
        ]
    );
    assert_eq!(run.ended(), ["a closed", "c closed", "b closed"]);
    for task in ["a", "b", "c"] {
        assert_eq!(run.state_of(task), "closed");
        assert!(landing_of(&run, task).is_some_and(|sha| sha.as_str().starts_with("merge-")), "{task}");
    }
    assert_eq!(run.deliveries(), ["delivered"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn what_waits_for_unlanded_work_is_not_begun_by_the_same_worker_either() {
    let mut run = Scenario::new().merging_at_end([]).task("a", &[]).task("b", &["a"]).tasks(&["c"]).start();
    run.to_end();
    assert_eq!(run.began(), ["a", "c"]);
    assert_eq!(run.left_over(), ["b: ready since the branches were merged"]);
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn one_branch_that_conflicts_is_kept_and_the_next_is_merged_all_the_same() {
    let mut run = two_branches(Scenario::new().merging_at_end([BranchMerges::Conflict]));
    run.to_end();
    assert_eq!(run.ended(), ["a conflict", "c conflict", "b closed"]);
    assert_eq!((run.state_of("a"), run.state_of("c")), ("open".to_owned(), "open".to_owned()));
    assert!(run.task("a").notes.contains("a.txt"), "{}", run.task("a").notes);
    let bug = run.task("t-1");
    assert!(
        bug.title.starts_with("[merge-conflict] loop-") && bug.title.ends_with(" worker-0"),
        "{}",
        bug.title
    );
    assert_eq!((bug.issue_type.as_str(), bug.priority), ("bug", 2));
    assert_eq!(bug.metadata.get(CONFLICT_OF), Some(&json!(["a", "c"])));
    for named in ["- a: Task a", "- c: Task c", "refs/hew/", "/w0`", "checked out in wt/w0"] {
        assert!(bug.description.contains(named), "{named}: {}", bug.description);
    }
    assert_eq!(run.lane_jobs().iter().filter(|job| **job == "keep branch").count(), 1);
    let left = run.left_over();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left[0].starts_with("a: open again: its work on loop/"), "{left:?}");
    assert!(run.remedies()[0].starts_with("git merge refs/hew/"), "{:?}", run.remedies());
    assert_eq!(run.exit(), Some(3));
    assert_eq!(run.deliveries(), ["delivered"]);
}

#[test]
fn a_branch_that_is_red_once_merged_is_kept_and_no_task_of_it_is_parked() {
    let scenario = Scenario::new().merging_at_end([BranchMerges::Green, BranchMerges::Red]).max_attempts(1);
    let mut run = two_branches(scenario.gate(|gate| gate.on_fail = OnGateFail::Stop));
    run.to_end();
    assert_eq!(run.ended(), ["a closed", "c closed", "b backpressure_fail"]);
    assert_eq!(run.state_of("b"), "open");
    assert!(run.task("t-1").title.ends_with(" worker-1"));
    assert_eq!(run.stop_reason(), Some(StopReason::ReadyEmpty));
    assert_eq!(run.exit(), Some(3));
    // Whoever does what is said has nothing red committed, and no run does it again.
    let [remedy]: [String; 1] = run.remedies().try_into().unwrap();
    assert!(remedy.starts_with("git merge --no-commit --no-ff refs/hew/"), "{remedy}");
    assert!(remedy.contains("   # b: ") && remedy.ends_with("hew task close ID --reason merged"), "{remedy}");
}

#[test]
fn a_lane_that_can_not_merge_keeps_the_branch_and_files_nothing() {
    let mut run = Scenario::new().merging_at_end([BranchMerges::Problem]).tasks(&["a"]).start();
    run.to_end();
    assert_eq!(run.ended(), ["a runtime_error"]);
    assert_eq!(run.left_over().len(), 1, "{:?}", run.left_over());
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn a_red_gate_in_the_workers_own_worktree_is_told_to_the_next_attempt_and_parks_in_the_end() {
    let red = std::iter::repeat_n(Attempt::done().red(), 2);
    let mut run =
        Scenario::new().merging_at_end([]).max_attempts(2).tasks(&["a", "b"]).attempts("a", red).start();
    run.to_end();
    assert_eq!(run.ended(), ["a backpressure_fail", "a backpressure_fail", "b closed"]);
    assert_eq!(run.told("a")[0].gate, Some(("just test".to_owned(), "1 test failed".to_owned())));
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert_eq!(run.branches(), ["b"]);
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_flaky_gate_is_run_once_more_before_the_work_waits() {
    let flaky = [Attempt::done().gated(&[GateGoes::Red, GateGoes::Green])];
    let mut run = Scenario::new()
        .merging_at_end([])
        .tasks(&["a"])
        .gate(|gate| gate.retry_flaky = true)
        .attempts("a", flaky)
        .start();
    run.to_end();
    assert!(run.transcript().contains("flaky: true"));
    assert_eq!(run.ended(), ["a closed"]);
}

#[test]
fn without_a_gate_work_waits_as_it_is() {
    let mut run = Scenario::new().merging_at_end([]).ungated().tasks(&["a"]).start();
    run.to_end();
    assert_eq!(run.lane_jobs(), ["merge branch", "advance", "deliver", "clean up"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn nothing_to_change_closes_at_once_but_for_a_task_that_saw_unlanded_work() {
    let nothing = || [Attempt::done().changing_nothing()];
    let mut run = Scenario::new()
        .merging_at_end([BranchMerges::Conflict])
        .tasks(&["first", "work", "last"])
        .attempts("first", nothing())
        .attempts("last", nothing())
        .start();
    run.to_end();
    assert_eq!(run.ended(), ["first closed", "work conflict", "last conflict"]);
    assert_eq!(run.state_of("last"), "open", "what it found done has not landed");

    let mut run =
        Scenario::new().merging_at_end([]).tasks(&["work", "last"]).attempts("last", nothing()).start();
    run.to_end();
    assert_eq!(run.ended(), ["work closed", "last closed"]);
    assert_eq!(landing_of(&run, "last"), None, "nothing of it had to land");
}

#[test]
fn what_a_person_closed_meanwhile_does_not_land_nor_does_what_stands_on_it() {
    let mut run =
        Scenario::new().merging_at_end([]).tasks(&["a", "b", "c", "d"]).holding(agent_of("d")).start();
    run.settle();
    assert_eq!(run.stacked(), ["w0 a", "w0 b", "w0 c"]);
    run.person_closes("b").release(&agent_of("d"));
    run.to_end();
    assert_eq!(run.ended(), ["b cancelled", "c cancelled", "d cancelled", "a closed"]);
    assert_eq!((run.state_of("b"), run.state_of("c")), ("closed".to_owned(), "open".to_owned()));
    assert_eq!(run.branches(), ["a b c d", "a"]);
    assert!(run.notices().iter().any(|text| text.contains("was not landed")), "{:?}", run.notices());
}

#[test]
fn what_a_person_took_before_its_gate_is_no_part_of_the_branch() {
    let mut run = Scenario::new().merging_at_end([]).tasks(&["a", "b"]).holding(proof_of("a")).start();
    run.settle();
    run.person_takes("a").release(&proof_of("a"));
    run.to_end();
    assert_eq!(run.branches(), ["b"]);
    assert_eq!(run.ended(), ["a cancelled", "b closed"]);
    assert_eq!(run.state_of("a"), "in_progress ann");
}

#[test]
fn a_stop_merges_what_waits_and_a_signal_does_not() {
    let stopped = |stop: fn(&mut World) -> &mut World| {
        let mut run =
            Scenario::new().merging_at_end([]).tasks(&["a", "b", "c"]).holding(agent_of("b")).start();
        run.settle();
        stop(&mut run);
        run.release(&agent_of("b"));
        run.to_end();
        run
    };
    for stop in [World::cancel, World::stop_file] as [fn(&mut World) -> &mut World; 2] {
        let run = stopped(stop);
        assert_eq!(run.ended(), ["a closed", "b closed"]);
        assert_eq!((run.exit(), run.deliveries()), (Some(5), vec!["delivered".to_owned()]));
    }
    let run = stopped(World::cancel_now);
    assert_eq!(run.ended(), ["b cancelled", "a closed"]);

    let run = stopped(World::interrupt);
    assert_eq!(run.ended(), ["b cancelled", "a cancelled"]);
    assert_eq!(run.branches(), Vec::<String>::new());
    assert_eq!((run.state_of("a"), run.exit()), ("open".to_owned(), Some(130)));
    assert!(run.remedies()[0].starts_with("git merge refs/hew/"), "{:?}", run.remedies());
    let left = run.left_over();
    assert!(left.iter().all(|why| !why.contains("did not land")), "its branch is not kept: {left:?}");
}

#[test]
fn a_signal_stops_the_gate_of_a_worker_at_the_end_of_its_grace() {
    let mut run = Scenario::new().merging_at_end([]).tasks(&["a"]).holding(proof_of("a")).start();
    run.settle().interrupt();
    run.settle();
    assert!(run.agent_stops().is_empty());
    run.to_end();
    assert_eq!(run.agent_stops().len(), 1);
    assert_eq!(run.ended(), ["a cancelled"]);
}

#[test]
fn a_signal_while_branches_are_merged_lands_what_is_green_and_gives_the_rest_back() {
    let mut run = two_branches(Scenario::new().merging_at_end([]));
    run.settle_until(|run| run.landed().len() == 1);
    run.interrupt();
    run.to_end();
    assert_eq!(run.ended(), ["a closed", "c closed", "b cancelled"]);
    assert_eq!(run.exit(), Some(130));
}

#[test]
fn a_budget_of_iterations_or_tokens_ends_in_the_merge() {
    let mut run = Scenario::new().merging_at_end([]).tasks(&["a", "b"]).max_iter(1).start();
    run.to_end();
    assert_eq!((run.ended(), run.exit()), (vec!["a closed".to_owned()], Some(5)));

    let mut run = Scenario::new()
        .merging_at_end([])
        .tasks(&["a", "b"])
        .budget_tokens(100, 0)
        .attempts("a", [Attempt::done().using(100)])
        .start();
    run.to_end();
    assert_eq!((run.ended(), run.exit()), (vec!["a closed".to_owned()], Some(5)));
}

#[test]
fn a_bug_task_that_lands_closes_all_that_it_is_about() {
    let about = json!({ "metadata": { "hew.conflict_of": ["x", "y"] } });
    let parked = json!({ "labels": ["hew:parked"] });
    let mut run = Scenario::new()
        .task_with("x", &[], &parked)
        .task_with("y", &[], &parked)
        .task_with("bug", &[], &about)
        .start();
    run.to_end();
    assert_eq!(
        (run.state_of("x"), run.state_of("y")),
        ("closed hew:parked".into(), "closed hew:parked".into())
    );
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_close_that_is_refused_at_the_end_is_tried_again_and_the_others_stand() {
    let mut run = Scenario::new().merging_at_end([]).tasks(&["a", "b"]).refusing_closes("a", 9).start();
    run.to_end();
    assert_eq!(run.state_of("b"), "closed");
    assert_eq!(run.remedies(), ["hew task close a --reason landed"]);
    assert_eq!(run.exit(), Some(3));
}

#[test]
fn the_planner_is_asked_while_work_waits() {
    let mut run = Scenario::new()
        .merging_at_end([])
        .jobs(2)
        .tasks(&["a", "b", "c", "d", "e", "f"])
        .planner([PlannerCall::naming(&["e", "f"])])
        .holding(agent_of("b"))
        .start();
    run.settle();
    run.release(&agent_of("b"));
    run.to_end();
    assert!(run.transcript().contains("DraftPlanner"), "{}", run.transcript());
    assert_eq!(run.exit(), Some(0));
}
