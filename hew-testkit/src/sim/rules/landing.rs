//! Done means landed and proven: the run branch moves only by compare-and-swap from the last landing, to a merge of exactly
//! the work that was collected, on whose very tree the gate was green, announced in the journal; each task once.

use hew_core::ids::{CommitId, IterationId, TaskId, TreeId};
use hew_core::record::{JournalEntry, JournalEvent};
use hew_core::worktree::GitClient;

use super::super::git::RefMove;
use super::super::project;
use super::{Broken, Rules, Verdict, announces, ensure};
use crate::fake_git::FakeGit;

impl Rules {
    /// The gate really was green on this tree.
    pub(in super::super) fn gate_was_green(&mut self, tree: TreeId) {
        self.proven.insert(tree);
    }

    pub(in super::super) fn verifying(&mut self, commit: &CommitId) {
        self.verified.insert(commit.clone(), None);
    }

    pub(in super::super) fn verify_showed(&mut self, commit: &CommitId, green: bool) {
        self.verified.insert(commit.clone(), Some(green));
    }

    /// Whose the task was when its work was about to be merged.
    pub(in super::super) fn merge_begins(&mut self, iteration: IterationId, was_taken: bool) {
        if let Some(iter) = self.iteration_mut(iteration) {
            iter.was_taken = was_taken;
        }
    }

    /// hew moved a ref.
    pub(in super::super) fn ref_moved(
        &mut self,
        moved: &RefMove,
        repo: &FakeGit,
        synced: &[JournalEntry],
        is_gated: bool,
    ) -> Verdict {
        let RefMove { name, from, to, by } = moved;
        if *name == self.run_branch {
            return self.run_branch_moved(moved, repo, synced, is_gated);
        }
        if Some(name) == self.target.as_ref() {
            let is_forward = matches!(*by, "forward_checkout" | "forward_branch");
            ensure(is_forward, || format!("target: {name} was moved by {by}"))?;
            let (Some(from), Some(to)) = (from, to) else { return Err(format!("target: {moved:?}")) };
            let holds = repo.contains_all(to, std::slice::from_ref(from)).expect("a fake answers");
            ensure(holds, || format!("target: {from} was dropped from {name}"))?;
            return ensure(*to == self.tip, || format!("target: {to} is not the last landing {}", self.tip));
        }
        let own = name.as_str().starts_with("refs/hew/")
            || name.as_str().starts_with(self.run_branch.as_str().trim_end_matches("main"));
        ensure(own, || format!("foreign ref: hew moved {name} by {by}"))
    }

    fn run_branch_moved(
        &mut self,
        moved: &RefMove,
        repo: &FakeGit,
        synced: &[JournalEntry],
        is_gated: bool,
    ) -> Verdict {
        let RefMove { from, to, by, .. } = moved;
        match (*by, from, to) {
            ("advance", Some(from), Some(to)) if *from == self.tip => self.landed(to, repo, synced, is_gated),
            // What somebody else put there is taken off again; that it is kept is another rule's.
            ("advance", Some(_), Some(to)) => ensure(self.is_meddled && *to == self.tip, || {
                format!("cas: the run branch moved {moved:?}, and the last landing is {}", self.tip)
            }),
            ("create_branch", None, Some(to)) => ensure(*to == self.tip, || {
                format!("cas: the run branch was made at {to}, not at {}", self.tip)
            }),
            ("delete_branch", Some(from), None) => {
                let nothing_landed = self.landings.is_empty() && *from == self.tip;
                ensure(nothing_landed, || format!("lost: the run branch was deleted at {from}"))
            }
            _ => Err(format!("cas: the run branch was moved by {moved:?}")),
        }
    }

    fn landed(&mut self, to: &CommitId, repo: &FakeGit, synced: &[JournalEntry], is_gated: bool) -> Verdict {
        let parents = repo.parents(to);
        let [first, second] = parents.as_slice() else {
            return Err(format!("landing: {to} has {} parents", parents.len()));
        };
        ensure(*first == self.tip, || {
            format!("landing: {to} was merged into {first}, not into {}", self.tip)
        })?;
        if is_gated {
            let tree = repo.tree_of(to).expect("a fake answers");
            ensure(self.proven.contains(&tree), || format!("gate: it was never green on the tree of {to}"))?;
            let red = repo.names_in(to).and_then(|names| project::why_red(&names));
            ensure(red.is_none(), || format!("gate: {to} is red: {red:?}"))?;
        }
        let named = self.named_in(&repo.message(to))?;
        for (task, id) in &named {
            ensure(announces(synced, to), || {
                format!("journal: {to} landed and no candidate was written down")
            })?;
            let twice = self.landings.iter().any(|(_, landed)| landed.as_ref() == Some(task));
            let by_people = self.by_people.contains(task);
            ensure(!twice || by_people, || format!("twice: {task} landed again as {to}"))?;
            self.is_work_of(second, task, *id, repo)?;
        }
        if !named.is_empty() {
            self.is_nothing_else(second, &named, repo)?;
        }
        self.tip = to.clone();
        self.is_meddled = false;
        let is_change = |id: &IterationId| self.iters[id].stacked != Some(false);
        let changed: Vec<_> =
            named.into_iter().filter(|(_, id)| is_change(id)).map(|(task, _)| Some(task)).collect();
        let tasks = if changed.is_empty() { vec![None] } else { changed };
        self.landings.extend(tasks.into_iter().map(|task| (to.clone(), task)));
        Ok(())
    }

