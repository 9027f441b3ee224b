//! What there is in one case: tasks, agents' scripts, limits, rates of trouble, all from its seed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hew_core::engine::{GatePlan, RunConfig, RunLimits, VerifyPlan};
use hew_core::ids::{BranchName, CommitId, RunId, TaskId};
use hew_core::schedule::spending::{Amount, SpendingLimits};
use hew_core::settings::{MergeMode, OnGateFail, OnRed, Settings, Usd, Values, layers};
use hew_core::tracker::Scope;
use serde_json::{Value, json};

use super::chance::Chance;
use super::script::{Manners, Script};
use super::trouble::Trouble;
use crate::tracker_clock::ticking_start;

/// One run by chance. The same case is always the same run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Where all chance comes from.
    pub seed: u64,
    /// At most so many tasks.
    pub tasks: usize,
    /// Trouble that is left out.
    pub without: BTreeSet<Trouble>,
}

impl Case {
    /// The whole case of a seed.
    pub fn of(seed: u64) -> Self {
        Self { seed, tasks: usize::MAX, without: BTreeSet::new() }
    }

    /// The flags that play it again.
    pub fn flags(&self) -> String {
        let tasks = (self.tasks != usize::MAX).then(|| format!(" --tasks {}", self.tasks));
        let without: Vec<String> = self.without.iter().map(ToString::to_string).collect();
        let without = (!without.is_empty()).then(|| format!(" --without {}", without.join(",")));
        format!("--replay {}{}{}", self.seed, tasks.unwrap_or_default(), without.unwrap_or_default())
    }
}

/// How long things take, in the middle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tempo {
    pub(super) agent: Duration,
    pub(super) tracker: Duration,
    pub(super) lane: Duration,
    pub(super) gate: Duration,
    /// From an event to the moment when the engine looks at it.
    pub(super) engine: Duration,
}

/// What there is.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) config: RunConfig,
    /// Records of tasks, and those of epics.
    pub(super) tasks: Vec<Value>,
    pub(super) scripts: BTreeMap<TaskId, Vec<Script>>,
    pub(super) tempo: Tempo,
    pub(super) troubles: BTreeSet<Trouble>,
    /// Every task has to land in the end.
    pub(super) whole: bool,
    /// Closes that are refused, so many times.
    pub(super) refusals: BTreeMap<TaskId, u32>,
    /// Every agent takes exactly so many tokens.
    pub(super) tokens: Option<u64>,
}

impl Plot {
    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }
}

/// A task's name by its number.
pub(super) fn name(number: usize) -> TaskId {
    TaskId::new(format!("n{number}"))
}

/// Makes what there is in a case.
pub(super) fn plot(case: &Case, launch: &CommitId) -> Plot {
    let mut chance = Chance::of(case.seed, "plot");
    let whole = chance.percent(30);
    let troubles = troubles(case, whole);
    let has = |trouble| troubles.contains(&trouble);
    let count = match chance.below(40) {
        0 => 20 + chance.below(20),
        1..=4 => 1,
        _ => 2 + chance.below(7),
    };
    let count = count.min(case.tasks).max(1);
    let jobs = chance.one_of(&[1, 1, 2, 2, 3, 3, 4, 5, if count > 9 { 16 } else { 4 }]);
    let tempo = tempo(&mut chance);
    let mut limits_chance = Chance::of(case.seed, "limits");
    let limits = if has(Trouble::Budgets) {
        Budgets::of(&mut limits_chance, count, jobs, tempo.agent)
    } else {
        Budgets::default()
    };
    let max_attempts =
        if whole { u32::try_from(count).expect("few tasks") + 3 } else { chance.one_of(&[1, 2, 3, 3]) };
    let mut tasks = tasks(count, whole, &mut Chance::of(case.seed, "tasks"));
    if whole && merge_of(case.seed) == MergeMode::End {
        // What waits for a task that lands at the end is for the next run.
        tasks.iter_mut().for_each(keep_parents_only);
    }
    let manners = Manners {
        trouble: if has(Trouble::Agents) { chance.one_of(&[100, 250, 500]) } else { 0 },
        conflicts: has(Trouble::Conflicts),
        runtimes: has(Trouble::Runtimes),
        plans: has(Trouble::Plans) && jobs > 1,
        misdeeds: has(Trouble::Misdeeds),
        whole,
        tokens: limits.tokens_each,
        median: tempo.agent,
        tasks: count,
    };
    let scripts = (0..count).map(|number| (name(number), scripts(case.seed, number, manners))).collect();
    let refusals = if has(Trouble::Tracker) { refusals(count, case.seed) } else { BTreeMap::new() };
    let mut config = config(case.seed, jobs, max_attempts, &limits, &troubles, launch, count);
    if whole {
        config.scope = Scope::Ready;
    }
    Plot { config, tasks, scripts, tempo, troubles, whole, refusals, tokens: limits.tokens_each }
}

