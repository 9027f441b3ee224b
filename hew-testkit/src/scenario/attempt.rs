//! How one attempt at a task goes, from its worktree to the run branch.

use std::collections::VecDeque;

use hew_core::agent::{
    AgentReading, AgentSignal, FailureClass, RetryAt, RuntimeFailure, SignalWord, StopCause, Usage,
};
use hew_core::exit::Exit;

use crate::fake_gate::FakeGateRun;
use crate::fake_spawner::FakeRun;

/// One attempt at a task. [`Attempt::done`] goes well throughout; each method makes one thing go otherwise.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) set_up: Option<String>,
    pub(crate) agent: Agent,
    pub(crate) says: Option<AgentSignal>,
    pub(crate) closes_in_tracker: bool,
    pub(crate) unread: Option<String>,
    pub(crate) work: Work,
    pub(crate) conflicts_in: Vec<String>,
    pub(crate) merge_problem: Option<String>,
    pub(crate) gates: Vec<GateGoes>,
    pub(crate) advance: Advancing,
    /// Its agent first ends by these, one a try.
    pub(crate) failures: VecDeque<RuntimeFailure>,
    /// What each of its agents uses.
    pub(crate) usage: Usage,
    pub(crate) cost_usd: Option<f64>,
    /// It tells of that while it runs, and not only at its end.
    pub(crate) tells: bool,
    /// Its agent's last words.
    pub(crate) last_words: String,
}

/// How the agent ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Agent {
    Exits(Exit),
    Missing,
    Unstartable,
    Hopeless(RuntimeFailure),
}

/// What the agent leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Changes,
    Nothing,
    Rewritten,
    Uncollectable,
}

/// How one run of the gate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateGoes {
    /// Exit code 0.
    Green,
    /// Exit code 1.
    Red,
    /// Its time is up.
    TimesOut,
    /// It can't be run.
    Fails,
}

/// How the run branch is found when it is to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advancing {
    AtTip,
    Meddled,
    Deleted,
    Fails,
}

impl Attempt {
    /// Ends well, says that it is done, has changes that merge and a green gate.
    pub fn done() -> Self {
        Self {
            set_up: None,
            agent: Agent::Exits(Exit::Code(0)),
            says: Some(AgentSignal { signal: SignalWord::Done, reason: None }),
            closes_in_tracker: false,
            unread: None,
            work: Work::Changes,
            conflicts_in: Vec::new(),
            merge_problem: None,
            gates: Vec::new(),
            advance: Advancing::AtTip,
            failures: VecDeque::new(),
            usage: Usage::default(),
            cost_usd: None,
            tells: false,
            last_words: String::new(),
        }
    }

    /// The same, without a word: the exit code alone says that it is done.
    pub fn silent() -> Self {
        Self { says: None, ..Self::done() }
    }

    /// `hew blocked`.
    pub fn blocked(reason: &str) -> Self {
        Self::saying(SignalWord::Blocked, reason)
    }

    /// `hew fail`.
    pub fn gives_up(reason: &str) -> Self {
        Self::saying(SignalWord::Fail, reason)
    }

    fn saying(signal: SignalWord, reason: &str) -> Self {
        Self { says: Some(AgentSignal { signal, reason: Some(reason.to_owned()) }), ..Self::done() }
    }

    /// Ends with this exit code.
    pub fn exits(code: i32) -> Self {
        Self { agent: Agent::Exits(Exit::Code(code)), ..Self::done() }
    }

    /// Its program is not there.
    pub fn missing_program() -> Self {
        Self { agent: Agent::Missing, ..Self::done() }
    }

    /// Its program is there and can't be started.
    pub fn unstartable() -> Self {
        Self { agent: Agent::Unstartable, ..Self::done() }
    }

    /// It is stopped because its stream shows that it can only fail, and yet says at its end that it went well.
    pub fn hopeless(class: FailureClass) -> Self {
        Self { agent: Agent::Hopeless(RuntimeFailure::new(class, "it said so", None)), ..Self::done() }
    }

    /// Its first agents end by a failure of this class.
    #[must_use]
    pub fn failing(self, class: FailureClass, times: usize) -> Self {
        (0..times).fold(self, |attempt, _| attempt.failing_until(class, None))
    }

