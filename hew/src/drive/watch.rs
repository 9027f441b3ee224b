//! One thread: looks at what agents share with the user, and says whose doing a change is.
//!
//! It looks when an iteration ends that reached out of its worktree, and otherwise now and then, so that all looks
//! together take a small part of the time, however many workers there are. Nothing that a person does fails anything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hew_core::engine::Event;
use hew_core::escape::{Change, Claim};
use hew_core::ids::{CommitId, IterationId};

use super::Rig;
use super::watcher::Watcher;

/// Latest tips of the run branch that a look may find there: the lane moves it meanwhile.
const TIPS: usize = 4;

/// What the thread is told.
pub(super) enum Order {
    Begin { iteration: IterationId, done: Sender<()> },
    End { iteration: IterationId, claims: Vec<Claim>, done: Sender<bool> },
    Meddled { change: Change, is_taken: Sender<bool> },
    Settle { done: Sender<()> },
    Forget,
}

/// How workers and lane talk to it. Answers are waited for; a thread that is gone answers nothing.
#[derive(Clone)]
pub(super) struct Watch {
    orders: Sender<Order>,
    tips: Tips,
}

/// Where the run branch may be found.
#[derive(Clone)]
pub(super) struct Tips(Arc<Mutex<RunBranch>>);

struct RunBranch {
    /// Where it may be, oldest first; the last is where hew has put it.
    tips: VecDeque<CommitId>,
    /// The lane moves it just now.
    is_moving: bool,
}

impl Watch {
    /// A channel to a thread that is still to be started, with what the thread hears and may read.
    /// `tips` is where the run branch may be now.
    pub(super) fn new(tips: Vec<CommitId>) -> (Self, Receiver<Order>, Tips) {
        let (orders, heard) = unbounded();
        let tips = Tips(Arc::new(Mutex::new(RunBranch { tips: VecDeque::from(tips), is_moving: false })));
        (Self { orders, tips: tips.clone() }, heard, tips)
    }

    /// An agent is about to start.
    pub(super) fn begin(&self, iteration: IterationId) {
        let (done, answer) = bounded(1);
        super::send(&self.orders, Order::Begin { iteration, done });
        let _ = answer.recv();
    }

    /// An agent has ended, and has reached for this. Answers whether it changed what is not its own.
    pub(super) fn end(&self, iteration: IterationId, claims: Vec<Claim>) -> bool {
        let (done, answer) = bounded(1);
        super::send(&self.orders, Order::End { iteration, claims, done });
        answer.recv().unwrap_or_default()
    }

    /// The lane found something foreign on the run branch, and put that back. Answers whether anybody who runs may still
    /// answer for it; otherwise nobody can.
    pub(super) fn meddled(&self, change: Change) -> bool {
        let (is_taken, answer) = bounded(1);
        super::send(&self.orders, Order::Meddled { change, is_taken });
        answer.recv().unwrap_or_default()
    }

    /// Nothing runs, and hew is about to change the checkout itself, or to end: everything is told.
    pub(super) fn settle(&self) {
        let (done, answer) = bounded(1);
        super::send(&self.orders, Order::Settle { done });
        let _ = answer.recv();
    }

    /// hew has changed the checkout itself.
    pub(super) fn forget(&self) {
        super::send(&self.orders, Order::Forget);
    }

    /// The lane moves the run branch there. Where that failed the branch may be found there all the same, but is never
    /// put there.
    pub(super) fn while_moving<T, E>(
        &self,
        to: &CommitId,
        advance: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.tips.locked().is_moving = true;
        let moved = advance();
        let mut branch = self.tips.locked();
        branch.is_moving = false;
        if moved.is_ok() {
            branch.stands_at(to);
        } else {
            branch.may_be_at(to);
        }
        moved
    }
}

impl RunBranch {
    fn stands_at(&mut self, tip: &CommitId) {
        self.tips.push_back(tip.clone());
        self.let_go();
    }

    /// The latest tip stays the latest.
    fn may_be_at(&mut self, commit: &CommitId) {
        self.tips.insert(self.tips.len().saturating_sub(1), commit.clone());
        self.let_go();
    }

    fn let_go(&mut self) {
        if self.tips.len() > TIPS {
            self.tips.pop_front();
        }
    }
}

impl Tips {
    fn locked(&self) -> MutexGuard<'_, RunBranch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest tips, oldest first, and whether the lane moves the branch just now.
    pub(super) fn now(&self) -> (VecDeque<CommitId>, bool) {
        let branch = self.locked();
        (branch.tips.clone(), branch.is_moving)
    }
}

/// Does what it is told until nobody is left who could tell it anything.
pub(super) fn run(rig: &Rig, tips: &Tips, orders: &Receiver<Order>, events: &Sender<Event>) {
    let mut watcher = Watcher::new(rig, tips, events);
    for order in orders {
        match order {
            Order::Begin { iteration, done } => {
                watcher.begin(iteration);
                super::send(&done, ());
            }
            Order::End { iteration, claims, done } => super::send(&done, watcher.end(iteration, &claims)),
            Order::Meddled { change, is_taken } => super::send(&is_taken, watcher.meddled(change)),
            Order::Settle { done } => {
                watcher.settle();
                super::send(&done, ());
            }
            Order::Forget => watcher.forget(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_failed_is_expected_and_never_what_is_put_back() {
        let (watch, _heard, tips) = Watch::new(vec![CommitId::new("1")]);
        assert_eq!(watch.while_moving(&CommitId::new("2"), || Err::<(), _>("no")), Err("no"));
        assert_eq!(tips.now().0, ["2", "1"].map(CommitId::new));
        assert_eq!(watch.while_moving(&CommitId::new("3"), || Ok::<_, ()>(())), Ok(()));
        assert_eq!(watch.while_moving(&CommitId::new("4"), || Ok::<_, ()>(())), Ok(()));
        assert_eq!(tips.now().0, ["2", "1", "3", "4"].map(CommitId::new));
        assert_eq!(watch.while_moving(&CommitId::new("5"), || Err::<(), _>(())), Err(()));
        assert_eq!(tips.now().0, ["1", "3", "5", "4"].map(CommitId::new));
        assert!(!tips.now().1);
    }
}
