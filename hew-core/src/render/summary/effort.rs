//! What each iteration took, as a line of bars.

use serde_json::{Value, json};

use crate::record::view::IterationRow;
use crate::render::figures::{compact, duration_ms};
use crate::render::style::{self, FAINT};

/// Most bars; beyond that each stands for several iterations, for the one that took most.
const MAX_BARS: usize = 64;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Tokens where any were told of, else time.
fn values(rows: &[IterationRow]) -> (&'static str, Vec<u64>) {
    if rows.iter().any(|row| row.usage.total() > 0) {
        return ("tokens", rows.iter().map(|row| row.usage.total()).collect());
    }
    ("duration_ms", rows.iter().map(|row| row.duration_ms).collect())
}

/// A bar an iteration, in the order in which they began, in the colour of its outcome; nothing for less than two.
pub(super) fn line(rows: &[IterationRow]) -> String {
    let (of, values) = values(rows);
    let most = values.iter().copied().max().unwrap_or(0);
    if rows.len() < 2 || most == 0 {
        return String::new();
    }
    let each = rows.len().div_ceil(MAX_BARS);
    let bars: String =
        values.chunks(each).zip(rows.chunks(each)).map(|(values, rows)| bar(values, rows, most)).collect();
    let figure = |value: u64| if of == "tokens" { compact(value) } else { duration_ms(value) };
    let unit = if of == "tokens" { " tokens" } else { "" };
    let one =
        if each == 1 { "each iteration".to_owned() } else { format!("the most of each {each} iterations") };
    let least = values.iter().copied().min().unwrap_or(0);
    format!(
        "  {FAINT}effort    {FAINT:#}  {bars}\n{:14}{FAINT}{one}, {} to {}{unit}{FAINT:#}\n",
        "",
        figure(least),
        figure(most)
    )
}

fn bar(values: &[u64], rows: &[IterationRow], most: u64) -> String {
    let (at, value) = values.iter().copied().enumerate().max_by_key(|(_, value)| *value).unwrap_or_default();
    let step = u128::from(value) * (BARS.len() as u128 - 1) / u128::from(most.max(1));
    let bar = BARS[usize::try_from(step).unwrap_or(0).min(BARS.len() - 1)];
    match rows.get(at).and_then(|row| row.outcome) {
        Some(outcome) => {
            let style = style::of_outcome(outcome);
            format!("{style}{bar}{style:#}")
        }
        None => bar.to_string(),
    }
}

/// The same for programs, a value an iteration.
pub(super) fn figures(rows: &[IterationRow]) -> Value {
    let (of, values) = values(rows);
    json!({ "of": of, "values": values })
}