    /// Its next agent ends by a failure of this class, whose provider says when to come again.
    #[must_use]
    pub fn failing_until(mut self, class: FailureClass, retry_at: Option<RetryAt>) -> Self {
        self.failures.push_back(RuntimeFailure::new(class, &format!("{class:?} for now"), retry_at));
        self
    }

    /// Each of its agents uses so many tokens, and tells of them at its end.
    #[must_use]
    pub fn using(self, tokens: u64) -> Self {
        Self { usage: Usage { input: tokens, ..Usage::default() }, ..self }
    }

    /// And so much money, in USD.
    #[must_use]
    pub fn costing(self, usd: f64) -> Self {
        Self { cost_usd: Some(usd), ..self }
    }

    /// It tells of what it uses while it runs.
    #[must_use]
    pub fn telling(self) -> Self {
        Self { tells: true, ..self }
    }

    /// Its agent ends with these words.
    #[must_use]
    pub fn with_last_words(self, words: &str) -> Self {
        Self { last_words: words.to_owned(), ..self }
    }

    /// Its agent says that these tasks are next.
    #[must_use]
    pub fn naming_next(self, ids: &[&str]) -> Self {
        self.with_last_words(&next_block(ids))
    }

    /// Its worktree can't be prepared.
    pub fn unprepared(problem: &str) -> Self {
        Self { set_up: Some(problem.to_owned()), ..Self::done() }
    }

    /// Changes nothing.
    #[must_use]
    pub fn changing_nothing(self) -> Self {
        Self { work: Work::Nothing, ..self }
    }

    /// Its task can't be read right after its end.
    #[must_use]
    pub fn with_task_unread(self, problem: &str) -> Self {
        Self { unread: Some(problem.to_owned()), ..self }
    }

    /// Its commits don't build on the base.
    #[must_use]
    pub fn rewriting_history(self) -> Self {
        Self { work: Work::Rewritten, ..self }
    }

    /// Its folder can't be made a commit.
    #[must_use]
    pub fn leaving_a_mess(self) -> Self {
        Self { work: Work::Uncollectable, ..self }
    }

    /// Closes its task in the tracker, as its own actor.
    #[must_use]
    pub fn closing_its_task(self) -> Self {
        Self { closes_in_tracker: true, says: None, ..self }
    }

    /// Its work does not merge.
    #[must_use]
    pub fn conflicting(self) -> Self {
        Self { conflicts_in: vec!["shared.txt".to_owned()], ..self }
    }

    /// The lane can't merge it for a reason of its own.
    #[must_use]
    pub fn unmergeable(self, problem: &str) -> Self {
        Self { merge_problem: Some(problem.to_owned()), ..self }
    }

    /// The gate on its candidate goes like this; the second is for a second run.
    #[must_use]
    pub fn gated(self, gates: &[GateGoes]) -> Self {
        Self { gates: gates.to_vec(), ..self }
    }

    /// The gate on its candidate is red.
    #[must_use]
    pub fn red(self) -> Self {
        self.gated(&[GateGoes::Red, GateGoes::Red])
    }

    /// Somebody has moved the run branch before its candidate gets there.
    #[must_use]
    pub fn meddled_with(self) -> Self {
        Self { advance: Advancing::Meddled, ..self }
    }

    /// Somebody has deleted the run branch.
    #[must_use]
    pub fn with_branch_deleted(self) -> Self {
        Self { advance: Advancing::Deleted, ..self }
    }

    /// The run branch can't be moved.
    #[must_use]
    pub fn not_advancing(self) -> Self {
        Self { advance: Advancing::Fails, ..self }
    }

