//! What an agent's end means. Exit is an observation, done is a decision.
//!
//! Invariants: done takes a runtime that ended well AND a word for it; it ended well with exit code 0 and, where its output
//! can say so, only if that does too; the agent's own last word beats the tracker; a
//! close or a claim by somebody else is a person's and is never overruled.

use super::{IterationOutcome, SignalWord, SpawnReport, StopCause};
use crate::exit::Exit;
use crate::ids::{Actor, TaskId};
use crate::tracker::{Status, Task};

/// Everything that a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub struct VerdictInput<'a> {
    /// What the spawner saw.
    pub report: &'a SpawnReport,
    /// The task.
    pub task_id: &'a TaskId,
    /// Who holds the claim.
    pub actor: &'a Actor,
    /// The task, read right after the exit; none if it is gone.
    pub task_after: Option<&'a Task>,
    /// Exit code 0 without another word counts as done.
    pub done_on_exit_zero: bool,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The work goes to the lane.
    Done {
        /// The agent's reason, or how it was seen.
        reason: String,
        /// It was said in words (or closed in the tracker), so that "nothing changed" may close the task.
        explicit: bool,
    },
    /// It ended well, but nobody said that the task is done; or it said that it failed.
    NoClose {
        /// Why.
        reason: String,
    },
    /// The agent said that it can't be done now.
    Blocked {
        /// Its reason.
        reason: String,
    },
    /// The runtime did not end well.
    Failed {
        /// How.
        outcome: IterationOutcome,
        /// Why.
        reason: String,
    },
    /// Somebody else closed, took or deleted the task.
    TakenByPerson {
        /// Who, and what.
        reason: String,
    },
}

/// Whose a task is after an iteration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This iteration's, or nobody's.
    Ours,
    /// Somebody else's.
    Person(String),
}

/// Record field that says who closed a task.
pub const CLOSED_BY: &str = "closed_by_session";

/// Tells whose a task is. A close counts as the iteration's where its actor, or none, is recorded.
pub fn owner_after(task: &Task, actor: &Actor) -> Owner {
    let other = |who: &str| Owner::Person(who.to_owned());
    match task.status {
        Status::Closed => match task.record.get(CLOSED_BY).and_then(|by| by.as_str()) {
            Some(by) if !by.is_empty() && by != actor.as_str() => other(by),
            _ => Owner::Ours,
        },
        Status::Tombstone => other("somebody"),
        _ => match &task.assignee {
            Some(holder) if holder != actor => other(holder.as_str()),
            _ => Owner::Ours,
        },
    }
}

/// The last line of an agent that closes its task without a tool.
pub fn closing_line(task: &TaskId) -> String {
    format!("closed {task}")
}

/// Decides.
pub fn decide(input: &VerdictInput<'_>) -> Verdict {
    let Some(task) = input.task_after else {
        return Verdict::TakenByPerson { reason: format!("{} was deleted", input.task_id) };
    };
    if let Owner::Person(who) = owner_after(task, input.actor) {
        let did = if task.status == Status::Closed { "closed" } else { "took" };
        return Verdict::TakenByPerson { reason: format!("{who} {did} {}", task.id) };
    }
    if let Some(failed) = stopped(input.report) {
        return failed;
    }
    match &input.report.signal {
        Some(signal) if signal.signal == SignalWord::Blocked => {
            Verdict::Blocked { reason: reason_or(signal.reason.as_deref(), "the agent gave no reason") }
        }
        Some(signal) if signal.signal == SignalWord::Fail => {
            Verdict::NoClose { reason: reason_or(signal.reason.as_deref(), "the agent gave no reason") }
        }
        said => {
            ended(input, task, said.as_ref().map(|signal| reason_or(signal.reason.as_deref(), "hew done")))
        }
    }
}

fn reason_or(reason: Option<&str>, otherwise: &str) -> String {
    reason.map(str::trim).filter(|reason| !reason.is_empty()).unwrap_or(otherwise).to_owned()
}

