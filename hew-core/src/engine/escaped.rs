//! What agents changed that is not theirs: the iteration fails, a person is told, and nothing is built upon it.

use super::effect::Effect;
use super::progress::{PendingEnd, Stage};
use super::state::State;
use super::step::record;
use crate::agent::IterationOutcome;
use crate::escape::{Change, Escape, Evidence, Subject, why_failed};
use crate::ids::IterationId;
use crate::record::JournalEvent;

/// Most changes that a record names.
const MAX_NAMED: usize = 50;

/// Escapes of an iteration whose work is being collected, or of the run, if nobody knows whose they are.
pub(super) fn escaped(
    state: &mut State,
    about: Option<IterationId>,
    escapes: Vec<Escape>,
    out: &mut Vec<Effect>,
) {
    if escapes.is_empty() {
        return;
    }
    if let Some(Stage::Collecting { ending }) =
        about.and_then(|id| state.iteration_mut(id)).map(|iteration| &mut iteration.stage)
    {
        fail(ending, &escapes);
    }
    tell_person(state, escapes.iter().map(|escape| (about, escape)));
    let more = escapes.len().saturating_sub(MAX_NAMED);
    let escapes = escapes.into_iter().take(MAX_NAMED).collect();
    record(out, JournalEvent::Escaped { about, escapes, more });
}

/// The run branch was found elsewhere than at its tip, by nobody who could be named, and was put back.
pub(super) fn put_back(state: &mut State, change: Change, out: &mut Vec<Effect>) {
    escaped(state, None, vec![Escape { change, evidence: vec![Evidence::OnlyAgents], put_back: true }], out);
}

/// A person has to look at what agents changed and hew left as it is: at each of the first, and at the rest together.
pub(super) fn tell_person<'a>(
    state: &mut State,
    escapes: impl Iterator<Item = (Option<IterationId>, &'a Escape)>,
) {
    let left: Vec<_> = escapes.filter(|(_, escape)| !escape.put_back).collect();
    for (about, escape) in &left {
        hold_target(state, *about, escape);
    }
    for remedy in remedies(left.iter().map(|(_, escape)| escape.change.look())) {
        if !state.findings.remedies.contains(&remedy) {
            state.findings.remedies.push(remedy);
        }
    }
    state.findings.needs_person |= !left.is_empty();
}

/// The first commands to look, and one for the rest.
fn remedies(looks: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = looks.len().saturating_sub(MAX_NAMED);
    let rest = (more > 0).then(|| format!("git status   # {more} more that agents changed"));
    looks.take(MAX_NAMED).chain(rest).collect()
}

/// Whatever the agent said of its work, it is not landed. One that was being stopped is stopped.
fn fail(ending: &mut PendingEnd, escapes: &[Escape]) {
    let reason = why_failed(escapes);
    if ending.outcome == Some(IterationOutcome::Cancelled) {
        ending.reason = format!("{}; {reason}", ending.reason);
        return;
    }
    *ending = PendingEnd {
        outcome: Some(IterationOutcome::RuntimeError),
        reason,
        explicit: false,
        spares_attempt: false,
    };
}

/// A target that an agent moved is not built upon before a person has looked at it.
fn hold_target(state: &mut State, about: Option<IterationId>, escape: &Escape) {
    let Subject::Branch(branch) = &escape.change.subject else { return };
    if state.config.target.as_ref().is_some_and(|target| target.as_str() == branch) {
        let who = about.map_or_else(|| "an agent".to_owned(), |id| id.to_string());
        let words = escape.change.words();
        state.findings.target_escaped =
            Some(format!("{who} moved it ({words}): look at that before it is merged with the result"));
    }
}

/// Changes that nobody answers for.
pub(super) fn foreign(mut changes: Vec<Change>, out: &mut Vec<Effect>) {
    if changes.is_empty() {
        return;
    }
    let more = changes.len().saturating_sub(MAX_NAMED);
    changes.truncate(MAX_NAMED);
    record(out, JournalEvent::ForeignChange { changes, more });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_of_the_first_changes_and_how_many_more_there_are() {
        let of = |count: usize| {
            let looks: Vec<String> = (0..count).map(|number| format!("git status -- {number}")).collect();
            remedies(looks.into_iter())
        };
        assert_eq!(of(0), [""; 0]);
        assert_eq!(of(MAX_NAMED).len(), MAX_NAMED);
        let many = of(100_000);
        assert_eq!((many.len(), many[0].as_str()), (MAX_NAMED + 1, "git status -- 0"));
        assert_eq!(many[MAX_NAMED], "git status   # 99950 more that agents changed");
    }
}
