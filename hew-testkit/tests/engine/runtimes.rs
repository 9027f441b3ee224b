//! Runtimes that fail: tried again, at rest for every worker, out; and what stands in for them.

use std::time::Duration;

use hew_core::agent::FailureClass::{
    Auth, BadRequest, Network, Overloaded, Quota, RateLimit, Server, Spawn, Unknown,
};
use hew_core::agent::{FailureClass, Lack, RetryAt};
use hew_core::engine::{Effect, WorkerJob};
use hew_core::ids::TaskId;
use hew_core::record::{JournalEvent, StopReason};
use hew_testkit::scenario::{Attempt, Place, Scenario, World, agent_of};
use serde_json::json;

/// Two runtimes, of which `two` takes over while `one` rests.
fn with_fallback() -> Scenario {
    Scenario::new().setting(&[("loop.runtime", "one"), ("loop.fallback_runtime", "two")])
}

/// One runtime and nothing that takes over.
fn alone() -> Scenario {
    Scenario::new().setting(&[("loop.runtime", "one")])
}

#[expect(clippy::unnecessary_wraps, reason = "what is failed with takes a time or none")]
fn after(secs: u64) -> Option<RetryAt> {
    Some(RetryAt::After(Duration::from_secs(secs)))
}

fn elapsed_secs(run: &World) -> u64 {
    run.elapsed().as_secs()
}

#[test]
fn what_may_pass_is_tried_again_in_the_same_iteration_after_growing_waits() {
    for class in [RateLimit, Overloaded, Server, Network] {
        let mut run = alone().tasks(&["a"]).attempts("a", [Attempt::done().failing(class, 3)]).start();
        run.to_end();
        assert_eq!(run.began(), ["a"]);
        assert_eq!(run.ended(), ["a closed"]);
        assert_eq!(run.ran_on().len(), 4);
        let waits = run.retry_waits();
        for (wait, middle) in waits.iter().zip([5_000, 10_000, 20_000]) {
            assert!((middle * 8 / 10..=middle * 12 / 10).contains(wait), "{waits:?}");
        }
        assert_eq!(waits.len(), 3);
        assert_eq!(elapsed_secs(&run), waits.iter().sum::<u64>() / 1000);
        assert!(run.runtime_changes().is_empty());
        assert_eq!(run.exit(), Some(0));
    }
}

#[test]
fn workers_that_fail_together_do_not_come_back_together() {
    let failing = || [Attempt::done().failing(RateLimit, 1)];
    let scenario = alone().jobs(2).tasks(&["a", "b"]).attempts("a", failing()).attempts("b", failing());
    let mut run = scenario.start();
    run.to_end();
    let waits = run.retry_waits();
    assert_ne!(waits[0], waits[1]);
    assert_eq!(run.landed().len(), 2);
}

#[test]
fn the_time_that_a_provider_names_is_kept() {
    let attempt = Attempt::done().failing_until(RateLimit, after(90));
    let mut run = alone().tasks(&["a"]).attempts("a", [attempt]).start();
    run.to_end();
    assert_eq!(run.retry_waits(), [90_000]);
    let at = Scenario::new().start().calendar() + chrono::TimeDelta::seconds(30);
    let attempt = Attempt::done().failing_until(Server, Some(RetryAt::At(at)));
    let mut run = alone().tasks(&["a"]).attempts("a", [attempt]).start();
    run.to_end();
    assert_eq!(run.retry_waits(), [30_000]);
}

#[test]
fn a_wait_holds_its_worker_and_nobody_elses() {
    let attempt = Attempt::done().failing_until(RateLimit, after(60));
    let mut run = alone().jobs(2).tasks(&["a", "b", "c"]).attempts("a", [attempt]).start();
    run.settle();
    assert_eq!(run.landed(), ["b", "c"]);
    run.to_end();
    assert_eq!(run.landed(), ["b", "c", "a"]);
    assert_eq!(run.began(), ["a", "b", "c"]);
}

#[test]
fn after_three_retries_the_runtime_rests_and_the_attempt_does_not_count() {
    for class in [RateLimit, Overloaded] {
        let mut run =
            alone().max_attempts(1).tasks(&["a"]).attempts("a", [Attempt::done().failing(class, 4)]).start();
        run.to_end();
        assert_eq!(run.ended(), ["a rate_limited", "a closed"]);
        assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one fit"]);
        let rested = elapsed_secs(&run) - run.retry_waits().iter().sum::<u64>() / 1000;
        assert!((59..=61).contains(&rested), "{rested}");
        assert_eq!(run.exit(), Some(0));
    }
}

