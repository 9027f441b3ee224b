//! Budgets and runtimes of a run, for its summary.

use serde_json::{Value, json};

use super::heading;
use crate::record::event::BudgetMark;
use crate::record::view::{PassedView, RunHeader, RunView, RuntimeView};
use crate::render::facts::Fact;
use crate::render::figures::{count, grouped, stamp, usd};
use crate::render::table::{self, Cell};

/// Keys of the limits.
const TOKENS: &str = "loop.budget.tokens";
const USD: &str = "loop.budget.usd";

/// A row for each budget of tokens or money.
pub(super) fn budget_facts(view: &RunView, header: &RunHeader) -> Vec<Fact> {
    let spent = view.spent_so_far();
    let tokens = header.number(TOKENS).map(|limit: u64| {
        let used = spent.usage.total();
        let line = format!("{} of {} tokens", grouped(used), grouped(limit));
        let over = (used > limit).then(|| format!("{} tokens", grouped(used - limit)));
        Fact::new("budget", line + &overshoot(view, over))
    });
    let money = header.number(USD).map(|limit: f64| {
        let cost = spent.cost_usd.unwrap_or(0.0);
        let over = (cost > limit).then(|| usd(cost - limit));
        Fact::new("budget", format!("{} of {}{}", usd(cost), usd(limit), overshoot(view, over)))
    });
    tokens.into_iter().chain(money).collect()
}

fn overshoot(view: &RunView, over: Option<String>) -> String {
    let Some(over) = over else { return String::new() };
    let why = view.budget_passed.as_ref().map(why_passed).unwrap_or_default();
    format!("; {over} over{why}")
}

fn why_passed(passed: &PassedView) -> String {
    if passed.at_end {
        let told = match passed.mark {
            BudgetMark::Tokens { .. } => "told of what it used only at its end",
            BudgetMark::Usd { .. } => "spent what could be priced only at its end",
        };
        return format!(": the agent of {} {told}", passed.iteration);
    }
    ": agents that ran were given loop.budget.grace, and what they use is read once a second".to_owned()
}

/// Runtimes that rested, are out, or stood in.
pub(super) fn runtimes(view: &RunView) -> String {
    if view.runtimes.is_empty() {
        return String::new();
    }
    let row = |(name, runtime): (&crate::ids::RuntimeName, &RuntimeView)| {
        vec![Cell::text(name.as_str()), Cell::text(words(runtime))]
    };
    heading("runtimes") + &table::fitted(&view.runtimes.iter().map(row).collect::<Vec<_>>())
}

fn words(runtime: &RuntimeView) -> String {
    let mut words = Vec::new();
    if let Some(why) = &runtime.out {
        let remedy = runtime.remedy.as_ref().map(|remedy| format!("; to use it again: {remedy}"));
        words.push(format!("out for the run: {why}{}", remedy.unwrap_or_default()));
    }
    if runtime.rests > 0 {
        let until = runtime.resting_until.map(|until| format!(", until {}", stamp(until)));
        let why = runtime.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        words.push(format!(
            "rested {}{}{why}",
            count(runtime.rests, "time", "times"),
            until.unwrap_or_default()
        ));
    }
    if runtime.stood_in > 0 {
        words.push(format!("stood in for {}", count(runtime.stood_in, "iteration", "iterations")));
    }
    words.join("; ")
}

/// Budgets for programs.
pub(super) fn budget_figures(view: &RunView) -> Value {
    let header = view.header.as_ref();
    json!({
        "tokens": header.and_then(|header| header.number::<u64>(TOKENS)),
        "usd": header.and_then(|header| header.number::<f64>(USD)),
        "passed": view.budget_passed.map(|passed| json!({
            "budget": match passed.mark { BudgetMark::Tokens { .. } => "tokens", BudgetMark::Usd { .. } => "usd" },
            "worker": passed.iteration.worker,
            "iter": passed.iteration.iter,
            "at_end": passed.at_end,
        })),
    })
}

/// Runtimes for programs.
pub(super) fn runtime_figures(view: &RunView) -> Value {
    let figures = view.runtimes.iter().map(|(name, runtime)| {
        json!({
            "runtime": name,
            "rests": runtime.rests,
            "resting_until": runtime.resting_until,
            "why": runtime.why,
            "out": runtime.out,
            "remedy": runtime.remedy,
            "stood_in": runtime.stood_in,
        })
    });
    Value::Array(figures.collect())
}

/// A row of a run that nothing can be begun in just now.
pub(super) fn waiting(view: &RunView) -> Option<Fact> {
    let until = view.awaiting_runtime?;
    view.ending.is_none().then(|| Fact::new("waiting", format!("for a runtime, until {}", stamp(until))))
}
