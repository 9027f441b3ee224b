//! What changed that agents share with the user: what agents did, and what somebody else did meanwhile.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::heading;
use crate::record::view::{ForeignView, OfIteration, RunView};
use crate::render::facts::wrap;
use crate::render::figures::count;
use crate::render::style::{FAINT, WARN};
use crate::render::table::PAGE;
use crate::render::text::visible;

/// Most of each that are shown.
const MAX_SHOWN: usize = 10;

/// Whose doing it is.
pub(super) fn who(found: &OfIteration) -> String {
    found.iteration.map_or_else(|| "an agent:".to_owned(), |id| format!("{id}:"))
}

/// Both, one below the other, where there are any.
pub(super) fn sections(view: &RunView) -> String {
    let found = &view.escapes;
    let escapes = found.escapes.iter().map(|one| format!("{} {}", who(one), one.escape.words()));
    let foreign = found.foreign.iter().map(|one| one.change.words());
    section(
        "escapes: agents changed what is not theirs",
        &format!("{WARN}!{WARN:#}"),
        escapes,
        found.escape_count,
    ) + &section("foreign changes: nothing shows that an agent did it", "·", foreign, found.foreign_count)
}

fn section(name: &str, sign: &str, lines: impl Iterator<Item = String>, number: u64) -> String {
    if number == 0 {
        return String::new();
    }
    let mut out = heading(name);
    for line in lines.take(MAX_SHOWN) {
        let mut sign = sign;
        for line in wrap(&visible(&line), PAGE - 4) {
            let _ = writeln!(out, "  {sign} {line}");
            sign = " ";
        }
    }
    let more = number.saturating_sub(MAX_SHOWN as u64);
    if more > 0 {
        let _ = writeln!(out, "  {FAINT}and {more} more: hew loop summary --json{FAINT:#}");
    }
    out
}

/// Both in a line each, while the run goes on.
pub(crate) fn facts(view: &RunView) -> Vec<(&'static str, String)> {
    let found = &view.escapes;
    let mut facts = Vec::new();
    if let Some(last) = found.escapes.last() {
        let words = last.escape.words();
        facts.push(("escapes", format!("{}; the last: {} {words}", found.escape_count, who(last))));
    }
    if found.foreign_count > 0 {
        let things = count(found.foreign_count, "thing", "things");
        facts.push(("foreign", format!("{things} changed meanwhile; nothing shows that an agent did it")));
    }
    facts
}

/// An escape for programs.
pub(super) fn figures(found: &OfIteration) -> Value {
    let mut value = json!(found.escape);
    value["at"] = json!(found.at);
    value["iteration"] = json!(found.iteration);
    value["command"] = found.escape.change.look().into();
    value
}

/// A foreign change for programs.
pub(super) fn foreign_figures(found: &ForeignView) -> Value {
    let mut value = json!(found.change);
    value["at"] = json!(found.at);
    value["command"] = found.change.look().into();
    value
}