/// Every fourth run lands at its end.
fn merge_of(seed: u64) -> MergeMode {
    if seed % 4 == 3 { MergeMode::End } else { MergeMode::Task }
}

/// Drops what a task waits for.
fn keep_parents_only(task: &mut Value) {
    if let Some(edges) = task.get_mut("dependencies").and_then(Value::as_array_mut) {
        edges.retain(|edge| edge["type"] == "parent-child");
    }
}

/// Trouble of a case. Where every task has to land in the end, nothing may keep one from it for good.
fn troubles(case: &Case, whole: bool) -> BTreeSet<Trouble> {
    let often = |trouble| match trouble {
        Trouble::Agents | Trouble::Conflicts => 70,
        Trouble::Crashes => 35,
        Trouble::Watch => 8,
        Trouble::Git | Trouble::Store => 12,
        Trouble::Misdeeds | Trouble::Clock => 15,
        _ => 25,
    };
    let is_end = merge_of(case.seed) == MergeMode::End;
    let lasting = |trouble| {
        matches!(
            trouble,
            Trouble::Runtimes
                | Trouble::Tracker
                | Trouble::Git
                | Trouble::Gates
                | Trouble::People
                | Trouble::Budgets
                | Trouble::Stops
                | Trouble::Verify
                | Trouble::Misdeeds
                | Trouble::Watch
        ) || (is_end && trouble == Trouble::Conflicts)
    };
    let is_in = |trouble: &Trouble| {
        let drawn = Chance::of(case.seed, &format!("has {trouble}")).percent(often(*trouble));
        // `loop run` refuses to watch where everything lands at the end.
        let is_refused = is_end && *trouble == Trouble::Watch;
        let is_left_out = case.without.contains(trouble) || (whole && lasting(*trouble));
        drawn && !is_refused && !is_left_out
    };
    Trouble::ALL.into_iter().filter(is_in).collect()
}

fn tempo(chance: &mut Chance) -> Tempo {
    let millis = Duration::from_millis;
    Tempo {
        agent: millis(chance.one_of(&[20, 2000, 300_000, 2_000_000])),
        tracker: millis(chance.one_of(&[1, 20, 300, 3000])),
        lane: millis(chance.one_of(&[1, 60, 900])),
        gate: millis(chance.one_of(&[5, 4000, 120_000, 600_000])),
        engine: millis(chance.one_of(&[0, 1, 1, 20, 800])),
    }
}

#[derive(Debug, Default)]
struct Budgets {
    max_iter: Option<u64>,
    wall: Option<Duration>,
    spending: SpendingLimits,
    tokens_each: Option<u64>,
    of_money: bool,
}

impl Budgets {
    fn of(chance: &mut Chance, tasks: usize, jobs: u16, agent: Duration) -> Self {
        let grace = 10;
        let few = 1 + chance.next() % (tasks as u64 + 2);
        match chance.below(6) {
            0 => Self { max_iter: Some(few), ..Self::default() },
            1 => {
                let part = u32::try_from(1 + chance.below(30)).expect("a small number");
                let rounds = u32::try_from(tasks).expect("few tasks").div_ceil(u32::from(jobs));
                let wall = (agent * rounds * part / 10).max(Duration::from_secs(1));
                Self { wall: Some(wall), ..Self::default() }
            }
            2 => {
                let first_guess = Amount { tokens: 50 * (chance.next() % 3), usd: Usd::default() };
                let tokens = Some(100 + chance.next() % 900);
                let spending = SpendingLimits { tokens, usd: None, grace, first_guess };
                Self { spending, ..Self::default() }
            }
            // What each agent takes is known to the token, so that what may be begun is, too.
            3 | 4 => {
                let each = 10 + chance.next() % 190;
                let first_guess = Amount { tokens: each, usd: Usd::default() };
                let tokens = Some(each * few - chance.next() % each);
                let spending = SpendingLimits { tokens, usd: None, grace, first_guess };
                Self { spending, tokens_each: Some(each), ..Self::default() }
            }
            _ => {
                let each = 10 + chance.next() % 190;
                let first_guess = Amount { tokens: each, usd: Usd::from_micros(each * MICROS_A_TOKEN) };
                let usd = Some(Usd::from_micros((each * few - chance.next() % each) * MICROS_A_TOKEN));
                let spending = SpendingLimits { tokens: None, usd, grace, first_guess };
                Self { spending, tokens_each: Some(each), of_money: true, ..Self::default() }
            }
        }
    }
}

