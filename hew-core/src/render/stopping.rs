//! What a stop does to what runs, in words: whoever stops a run must know what becomes of its work.

use super::figures::count;
use crate::record::StopReason;
use crate::record::view::{Phase, RunView, StopView};
use crate::worktree::names;

/// The whole of it: what happens to agents, where work is kept, how to go further.
pub(super) fn words(view: &RunView, stop: &StopView) -> String {
    let agents = agents(view, stop);
    if running(view) == 0 {
        return agents + &rest(view, stop);
    }
    let kept = kept(view);
    let further = match (stop.reason, stop.now) {
        (StopReason::Signal, false) => format!("; {} stops them now", further_than(stop)),
        (_, true) | (StopReason::BudgetTokens | StopReason::BudgetUsd, false) => String::new(),
        _ => "; to stop them now: hew loop cancel --now".to_owned(),
    };
    match (stop.reason, stop.now) {
        (StopReason::Signal, false) => format!(
            "{agents}; no new gate begins and nothing is delivered, so their work is kept under {kept}{further}"
        ),
        (StopReason::Signal, true) => {
            format!("{agents}; nothing is delivered; their work is kept under {kept}")
        }
        (_, true) => format!("{agents}; their work is kept under {kept}"),
        _ => format!("{agents}{further}"),
    }
}

/// Where no agent runs: what happens to what does, and to results.
fn rest(view: &RunView, stop: &StopView) -> String {
    let is_signal = stop.reason == StopReason::Signal;
    if view.gating_launch.is_some() {
        return "; the gate on the launch commit is stopped".to_owned();
    }
    if view.verifying.is_some() {
        return match (is_signal, stop.now) {
            (_, true) => "; all tests on the result are stopped, so it is not verified".to_owned(),
            (true, false) => format!(
                "; all tests on the result may end within the grace, {} stops them now; nothing is delivered",
                further_than(stop)
            ),
            (false, false) => {
                "; all tests on the result go on; to stop them now: hew loop cancel --now".to_owned()
            }
        };
    }
    match (is_signal, view.in_flight().next()) {
        (true, Some(_)) => {
            let gate = gate(view, stop);
            format!("{gate}; nothing is delivered; results are kept under {}", kept(view))
        }
        (true, None) => "; nothing is delivered".to_owned(),
        (false, _) => String::new(),
    }
}

/// What a signal does to gates.
fn gate(view: &RunView, stop: &StopView) -> String {
    let runs = view.in_flight().any(|iteration| iteration.phase == Phase::Gating);
    match (runs, stop.now) {
        (true, false) => format!(
            "; the gate that runs may end within the grace, {} stops it now; no other begins",
            further_than(stop)
        ),
        (true, true) => "; the gate that runs is stopped".to_owned(),
        (false, _) => "; no new gate begins".to_owned(),
    }
}

/// What goes further than a signal did. A terminal that closes says so twice, so that a second HUP is no request.
fn further_than(stop: &StopView) -> &'static str {
    if stop.detail == "SIGHUP" { "hew loop cancel --now" } else { "the same signal again" }
}

/// Agents that run.
fn running(view: &RunView) -> u64 {
    let running = view.in_flight().filter(|iteration| iteration.phase.is_with_worker()).count();
    u64::try_from(running).unwrap_or(u64::MAX)
}

/// What happens to the agents that run.
pub(super) fn agents(view: &RunView, stop: &StopView) -> String {
    let running = running(view);
    let setting = |key| view.header.as_ref().and_then(|header| header.setting(key));
    if running == 0 {
        return "nothing new starts, and no agent runs".to_owned();
    }
    let agents = count(running, "agent", "agents");
    if stop.now {
        let grace =
            setting("loop.kill_grace").map(|grace| format!(", at most {grace} each")).unwrap_or_default();
        return format!("stopping {agents} now{grace}");
    }
    let what = match stop.reason {
        StopReason::Signal => match setting("loop.stop_grace") {
            Some(grace) => format!("{agents} may end within {grace}, and what runs then is stopped"),
            None => format!("{agents} may end for a while, and what runs then is stopped"),
        },
        StopReason::BudgetWall | StopReason::BudgetTokens | StopReason::BudgetUsd => {
            let grace = setting("loop.budget.grace").unwrap_or("0%");
            format!("{agents} may go on to {grace} beyond the budget")
        }
        _ => format!("{agents} may end, and what is good lands"),
    };
    format!("nothing new starts; {what}")
}

/// Where the work of iterations is kept.
fn kept(view: &RunView) -> String {
    view.run_id().map_or_else(|| "refs/hew/".to_owned(), names::anchor_prefix)
}