    /// The tasks whose work a merge says that it brings, each with its iteration.
    fn named_in(&self, message: &str) -> Result<Vec<(TaskId, IterationId)>, Broken> {
        let of = |key: &'static str| message.lines().filter_map(move |line| line.strip_prefix(key));
        let find = |text: &str| {
            let found = self.iters.keys().find(|id| id.to_string() == text).copied();
            found.ok_or_else(|| format!("landing: {text} lands, and is not in the journal"))
        };
        of("Hew-Task: ")
            .map(TaskId::new)
            .zip(of("Hew-Iter: "))
            .map(|(task, id)| Ok((task, find(id)?)))
            .collect()
    }

    /// What is merged has the iteration's collected work, for its own task, which nobody had taken.
    fn is_work_of(&self, merged: &CommitId, task: &TaskId, id: IterationId, repo: &FakeGit) -> Verdict {
        let iter = &self.iters[&id];
        ensure(iter.task == *task, || format!("landing: the work of {} landed for {task}", iter.task))?;
        ensure(!iter.was_taken, || format!("person: {task} was somebody else's, and its work landed"))?;
        let Some(work) = &iter.work else { return Err(format!("landing: {id} has no collected work")) };
        let holds = repo.contains_all(merged, std::slice::from_ref(work)).unwrap_or(false);
        ensure(holds, || format!("landing: {merged} was merged for {task}, without its work {work}"))
    }

    /// What is merged ends with the work of one of the iterations, and brings that of no other of their worker.
    fn is_nothing_else(&self, merged: &CommitId, named: &[(TaskId, IterationId)], repo: &FakeGit) -> Verdict {
        let works: Vec<_> = named.iter().filter_map(|(_, id)| self.iters[id].work.as_ref()).collect();
        ensure(works.contains(&merged), || format!("landing: {merged} is nobody's collected work"))?;
        let holds = |whole: &CommitId, work: &CommitId| {
            repo.contains_all(whole, std::slice::from_ref(work)).unwrap_or(false)
        };
        let worker = named.first().map(|(_, id)| id.worker);
        let others = self.iters.iter().filter(|(id, _)| Some(id.worker) == worker);
        for (id, iter) in others.filter(|(id, _)| named.iter().all(|(_, one)| one != *id)) {
            let Some(work) = iter.work.as_ref().filter(|work| !works.contains(work)) else { continue };
            let comes_along = holds(merged, work) && !holds(&self.tip, work);
            ensure(!comes_along, || format!("landing: {merged} brings the work of {id}, too"))?;
        }
        Ok(())
    }

    /// The journal says that something landed: it has.
    pub(super) fn says_landed(&self, sha: &CommitId, task: &TaskId) -> Verdict {
        let holds = self.landings.iter().any(|(landed, of)| landed == sha && of.as_ref() == Some(task));
        ensure(holds, || format!("landing: the journal says that {task} landed as {sha}, and git does not"))
    }

    /// What an iteration's agent begins with holds what the dependencies of its task landed. One that a person opened anew
    /// may land once more between the iteration's claim and its agent: that came too late.
    pub(super) fn holds_landings(
        &self,
        id: IterationId,
        base: &CommitId,
        prerequisites: &[TaskId],
        repo: &FakeGit,
    ) -> Verdict {
        let by_then = self.landed_at_claim.get(&id).copied().unwrap_or(0);
        for (number, (landed, task)) in self.landings.iter().enumerate() {
            let Some(task) = task.as_ref().filter(|task| prerequisites.contains(task)) else { continue };
            if number >= by_then && self.by_people.contains(task) {
                continue;
            }
            let holds = repo.contains_all(base, std::slice::from_ref(landed)).unwrap_or(false);
            ensure(holds, || format!("base: {base} lacks {landed} of {task}"))?;
        }
        Ok(())
    }

    /// Every commit of the run branch's first-parent line is a landing.
    pub(super) fn line_is_landed(&self, repo: &FakeGit, launch: &CommitId) -> Verdict {
        let mut at = self.tip.clone();
        let mut landings: Vec<&CommitId> = self.landings.iter().map(|(landed, _)| landed).collect();
        // A worker's branch lands with several tasks.
        landings.dedup();
        let mut landings = landings.into_iter().rev();
        while at != *launch {
            ensure(landings.next().is_some_and(|landed| *landed == at), || {
                format!("line: {at} is on the run branch and did not land")
            })?;
            at = repo.parents(&at).first().cloned().unwrap_or_else(|| launch.clone());
        }
        ensure(landings.next().is_none(), || "line: a landing is not on the run branch".to_owned())
    }

    /// What is delivered was verified, where that is wanted.
    pub(super) fn may_be_delivered(&self, tip: &CommitId, holds_red: bool) -> Verdict {
        let shown = self.verified.get(tip);
        let skipped = self.skipped.get(tip);
        let may_be_skipped = skipped.is_some_and(|why| !holds_red || why.starts_with("no command"));
        ensure(shown.is_some() || may_be_skipped, || {
            format!("verify: {tip} is delivered without having been verified ({skipped:?})")
        })?;
        let is_red = shown == Some(&Some(false));
        ensure(!(is_red && holds_red), || format!("verify: {tip} is red, and is delivered"))
    }

    /// A record of work.
    pub(super) fn work_is_collected(&mut self, event: &JournalEvent) {
        if let JournalEvent::Collected { iteration, head_sha, .. } = event {
            self.collected.push(*iteration);
            let head = head_sha.clone();
            if let Some(iter) = self.iteration_mut(*iteration) {
                iter.work = Some(head);
            }
        }
    }
}
