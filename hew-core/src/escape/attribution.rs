//! Whose change it is, among iterations that ran side by side.
//!
//! A change is found between two looks. Every iteration that ran then may have made it: each is asked at its end, and
//! when the last of them has ended without evidence, the change is foreign.

use std::collections::BTreeSet;

use super::change::{Change, Subject};
use super::claim::Claim;
use super::evidence::{Escape, Evidence};
use crate::ids::{BranchName, IterationId, RunId};
use crate::worktree::names;

/// Most pieces of evidence that are told of one change.
const MAX_EVIDENCE: usize = 3;

/// Which iterations run, and which changes nobody has answered for.
#[derive(Debug)]
pub struct Attribution {
    run: RunId,
    prefix: String,
    running: BTreeSet<IterationId>,
    open: Vec<Open>,
    told: BTreeSet<Subject>,
    /// Counts looks at which something was found.
    looks: u64,
}

/// A change that is not settled.
#[derive(Debug)]
struct Open {
    change: Change,
    /// Branches that the checkout was on.
    heads: Vec<String>,
    /// The look that found it.
    look: u64,
    /// Iterations that may have made it and have not ended.
    over: BTreeSet<IterationId>,
    is_claimed: bool,
}

/// What nobody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdicts {
    /// Only agents could have made these.
    pub of_run: Vec<Escape>,
    /// These are somebody else's, each told once.
    pub foreign: Vec<Change>,
}

impl Attribution {
    /// Before the first iteration of a run whose branches begin with this prefix.
    pub fn new(run: RunId, prefix: &str) -> Self {
        let (running, open, told) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        Self { run, prefix: prefix.to_owned(), running, open, told, looks: 0 }
    }

    /// An iteration's agent is about to start.
    pub fn begin(&mut self, id: IterationId) {
        self.running.insert(id);
    }

    /// Nothing runs.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Changes were found. `heads` are the branches that the checkout was on, before and after.
    pub fn found(&mut self, changes: Vec<Change>, heads: &[String]) {
        self.looks += 1;
        for change in changes {
            let (over, look) = (self.running.clone(), self.looks);
            self.open.push(Open { change, heads: heads.to_vec(), look, over, is_claimed: false });
        }
    }

    /// An iteration has ended, and all changes up to then are found: those that it made.
    pub fn end(&mut self, id: IterationId, claims: &[Claim]) -> Vec<Escape> {
        self.running.remove(&id);
        let own = names::worker_branch(&self.prefix, &self.run, id.worker);
        let mut escapes = Vec::new();
        let mut moves = BTreeSet::new();
        for open in &mut self.open {
            if !open.over.remove(&id) || is_own(&open.change.subject, &own) {
                continue;
            }
            let covering = claims.iter().filter(|claim| claim.covers(&open.change, &open.heads));
            let evidence: Vec<Evidence> =
                covering.take(MAX_EVIDENCE).map(|claim| claim.evidence.clone()).collect();
            if !evidence.is_empty() {
                open.is_claimed = true;
                if matches!(&open.change.subject, Subject::Branch(name) if open.heads.contains(name)) {
                    moves.insert(open.look);
                }
                escapes.push(Escape { change: open.change.clone(), evidence, put_back: false });
            }
        }
        // Where the checkout's own branch moved under it, files differ that nobody touched.
        let is_shadow =
            |open: &&mut Open| moves.contains(&open.look) && matches!(open.change.subject, Subject::File(_));
        self.open.iter_mut().filter(is_shadow).for_each(|open| open.is_claimed = true);
        escapes
    }

    /// What nobody answers for any more; with `all`, what those that still run have not answered for, either.
    pub fn settle(&mut self, all: bool) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let run_branch = names::run_branch(&self.prefix, &self.run);
        let branches_of_run = format!("{}/{}/", self.prefix, self.run);
        let open = std::mem::take(&mut self.open);
        let (over, still) = open.into_iter().partition::<Vec<_>, _>(|open| all || open.over.is_empty());
        self.open = still;
        for Open { change, .. } in over.into_iter().filter(|open| !open.is_claimed) {
            match &change.subject {
                Subject::Branch(name) if name == run_branch.as_str() => {
                    let evidence = vec![Evidence::OnlyAgents];
                    verdicts.of_run.push(Escape { change, evidence, put_back: true });
                }
                // Workers move their own branches.
                Subject::Branch(name) if name.starts_with(&branches_of_run) => {}
                subject => {
                    if self.told.insert(subject.clone()) {
                        verdicts.foreign.push(change);
                    }
                }
            }
        }
        verdicts
    }
}