#[test]
fn a_server_that_stays_down_costs_an_attempt() {
    for class in [Server, Network] {
        let failing = || Attempt::done().failing(class, 4);
        let mut run = alone().max_attempts(2).tasks(&["a"]).attempts("a", [failing(), failing()]).start();
        run.to_end();
        assert_eq!(run.ended(), ["a runtime_error", "a runtime_error"]);
        assert_eq!(run.state_of("a"), "open hew:parked");
        assert!(run.runtime_changes().is_empty());
        assert_eq!(run.exit(), Some(1));
    }
}

#[test]
fn a_wrong_request_is_the_tasks_own_failure() {
    for class in [BadRequest, Unknown] {
        let failing = || Attempt::done().failing(class, 1);
        let mut run =
            alone().max_attempts(2).tasks(&["a", "b"]).attempts("a", [failing(), failing()]).start();
        run.to_end();
        assert_eq!(run.ended(), ["a runtime_error", "a runtime_error", "b closed"]);
        assert!(run.retry_waits().is_empty());
    }
}

#[test]
fn a_program_refused_by_its_own_start_up_on_three_tasks_in_a_row_ends_the_run() {
    let names = ["a", "b", "c", "d"];
    let failing =
        |scenario: Scenario, name: &&str| scenario.attempts(name, [Attempt::done().failing(Spawn, 1)]);
    let mut run = names.iter().fold(alone().max_attempts(1).tasks(&names), failing).start();
    run.to_end();
    assert_eq!(run.began(), ["a", "b", "c"]);
    assert_eq!(run.stop_reason(), Some(StopReason::RuntimeError));
}

#[test]
fn used_up_allowance_rests_the_runtime_for_every_worker_until_its_reset() {
    let mut run = with_fallback()
        .jobs(2)
        .tasks(&["a", "b", "c", "d"])
        .holding(agent_of("a"))
        .holding(agent_of("b"))
        .runtime_failing("one", [Some((Quota, after(7200)))])
        .start();
    run.settle().release(&agent_of("a"));
    run.settle();
    // What runs on it goes on; nothing more is begun on it.
    assert_eq!(run.running(), ["b"]);
    assert_eq!(run.ran_on(), ["a one", "b one", "a two", "c two", "d two"]);
    run.release(&agent_of("b"));
    run.to_end();
    assert_eq!(run.ended().iter().filter(|end| end.ends_with("rate_limited")).count(), 1);
    assert_eq!(run.landed().len(), 4);
    assert_eq!(run.exit(), Some(0));
    assert_eq!(elapsed_secs(&run), 0);
}

#[test]
fn at_the_reset_one_iteration_tries_the_main_runtime_again() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let scenario = with_fallback().jobs(3).tasks(&names).runtime_failing("one", [Some((Quota, after(100)))]);
    // Once the reset has come, both free workers look for a runtime at the same moment.
    let mut run = scenario.holding(agent_of("a")).holding(agent_of("b")).holding(agent_of("c")).start();
    run.settle();
    assert_eq!(run.ran_on(), ["a one", "b one", "c one"]);
    for name in names {
        run.hold(agent_of(name));
    }
    run.release(&agent_of("a"));
    run.settle_until(|run| run.ran_on().len() == 4);
    run.hold(agent_of("a"));
    run.settle().pass(100);
    run.release(&agent_of("b"));
    run.release(&agent_of("c"));
    run.settle();
    assert_eq!(run.ran_on(), ["a one", "b one", "c one", "a two", "d one", "e two"]);
    run.agent_uses("d", 1);
    assert!(run.runtime_changes().ends_with(&["one fit".to_owned()]), "{:?}", run.runtime_changes());
    run.release(&agent_of("e"));
    run.settle();
    assert_eq!(run.ran_on().last().map(String::as_str), Some("f one"));
    for name in names {
        run.release(&agent_of(name));
    }
    run.to_end();
    assert_eq!(run.landed().len(), 6);
}

#[test]
fn where_no_reset_is_known_a_few_iterations_on_the_fallback_lead_back() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut run = with_fallback().tasks(&names).runtime_failing("one", [Some((Quota, None))]).start();
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "a two", "b two", "c two", "d one", "e one", "f one"]);
    let stands_in = "two stands in";
    assert_eq!(run.runtime_changes(), ["one rests", stands_in, stands_in, stands_in, "one tried", "one fit"]);
    assert_eq!(elapsed_secs(&run), 0);
}

