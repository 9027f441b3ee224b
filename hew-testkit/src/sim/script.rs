//! How an agent goes about a task, by chance.

use std::time::Duration;

use hew_core::agent::{FailureClass, RetryAt};

use super::chance::Chance;

/// How one agent goes, from its start to its end.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) ends: Ends,
    pub(super) work: Work,
    /// Other files that it writes into its commits, besides one of its own.
    pub(super) writes: Vec<Writes>,
    pub(super) misdeed: Option<Misdeed>,
    /// How long it takes, if nobody stops it.
    pub(super) takes: Duration,
    pub(super) tokens: u64,
    /// It tells of its tokens half way, too.
    pub(super) tells: bool,
    /// It closes its task in the tracker before it ends.
    pub(super) closes: bool,
    /// The task can't be read right after its end.
    pub(super) unread: bool,
    /// It names what is next: numbers of tasks.
    pub(super) next: Option<Vec<usize>>,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Ends {
    Done,
    Silent,
    Fails,
    Blocked,
    Exit(i32),
    Missing,
    Unstartable,
    Unkept,
    Hangs,
    Stalls,
    Failure(FailureClass, Option<Duration>),
    Hopeless(FailureClass),
}

/// What it leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Commits(u8),
    Leftovers,
    Both,
    Nothing,
    Rewritten,
    OnBranch,
    Detached,
    Nested,
    Unmerged,
    Broken,
    Deleted,
}

/// A file that more than one task may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// One line more: two at once don't merge.
    Shared(u8),
    /// Half of a pair that is red together, unless its writer sees the other half.
    Half(u8, bool),
    /// What makes the gate red by itself.
    Red,
}

/// What it does to what is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misdeed {
    MovesRunBranch,
    DeletesRunBranch,
    MovesTarget,
}

/// What may go wrong with agents.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Manners {
    /// Of a thousand agents, how many go wrong by their own fault.
    pub(super) trouble: u32,
    pub(super) conflicts: bool,
    pub(super) runtimes: bool,
    pub(super) plans: bool,
    pub(super) misdeeds: bool,
    /// Of tasks that must land in the end, no agent may give up or break its folder.
    pub(super) whole: bool,
    /// Every agent takes exactly so many tokens; by chance where none is given.
    pub(super) tokens: Option<u64>,
    pub(super) median: Duration,
    pub(super) tasks: usize,
}

/// Longest that an agent takes whose task has to land: below `loop.timeout`.
const LONGEST_OF_WHOLE: Duration = Duration::from_secs(3000);

impl Script {
    pub(super) fn of(manners: Manners, chance: &mut Chance) -> Self {
        let tokens = chance.next() % 200;
        let good = Self {
            ends: if chance.percent(80) { Ends::Done } else { Ends::Silent },
            work: chance.one_of(&[
                Work::Commits(1),
                Work::Commits(1),
                Work::Commits(2),
                Work::Leftovers,
                Work::Both,
            ]),
            writes: if manners.conflicts { writes(chance) } else { Vec::new() },
            misdeed: None,
            takes: chance.duration(manners.median, 0.8),
            tokens: manners.tokens.unwrap_or(tokens),
            tells: manners.tokens.is_none() && chance.percent(50),
            closes: false,
            unread: false,
            next: (manners.plans && chance.percent(30))
                .then(|| (0..chance.below(4)).map(|_| chance.below(manners.tasks + 1)).collect()),
        };
        // An agent whose time is up over and over never lands anything.
        let longest = if manners.whole { LONGEST_OF_WHOLE } else { Duration::MAX };
        let good = Self { takes: good.takes.min(longest), ..good };
        let misdeeds = [Misdeed::MovesRunBranch, Misdeed::DeletesRunBranch, Misdeed::MovesTarget];
        let misdeed = (manners.misdeeds && chance.percent(15)).then(|| chance.one_of(&misdeeds));
        let good = Self { misdeed, ..good };
        if manners.runtimes && chance.percent(15) {
            return Self { ends: failure(chance), ..good };
        }
        if chance.per_mille(manners.trouble) { good.spoilt(manners, chance) } else { good }
    }

    fn spoilt(mut self, manners: Manners, chance: &mut Chance) -> Self {
        match chance.below(if manners.whole { 9 } else { 19 }) {
            0 => self.ends = Ends::Fails,
            1 => self.ends = Ends::Exit(1),
            2 => self.ends = Ends::Hangs,
            3 => self.ends = Ends::Stalls,
            4 => self.writes.push(Writes::Red),
            5 => (self.ends, self.closes) = (Ends::Silent, true),
            6 => {
                (self.ends, self.closes) = (Ends::Silent, true);
                self.writes.push(Writes::Red);
            }
            7 => self.work = Work::Rewritten,
            8 => (self.ends, self.work) = (Ends::Silent, Work::Nothing),
            9 => self.work = Work::OnBranch,
            10 => self.work = Work::Detached,
            11 => self.work = Work::Nested,
            12 => self.work = Work::Unmerged,
            13 => self.work = if chance.percent(50) { Work::Broken } else { Work::Deleted },
            14 => self.ends = Ends::Blocked,
            15 => self.ends = chance.one_of(&[Ends::Missing, Ends::Unstartable, Ends::Unkept]),
            16 => (self.ends, self.work) = (Ends::Done, Work::Nothing),
            17 => self.unread = true,
            _ => self.ends = Ends::Hopeless(FailureClass::Unknown),
        }
        self
    }

    /// One that does its work and says so.
    pub(super) fn plain(tokens: u64) -> Self {
        Self {
            ends: Ends::Done,
            work: Work::Commits(1),
            writes: Vec::new(),
            misdeed: None,
            takes: Duration::from_secs(1),
            tokens,
            tells: false,
            closes: false,
            unread: false,
            next: None,
        }
    }

    /// It costs the task an attempt, whatever becomes of its work.
    pub(super) fn is_bad(&self) -> bool {
        let done = matches!(self.ends, Ends::Done | Ends::Silent) && !self.writes.contains(&Writes::Red);
        let landable = matches!(
            self.work,
            Work::Commits(_) | Work::Leftovers | Work::Both | Work::OnBranch | Work::Detached
        );
        !done || !landable
    }

    /// When its provider says that it may come again.
    pub(super) fn retry_at(wait: Option<Duration>) -> Option<RetryAt> {
        wait.map(RetryAt::After)
    }
}

fn writes(chance: &mut Chance) -> Vec<Writes> {
    let number = |chance: &mut Chance| u8::try_from(chance.below(2)).expect("a small number");
    match chance.below(6) {
        0 | 1 => vec![Writes::Shared(number(chance))],
        2 => vec![Writes::Half(number(chance), chance.percent(50))],
        _ => Vec::new(),
    }
}

fn failure(chance: &mut Chance) -> Ends {
    let classes = [
        FailureClass::Auth,
        FailureClass::Quota,
        FailureClass::RateLimit,
        FailureClass::RateLimit,
        FailureClass::Overloaded,
        FailureClass::BadRequest,
        FailureClass::Server,
        FailureClass::Network,
        FailureClass::Spawn,
        FailureClass::Unknown,
    ];
    let seconds = chance.one_of(&[0, 1, 40, 400, 10_000]);
    let wait = chance.percent(40).then(|| Duration::from_secs(seconds));
    Ends::Failure(chance.one_of(&classes), wait)
}