/// A worker's branch, or the one that it took after a folder had to be kept.
fn is_own(subject: &Subject, own: &BranchName) -> bool {
    let Subject::Branch(name) = subject else { return false };
    name.strip_prefix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::claim::Reach;
    use crate::ids::WorkerId;

    const RUN: &str = "loop-20261120T193000Z-1a2b3c4d";

    fn iteration(worker: u16) -> IterationId {
        IterationId { worker: WorkerId(worker), iter: 1 }
    }

    fn attribution(running: u16) -> Attribution {
        let mut attribution = Attribution::new(RunId::parse(RUN).unwrap(), "loop");
        (0..running).for_each(|worker| attribution.begin(iteration(worker)));
        attribution
    }

    fn change(subject: Subject) -> Change {
        Change { subject, before: None, after: None }
    }

    fn file(path: &str) -> Change {
        change(Subject::File(path.to_owned()))
    }

    fn branch(name: &str) -> Change {
        change(Subject::Branch(name.to_owned()))
    }

    fn claim(reach: Reach) -> Vec<Claim> {
        vec![Claim { reach, evidence: Evidence::tool("Write", "x") }]
    }

    #[test]
    fn a_change_with_evidence_is_the_escape_of_whoever_left_it_and_nobody_elses() {
        let mut seen = attribution(2);
        seen.found(vec![file("a"), file("b")], &[]);
        assert_eq!(seen.end(iteration(0), &[]), []);
        assert_eq!(seen.settle(false), Verdicts::default(), "the other one has not been asked");
        let escapes = seen.end(iteration(1), &claim(Reach::File("a".to_owned())));
        assert_eq!(escapes.iter().map(|escape| &escape.change).collect::<Vec<_>>(), [&file("a")]);
        assert_eq!(seen.settle(false).foreign, [file("b")]);
    }

    #[test]
    fn a_foreign_change_is_told_once() {
        let mut seen = attribution(1);
        seen.found(vec![file("a")], &[]);
        seen.found(vec![file("a")], &[]);
        assert_eq!(seen.end(iteration(0), &[]), []);
        assert_eq!(seen.settle(false).foreign, [file("a")]);
        seen.found(vec![file("a")], &[]);
        assert_eq!(seen.settle(false), Verdicts::default());
    }

    #[test]
    fn an_iteration_that_began_after_a_change_does_not_answer_for_it() {
        let mut seen = attribution(1);
        seen.found(vec![file("a")], &[]);
        seen.begin(iteration(1));
        assert_eq!(seen.end(iteration(1), &claim(Reach::Checkout)), []);
    }

    #[test]
    fn branches_of_the_run_are_agents_business() {
        let own = format!("loop/{RUN}/w0");
        let run_branch = format!("loop/{RUN}/main");
        let sibling = format!("loop/{RUN}/w1");
        let mut seen = attribution(2);
        seen.found(
            vec![branch(&own), branch(&format!("{own}.2")), branch(&sibling), branch(&run_branch)],
            &[],
        );
        let claims: Vec<Claim> =
            [&own, &sibling].into_iter().flat_map(|name| claim(Reach::Branch(name.clone()))).collect();
        let escapes = seen.end(iteration(0), &claims);
        assert_eq!(escapes.iter().map(|escape| &escape.change).collect::<Vec<_>>(), [&branch(&sibling)]);
        seen.end(iteration(1), &[]);
        let verdicts = seen.settle(false);
        assert_eq!(verdicts.foreign, []);
        assert_eq!(
            verdicts.of_run.iter().map(|escape| &escape.change).collect::<Vec<_>>(),
            [&branch(&run_branch)]
        );
    }

    #[test]
    fn the_end_of_a_run_waits_for_nobody() {
        let mut seen = attribution(1);
        seen.found(vec![file("a")], &[]);
        assert_eq!(seen.settle(true).foreign, [file("a")]);
    }
}