#[test]
fn a_probe_that_fails_rests_the_runtime_again_and_is_no_loop() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let failures = std::iter::repeat_n(Some((Quota, None)), 2);
    let mut run = with_fallback().tasks(&names).runtime_failing("one", failures).start();
    run.to_end();
    assert_eq!(
        run.ran_on(),
        ["a one", "a two", "b two", "c two", "d one", "d two", "e two", "f two", "g one"]
    );
    assert_eq!(run.landed().len(), 7);
}

/// A second look has one try where an iteration has four, and so it costs nothing; a task that breaks its runtime again and
/// again is told from a runtime that is not well yet.
#[test]
fn a_second_look_that_breaks_the_runtime_costs_no_attempt() {
    for class in [Server, Network] {
        let failing =
            |times| [Some((Overloaded, after(400)))].into_iter().chain(vec![Some((class, None)); times]);
        let one = |times| alone().max_attempts(1).tasks(&["a"]).runtime_failing("one", failing(times));
        let mut run = one(2).start();
        run.to_end();
        let spared = ["a rate_limited", "a rate_limited", "a rate_limited", "a closed"];
        assert_eq!((run.ended(), run.exit()), (spared.map(str::to_owned).to_vec(), Some(0)));
        assert_eq!(run.runtime_changes().iter().filter(|change| *change == "one rests").count(), 3);
        let mut run = one(100).start();
        run.to_end();
        assert_eq!(run.ended(), [&spared[..3], &["a rate_limited", "a runtime_error"]].concat());
        assert_eq!(run.exit(), Some(1));
    }
}

#[test]
fn with_nothing_to_take_over_the_run_waits_for_the_reset_and_says_so_once() {
    let mut run = alone().tasks(&["a", "b"]).runtime_failing("one", [Some((Quota, after(3600)))]).start();
    run.settle();
    assert_eq!(run.exit(), None);
    let lists = run.lists();
    run.pass(3000);
    for _ in 0..20 {
        run.tracker_changed().settle();
    }
    assert!(run.lists() <= lists + 21);
    let waits = |run: &World| {
        run.journal.iter().filter(|event| matches!(event, JournalEvent::AwaitingRuntime { .. })).count()
    };
    assert_eq!(waits(&run), 1);
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(elapsed_secs(&run), 3600);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_reset_after_the_wall_budget_ends_the_run_at_once() {
    for secs in [3600, 7200] {
        let mut run = alone()
            .wall(3600)
            .tasks(&["a", "b"])
            .runtime_failing("one", [Some((Quota, after(secs)))])
            .start();
        run.to_end();
        assert_eq!(run.stop_reason(), Some(StopReason::Quota));
        assert_eq!(run.exit(), Some(6));
        assert_eq!(elapsed_secs(&run), 0);
        assert_eq!(run.left_over(), ["a: ready", "b: ready"]);
    }
}

#[test]
fn a_refused_login_and_a_missing_program_take_a_runtime_out_for_the_run() {
    let no_login = || alone().max_attempts(1).tasks(&["a", "b"]).runtime_failing("one", [Some((Auth, None))]);
    let missing = || alone().max_attempts(1).tasks(&["a", "b"]).attempts("a", [Attempt::missing_program()]);
    for scenario in [no_login(), missing()] {
        let mut run = scenario.start();
        run.to_end();
        assert_eq!(run.began(), ["a"]);
        assert_eq!(run.runtime_changes(), ["one out"]);
        assert_eq!(run.state_of("a"), "open");
        assert_eq!(run.stop_reason(), Some(StopReason::Quota));
        assert_eq!(run.exit(), Some(6));
        assert!(!run.remedies().is_empty());
    }
    let mut run = with_fallback().tasks(&["a", "b"]).runtime_failing("one", [Some((Auth, None))]).start();
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "a two", "b two"]);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_model_that_the_runtime_does_not_have_costs_no_attempts_and_is_asked_for_twice() {
    let names = ["a", "b", "c"];
    let unknown = || {
        let lacking = |scenario: Scenario| scenario.runtime_lacking("one", Lack::Model, 2);
        lacking(alone()).max_attempts(1).tasks(&names).setting(&[("loop.model.default", "small")])
    };
    let mut run = unknown().start();
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "b one"]);
    assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one fit"]);
    assert_eq!(run.left_over(), ["a: ready", "b: ready", "c: ready"]);
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::Quota), Some(6)));
    assert!(run.remedies().iter().any(|remedy| remedy.starts_with("hew doctor")), "{:?}", run.remedies());
    assert!(run.notices().iter().any(|notice| notice.contains("`small`")), "{:?}", run.notices());
    // What asks for another model there goes on, and a fallback takes the rest over.
    let own = json!({"labels": ["model:large"]});
    let mut run = unknown().task_with("z", &[], &own).start();
    run.to_end();
    assert_eq!((run.landed(), run.exit()), (vec!["z"], Some(6)));
    let mut run = unknown().setting(&[("loop.fallback_runtime", "two")]).start();
    run.to_end();
    assert_eq!(run.ran_on()[0], "a one");
    assert_eq!((run.landed().len(), run.exit()), (3, Some(0)));
}