fn stopped(report: &SpawnReport) -> Option<Verdict> {
    let (outcome, reason) = match report.stopped.as_ref()? {
        StopCause::Requested => (IterationOutcome::Cancelled, "the run was stopped".to_owned()),
        StopCause::Timeout => (
            IterationOutcome::TimedOut,
            format!("no end after {}s (loop.timeout)", report.duration.as_secs()),
        ),
        StopCause::Stalled(evidence) => (IterationOutcome::Stalled, evidence.clone()),
        StopCause::Hopeless(failure) => {
            let reason = format!("{} ({}; stopped)", failure.message, failure.class.as_str());
            (IterationOutcome::RuntimeError, reason)
        }
    };
    Some(Verdict::Failed { outcome, reason })
}

fn ended(input: &VerdictInput<'_>, task: &Task, said_done: Option<String>) -> Verdict {
    if !input.report.exit.is_success() || input.report.reading.ended_well == Some(false) {
        return Verdict::Failed { outcome: IterationOutcome::RuntimeError, reason: bad_end(input.report) };
    }
    let explicit = |reason: String| Verdict::Done { reason, explicit: true };
    if let Some(reason) = said_done {
        return explicit(reason);
    }
    if task.status == Status::Closed {
        return explicit("closed in the tracker by the agent".to_owned());
    }
    let closing = closing_line(input.task_id);
    if input.report.last_line.trim() == closing {
        return explicit(format!("last line `{closing}`"));
    }
    if input.done_on_exit_zero {
        return Verdict::Done { reason: "exit code 0".to_owned(), explicit: false };
    }
    Verdict::NoClose { reason: "it ended well, but did not say that the task is done".to_owned() }
}

