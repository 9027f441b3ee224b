//! Whole runs by chance: random task graphs, outcomes, faults, interruptions and orders of answers, all from one seed.
//!
//! A [`Case`] is small enough to be printed and read back, and the same case is always the same run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hew_core::agent::{FailureClass, RetryAt};
use hew_core::clock::Clock;
use hew_core::ids::TaskId;
use hew_core::settings::{OnGateFail, OnRed};
use hew_core::tracker::{BdClient, Status};
use serde_json::json;

use super::attempt::{Attempt, GateGoes, PlannerCall};
use super::world::World;
use super::{Scenario, Verifies};

/// One run by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Where all chance comes from.
    pub seed: u64,
    /// Number of tasks.
    pub tasks: usize,
    /// Number of workers.
    pub jobs: u16,
    /// Of a hundred attempts, how many go wrong.
    pub trouble: u64,
    /// How often somebody meddles: changes, closes, takes, stops.
    pub meddling: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, tasks, jobs, trouble, meddling } = self;
        write!(f, "{seed}:{tasks}:{jobs}:{trouble}:{meddling}")
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = text.split(':').map(str::parse).collect();
        let Ok([seed, tasks, jobs, trouble, meddling]) = numbers.as_deref() else {
            return Err(format!("`{text}` is not five numbers with colons between them"));
        };
        let small = |number: u64| usize::try_from(number).map_err(|error| error.to_string());
        Ok(Self {
            seed: *seed,
            tasks: small(*tasks)?,
            jobs: u16::try_from(*jobs).map_err(|error| error.to_string())?,
            trouble: *trouble,
            meddling: small(*meddling)?,
        })
    }
}

/// Chance that can be had again (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("a small number");
        usize::try_from(self.next() % bound).expect("below a small number")
    }

    fn few(&mut self) -> u32 {
        u32::try_from(self.below(3)).expect("a small number")
    }

    fn in_hundred(&mut self, part: u64) -> bool {
        self.next() % 100 < part
    }
}

/// Plays a case to its end. Every step is judged by the rules of a scenario.
///
/// # Panics
/// If a rule is broken, or the run does not end.
pub fn play(case: Case) -> World {
    let mut chance = Chance(case.seed);
    let mut run = scenario(case, &mut chance).start();
    let mut meddling = case.meddling;
    while run.exit().is_none() {
        if meddling > 0 && chance.in_hundred(5) {
            meddling -= 1;
            meddle(&mut run, case, &mut chance);
        } else {
            go_on(&mut run, &mut chance);
        }
    }
    run
}

fn name(number: usize) -> String {
    format!("n{number}")
}

fn scenario(case: Case, chance: &mut Chance) -> Scenario {
    let mut scenario = Scenario::new().jobs(case.jobs).max_attempts(1 + chance.few());
    for number in 0..case.tasks {
        let after: Vec<String> = (0..number).filter(|_| chance.in_hundred(25)).map(name).collect();
        let after: Vec<&str> = after.iter().map(String::as_str).collect();
        let attempts: Vec<Attempt> = (0..3).map(|_| attempt(case, chance)).collect();
        let own_word = if chance.in_hundred(15) { json!({"labels": ["runtime:two"]}) } else { json!({}) };
        scenario = scenario.task_with(&name(number), &after, &own_word).attempts(&name(number), attempts);
        scenario = with_faults(scenario, &name(number), case, chance);
    }
    if chance.in_hundred(20) {
        scenario = scenario.max_iter(1 + chance.next() % 8);
    }
    if chance.in_hundred(20) {
        scenario = scenario.wall(60);
    }
    if chance.in_hundred(20) {
        scenario = scenario.ungated();
    } else {
        let (flaky, stop) = (chance.in_hundred(30), chance.in_hundred(20));
        scenario = scenario.gate(|gate| {
            gate.retry_flaky = flaky;
            gate.on_fail = if stop { OnGateFail::Stop } else { OnGateFail::Continue };
        });
    }
    scenario = with_runtimes(scenario, case, chance);
    if chance.in_hundred(50) {
        let calls: Vec<PlannerCall> = (0..case.tasks).map(|_| planner_call(case, chance)).collect();
        scenario = scenario.planner(calls);
        if chance.in_hundred(50) {
            scenario = scenario.setting(&[("loop.planner.budget_tokens", "250")]);
        }
    }
    if chance.in_hundred(10) {
        scenario = scenario.watching();
    }
    if chance.in_hundred(10) {
        scenario = scenario.refusing_delivery();
    }
    with_verification(scenario, chance)
}

