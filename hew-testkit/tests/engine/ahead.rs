//! Worktrees that are made while others work, for tasks that are about to become ready.

use hew_testkit::scenario::{Place, Scenario, agent_of};

/// One task, then some side by side, then one.
fn diamond(middle: &[&str]) -> Scenario {
    let widened = middle.iter().fold(Scenario::new().task("first", &[]), |s, id| s.task(id, &["first"]));
    widened.task("last", middle)
}

#[test]
fn while_one_works_the_others_worktrees_are_made_for_what_waits_for_it() {
    let mut run = diamond(&["a", "b", "c"]).jobs(4).holding(agent_of("first")).start();
    run.settle();
    assert_eq!(run.made_ahead(), [1, 2], "three tasks, one of them for the worker that is free then");
    run.release(&agent_of("first"));
    run.to_end();
    assert_eq!(run.exit(), Some(0));
    assert_eq!(run.made_ahead(), [1, 2], "once a worker");
}

#[test]
fn two_are_made_at_a_time() {
    let middle = ["a", "b", "c", "d", "e"];
    let mut run = diamond(&middle).jobs(8).holding(agent_of("first")).holding(Place::Ahead).start();
    run.settle();
    assert_eq!(run.made_ahead(), [1, 2]);
    run.release(&Place::Ahead);
    run.settle();
    assert_eq!(run.made_ahead(), [1, 2, 3, 4]);
}

#[test]
fn a_chain_needs_no_worktree_but_its_workers() {
    let chain = Scenario::new().task("a", &[]).task("b", &["a"]).task("c", &["b"]);
    let mut run = chain.jobs(4).start();
    run.to_end();
    assert_eq!(run.made_ahead(), [0; 0]);
}

#[test]
fn what_waits_for_something_else_too_is_not_prepared_for() {
    let mut run = Scenario::new()
        .jobs(4)
        .task("a", &[])
        .task("b", &["a"])
        .task("c", &["a", "b"])
        .task("d", &["b"])
        .holding(agent_of("a"))
        .start();
    run.settle();
    assert_eq!(run.made_ahead(), [0; 0], "only b comes next, and its worker is that of a");
}

#[test]
fn a_worker_that_goes_on_working_does_not_count_for_what_comes_next() {
    let mut run = Scenario::new()
        .jobs(4)
        .task("long", &[])
        .task("a", &[])
        .task("b", &["a"])
        .task("c", &["a"])
        .holding(agent_of("long"))
        .holding(agent_of("a"))
        .start();
    run.settle();
    assert_eq!(run.made_ahead(), [2], "long keeps its worker; b and c need two");
}

#[test]
fn ready_tasks_go_to_workers_whose_worktrees_are_there() {
    let mut run = diamond(&["a", "b"]).jobs(4).holding(Place::Ahead).holding(agent_of("first")).start();
    run.settle();
    run.release(&agent_of("first"));
    run.hold(agent_of("a"));
    run.hold(agent_of("b"));
    run.settle();
    // The second one waits behind its worktree, which was begun before it was ready, and not behind another.
    assert_eq!(run.running(), ["a"]);
    run.release(&Place::Ahead);
    run.settle();
    assert_eq!(run.running(), ["a", "b"]);
}

#[test]
fn no_more_are_made_than_iterations_may_begin() {
    let mut run = diamond(&["a", "b", "c", "d"]).jobs(4).max_iter(3).holding(agent_of("first")).start();
    run.settle();
    assert_eq!(run.made_ahead(), [1], "two may begin, one of them on the worker that is free then");
}

#[test]
fn after_a_stop_none_is_begun_and_the_end_waits_for_those_in_the_making() {
    let middle = ["a", "b", "c", "d", "e"];
    let mut run = diamond(&middle).jobs(8).holding(agent_of("first")).holding(Place::Ahead).start();
    run.settle();
    run.cancel();
    run.release(&agent_of("first"));
    run.settle();
    assert!(!run.lane_jobs().contains(&"clean up"), "{}", run.transcript());
    run.release(&Place::Ahead);
    run.to_end();
    assert_eq!(run.made_ahead(), [1, 2]);
    assert_eq!(run.lane_jobs().last(), Some(&"clean up"));
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn what_was_made_is_in_the_record() {
    let mut run = diamond(&["a", "b"]).jobs(2).start();
    run.to_end();
    let transcript = run.transcript();
    assert!(transcript.contains("MadeAhead { worker: WorkerId(1), worktree: \"wt/w1\" }"), "{transcript}");
}
