//! The fake's side of the contract.

use std::path::{Path, PathBuf};

use hew_core::exit::{CommandFailure, Exit};
use hew_core::ids::{BranchName, CommitId, RefName, TreeId};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, FileChange, ForwardOutcome, GitClient, GitError,
    Inspection, MergeOutcome, MergeRequest, Obstacle, Refusal, WorktreeEntry, WorktreeReset, WorktreeStart,
};

use super::FakeGit;
use super::answers::{head_of, lines_of, look, merge_files, obstruction, symbol_above};
use super::state::{Files, GITLINK, Head, differing, is_ignored};

impl GitClient for FakeGit {
    fn read_file(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let state = self.lock();
        Ok(state.files_of(commit).ok_or_else(|| no_commit(commit))?.get(path).cloned())
    }

    fn resolve(&self, name: &RefName) -> Result<Option<CommitId>, GitError> {
        Ok(self.lock().refs.get(name).cloned())
    }

    fn tree_of(&self, commit: &CommitId) -> Result<TreeId, GitError> {
        let state = self.lock();
        state.commits.get(commit).map(|found| found.tree.clone()).ok_or_else(|| no_commit(commit))
    }

    fn contains_all(&self, descendant: &CommitId, ancestors: &[CommitId]) -> Result<bool, GitError> {
        let state = self.lock();
        let missing = ancestors.iter().chain([descendant]).find(|id| !state.commits.contains_key(id));
        if let Some(missing) = missing {
            return Err(no_commit(missing));
        }
        let reachable = state.ancestors(descendant);
        Ok(ancestors.iter().all(|ancestor| reachable.contains(ancestor)))
    }

    fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Result<BranchCreation, GitError> {
        let mut state = self.lock();
        let name = branch.to_ref();
        if let Some(there) = state.refs.get(&name) {
            return Ok(BranchCreation::Exists(there.clone()));
        }
        if let Some(other) = obstruction(&state, branch) {
            return Ok(BranchCreation::Obstructed(other));
        }
        state.refs.insert(name, at.clone());
        Ok(BranchCreation::Created)
    }

    fn delete_branch(&self, branch: &BranchName, at: &CommitId) -> Result<bool, GitError> {
        let mut state = self.lock();
        let is_there = state.refs.get(&branch.to_ref()) == Some(at);
        if is_there {
            state.refs.remove(&branch.to_ref());
        }
        Ok(is_there)
    }

    fn add_worktree(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        let mut state = self.lock();
        state.trees.remove(path);
        if !state.commits.contains_key(&start.commit) {
            return Err(no_commit(&start.commit));
        }
        let taken = start.branch.as_ref().and_then(|branch| state.holder(branch));
        if let Some(holder) = taken {
            return Err(failed("worktree add", format!("already checked out at {}", holder.display())));
        }
        state.place(path, head_of(start), &start.commit);
        Ok(())
    }

    fn add_clone(&self, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
        self.add_worktree(path, start)
    }

    fn own_refs(&self, _path: &Path) -> Result<Vec<(RefName, CommitId)>, GitError> {
        Ok(Vec::new())
    }

    fn take_over(&self, _path: &Path, _commits: &[CommitId]) -> Result<(), GitError> {
        Ok(())
    }

    fn add_merge_place(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        self.add_worktree(path, &WorktreeStart { branch: None, commit: commit.clone() })?;
        let is_kept = |path: &str| path.rsplit('/').next() == Some(".gitattributes");
        self.lock().tree_mut(path).files.retain(|path, _| is_kept(path));
        Ok(())
    }

    fn reset_worktree(
        &self,
        path: &Path,
        start: &WorktreeStart,
        depth: CleanDepth,
    ) -> Result<WorktreeReset, GitError> {
        let mut state = self.lock();
        if let Some(damage) = state.damage(path) {
            return Ok(WorktreeReset::Broken(damage.to_owned()));
        }
        let Some(wanted) = state.files_of(&start.commit).cloned() else {
            return Ok(WorktreeReset::Broken(no_commit(&start.commit).to_string()));
        };
        let keeps = |name: &String| depth != CleanDepth::Everything && is_ignored(&wanted, name);
        let before = std::mem::take(&mut state.tree_mut(path).files);
        state.place(path, head_of(start), &start.commit);
        for (name, bytes) in before.into_iter().filter(|(name, _)| keeps(name)) {
            state.tree_mut(path).files.entry(name).or_insert(bytes);
        }
        Ok(WorktreeReset::Reset)
    }

    fn inspect_worktree(&self, path: &Path) -> Result<Inspection, GitError> {
        let state = self.lock();
        if let Some(damage) = state.damage(path) {
            return Ok(Inspection::Broken(damage.to_owned()));
        }
        let Some(head) = state.head_of(path) else {
            return Ok(Inspection::Broken("its HEAD names no commit".to_owned()));
        };
        Ok(Inspection::Readable(look(&state, path, head)))
    }