fn with_verification(scenario: Scenario, chance: &mut Chance) -> Scenario {
    if !chance.in_hundred(30) {
        return scenario;
    }
    let ways = [
        Verifies::Goes(GateGoes::Green),
        Verifies::Goes(GateGoes::Red),
        Verifies::Goes(GateGoes::TimesOut),
        Verifies::Goes(GateGoes::Fails),
        Verifies::NoCommand,
    ];
    let goes: Vec<Verifies> = (0..3).map(|_| ways[chance.below(ways.len())]).collect();
    let on_red = if chance.in_hundred(50) { OnRed::Hold } else { OnRed::Deliver };
    let scenario = scenario.verifying(on_red, goes);
    if chance.in_hundred(20) { scenario.forgetful_tracker() } else { scenario }
}

/// Two runtimes that may fail whatever the task, and a budget.
fn with_runtimes(mut scenario: Scenario, case: Case, chance: &mut Chance) -> Scenario {
    match chance.below(4) {
        0 => {}
        1 => scenario = scenario.setting(&[("loop.runtime", "one")]),
        2 => scenario = scenario.setting(&[("loop.runtime", "one"), ("loop.fallback_runtime", "two")]),
        _ => scenario = scenario.setting(&[("loop.runtime", "auto"), ("loop.runtimes", "one,two")]),
    }
    for runtime in ["one", "two"] {
        let failures = (0..8).map(|_| chance.in_hundred(case.trouble / 2).then(|| failure(chance)));
        let failures: Vec<_> = failures.collect();
        scenario = scenario.runtime_failing(runtime, failures);
    }
    if chance.in_hundred(20) {
        let first_guess = 50 * u64::from(chance.few());
        scenario = scenario.budget_tokens(100 + chance.next() % 900, first_guess);
    }
    scenario
}

/// Some tasks, known or not, in whatever state.
fn some_tasks(case: Case, chance: &mut Chance) -> Vec<String> {
    (0..chance.below(4)).map(|_| name(chance.below(case.tasks + 1))).collect()
}

fn planner_call(case: Case, chance: &mut Chance) -> PlannerCall {
    let ids = some_tasks(case, chance);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let call = match chance.below(10) {
        0 => PlannerCall::answering("I don't know"),
        1 => PlannerCall::failing(),
        2 => PlannerCall::missing(),
        3 => PlannerCall::too_late(),
        _ => PlannerCall::naming(&ids),
    };
    if chance.in_hundred(50) { call.using(chance.next() % 200) } else { call }
}

fn failure(chance: &mut Chance) -> (FailureClass, Option<RetryAt>) {
    let classes = [
        FailureClass::Auth,
        FailureClass::Quota,
        FailureClass::Quota,
        FailureClass::RateLimit,
        FailureClass::RateLimit,
        FailureClass::Overloaded,
        FailureClass::BadRequest,
        FailureClass::Server,
        FailureClass::Network,
        FailureClass::Spawn,
        FailureClass::Unknown,
    ];
    let class = classes[chance.below(classes.len())];
    let seconds = [0, 1, 40, 400, 10_000][chance.below(5)];
    let retry_at = chance.in_hundred(40).then(|| RetryAt::After(Duration::from_secs(seconds)));
    (class, retry_at)
}