    /// The agent's run, for the fake spawner.
    pub(crate) fn run(&self, is_stopped: bool, failure: Option<RuntimeFailure>) -> FakeRun {
        let reading = AgentReading { usage: self.usage, cost_usd: self.cost_usd, ..AgentReading::default() };
        if let (Some(failure), false) = (failure, is_stopped) {
            let reading = AgentReading { failure: Some(failure), ended_well: Some(false), ..reading };
            return FakeRun::exits(Exit::Code(1)).reading(reading);
        }
        let run = match &self.agent {
            Agent::Missing => FakeRun::missing(),
            Agent::Unstartable => FakeRun::fails_to_start("exec format error"),
            Agent::Exits(_) | Agent::Hopeless(_) if is_stopped => FakeRun::hangs(),
            Agent::Exits(exit) => FakeRun::exits(*exit),
            Agent::Hopeless(failure) => {
                FakeRun::is_stopped(StopCause::Hopeless(failure.clone()), Exit::Code(0))
            }
        };
        let run = run.reading(reading).printing(self.last_words.clone());
        let run = if self.tells { run.telling(self.usage, self.cost_usd) } else { run };
        match &self.says {
            Some(signal) if !is_stopped => run.saying(signal.clone()),
            _ => run,
        }
    }

    pub(crate) fn gate(&self, again: bool) -> GateGoes {
        self.gates.get(usize::from(again)).copied().unwrap_or(GateGoes::Green)
    }
}

impl GateGoes {
    /// For the fake gate.
    pub(crate) fn run(self, is_stopped: bool) -> FakeGateRun {
        match self {
            _ if is_stopped => FakeGateRun::Hangs,
            Self::Green => FakeGateRun::Exits(Exit::Code(0), String::new()),
            Self::Red => FakeGateRun::Exits(Exit::Code(1), "1 test failed".to_owned()),
            Self::TimesOut => FakeGateRun::TimesOut,
            Self::Fails => FakeGateRun::Fails("no shell".to_owned()),
        }
    }
}

/// The block that says what is next.
pub fn next_block(ids: &[&str]) -> String {
    format!("```next_iteration\n{}\n```\n", serde_json::json!(ids))
}

/// How one call of the planner goes.
#[derive(Debug, Clone, Default)]
pub struct PlannerCall {
    ends: PlannerEnds,
    answer: String,
    usage: Usage,
    tells: bool,
}

/// How the planner ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum PlannerEnds {
    #[default]
    Well,
    Badly,
    Missing,
    TooLate,
    Refused,
}

impl PlannerCall {
    /// It answers that these tasks are next.
    pub fn naming(ids: &[&str]) -> Self {
        Self::answering(&next_block(ids))
    }

    /// It answers this.
    pub fn answering(answer: &str) -> Self {
        Self { answer: answer.to_owned(), ..Self::default() }
    }

    /// Its program ends with exit code 3.
    pub fn failing() -> Self {
        Self { ends: PlannerEnds::Badly, ..Self::default() }
    }

    /// Its program is not there.
    pub fn missing() -> Self {
        Self { ends: PlannerEnds::Missing, ..Self::default() }
    }

    /// Its time is up.
    pub fn too_late() -> Self {
        Self { ends: PlannerEnds::TooLate, ..Self::default() }
    }

    /// Its provider has no room for it now, and says not for how long.
    pub fn refused() -> Self {
        Self { ends: PlannerEnds::Refused, ..Self::default() }
    }

    /// It uses so many tokens, and tells of them while it runs.
    #[must_use]
    pub fn using(self, tokens: u64) -> Self {
        Self { usage: Usage { input: tokens, ..Usage::default() }, tells: true, ..self }
    }

    pub(crate) fn run(self, is_stopped: bool) -> FakeRun {
        let run = match self.ends {
            _ if is_stopped => FakeRun::hangs(),
            PlannerEnds::Well => FakeRun::exits(Exit::Code(0)),
            PlannerEnds::Badly | PlannerEnds::Refused => FakeRun::exits(Exit::Code(3)),
            PlannerEnds::Missing => FakeRun::missing(),
            PlannerEnds::TooLate => FakeRun::is_stopped(StopCause::Timeout, Exit::Signal(15)),
        };
        let is_refused = matches!(self.ends, PlannerEnds::Refused);
        let failure = is_refused.then(|| RuntimeFailure::new(FailureClass::RateLimit, "429", None));
        let reading = AgentReading { usage: self.usage, failure, ..AgentReading::default() };
        let run = run.reading(reading).printing(self.answer);
        if self.tells { run.telling(self.usage, None) } else { run }
    }
}