/// What a token costs where agents tell of money.
pub(super) const MICROS_A_TOKEN: u64 = 1000;

fn config(
    seed: u64,
    jobs: u16,
    max_attempts: u32,
    limits: &Budgets,
    troubles: &BTreeSet<Trouble>,
    launch: &CommitId,
    count: usize,
) -> RunConfig {
    let has = |trouble| troubles.contains(&trouble);
    let mut chance = Chance::of(seed, "config");
    let run = RunId::new(ticking_start(), u32::try_from(seed % 0xffff_ffff).expect("32 bits"));
    let gate = GatePlan {
        command: "just test".to_owned(),
        retry_flaky: chance.percent(40),
        baseline: chance.percent(50),
        on_fail: if has(Trouble::Gates) && chance.percent(30) {
            OnGateFail::Stop
        } else {
            OnGateFail::Continue
        },
    };
    let on_red = if chance.percent(50) { OnRed::Hold } else { OnRed::Deliver };
    let scope = match chance.below(20) {
        0 | 1 => Scope::Epics([TaskId::new("e0")].into()),
        2 => Scope::Tasks((0..count).filter(|_| chance.percent(70)).map(name).collect()),
        _ => Scope::Ready,
    };
    RunConfig {
        run_branch: BranchName::new(format!("loop/{run}/main")),
        run,
        jobs,
        scope,
        retry_parked: chance.percent(10),
        target: chance.percent(92).then(|| BranchName::new("main")),
        launch: launch.clone(),
        gate: chance.percent(85).then_some(gate),
        verify: has(Trouble::Verify).then_some(VerifyPlan { budget: Duration::from_secs(600), on_red }),
        limits: RunLimits {
            max_attempts,
            max_iter: limits.max_iter,
            wall: limits.wall,
            spending: limits.spending,
            stop_grace: Duration::from_secs(30),
        },
        merge: merge_of(seed),
        deliver: chance.percent(90),
        watch: has(Trouble::Watch),
        model: None,
        settings: settings(&keys(seed, &mut chance, limits, troubles)),
    }
}

/// Settings of a case besides those of all cases.
fn keys(
    seed: u64,
    chance: &mut Chance,
    limits: &Budgets,
    troubles: &BTreeSet<Trouble>,
) -> Vec<(&'static str, &'static str)> {
    let mut keys = vec![];
    if troubles.contains(&Trouble::Plans) && chance.percent(70) {
        keys.extend([("loop.planner.enabled", "true"), ("loop.planner.runtime", "shell")]);
        if chance.percent(40) {
            keys.push(("loop.planner.budget_tokens", "250"));
        }
    }
    if limits.of_money {
        keys.extend([("loop.runtime", "one"), ("loop.runtime_defs.one.output", "claude-stream")]);
    } else if troubles.contains(&Trouble::Runtimes) {
        match chance.below(4) {
            0 => {}
            1 => keys.push(("loop.runtime", "one")),
            2 => keys.extend([("loop.runtime", "one"), ("loop.fallback_runtime", "two")]),
            _ => keys.extend([("loop.runtime", "auto"), ("loop.runtimes", "one,two")]),
        }
    }
    if troubles.contains(&Trouble::Helpers) {
        keys.extend([("loop.local.endpoint", "http://127.0.0.1:1/v1"), ("loop.model.default", "small")]);
        if Chance::of(seed, "classifier").percent(20) {
            keys.push(("loop.classifier.enabled", "false"));
        }
    }
    keys
}

/// Settings besides those of all cases.
type Keys = Vec<(&'static str, &'static str)>;

thread_local! {
    /// Settings are read once for each set of keys: reading them takes longer than many a run.
    static SETTINGS: RefCell<HashMap<Keys, Arc<Settings>>> = RefCell::default();
}

fn settings(more: &[(&'static str, &'static str)]) -> Arc<Settings> {
    SETTINGS.with_borrow_mut(|known| {
        Arc::clone(known.entry(more.to_vec()).or_insert_with(|| Arc::new(read_settings(more))))
    })
}

fn read_settings(more: &[(&'static str, &'static str)]) -> Settings {
    let own = [
        ("loop.runtime", "shell"),
        ("loop.planner.enabled", "false"),
        ("loop.runtime_defs.shell.command", "work"),
        ("loop.runtime_defs.one.command", "one"),
        ("loop.runtime_defs.one.done_on_exit_zero", "true"),
        ("loop.runtime_defs.two.command", "two"),
        ("loop.runtime_defs.two.done_on_exit_zero", "true"),
    ];
    let flags: Vec<_> =
        own.iter().chain(more).map(|(key, value)| (*key, (*value).to_owned(), "--sim")).collect();
    let values = Values::built_in().overlaid_with(layers::read_flags(&flags).values);
    Settings::from_values(&values).expect("the simulation's own settings are valid")
}

