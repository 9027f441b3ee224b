//! What a stop does to what runs, in words: whoever stops a run must know what becomes of its work.

use super::figures::count;
use crate::record::StopReason;
use crate::record::view::{RunView, StopView};
use crate::worktree::names;

/// The whole of it: what happens to agents, where work is kept, how to go further.
pub(super) fn words(view: &RunView, stop: &StopView) -> String {
    let agents = agents(view, stop);
    let kept = kept(view);
    let further = match (stop.reason, stop.now) {
        (StopReason::Signal, false) => "; the same signal again stops them now".to_owned(),
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

/// What happens to the agents that run.
pub(super) fn agents(view: &RunView, stop: &StopView) -> String {
    let running = view.in_flight().filter(|iteration| !iteration.phase.is_in_lane()).count();
    let running = u64::try_from(running).unwrap_or(u64::MAX);
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