    fn commit_leftovers(
        &self,
        path: &Path,
        head: &CommitId,
        message: &str,
        leave_out: &[PathBuf],
    ) -> Result<CommitId, GitError> {
        let mut state = self.lock();
        if let Some(damage) = state.damage(path) {
            return Err(GitError::File { path: path.to_owned(), reason: damage.to_owned() });
        }
        let files = state.files_to_commit(path, leave_out);
        if state.files_of(head) == Some(&files) {
            return Ok(head.clone());
        }
        Ok(state.add_commit(vec![head.clone()], files, message))
    }

    fn anchor(&self, name: &RefName, commit: &CommitId) -> Result<(), GitError> {
        let mut state = self.lock();
        if !state.commits.contains_key(commit) {
            return Err(no_commit(commit));
        }
        state.refs.insert(name.clone(), commit.clone());
        Ok(())
    }

    fn refs_under(&self, prefix: &str) -> Result<Vec<(RefName, CommitId)>, GitError> {
        let state = self.lock();
        let fitting = state.refs.iter().filter(|(name, _)| name.as_str().starts_with(prefix));
        Ok(fitting.map(|(name, commit)| (name.clone(), commit.clone())).collect())
    }

    fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
        let state = self.lock();
        let before = state.files_of(from).ok_or_else(|| no_commit(from))?;
        let after = state.files_of(to).ok_or_else(|| no_commit(to))?;
        let count = |path: &String| {
            let (old, new) = (lines_of(before, path), lines_of(after, path));
            let only_in = |one: &[String], other: &[String]| {
                let extra = one.iter().filter(|line| !other.contains(line)).count();
                u32::try_from(extra).unwrap_or(u32::MAX)
            };
            let is_link = |files: &Files| files.get(path).is_some_and(|bytes| bytes == GITLINK);
            FileChange {
                path: path.clone(),
                added: only_in(&new, &old),
                removed: only_in(&old, &new),
                is_repository_link: is_link(after) && !is_link(before),
            }
        };
        Ok(differing(before, after).into_iter().map(count).collect())
    }

    fn symbols(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
        let state = self.lock();
        let before = state.files_of(from).ok_or_else(|| no_commit(from))?;
        let after = state.files_of(to).ok_or_else(|| no_commit(to))?;
        let above = |path: &String| symbol_above(&lines_of(before, path), &lines_of(after, path));
        let mut symbols: Vec<String> = differing(before, after).into_iter().filter_map(above).collect();
        symbols.dedup();
        Ok(symbols)
    }

    fn merge(&self, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
        let mut state = self.lock();
        if let Some(damage) = state.damage(&request.lane) {
            return Err(GitError::File { path: request.lane.clone(), reason: damage.to_owned() });
        }
        let base = state
            .merge_base(&request.tip, &request.work)
            .ok_or_else(|| failed("merge-tree", "not something we can merge"))?;
        let files = |commit: &CommitId| state.files_of(commit).cloned().ok_or_else(|| no_commit(commit));
        let tip = files(&request.tip)?;
        let mut work = files(&request.work)?;
        let is_kept =
            |name: &str| request.folders_of_tip.iter().any(|kept| Path::new(name).starts_with(kept));
        work.retain(|name, _| !is_kept(name));
        work.extend(
            tip.iter().filter(|(name, _)| is_kept(name)).map(|(name, bytes)| (name.clone(), bytes.clone())),
        );
        let merged = merge_files(&files(&base)?, &tip, &work);
        Ok(match merged {
            Err(files) => MergeOutcome::Conflict { files },
            Ok(files) => {
                let tree = state.name_tree(files.clone());
                let parents = vec![request.tip.clone(), request.work.clone()];
                MergeOutcome::Merged { commit: state.add_commit(parents, files, &request.message), tree }
            }
        })
    }

    fn checkout(&self, path: &Path, commit: &CommitId, depth: CleanDepth) -> Result<(), GitError> {
        let start = WorktreeStart { branch: None, commit: commit.clone() };
        match self.reset_worktree(path, &start, depth)? {
            WorktreeReset::Reset => Ok(()),
            WorktreeReset::Broken(_) => self.add_worktree(path, &start),
        }
    }

    fn hold(&self, path: &Path, commit: &CommitId) -> Result<(), GitError> {
        let mut state = self.lock();
        if let Some(damage) = state.damage(path) {
            return Err(GitError::File { path: path.to_owned(), reason: damage.to_owned() });
        }
        state.move_head(path, commit);
        Ok(())
    }

    fn alteration(&self, path: &Path, commit: &CommitId) -> Result<Alteration, GitError> {
        let state = self.lock();
        if let Some(damage) = state.damage(path) {
            return Ok(Alteration::Broken(damage.to_owned()));
        }
        let head = state.head_of(path).ok_or_else(|| failed("rev-parse HEAD", "no commit"))?;
        if head != *commit {
            return Ok(Alteration::HeadMoved(head));
        }
        let committed = state.files_of(&head).cloned().unwrap_or_default();
        let present = &state.trees[path].files;
        let altered = committed.iter().filter(|(name, bytes)| present.get(*name) != Some(*bytes));
        let names: Vec<String> = altered.map(|(name, _)| name.clone()).take(20).collect();
        Ok(if names.is_empty() { Alteration::None } else { Alteration::Files(names) })
    }

    fn advance(
        &self,
        branch: &BranchName,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<AdvanceOutcome, GitError> {
        let mut state = self.lock();
        let there = state.refs.get(&branch.to_ref()).cloned();
        if there.as_ref() != Some(from) {
            return Ok(AdvanceOutcome::Moved(there));
        }
        if !state.commits.contains_key(to) {
            return Err(no_commit(to));
        }
        state.refs.insert(branch.to_ref(), to.clone());
        Ok(AdvanceOutcome::Advanced)
    }

    fn forward_checkout(
        &self,
        checkout: &Path,
        branch: &BranchName,
        to: &CommitId,
    ) -> Result<ForwardOutcome, GitError> {
        let mut state = self.lock();
        let is_on = matches!(state.trees.get(checkout).map(|t| &t.head), Some(Head::On(on)) if on == branch);
        let head = state.head_of(checkout).filter(|_| is_on);
        let Some(head) = head else { return Ok(refused(format!("not on {branch}"))) };
        if !state.ancestors(to).contains(&head) {
            return Ok(refused("Not possible to fast-forward, aborting."));
        }
        let before = state.files_of(&head).cloned().unwrap_or_default();
        let after = state.files_of(to).cloned().ok_or_else(|| no_commit(to))?;
        let files = &mut state.tree_mut(checkout).files;
        let changed = differing(&before, &after);
        let in_the_way = changed.iter().filter(|name| files.get(**name) != before.get(**name));
        let names: Vec<String> = in_the_way.map(ToString::to_string).collect();
        if !names.is_empty() {
            let words = format!("Your local changes to {} would be overwritten", names.join(", "));
            let (changed, untracked) = names.into_iter().partition(|name| before.contains_key(name));
            let obstacle = Some(Obstacle::Files { changed, untracked });
            return Ok(ForwardOutcome::Refused(Refusal { words, obstacle }));
        }
        for name in changed {
            match after.get(name) {
                Some(bytes) => drop(files.insert(name.clone(), bytes.clone())),
                None => drop(files.remove(name)),
            }
        }
        state.move_head(checkout, to);
        Ok(ForwardOutcome::Forwarded)
    }

    fn forward_branch(&self, branch: &BranchName, to: &CommitId) -> Result<ForwardOutcome, GitError> {
        let mut state = self.lock();
        if let Some(holder) = state.holder(branch) {
            return Ok(refused(format!("refusing to fetch into branch checked out at {}", holder.display())));
        }
        match state.refs.get(&branch.to_ref()) {
            None => Ok(refused(format!("{branch} is gone"))),
            Some(there) if !state.ancestors(to).contains(there) => Ok(refused("non-fast-forward")),
            Some(_) => {
                state.refs.insert(branch.to_ref(), to.clone());
                Ok(ForwardOutcome::Forwarded)
            }
        }
    }

    fn list_worktrees(&self) -> Result<Vec<WorktreeEntry>, GitError> {
        let state = self.lock();
        let entry = |path: &PathBuf| {
            let branch = match &state.trees[path].head {
                Head::On(branch) => Some(branch.clone()),
                Head::At(_) => None,
            };
            WorktreeEntry { path: path.clone(), head: state.head_of(path), branch }
        };
        let others = state.trees.keys().filter(|path| **path != self.root).map(entry);
        Ok(std::iter::once(entry(&self.root)).chain(others).collect())
    }

    fn git_dir_of(&self, path: &Path) -> Result<PathBuf, GitError> {
        if let Some(damage) = self.lock().damage(path) {
            return Err(GitError::File { path: path.to_owned(), reason: damage.to_owned() });
        }
        Ok(self.root.join(".git/worktrees").join(path.file_name().unwrap_or_default()))
    }

    fn remove_worktree(&self, path: &Path) -> Result<(), GitError> {
        self.lock().trees.remove(path);
        Ok(())
    }
}

fn refused(words: impl Into<String>) -> ForwardOutcome {
    ForwardOutcome::Refused(words.into().into())
}

fn no_commit(commit: &CommitId) -> GitError {
    failed("rev-parse", format!("bad object {commit}"))
}

fn failed(command: &str, words: impl Into<String>) -> GitError {
    GitError::Command(CommandFailure {
        argv: ["git".to_owned(), command.to_owned()].into(),
        cwd: PathBuf::from("/fake"),
        exit: Exit::Code(128),
        output_tail: words.into(),
    })
}