/// Scripts of a task's agents, first to last. Those of a task that must land don't use up its attempts.
fn scripts(seed: u64, number: usize, manners: Manners) -> Vec<Script> {
    let mut chance = Chance::of(seed, &format!("scripts of {number}"));
    let mut scripts: Vec<Script> = (0..6).map(|_| Script::of(manners, &mut chance)).collect();
    if manners.whole {
        let last_bad = scripts.iter().enumerate().filter(|(_, script)| script.is_bad()).nth(2);
        let from = last_bad.map_or(scripts.len(), |(place, _)| place);
        scripts.truncate(from);
        let calm = Manners { trouble: 0, ..manners };
        scripts.extend((from..12).map(|_| Script::of(calm, &mut chance)));
    } else {
        let calm = Manners { trouble: 0, runtimes: false, ..manners };
        scripts.extend((0..6).map(|_| Script::of(calm, &mut chance)));
    }
    scripts
}

fn refusals(count: usize, seed: u64) -> BTreeMap<TaskId, u32> {
    let mut chance = Chance::of(seed, "refusals");
    let mut refused = BTreeMap::new();
    for number in 0..count {
        if chance.percent(12) {
            refused.insert(name(number), chance.one_of(&[1, 1, 2, 3, u32::MAX]));
        }
    }
    refused
}

fn tasks(count: usize, whole: bool, chance: &mut Chance) -> Vec<Value> {
    let epics = if chance.percent(30) { 1 + chance.below(2) } else { 0 };
    // What belongs to an epic comes after the tasks that the epic waits for.
    let first_child = count / 3;
    let mut tasks = Vec::new();
    for epic in 0..epics {
        let on = (first_child > 0 && chance.percent(40)).then(|| name(chance.below(first_child)));
        let edges: Vec<_> = on.iter().map(|on| (on.clone(), "blocks")).collect();
        let id = TaskId::new(format!("e{epic}"));
        tasks.push(record(&id, &edges, 0, &json!({ "issue_type": "epic" })));
    }
    for number in 0..count {
        let mut edges: Vec<(TaskId, &str)> = Vec::new();
        for before in 0..number {
            if chance.percent(if count > 12 { 8 } else { 22 }) {
                let kind = chance.one_of(&["blocks", "blocks", "blocks", "conditional-blocks", "related"]);
                edges.push((name(before), kind));
            }
        }
        if epics > 0 {
            let epic = TaskId::new(format!("e{}", chance.below(epics)));
            if number + 1 == count && chance.percent(40) {
                edges.push((epic, "waits-for"));
            } else if number >= first_child && chance.percent(50) {
                edges.push((epic, "parent-child"));
            }
        }
        let fields = if whole { whole_fields(chance) } else { fields(chance) };
        tasks.push(record(&name(number), &edges, number, &fields));
    }
    tasks
}

fn whole_fields(chance: &mut Chance) -> Value {
    json!({ "priority": chance.below(5) })
}

fn fields(chance: &mut Chance) -> Value {
    let mut fields = json!({ "priority": chance.below(5) });
    let more = match chance.below(40) {
        0 | 1 => json!({ "status": "closed", "closed_at": at(0) }),
        2 => json!({ "status": "deferred" }),
        3 => json!({ "status": "blocked" }),
        4 => json!({ "status": "in_progress", "assignee": "ann" }),
        5 => json!({ "labels": ["hew:parked"] }),
        6..=8 => json!({ "labels": ["runtime:two"] }),
        9 => json!({ "labels": ["runtime:nobody"] }),
        10 => json!({ "assignee": "ann" }),
        _ => json!({}),
    };
    let more = more.as_object().cloned().unwrap_or_default();
    fields.as_object_mut().expect("it is an object").extend(more);
    fields
}

fn at(place: usize) -> String {
    let before = Duration::from_secs(100_000 - place as u64);
    hew_core::tracker::record::time_text(ticking_start() - before)
}

/// A task as beads would write it.
pub(super) fn record(id: &TaskId, edges: &[(TaskId, &str)], place: usize, fields: &Value) -> Value {
    let at = at(place);
    let edges: Vec<Value> = edges
        .iter()
        .map(|(on, kind)| {
            json!({ "issue_id": id.as_str(), "depends_on_id": on.as_str(), "type": kind, "created_at": at })
        })
        .collect();
    let mut record = json!({
        "id": id.as_str(),
        "title": format!("Task {id}"),
        "status": "open",
        "priority": 2,
        "issue_type": "task",
        "created_at": at,
        "updated_at": at,
        "dependencies": edges,
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    record.as_object_mut().expect("it is an object").extend(fields);
    record
}