fn bad_end(report: &SpawnReport) -> String {
    let how = match report.exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(9) => "ended by signal 9 (killed from outside, perhaps for want of memory)".to_owned(),
        Exit::Signal(signal) => format!("ended by signal {signal}"),
    };
    if let Some(failure) = &report.reading.failure {
        return format!("{} ({}; {how})", failure.message, failure.class.as_str());
    }
    match report.stderr_tail.trim().lines().last() {
        Some(line) => format!("{how}: {line}"),
        None => format!("{how} (no stderr)"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::{AgentReading, AgentSignal, FailureClass, RuntimeFailure};
    use crate::tracker::record::task_from_record;

    fn report() -> SpawnReport {
        SpawnReport::new(Exit::Code(0), Duration::from_secs(5))
    }

    fn task(fields: &str) -> Task {
        let line = format!(
            r#"{{"id":"a-1","title":"T","priority":2,"issue_type":"task","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z",{fields}}}"#
        );
        task_from_record(serde_json::from_str(&line).unwrap()).unwrap()
    }

    fn held() -> Task {
        task(r#""status":"in_progress","assignee":"hew/r/w0/1""#)
    }

    fn verdict_of(report: &SpawnReport, after: Option<&Task>, done_on_exit_zero: bool) -> Verdict {
        let (id, actor) = (TaskId::new("a-1"), Actor::new("hew/r/w0/1"));
        decide(&VerdictInput { report, task_id: &id, actor: &actor, task_after: after, done_on_exit_zero })
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Done { explicit: true, .. } => "done, said",
            Verdict::Done { explicit: false, .. } => "done, by exit code",
            Verdict::NoClose { .. } => "no close",
            Verdict::Blocked { .. } => "blocked",
            Verdict::Failed { outcome, .. } => outcome.as_str(),
            Verdict::TakenByPerson { .. } => "taken",
        }
    }

    #[test]
    fn the_last_word_counts_and_only_after_a_good_end() {
        let says = |signal| Some(AgentSignal { signal, reason: None });
        let closed = task(r#""status":"closed","closed_at":"2026-01-01T00:00:00Z""#);
        let cases = [
            ("silence", SpawnReport { ..report() }, held(), false, "no close"),
            ("exit code where it counts", report(), held(), true, "done, by exit code"),
            (
                "hew done",
                SpawnReport { signal: says(SignalWord::Done), ..report() },
                held(),
                false,
                "done, said",
            ),
            (
                "hew done, then exit 1",
                SpawnReport { signal: says(SignalWord::Done), exit: Exit::Code(1), ..report() },
                held(),
                false,
                "runtime_error",
            ),
            (
                "hew fail beats a close",
                SpawnReport { signal: says(SignalWord::Fail), ..report() },
                closed.clone(),
                true,
                "no close",
            ),
            (
                "hew blocked",
                SpawnReport { signal: says(SignalWord::Blocked), ..report() },
                held(),
                true,
                "blocked",
            ),
            ("closed in the tracker", report(), closed, false, "done, said"),
            (
                "last line",
                SpawnReport { last_line: "closed a-1".into(), ..report() },
                held(),
                false,
                "done, said",
            ),
            (
                "last line of another task",
                SpawnReport { last_line: "closed a-12".into(), ..report() },
                held(),
                false,
                "no close",
            ),
            (
                "exit code 0, but the stream does not say that it ended well",
                SpawnReport {
                    signal: says(SignalWord::Done),
                    reading: AgentReading { ended_well: Some(false), ..AgentReading::default() },
                    ..report()
                },
                held(),
                true,
                "runtime_error",
            ),
            (
                "it can only fail",
                SpawnReport {
                    stopped: Some(StopCause::Hopeless(RuntimeFailure::new(FailureClass::Auth, "no", None))),
                    ..report()
                },
                held(),
                true,
                "runtime_error",
            ),
            ("signal", SpawnReport { exit: Exit::Signal(9), ..report() }, held(), true, "runtime_error"),
            (
                "timeout",
                SpawnReport { stopped: Some(StopCause::Timeout), ..report() },
                held(),
                true,
                "timed_out",
            ),
            (
                "stall",
                SpawnReport { stopped: Some(StopCause::Stalled("x".into())), ..report() },
                held(),
                true,
                "stalled",
            ),
            (
                "stop",
                SpawnReport { stopped: Some(StopCause::Requested), ..report() },
                held(),
                true,
                "cancelled",
            ),
        ];
        for (name, report, after, on_zero, expected) in cases {
            assert_eq!(word(&verdict_of(&report, Some(&after), on_zero)), expected, "{name}");
        }
    }

    #[test]
    fn a_runtimes_own_words_are_the_reason() {
        let failure = RuntimeFailure::new(FailureClass::Quota, "You've hit your limit", None);
        let reading = AgentReading { failure: Some(failure), ..AgentReading::default() };
        let report = SpawnReport { exit: Exit::Code(1), reading, stderr_tail: "noise".into(), ..report() };
        let Verdict::Failed { reason, .. } = verdict_of(&report, Some(&held()), true) else { panic!("done") };
        assert_eq!(reason, "You've hit your limit (quota; exit code 1)");
    }

    #[test]
    fn somebody_elses_close_or_claim_is_theirs() {
        let cases = [
            (r#""status":"closed","closed_at":"2026-01-01T00:00:00Z","closed_by_session":"ann""#, "taken"),
            (
                r#""status":"closed","closed_at":"2026-01-01T00:00:00Z","closed_by_session":"hew/r/w0/1""#,
                "done, said",
            ),
            (r#""status":"in_progress","assignee":"ann""#, "taken"),
            (r#""status":"open""#, "done, by exit code"),
            (r#""status":"tombstone""#, "taken"),
        ];
        for (fields, expected) in cases {
            assert_eq!(word(&verdict_of(&report(), Some(&task(fields)), true)), expected, "{fields}");
        }
        assert_eq!(word(&verdict_of(&report(), None, true)), "taken");
    }
}