#[test]
fn what_is_said_to_lack_once_is_asked_for_again() {
    for lack in [Lack::Model, Lack::Api] {
        let of = |times| {
            let small = [("loop.model.default", "small")];
            let scenario = alone().max_attempts(1).tasks(&["a", "b", "c"]).setting(&small);
            scenario.runtime_lacking("one", lack, times)
        };
        let mut run = of(1).start();
        run.to_end();
        assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one fit"], "{lack:?}");
        assert_eq!((run.landed().len(), run.exit()), (3, Some(0)), "{lack:?}");
        // Two that are told so at the same time are told so once.
        let mut run = of(2).jobs(2).holding(agent_of("a")).holding(agent_of("b")).start();
        run.settle().release(&agent_of("a"));
        run.release(&agent_of("b"));
        run.to_end();
        assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one fit"], "{lack:?}");
        assert_eq!((run.landed().len(), run.exit()), (3, Some(0)), "{lack:?}");
        let mut run = of(9).jobs(2).start();
        run.to_end();
        assert_eq!(run.ended().len(), 3, "{lack:?}");
        assert_eq!((run.left_over().len(), run.exit()), (3, Some(6)), "{lack:?}");
    }
    let mut run = alone().tasks(&["a"]).runtime_lacking("one", Lack::Api, 2).start();
    run.to_end();
    assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one out"]);
    assert!(run.remedies()[0].contains("loop.local.endpoint"), "{:?}", run.remedies());
}

#[test]
fn a_model_that_one_task_lacks_is_no_advice_where_others_wait_for_a_rest() {
    let own = json!({"labels": ["model:large"]});
    let scenario = alone().wall(600).task_with("a", &[], &own).task("b", &[]);
    let lacking = scenario.runtime_lacking("one", Lack::Model, 2);
    let mut run = lacking.runtime_failing("one", [Some((Quota, after(7200)))]).start();
    run.to_end();
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::Quota), Some(6)));
    let remedies = run.remedies();
    assert!(!remedies.iter().any(|remedy| remedy.starts_with("hew doctor")), "{remedies:?}");
    assert!(!remedies.iter().any(|remedy| remedy.contains("--fallback-runtime")), "{remedies:?}");
}

