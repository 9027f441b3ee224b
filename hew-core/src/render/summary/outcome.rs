//! What happened: in a sentence, and in the facts that a person wants first.

use super::needs::Need;
use crate::record::IterationOutcome;
use crate::record::event::{DeliveryRecord, GateRecord, VerifyOutcome};
use crate::record::view::{RunHeader, RunView};
use crate::render::facts::{Fact, wrap};
use crate::render::figures::{count, duration_ms, duration_secs, stamp};
use crate::render::style::{BAD, GOOD, WARN};
use crate::render::table::PAGE;
use crate::render::text::visible;
use crate::render::verify;

/// In a sentence: how much of it is done, whether it is where it should be, whether a person is needed.
pub(super) fn verdict(view: &RunView, header: &RunHeader, needs: &[Need]) -> String {
    let landed = view.landed_tasks() as u64;
    let done = match view.in_scope() {
        Some(in_scope) => format!("{landed} of {} landed", count(in_scope as u64, "task", "tasks")),
        None if landed == 0 && view.is_from_files => {
            let closed = view.totals.of(IterationOutcome::Closed);
            format!("{} closed", count(closed, "task", "tasks"))
        }
        None => format!("{} landed", count(landed, "task", "tasks")),
    };
    let needed = match needs.len() as u64 {
        0 if view.ending.is_some() => "nothing needs you".to_owned(),
        0 => String::new(),
        1 => "1 thing needs you".to_owned(),
        number => format!("{number} things need you"),
    };
    let parts = [done, place(view, header, landed), needed];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let style = if needs.is_empty() { GOOD } else { WARN };
    let lines = wrap(&visible(&text), PAGE - 2);
    lines.iter().fold(String::new(), |out, line| out + &format!("  {style}{line}{style:#}\n"))
}

/// Where the result is.
fn place(view: &RunView, header: &RunHeader, landed: u64) -> String {
    match (&view.delivery, &header.target_branch) {
        _ if landed == 0 => String::new(),
        (Some(DeliveryRecord::Delivered { target, .. }), _) => format!("delivered to {target}"),
        (Some(DeliveryRecord::Refused { target, .. }), _) => format!("not yet on {target}"),
        (None, Some(target)) if header.run_branch.is_some() => format!("not yet on {target}"),
        _ => header.run_branch.as_ref().map(|branch| format!("on {branch}")).unwrap_or_default(),
    }
}

/// When, what, where, and its proof.
pub(super) fn facts(view: &RunView, header: &RunHeader) -> Vec<Fact> {
    let mut facts = vec![Fact::new("time", time(view, header))];
    facts.extend(resumed(view));
    facts.extend(stopped(view));
    facts.push(landed(view));
    facts.extend(verified(view));
    facts.push(delivery_fact(view, header));
    facts.extend(gate(view, header));
    facts
}

fn time(view: &RunView, header: &RunHeader) -> String {
    let took = duration_ms(view.duration_ms());
    let took = if view.ending.is_some() { format!("took {took}") } else { format!("{took} so far") };
    format!("{}, {took}", stamp(header.started.at))
}

/// Another process went on with it.
fn resumed(view: &RunView) -> Option<Fact> {
    let times = match view.resumes {
        0 => return None,
        1 => "once, after a crash".to_owned(),
        times => format!("{times} times, after crashes"),
    };
    Some(Fact::new("resumed", times).styled(WARN))
}

fn stopped(view: &RunView) -> Option<Fact> {
    if let Some(ending) = &view.ending {
        let why = view.why_ended().map(|detail| format!(": {detail}")).unwrap_or_default();
        return Some(Fact::new("stopped", ending.words() + &why));
    }
    let stop = view.stop.as_ref()?;
    Some(Fact::new("stopping", format!("{}: {}", stop.reason.as_str(), stop.detail)).styled(WARN))
}

fn landed(view: &RunView) -> Fact {
    let totals = &view.totals;
    if view.is_from_files && totals.landed == 0 {
        return Fact::new("landed", "not recorded");
    }
    let lines = if view.is_from_files {
        "lines not recorded".to_owned()
    } else {
        format!("+{} -{} summed over commits", totals.added, totals.removed)
    };
    let text = format!(
        "{} in {}, {}, {lines}",
        count(view.landed_tasks() as u64, "task", "tasks"),
        count(totals.landed, "commit", "commits"),
        count(totals.files, "file change", "file changes"),
    );
    Fact::new("landed", text)
}

fn verified(view: &RunView) -> Option<Fact> {
    let seen = view.verify.as_ref()?;
    let fact = Fact::new("verify", verify::words(&seen.outcome, &seen.failed_tests));
    Some(match &seen.outcome {
        VerifyOutcome::Passed { .. } => fact.styled(GOOD),
        VerifyOutcome::Failed { .. } | VerifyOutcome::TimedOut { .. } => fact.styled(BAD),
        VerifyOutcome::Skipped { .. } => fact,
    })
}

/// What came of the delivery, in a line.
pub(crate) fn delivered(view: &RunView, header: &RunHeader) -> String {
    let result = match &header.run_branch {
        Some(branch) if view.totals.landed > 0 => format!("; the result is on {branch}"),
        _ => String::new(),
    };
    match &view.delivery {
        Some(DeliveryRecord::Delivered { target, sha }) => format!("{target} is at {}", sha.short()),
        Some(DeliveryRecord::NotWanted { reason }) => format!("no: {reason}{result}"),
        Some(DeliveryRecord::Refused { target, reason, .. }) => format!("not to {target}: {reason}{result}"),
        None if header.run_branch.is_none() => "not recorded".to_owned(),
        None => format!("not yet{result}"),
    }
}

fn delivery_fact(view: &RunView, header: &RunHeader) -> Fact {
    let fact = Fact::new("delivered", delivered(view, header));
    match &view.delivery {
        Some(DeliveryRecord::Delivered { .. }) => fact.styled(GOOD),
        Some(DeliveryRecord::Refused { .. }) => fact.styled(BAD),
        _ => fact,
    }
}

fn gate(view: &RunView, header: &RunHeader) -> Option<Fact> {
    let Some(command) = &header.gate else {
        return (!view.is_from_files).then(|| Fact::new("gate", "none").styled(WARN));
    };
    Some(match &view.baseline {
        Some(gate) if gate.is_green() => {
            let took = duration_secs(gate.duration_secs);
            Fact::new("gate", format!("{command} (green on the launch commit in {took})"))
        }
        Some(gate) if gate.is_cut_off() => {
            Fact::new("gate", format!("{command} (on the launch commit: stopped before it ended)"))
        }
        Some(gate) => {
            let why = format!("{command} (red on the launch commit: {})", red_reason(gate));
            Fact::new("gate", why).styled(BAD)
        }
        None => Fact::new("gate", command),
    })
}

fn red_reason(gate: &GateRecord) -> String {
    match &gate.stopped {
        Some(stopped) => format!("stopped: {stopped}"),
        None => gate.exit.to_string(),
    }
}

/// Iterations by outcome.
pub(super) fn iterations(view: &RunView) -> String {
    let mut parts: Vec<String> = IterationOutcome::ALL
        .into_iter()
        .filter_map(|outcome| view.totals.outcomes.get(&outcome).map(|n| format!("{n} {}", outcome.as_str())))
        .collect();
    let open = view.totals.iterations.saturating_sub(view.totals.ended());
    if open > 0 {
        parts.push(format!("{open} not ended"));
    }
    let kinds = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{}{kinds}", view.totals.iterations)
}
