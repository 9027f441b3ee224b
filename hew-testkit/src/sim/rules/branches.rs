//! Runs that land at their end: a worker's branch lands once nothing runs any more, in the workers' order, with nothing on
//! it that was not green there; one that does not land is kept.

use hew_core::engine::BranchPart;
use hew_core::ids::{BranchName, CommitId, IterationId};
use hew_core::record::event::IterationOutcome;
use hew_core::worktree::GitClient;

use super::super::trouble::Trouble;
use super::{Evidence, Rules, Verdict, ensure};

impl Rules {
    /// A worker's branch comes to the lane.
    pub(super) fn branch_may_merge(&mut self, parts: &[BranchPart], evidence: &Evidence<'_>) -> Verdict {
        let Some(first) = parts.first() else { return Err("branch: one with nothing on it".to_owned()) };
        let worker = first.iteration.worker;
        ensure(evidence.agents == 0, || {
            format!("branch: {worker}'s is merged while {} agents run", evidence.agents)
        })?;
        let before = self.merging_branch.replace(worker);
        ensure(before.is_none_or(|before| before <= worker), || {
            format!("branch: {worker}'s is merged after {before:?}'s")
        })?;
        let is_ordered = parts.windows(2).all(|two| two[0].iteration.iter < two[1].iteration.iter);
        ensure(is_ordered, || format!("branch: the tasks of {worker} are not in order"))?;
        parts.iter().try_for_each(|part| self.is_green_on_its_branch(part.iteration, evidence))
    }

    fn is_green_on_its_branch(&self, id: IterationId, evidence: &Evidence<'_>) -> Verdict {
        let Some(iter) = self.iters.get(&id) else {
            return Err(format!("branch: {id} is not in the journal"));
        };
        ensure(!iter.is_over, || format!("branch: {id} is over and is merged"))?;
        let Some(is_change) = iter.stacked else {
            return Err(format!("branch: {id} is merged, and never waited on its branch"));
        };
        let Some(work) = iter.work.as_ref().filter(|_| is_change) else { return Ok(()) };
        let is_gated = evidence.plot.config.gate.is_some();
        let tree = evidence.repo.tree_of(work).expect("a fake answers");
        ensure(!is_gated || self.proven.contains(&tree), || {
            format!("gate: it was never green on {work} of {id}, which waits on its branch")
        })
    }

    /// A branch that did not land was kept.
    pub(in super::super) fn branch_is_kept(&mut self, branch: &BranchName, work: &CommitId) {
        self.kept_branches.insert(branch.clone(), work.clone());
    }

    /// Work that waited on a branch and did not land is on one that is kept.
    fn given_up_is_kept(&self, evidence: &Evidence<'_>) -> Verdict {
        if evidence.plot.has(Trouble::Git) {
            return Ok(());
        }
        let prefix = format!("{}w", self.run_branch.as_str().trim_end_matches("main"));
        let refs = evidence.repo.refs();
        let branches = refs.iter().filter(|(name, _)| name.as_str().starts_with(&prefix));
        let kept: Vec<&CommitId> = branches.map(|(_, commit)| commit).collect();
        for (id, iter) in self.iters.iter().filter(|(_, iter)| iter.stacked == Some(true)) {
            let is_for_a_person = matches!(
                iter.outcome,
                Some(
                    IterationOutcome::Conflict
                        | IterationOutcome::BackpressureFail
                        | IterationOutcome::RuntimeError
                )
            );
            let Some(work) = iter.work.as_ref().filter(|_| is_for_a_person) else { continue };
            let holds = |at: &&CommitId| evidence.repo.contains_all(at, std::slice::from_ref(work));
            let is_kept = kept.iter().any(|at| holds(at).unwrap_or(false));
            ensure(is_kept, || format!("branch: the work of {id} did not land, and no branch has it"))?;
        }
        Ok(())
    }

    /// Branches that were kept are there at the end, each in a worktree of its own.
    pub(super) fn branches_are_there(&self, evidence: &Evidence<'_>) -> Verdict {
        self.given_up_is_kept(evidence)?;
        for (branch, work) in &self.kept_branches {
            let at = evidence.repo.resolve(&branch.to_ref()).expect("a fake answers");
            ensure(at.as_ref() == Some(work), || {
                format!("branch: {branch} is at {at:?}, not kept at {work}")
            })?;
            let trees = evidence.repo.list_worktrees().expect("a fake answers");
            let is_shown = trees.iter().any(|tree| tree.branch.as_ref() == Some(branch));
            ensure(is_shown, || format!("branch: no worktree shows {branch}, which did not land"))?;
        }
        Ok(())
    }
}