#[test]
fn a_model_that_one_task_asks_for_and_nobody_has_stops_that_task_alone() {
    let own = json!({"labels": ["model:large"]});
    let scenario = alone().task_with("a", &[], &own).task("b", &[]);
    let mut run = scenario.runtime_lacking("one", Lack::Model, 2).start();
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "a one", "b one"]);
    assert_eq!(run.landed(), ["b"]);
    let left = run.left_over();
    assert!(left[0].starts_with("a: can't run here: runtime `one` does not have the model"), "{left:?}");
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_provider_that_is_not_there_rests_the_runtime_and_costs_no_attempts() {
    let down =
        |times| alone().max_attempts(1).tasks(&["a", "b"]).runtime_lacking("one", Lack::Provider, times);
    // Four tries of the first, then a probe a minute later: it is there again.
    let mut run = down(4).start();
    run.to_end();
    assert_eq!(run.ended(), ["a rate_limited", "b closed", "a closed"]);
    assert_eq!(run.runtime_changes(), ["one rests", "one tried", "one fit"]);
    assert_eq!(run.exit(), Some(0));
    // It does not come back in time.
    let mut run = down(100).wall(600).start();
    run.to_end();
    assert_eq!(run.left_over(), ["a: ready", "b: ready"]);
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::Quota), Some(6)));
    // Something else takes over.
    let mut run = down(4).setting(&[("loop.fallback_runtime", "two")]).start();
    run.to_end();
    assert_eq!(run.landed().len(), 2);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn a_tasks_own_word_is_final() {
    let own = |runtime: &str| json!({"labels": [format!("runtime:{runtime}")]});
    let scenario = || with_fallback().task_with("a", &[], &own("one")).task("b", &[]);
    let mut run = scenario().runtime_failing("one", [Some((Quota, after(500)))]).start();
    run.settle();
    assert_eq!(run.landed(), ["b"]);
    assert_eq!(run.ran_on(), ["a one", "b two"]);
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "b two", "a one"]);
    assert_eq!(elapsed_secs(&run), 500);
    assert_eq!(run.exit(), Some(0));
    let mut run = scenario().runtime_failing("one", [Some((Auth, None))]).start();
    run.to_end();
    assert_eq!(run.landed(), ["b"]);
    assert!(run.left_over()[0].starts_with("a: can't run here: runtime `one`"), "{:?}", run.left_over());
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn tasks_that_wait_do_not_stand_in_the_way_of_others() {
    let own = json!({"labels": ["runtime:two"]});
    let names: Vec<String> = (0..30).map(|number| format!("w{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = alone()
        .tasks(&names)
        .task_with("z", &[], &own)
        .runtime_failing("one", [Some((Quota, after(900)))])
        .start();
    run.settle();
    assert_eq!(run.landed(), ["z"]);
    assert_eq!(elapsed_secs(&run), 0);
    run.to_end();
    assert_eq!(run.landed().len(), 31);
}

#[test]
fn auto_takes_whichever_is_least_busy_and_does_not_rest() {
    let auto = [("loop.runtime", "auto"), ("loop.runtimes", "one,two")];
    let mut run = Scenario::new()
        .setting(&auto)
        .jobs(2)
        .tasks(&["a", "b", "c"])
        .holding(agent_of("a"))
        .runtime_failing("two", [Some((Quota, after(500)))])
        .start();
    run.settle().release(&agent_of("a"));
    run.to_end();
    let ran = run.ran_on();
    assert_eq!(&ran[..2], ["a one", "b two"]);
    assert!(ran[2..].iter().all(|ran| ran.ends_with("one")), "{ran:?}");
    assert_eq!(elapsed_secs(&run), 0);
}

/// An iteration that waits an hour for its next try.
fn waiting_to_retry() -> World {
    let attempt = Attempt::done().failing_until(Server, after(290));
    let mut run = alone().wall(200).tasks(&["a", "b"]).attempts("a", [attempt]).start();
    run.settle();
    assert_eq!(run.retry_waits(), [290_000]);
    run
}

#[test]
fn whatever_stops_the_run_ends_a_wait_at_once() {
    type Stopping = fn(&mut World) -> &mut World;
    let stops: [(Stopping, u8); 4] =
        [(World::cancel, 5), (World::stop_file, 5), (World::interrupt, 130), (|run| run.pass(200), 5)];
    for (stop, exit) in stops {
        let mut run = waiting_to_retry();
        stop(&mut run).settle();
        assert_eq!(run.ended(), ["a cancelled"]);
        assert_eq!(run.exit(), Some(exit));
        assert_eq!(run.state_of("a"), "open");
    }
    let mut run = waiting_to_retry();
    run.person_takes("a").settle();
    assert_eq!(run.ended(), ["a cancelled", "b closed"]);
}

#[test]
fn whatever_stops_the_run_ends_a_wait_for_a_runtime_too() {
    for stop in [World::cancel as fn(&mut World) -> &mut World, World::interrupt] {
        let mut run = alone().tasks(&["a"]).runtime_failing("one", [Some((Quota, None))]).start();
        run.settle();
        stop(&mut run).settle();
        assert!(run.exit().is_some());
    }
    let mut run = alone().tasks(&["a"]).wall(100_000).runtime_failing("one", [Some((Quota, None))]).start();
    run.settle().pass(5 * 3600);
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
}

#[test]
fn a_watcher_waits_for_a_runtime_too() {
    let mut run =
        alone().watching().tasks(&["a"]).runtime_failing("one", [Some((Quota, after(600)))]).start();
    run.settle().pass(599);
    assert!(run.landed().is_empty());
    run.pass(2).settle();
    assert_eq!(run.landed(), ["a"]);
    run.cancel().to_end();
    let mut run = alone().watching().tasks(&["a"]).runtime_failing("one", [Some((Auth, None))]).start();
    run.to_end();
    assert_eq!(run.exit(), Some(6));
}

#[test]
fn a_provider_that_always_says_at_once_makes_no_loop() {
    let failures = std::iter::repeat_n(Some((Quota, after(0))), 40);
    let mut run = alone().tasks(&["a"]).wall(24 * 3600).runtime_failing("one", failures).start();
    run.to_end();
    let tries = run.ran_on().len();
    assert!((10..=35).contains(&tries), "{tries}");
    assert_eq!(run.exit(), Some(6));
}

#[test]
fn a_runtime_that_came_to_rest_meanwhile_is_not_tried_again_by_who_waits() {
    let server = Attempt::done().failing_until(Server, after(60));
    let quota = Attempt::done().failing_until(Quota, after(500));
    let mut run = alone().jobs(2).tasks(&["a", "b"]).attempts("a", [server]).attempts("b", [quota]).start();
    run.settle().pass(60).settle();
    assert_eq!(run.ended(), ["b rate_limited", "a rate_limited"]);
    run.to_end();
    assert_eq!(elapsed_secs(&run), 500);
    assert_eq!(run.landed().len(), 2);
}

#[test]
fn a_wait_longer_than_five_minutes_does_not_hold_a_worker() {
    let classes: [FailureClass; 2] = [RateLimit, Overloaded];
    for class in classes {
        let mut run =
            with_fallback().tasks(&["a"]).runtime_failing("one", [Some((class, after(301)))]).start();
        run.to_end();
        assert_eq!(run.ran_on(), ["a one", "a two"]);
        assert_eq!(elapsed_secs(&run), 0);
    }
}

#[test]
fn a_moment_that_no_provider_means_is_not_waited_for() {
    let at = Scenario::new().start().calendar() + chrono::TimeDelta::days(20_000_000);
    let attempt = Attempt::done().failing_until(Quota, Some(RetryAt::At(at)));
    let mut run = alone().tasks(&["a"]).attempts("a", [attempt]).start();
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(elapsed_secs(&run), 8 * 24 * 3600);
}

#[test]
fn work_of_a_try_is_collected_where_the_next_one_is_given_up_while_it_is_planned() {
    let failing = || alone().tasks(&["a"]).attempts("a", [Attempt::done().failing(Server, 1)]);
    let stops =
        [World::interrupt as fn(&mut World) -> &mut World, World::cancel_now, |run| run.person_takes("a")];
    for stop in stops {
        let mut run = failing().start();
        run.settle();
        let at = run.elapsed() + Duration::from_secs(10);
        run.wake(at);
        stop(&mut run).to_end();
        assert_eq!(run.ended(), ["a cancelled"]);
        let is_collect =
            |effect: &Effect| matches!(effect, Effect::Work { job: WorkerJob::Collect { .. }, .. });
        assert!(run.effects.iter().any(is_collect), "{}", run.transcript());
    }
}

#[test]
fn a_rest_that_is_over_and_that_nobody_waits_for_makes_no_loop() {
    let mut run = with_fallback()
        .tasks(&["a"])
        .task_with("b", &["a"], &json!({"labels": ["runtime:two"]}))
        .attempts("a", [Attempt::done().failing_until(RateLimit, after(400))])
        .attempts("b", [Attempt::done().failing_until(Quota, after(18_000))])
        .start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert_eq!(elapsed_secs(&run), 18_000);
    assert!(run.lists() < 20, "{}", run.lists());
}

/// Two iterations, which are all that may begin; one of them waits for another try.
fn retrying_at_max_iter() -> Scenario {
    let failing = [Attempt::done().failing(Server, 1)];
    alone().jobs(2).max_iter(2).tasks(&["a", "b", "c"]).attempts("a", failing)
}

#[test]
fn the_last_iterations_that_may_begin_have_their_retries() {
    let mut run = retrying_at_max_iter().start();
    run.to_end();
    assert_eq!(run.ended(), ["b closed", "a closed"]);
    assert_eq!(run.stop_reason(), Some(StopReason::MaxIter));
}

#[test]
fn whatever_else_stops_the_run_ends_the_retries_of_its_last_iterations() {
    for stop in [World::cancel as fn(&mut World) -> &mut World, World::cancel_now, World::interrupt] {
        let mut run = retrying_at_max_iter().start();
        run.settle();
        stop(&mut run).settle();
        assert_eq!(run.ended(), ["b closed", "a cancelled"]);
        assert!(run.exit().is_some());
    }
    let attempts = [Attempt::done().failing_until(Server, after(290))];
    let mut run = alone().wall(100).max_iter(1).tasks(&["a", "b"]).attempts("a", attempts).start();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled"]);
    assert!(elapsed_secs(&run) < 290);
    let scenario = alone().jobs(2).max_iter(2).budget_tokens(100, 0).tasks(&["a", "b"]);
    let attempts = [Attempt::done().failing(Server, 1)];
    let mut run = scenario.attempts("a", attempts).attempts("b", [Attempt::done().using(500)]).start();
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled", "b closed"]);
}

#[test]
fn a_task_that_is_always_refused_keeps_nobody_waiting_and_is_parked() {
    let refused = (0..60).map(|_| Attempt::done().failing(RateLimit, 4));
    let mut run = alone().max_attempts(2).tasks(&["a", "b", "c"]).attempts("a", refused).start();
    run.to_end();
    assert_eq!(run.landed(), ["b", "c"]);
    assert_eq!(run.ended().iter().filter(|end| *end == "a rate_limited").count(), 4);
    assert_eq!(run.state_of("a"), "open hew:parked");
    assert_eq!(run.exit(), Some(1));
}

#[test]
fn a_runtime_that_serves_nobody_costs_no_task_an_attempt() {
    let failures = std::iter::repeat_n(Some((Quota, None)), 12);
    let mut run = alone().max_attempts(1).tasks(&["a", "b"]).runtime_failing("one", failures).start();
    run.to_end();
    assert_eq!(run.landed().len(), 2);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn tries_of_one_iteration_on_the_fallback_count_once_towards_the_way_back() {
    let mut run = with_fallback()
        .tasks(&["a", "b", "c", "d"])
        .runtime_failing("one", [Some((Quota, None))])
        .runtime_failing("two", [Some((Server, None)), Some((Server, None))])
        .start();
    run.to_end();
    assert_eq!(run.ran_on(), ["a one", "a two", "a two", "a two", "b two", "c two", "d one"]);
}

#[test]
fn a_rest_that_ends_while_worktrees_are_prepared_is_followed_by_one_try() {
    let mut run = with_fallback()
        .jobs(3)
        .tasks(&["a", "b", "c"])
        .holding(agent_of("b"))
        .holding(agent_of("c"))
        .holding(Place::SetUp(TaskId::new("b")))
        .holding(Place::SetUp(TaskId::new("c")))
        .runtime_failing("one", [Some((Quota, after(100)))])
        .start();
    run.settle().pass(100);
    run.release(&Place::SetUp(TaskId::new("b")));
    run.release(&Place::SetUp(TaskId::new("c")));
    run.settle();
    assert_eq!(run.ran_on(), ["a one", "a two", "b one", "c two"]);
    run.release(&agent_of("b"));
    run.release(&agent_of("c"));
    run.to_end();
    assert_eq!(run.landed().len(), 3);
}

#[test]
fn a_wait_that_goes_on_after_an_iteration_is_told_again() {
    let mut run = alone()
        .tasks(&["a", "b"])
        .task_with("z", &["b"], &json!({"labels": ["runtime:two"]}))
        .runtime_failing("one", [Some((Quota, after(3600)))])
        .start();
    run.settle();
    run.person_closes("b").settle();
    assert_eq!(run.landed(), ["z"]);
    let waits = run.journal.iter().filter(|event| matches!(event, JournalEvent::AwaitingRuntime { .. }));
    assert_eq!(waits.count(), 2);
    run.to_end();
    assert_eq!(run.landed(), ["z", "a"]);
}

#[test]
fn a_runtime_that_was_stopped_as_hopeless_is_out_although_its_stream_ended_well() {
    let mut run =
        with_fallback().max_attempts(1).tasks(&["a"]).attempts("a", [Attempt::hopeless(Auth)]).start();
    run.to_end();
    assert_eq!(run.runtime_changes().first().map(String::as_str), Some("one out"));
    assert_eq!(run.ended()[0], "a runtime_error");
}
