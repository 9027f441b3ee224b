//! Budgets of tokens and money, over all workers.

use std::time::Duration;

use hew_core::agent::StopRequest::Graceful;
use hew_core::agent::{FailureClass, RetryAt};
use hew_core::ids::TaskId;
use hew_core::record::event::BudgetMark;
use hew_core::record::{JournalEvent, StopReason};
use hew_core::schedule::spending::Amount;
use hew_core::settings::Usd;
use hew_testkit::scenario::{Attempt, Place, Scenario, World, agent_of};

const TASKS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Each of eight tasks takes so many tokens.
fn eight(tokens: u64) -> Scenario {
    TASKS.iter().fold(Scenario::new().tasks(&TASKS), |scenario, task| {
        scenario.attempts(task, [Attempt::done().using(tokens)])
    })
}

/// How the budget was passed, and what its agent had told of before.
fn passed(run: &World) -> Vec<(BudgetMark, u64)> {
    run.journal
        .iter()
        .filter_map(|event| match event {
            JournalEvent::BudgetPassed { mark, told_before, .. } => Some((*mark, *told_before)),
            _ => None,
        })
        .collect()
}

#[test]
fn nothing_starts_once_the_budget_is_used() {
    let mut run = eight(100).budget_tokens(250, 0).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b", "c"]);
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetTokens));
    assert_eq!(run.exit(), Some(5));
    assert_eq!(passed(&run), [(BudgetMark::Tokens { limit: 250, spent: 300 }, 0)]);
}

#[test]
fn a_budget_that_is_met_exactly_is_not_passed() {
    let mut run = eight(100).budget_tokens(300, 0).start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b", "c"]);
    assert_eq!(passed(&run), []);
}

#[test]
fn what_running_iterations_are_expected_to_take_is_set_aside() {
    let held = |scenario: Scenario, task: &&str| scenario.holding(agent_of(task));
    let mut run = TASKS.iter().fold(eight(100).jobs(8).budget_tokens(1000, 300), held).start();
    run.settle();
    assert_eq!(run.running(), ["a", "b", "c", "d"]);
    run.release(&agent_of("a"));
    run.settle();
    // One has shown that it takes 100.
    assert_eq!(run.running().len(), 7);
    for task in TASKS {
        run.release(&agent_of(task));
    }
    run.to_end();
    assert_eq!(run.landed().len(), 8);
    assert_eq!(run.exit(), Some(0));
}

#[test]
fn running_agents_are_stopped_at_the_limit_and_its_grace() {
    let scenario = Scenario::new().jobs(2).tasks(&["a", "b", "c"]).budget_tokens(1000, 0);
    let mut run = scenario.holding(agent_of("a")).holding(agent_of("b")).start();
    run.settle();
    run.agent_uses("a", 600).agent_uses("b", 399);
    assert_eq!(run.journal.iter().filter(|event| is_stop(event)).count(), 0);
    run.agent_uses("b", 401);
    assert_eq!(run.agent_stops(), []);
    assert_eq!(run.journal.iter().filter(|event| is_stop(event)).count(), 1);
    assert_eq!(passed(&run), [(BudgetMark::Tokens { limit: 1000, spent: 1001 }, 399)]);
    run.agent_uses("a", 698);
    assert_eq!(run.agent_stops(), []);
    run.agent_uses("a", 699);
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
    run.to_end();
    assert_eq!(run.ended(), ["a cancelled", "b cancelled"]);
    assert_eq!(run.began(), ["a", "b"]);
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::BudgetTokens), Some(5)));
}

fn is_stop(event: &JournalEvent) -> bool {
    matches!(event, JournalEvent::StopRequested { .. })
}

#[test]
fn an_agent_may_end_within_the_grace() {
    let mut run = Scenario::new().tasks(&["a", "b"]).budget_tokens(1000, 0).holding(agent_of("a")).start();
    run.settle().agent_uses("a", 1050);
    run.release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.agent_stops(), []);
    assert_eq!(run.exit(), Some(5));
}

#[test]
fn every_try_and_every_attempt_counts() {
    let retried = Attempt::done().failing(FailureClass::Server, 2).using(100);
    let mut run = Scenario::new().tasks(&["a", "b"]).attempts("a", [retried]).budget_tokens(300, 0).start();
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.exit(), Some(5));
    let failed = || Attempt::gives_up("too hard").using(150);
    let mut run =
        Scenario::new().tasks(&["a"]).attempts("a", [failed(), failed()]).budget_tokens(300, 0).start();
    run.to_end();
    assert_eq!(run.began(), ["a", "a"]);
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetTokens));
}

#[test]
fn a_wait_for_a_retry_ends_when_somebody_else_uses_the_budget_up() {
    let failing = Attempt::done().failing(FailureClass::Server, 1).using(10);
    let scenario = Scenario::new().jobs(2).tasks(&["a", "b"]).attempts("a", [failing]).budget_tokens(100, 0);
    let mut run = scenario.holding(agent_of("b")).start();
    run.settle().agent_uses("b", 91).settle();
    assert_eq!(run.ended(), ["a cancelled"]);
    run.release(&agent_of("b"));
    run.to_end();
    assert_eq!(run.landed(), ["b"]);
}

/// A runtime whose output has a form that tells of money.
fn telling_of_money() -> Scenario {
    Scenario::new().setting(&[("loop.runtime", "one"), ("loop.runtime_defs.one.output", "claude-stream")])
}

