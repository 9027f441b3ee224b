//! What a run used, for its summary.

use serde_json::{Value, json};

use crate::record::view::Spent;
use crate::render::figures::{grouped, usd};

/// Rows for people; none where no runtime told of tokens.
pub(crate) fn facts(spent: &Spent) -> Vec<(&'static str, String)> {
    let usage = spent.usage;
    let total = usage.total();
    if total == 0 {
        return Vec::new();
    }
    let part = |name: &str, count: u64| {
        let percent = u128::from(count) * 100 / u128::from(total);
        format!("{name} {} ({percent} %)", grouped(count))
    };
    let parts = [
        part("input", usage.input),
        part("output", usage.output),
        part("cache read", usage.cache_read),
        part("cache create", usage.cache_create),
    ];
    let how = if spent.is_by_list { "in part or whole by loop.prices" } else { "reported by the runtime" };
    let cost = match (spent.cost_usd, spent.unpriced) {
        (Some(cost), 0) => format!("{} ({how})", usd(cost)),
        (Some(cost), tokens) => {
            format!("{} ({how}), and {} tokens of unknown price", usd(cost), grouped(tokens))
        }
        (None, _) => "unknown".to_owned(),
    };
    vec![("tokens", format!("{}: {}", grouped(total), parts.join(", "))), ("cost", cost)]
}

/// The same for programs.
pub(super) fn figures(spent: &Spent) -> Value {
    let usage = spent.usage;
    json!({
        "total": usage.total(), "input": usage.input, "output": usage.output,
        "cache_read": usage.cache_read, "cache_create": usage.cache_create,
        "cost_usd": spent.cost_usd, "cost_source": spent.source(), "unpriced": spent.unpriced,
    })
}