fn with_faults(scenario: Scenario, task: &str, case: Case, chance: &mut Chance) -> Scenario {
    if !chance.in_hundred(case.trouble / 2) {
        return scenario;
    }
    let times = if chance.in_hundred(30) { u32::MAX } else { 1 + chance.few() };
    match chance.below(4) {
        0 => scenario.losing_claims(task, times),
        1 => scenario.unanswered_claims(task, times),
        2 => scenario.refusing_closes(task, times),
        _ => scenario.unanswered_release(task),
    }
}

fn attempt(case: Case, chance: &mut Chance) -> Attempt {
    let usage = Attempt::done().using(chance.next() % 200);
    let usage = if chance.in_hundred(50) { usage.telling() } else { usage };
    let usage = if chance.in_hundred(25) {
        let ids = some_tasks(case, chance);
        usage.naming_next(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    } else {
        usage
    };
    if !chance.in_hundred(case.trouble) {
        return usage;
    }
    if chance.in_hundred(15) {
        let (class, retry_at) = failure(chance);
        let failing = usage.failing_until(class, retry_at);
        return if chance.in_hundred(50) { failing.failing(class, 3) } else { failing };
    }
    match chance.below(20) {
        0 => Attempt::silent(),
        1 => Attempt::silent().changing_nothing(),
        2 => Attempt::done().changing_nothing(),
        3 => Attempt::done().rewriting_history(),
        4 => Attempt::done().leaving_a_mess(),
        5 => Attempt::blocked("no key"),
        6 => Attempt::gives_up("too hard"),
        7 => Attempt::exits(1),
        8 => Attempt::missing_program(),
        9 => Attempt::unprepared("disk full"),
        10 => Attempt::done().closing_its_task(),
        11 => Attempt::done().closing_its_task().red(),
        12 => Attempt::done().red(),
        13 => Attempt::done().gated(&[GateGoes::Red, GateGoes::Green]),
        14 => Attempt::done().gated(&[GateGoes::Fails]),
        15 => Attempt::done().meddled_with(),
        16 => Attempt::done().not_advancing(),
        17 => Attempt::done().unmergeable("disk full"),
        18 => Attempt::unstartable(),
        _ => Attempt::done().conflicting(),
    }
}

/// Serves some thread, or lets the engine take an answer, or lets time pass where nothing else is left to do.
fn go_on(run: &mut World, chance: &mut Chance) {
    let threads = run.servable();
    let takes = threads.is_empty() || chance.in_hundred(50);
    if takes && run.take_one() {
        return;
    }
    if !threads.is_empty() {
        return run.serve(threads[chance.below(threads.len())]);
    }
    match run.next_wake() {
        _ if run.is_idle_watcher() && chance.in_hundred(30) => drop(run.cancel()),
        Some(moment) => run.wake(moment),
        None => panic!("the run waits for nothing:\n{}", run.transcript()),
    }
}

fn meddle(run: &mut World, case: Case, chance: &mut Chance) {
    let task = TaskId::new(name(chance.below(case.tasks)));
    let status = run.tracker.task(&task).expect("a fake answers").map(|task| task.status);
    let is_open = matches!(status, Some(Status::Open | Status::InProgress));
    match chance.below(20) {
        6 | 7 if is_open => drop(run.person_closes(task.as_str())),
        8 | 9 if is_open => drop(run.person_takes(task.as_str())),
        10..=13 => {
            let passed = run.clock.now().elapsed + Duration::from_secs(1 + chance.next() % 40);
            match run.next_wake().filter(|at| *at <= passed) {
                Some(moment) => run.wake(moment),
                None => run.clock.move_to(passed),
            }
        }
        14 => drop(run.cancel()),
        15 => drop(run.stop_file()),
        16 => drop(run.cancel_now()),
        17 => drop(run.interrupt()),
        _ => drop(run.tracker_changed()),
    }
}