#[test]
fn a_model_without_a_price_is_not_run_under_a_budget_of_money() {
    let models = |model: &str| serde_json::json!({"labels": [format!("model:{model}")]});
    let one = [
        ("loop.runtime", "one"),
        ("loop.runtime_defs.one.output", "codex-jsonl"),
        ("loop.prices", "opus=1000000/1"),
    ];
    let mut run = Scenario::new()
        .setting(&one)
        .task_with("a", &[], &models("opus"))
        .task_with("b", &[], &models("other"))
        .task_with("c", &[], &models("opus"))
        .attempts("a", [Attempt::done().using(1)])
        .budget_usd("1")
        .start();
    run.to_end();
    assert_eq!(run.landed(), ["a"]);
    assert_eq!(run.stop_reason(), Some(StopReason::BudgetUsd));
    assert!(run.left_over().iter().any(|left| left.contains("no price is listed for model `other`")));
}

#[test]
fn money_is_counted_as_reported_or_by_the_listed_price() {
    let reported = || Attempt::silent().using(10).costing(0.4);
    let tasks = ["a", "b", "c", "d"];
    let scenario = tasks
        .iter()
        .fold(telling_of_money().tasks(&tasks), |scenario, task| scenario.attempts(task, [reported()]));
    let mut run = scenario.budget_usd("1").start();
    run.to_end();
    assert_eq!(run.landed(), ["a", "b", "c"]);
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::BudgetUsd), Some(5)));
    assert!(matches!(passed(&run)[..], [(BudgetMark::Usd { .. }, 0)]), "{:?}", passed(&run));
}

#[test]
fn money_that_is_known_only_at_an_agents_end_was_not_told_before() {
    let scenario = telling_of_money().tasks(&["a"]).budget_usd("1").holding(agent_of("a"));
    let mut run = scenario.attempts("a", [Attempt::silent().using(100).costing(1.5)]).start();
    run.settle().agent_uses("a", 100);
    run.release(&agent_of("a"));
    run.to_end();
    assert!(matches!(passed(&run)[..], [(BudgetMark::Usd { .. }, 0)]), "{:?}", passed(&run));
}

#[test]
fn what_nobody_can_price_is_told() {
    let mut run =
        telling_of_money().tasks(&["a"]).attempts("a", [Attempt::done().using(10)]).budget_usd("1").start();
    run.to_end();
    assert!(run.notices().iter().any(|line| line.contains("nobody knows what")), "{:?}", run.notices());
}

#[test]
fn tokens_of_which_nobody_tells_the_price_are_counted_by_the_first_guess_at_their_agents_end() {
    let unpriced = || Attempt::silent().using(100_000);
    let mut run = telling_of_money()
        .tasks(&["a", "b", "c"])
        .attempts("a", [unpriced()])
        .attempts("b", [unpriced()])
        .budget_usd("1")
        .with(|config| {
            let usd = Usd::parse("5").expect("an amount");
            config.limits.spending.first_guess = Amount { tokens: 1_000_000, usd };
        })
        .holding(agent_of("a"))
        .start();
    run.settle().agent_uses("a", 100_000);
    assert_eq!(run.agent_stops(), []);
    run.release(&agent_of("a"));
    run.to_end();
    assert_eq!(run.landed(), ["a", "b"]);
    assert!(run.notices().iter().any(|line| line.contains(": 0.5 USD is counted")), "{:?}", run.notices());
    assert_eq!((run.stop_reason(), run.exit()), (Some(StopReason::BudgetUsd), Some(5)));
}

#[test]
fn money_that_was_told_is_not_forgotten_when_a_new_turn_begins() {
    let scenario = telling_of_money().jobs(2).tasks(&["a", "b"]).budget_usd("1");
    let mut run = scenario.holding(agent_of("a")).holding(agent_of("b")).start();
    run.settle();
    run.agent_tells("a", 10, Some(0.9)).agent_uses("a", 20);
    assert_eq!(passed(&run), []);
    run.agent_tells("b", 10, Some(0.2));
    assert_eq!(run.agent_stops(), [Graceful, Graceful]);
}

/// Two runtimes of which only the main one tells of money; the other stands in.
fn with_an_unpriced_stand_in() -> Scenario {
    let rests = RetryAt::After(Duration::from_secs(400));
    let settings = [
        ("loop.runtime", "one"),
        ("loop.runtime_defs.one.output", "claude-stream"),
        ("loop.fallback_runtime", "two"),
        ("loop.runtime_defs.two.output", "codex-jsonl"),
    ];
    Scenario::new()
        .setting(&settings)
        .tasks(&["a", "b"])
        .attempts("a", [Attempt::done().failing_until(FailureClass::RateLimit, Some(rests))])
        .budget_usd("1")
}

#[test]
fn a_stand_in_without_a_price_keeps_no_task_from_waiting_for_its_own_runtime() {
    let mut run = with_an_unpriced_stand_in().start();
    run.to_end();
    assert_eq!(run.ended()[1..], ["a closed", "b closed"]);
    assert_eq!(run.ran_on(), ["a one", "a one", "b one"]);
    assert_eq!((run.elapsed().as_secs(), run.exit()), (400, Some(0)));
}

#[test]
fn a_runtime_without_a_price_that_comes_to_stand_in_while_a_worktree_is_made_is_not_used() {
    let preparing = Place::SetUp(TaskId::new("b"));
    let mut run = with_an_unpriced_stand_in().jobs(2).holding(preparing.clone()).start();
    run.settle().release(&preparing);
    run.to_end();
    assert!(run.ran_on().iter().all(|ran| ran.ends_with(" one")), "{:?}", run.ran_on());
    assert_eq!(run.landed().len(), 2);
}
