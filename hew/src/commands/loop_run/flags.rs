//! Flags of `hew loop run` as settings, so that both have one meaning and an origin.

use std::path::PathBuf;

use hew_core::ids::ModelName;
use hew_core::record::event::SettingRecord;
use hew_core::settings::Settings;

use super::conduct::absolute;
use crate::cli::loop_args::{MergeArg, RunArgs};

/// The flag that names a model for one run: it goes after a task's own word and before every setting.
const MODEL: &str = "--model";
const NO_GATE: &str = "--no-gate";
const WATCH: &str = "--watch";
const RETRY_PARKED: &str = "--retry-parked";
const KEEP_WORKTREES: &str = "--keep-worktrees";
const STOP_FILE: &str = "--stop-file";

/// The model that the run asks for.
pub(super) fn model(args: &RunArgs) -> Option<ModelName> {
    args.model.as_deref().map(ModelName::new)
}

/// Flags that are no settings and belong to one run. They are kept with its settings, under the flags' own names, for
/// whoever goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(super) struct OwnFlags {
    pub(super) model: Option<ModelName>,
    pub(super) no_gate: bool,
    pub(super) watch: bool,
    pub(super) retry_parked: bool,
    pub(super) keep_worktrees: bool,
    pub(super) stop_file: Option<PathBuf>,
}

impl OwnFlags {
    pub(super) fn of(args: &RunArgs) -> Self {
        Self {
            model: model(args),
            no_gate: args.no_gate,
            watch: args.watch,
            retry_parked: args.retry_parked,
            keep_worktrees: args.keep_worktrees,
            stop_file: args.stop_file.as_deref().map(absolute),
        }
    }

    /// Those that a run was launched with.
    pub(super) fn of_records(records: &[SettingRecord]) -> Self {
        let value = |flag: &str| {
            let record = records.iter().find(|record| record.key == flag);
            record.map(|record| record.value.as_str())
        };
        let is_given = |flag: &str| value(flag).is_some();
        Self {
            model: value(MODEL).map(ModelName::new),
            no_gate: is_given(NO_GATE),
            watch: is_given(WATCH),
            retry_parked: is_given(RETRY_PARKED),
            keep_worktrees: is_given(KEEP_WORKTREES),
            stop_file: value(STOP_FILE).map(PathBuf::from),
        }
    }

    /// As they are kept: those that were given.
    pub(super) fn records(&self) -> impl Iterator<Item = SettingRecord> {
        let given = |is_given: bool| is_given.then(|| "true".to_owned());
        let values = [
            (MODEL, self.model.as_ref().map(ToString::to_string)),
            (NO_GATE, given(self.no_gate)),
            (WATCH, given(self.watch)),
            (RETRY_PARKED, given(self.retry_parked)),
            (KEEP_WORKTREES, given(self.keep_worktrees)),
            (STOP_FILE, self.stop_file.as_ref().map(|path| path.display().to_string())),
        ];
        let record = |(flag, value): (&str, Option<String>)| {
            Some(SettingRecord { key: flag.to_owned(), value: value?, origin: format!("flag {flag}") })
        };
        values.into_iter().filter_map(record)
    }
}

/// A command is named for a verification that nobody has asked for.
pub(super) fn has_idle_verify_command(args: &RunArgs, settings: &Settings) -> bool {
    args.verify_command.is_some() && !settings.verify_tests.value && !args.no_verify_tests
}

/// Key, text and flag of everything that was given.
pub(super) fn as_settings(args: &RunArgs) -> Vec<(&'static str, String, &'static str)> {
    let mut given = Vec::new();
    let mut add = |key, value: Option<String>, flag| given.extend(value.map(|value| (key, value, flag)));
    add("loop.jobs", args.jobs.map(|jobs| jobs.to_string()), "--jobs");
    add("loop.runtime", args.runtime.clone(), "--runtime");
    add("loop.fallback_runtime", args.fallback_runtime.clone(), "--fallback-runtime");
    add("loop.budget.iterations", args.max_iter.map(|max| max.to_string()), "--max-iter");
    add("loop.budget.wall", args.budget_wall.clone(), "--budget-wall");
    add("loop.budget.tokens", args.budget_tokens.map(|max| max.to_string()), "--budget-tokens");
    add("loop.budget.usd", args.budget_usd.clone(), "--budget-usd");
    let cooldown = args.fallback_cooldown_iters.map(|iterations| iterations.to_string());
    add("loop.fallback_cooldown_iters", cooldown, "--fallback-cooldown-iters");
    add("loop.max_attempts", args.max_attempts.map(|max| max.to_string()), "--max-attempts");
    add("loop.timeout", args.timeout.clone(), "--timeout");
    add("loop.stall_timeout", args.stall_timeout.clone(), "--stall-timeout");
    add("loop.planner.enabled", args.no_planner.then(|| "false".to_owned()), "--no-planner");
    add("loop.planner.budget_tokens", args.planner_budget.map(|most| most.to_string()), "--planner-budget");
    add("loop.planner.runtime", args.planner_runtime.clone(), "--planner-runtime");
    add("loop.gate.command", args.gate.clone(), "--gate");
    add("loop.gate.baseline", args.no_baseline.then(|| "false".to_owned()), "--no-baseline");
    let (verify, flag) = match (args.no_verify_tests, args.verify_tests) {
        (true, _) => (Some("false".to_owned()), "--no-verify-tests"),
        (false, given) => (given.then(|| "true".to_owned()), "--verify-tests"),
    };
    add("loop.end_of_run.verify_tests", verify, flag);
    add("loop.end_of_run.verify_command", args.verify_command.clone(), "--verify-command");
    add("loop.deliver", args.no_deliver.then(|| "false".to_owned()), "--no-deliver");
    let merge = args.merge.map(|merge| match merge {
        MergeArg::Task => "task".to_owned(),
        MergeArg::End => "end".to_owned(),
    });
    add("loop.merge", merge, "--merge");
    given
}
