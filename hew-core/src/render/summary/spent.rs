//! What a run used, for its summary.

use serde_json::{Value, json};

use crate::helper::Helper;
use crate::record::event::SkipReason;
use crate::record::view::{BatchView, RunView, Spent};
use crate::render::facts::Fact;
use crate::render::figures::{count, grouped, usd};

/// Rows for people; none where no runtime told of tokens or money.
pub(crate) fn facts(spent: &Spent) -> Vec<(&'static str, String)> {
    let usage = spent.usage;
    let total = usage.total();
    // Nothing that was paid for no tokens at all was told by somebody who counts none.
    if total == 0 && spent.cost_usd.is_none_or(|usd| usd <= 0.0) {
        return Vec::new();
    }
    let part = |name: &str, count: u64| {
        let percent = u128::from(count) * 100 / u128::from(total.max(1));
        format!("{name} {} ({percent}%)", grouped(count))
    };
    let parts = [
        part("input", usage.input),
        part("output", usage.output),
        part("cache read", usage.cache_read),
        part("cache create", usage.cache_create),
    ];
    let tokens = format!("{}: {}", grouped(total), parts.join(", "));
    vec![("tokens", tokens), ("cost", cost(spent))]
}

/// Money in a table's cell, with `+` where some of it has no known price; none where that says nothing.
pub(crate) fn money(spent: &Spent) -> Option<String> {
    match spent.cost_usd? {
        cost if spent.unpriced == 0 => Some(usd(cost)),
        cost if cost > 0.0 => Some(usd(cost) + "+"),
        _ => None,
    }
}

/// Money with where it came from, and what has no price.
fn cost(spent: &Spent) -> String {
    let how = if spent.is_by_list { "in part or whole by loop.prices" } else { "reported by the runtime" };
    let unpriced = || {
        let agents = count(spent.unpriced_agents, "agent", "agents");
        format!("{} tokens ({agents}) have no known price", grouped(spent.unpriced))
    };
    match spent.cost_usd {
        Some(cost) if spent.unpriced == 0 => format!("{} ({how})", usd(cost)),
        // Nothing was paid for what is priced: that says nothing of the whole.
        Some(cost) if cost > 0.0 => format!("{} ({how}), and {}", usd(cost), unpriced()),
        _ => format!("unknown: {}", unpriced()),
    }
}

/// Who said what is next, for as many iterations; hidden where nobody did, and where nobody was to say it.
pub(super) fn planner(view: &RunView) -> Option<Fact> {
    let picked = view.totals.picked;
    let is_off = |batch: &BatchView| batch.reason == Some(SkipReason::PlannerDisabled);
    if !view.batches.is_empty() && view.batches.values().all(is_off) {
        return None;
    }
    let text = format!("agent={}, runtime={}, fallback={}", picked.agent, picked.planner, picked.skipped);
    (!picked.is_zero()).then(|| Fact::new("planner", text))
}

/// What calls beside the iterations used, which the totals contain and the figures of workers and models do not.
pub(crate) fn helpers(view: &RunView) -> Option<(&'static str, String)> {
    let own = view.totals.helpers.iter().map(|(helper, spent)| (name(*helper), spent));
    let all = [("the planner", &view.totals.planner)].into_iter().chain(own);
    let words = all.filter(|(_, spent)| spent.usage.total() > 0).map(|(who, spent)| {
        let money = spent.cost_usd.filter(|_| spent.unpriced == 0).map_or_else(|| "unknown".to_owned(), usd);
        format!("{who} used {} of these tokens; cost {money}", grouped(spent.usage.total()))
    });
    let text = words.collect::<Vec<_>>().join("; ");
    (!text.is_empty()).then_some(("helpers", text))
}

fn name(helper: Helper) -> &'static str {
    match helper {
        Helper::Classifier => "the classifier",
        Helper::Summary => "summaries of iterations",
    }
}

/// What the agents of all workers used: all but the helpers' part.
pub(super) fn of_workers(view: &RunView) -> Spent {
    let mut all = Spent::default();
    for spent in view.workers.keys().map(|id| view.spent_by_worker(*id)) {
        all.usage += spent.usage;
    }
    all
}

/// The same for programs.
pub(super) fn figures(spent: &Spent) -> Value {
    let usage = spent.usage;
    json!({
        "total": usage.total(), "input": usage.input, "output": usage.output,
        "cache_read": usage.cache_read, "cache_create": usage.cache_create,
        "cost_usd": spent.cost_usd, "cost_source": spent.source(), "unpriced": spent.unpriced,
        "unpriced_agents": spent.unpriced_agents,
    })
}

/// Calls beside the iterations, for programs.
pub(super) fn helper_figures(view: &RunView) -> Value {
    let mut all = json!({ "planner": figures(&view.totals.planner) });
    for (helper, key) in [(Helper::Classifier, "classifier"), (Helper::Summary, "summary")] {
        if let Some(spent) = view.totals.helpers.get(&helper) {
            all[key] = figures(spent);
        }
    }
    all
}

/// Iterations by who said what is next, for programs.
pub(super) fn planner_figures(view: &RunView) -> Value {
    let picked = view.totals.picked;
    json!({ "agent": picked.agent, "runtime": picked.planner, "fallback": picked.skipped })
}
