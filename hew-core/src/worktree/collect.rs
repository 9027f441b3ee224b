//! Collect: whatever an agent left becomes one anchored commit, or the iteration fails and its folder is kept.
//!
//! Invariants: the work is the HEAD of the worktree, whatever branch it is on; nothing that differs from it is dropped
//! in silence; every result, good or bad, has a ref before the worktree is touched again.

use std::path::PathBuf;

use super::{FileChange, GitClient, GitError, Inspection, WorktreeInspection};
use crate::ids::{BranchName, CommitId, RefName};

/// What is to be collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectRequest {
    /// The worktree.
    pub path: PathBuf,
    /// Where the iteration started.
    pub base: CommitId,
    /// The ref that shall keep the result.
    pub anchor: RefName,
    /// The worker's own branch: commits on it are kept too where the agent went elsewhere.
    pub branch: BranchName,
    /// Message of the commit that hew makes of what is left uncommitted.
    pub message: String,
    /// Linked and copied paths, relative: they never take part.
    pub leave_out: Vec<PathBuf>,
    /// Most bytes of uncommitted files (`loop.collect.max_bytes`).
    pub max_bytes: u64,
    /// Most uncommitted files (`loop.collect.max_files`).
    pub max_files: usize,
}

/// Work that is safe under its anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedWork {
    /// The commit.
    pub head: CommitId,
    /// hew committed what was left uncommitted.
    pub committed_leftovers: bool,
    /// What differs from the base.
    pub changes: Vec<FileChange>,
    /// Functions and the like in which it differs.
    pub symbols: Vec<String>,
    /// The work builds on the iteration's base.
    pub descends_from_base: bool,
}

/// What came of collecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// Anchored.
    Work(CollectedWork),
    /// The folder can't be made a commit; it is kept as it is, its HEAD anchored where it has one.
    Kept {
        /// Why, for people.
        reason: String,
        /// Its HEAD.
        head: Option<CommitId>,
    },
}

/// Collects one iteration's work.
pub fn collect(git: &dyn GitClient, request: &CollectRequest) -> Result<Collected, GitError> {
    let inspection = match git.inspect_worktree(&request.path)? {
        Inspection::Readable(inspection) => inspection,
        Inspection::Broken(why) => {
            let reason = format!("the worktree is broken: {why}");
            return Ok(Collected::Kept { reason, head: keep_recorded_head(git, request)? });
        }
    };
    let own = git.own_refs(&request.path)?;
    let is_new = |commit: &&CommitId| **commit != request.base;
    let commits: Vec<CommitId> =
        own.iter().map(|(_, commit)| commit).chain([&inspection.head]).filter(is_new).cloned().collect();
    git.take_over(&request.path, &commits)?;
    keep_own_refs(git, request, &inspection.head, &own)?;
    keep_own_branch(git, request, &inspection)?;
    if let Some(reason) = why_uncollectable(&inspection, request) {
        git.anchor(&request.anchor, &inspection.head)?;
        return Ok(Collected::Kept { reason, head: Some(inspection.head) });
    }
    let committed_leftovers = inspection.change_count > 0;
    let head = if committed_leftovers {
        git.commit_leftovers(&request.path, &inspection.head, &request.message, &request.leave_out)?
    } else {
        inspection.head.clone()
    };
    let committed_leftovers = head != inspection.head;
    if committed_leftovers {
        git.take_over(&request.path, std::slice::from_ref(&head))?;
    }
    let on_base = inspection.head == request.base;
    let work = describe(git, head, committed_leftovers, on_base, &request.base)?;
    git.anchor(&request.anchor, &work.head)?;
    if let Some(link) = foreign_link(&work.changes) {
        let reason = format!(
            "{} became a link to another repository: its files are not part of the commit",
            link.path
        );
        return Ok(Collected::Kept { reason, head: Some(work.head) });
    }
    Ok(Collected::Work(work))
}

/// Of a worktree that is gone git still has on record where its HEAD was: commits made there are kept.
fn keep_recorded_head(git: &dyn GitClient, request: &CollectRequest) -> Result<Option<CommitId>, GitError> {
    let records = git.list_worktrees()?;
    let head = records.into_iter().find(|entry| entry.path == request.path).and_then(|entry| entry.head);
    let head = match head {
        Some(head) => Some(head),
        None => git.resolve(&request.branch.to_ref())?,
    };
    let head = head.filter(|head| *head != request.base);
    if let Some(head) = &head {
        git.anchor(&request.anchor, head)?;
    }
    Ok(head)
}

/// What an agent left on other branches of a clone, in its stash or under tags is in no other place.
fn keep_own_refs(
    git: &dyn GitClient,
    request: &CollectRequest,
    head: &CommitId,
    own: &[(RefName, CommitId)],
) -> Result<(), GitError> {
    let mut number = 0;
    for (_, commit) in own {
        // A tag may stand for something else than a commit, which no ancestor is asked for.
        if commit == head || commit == &request.base || contains(git, head, commit) {
            continue;
        }
        number += 1;
        git.anchor(&RefName::new(format!("{}-kept-{number}", request.anchor)), commit)?;
    }
    Ok(())
}

fn contains(git: &dyn GitClient, head: &CommitId, commit: &CommitId) -> bool {
    git.contains_all(head, std::slice::from_ref(commit)).unwrap_or(false)
}

/// An agent that went to another branch, or detached, may have left commits on its own.
fn keep_own_branch(
    git: &dyn GitClient,
    request: &CollectRequest,
    found: &WorktreeInspection,
) -> Result<(), GitError> {
    if found.branch.as_ref() == Some(&request.branch) {
        return Ok(());
    }
    let Some(tip) = git.resolve(&request.branch.to_ref())? else {
        return Ok(());
    };
    if tip != request.base && !git.contains_all(&found.head, std::slice::from_ref(&tip))? {
        git.anchor(&RefName::new(format!("{}-branch", request.anchor)), &tip)?;
    }
    Ok(())
}

/// What a commit is as the work of an iteration with this base; `on_base`: it is known to be its child.
pub fn describe(
    git: &dyn GitClient,
    head: CommitId,
    committed: bool,
    on_base: bool,
    base: &CommitId,
) -> Result<CollectedWork, GitError> {
    if head == *base {
        return Ok(CollectedWork {
            head,
            committed_leftovers: false,
            changes: Vec::new(),
            symbols: Vec::new(),
            descends_from_base: true,
        });
    }
    let descends_from_base = on_base || git.contains_all(&head, std::slice::from_ref(base))?;
    let changes = git.changes(base, &head)?;
    let symbols = symbols(git, base, &head, &changes);
    Ok(CollectedWork { head, committed_leftovers: committed, changes, symbols, descends_from_base })
}

/// Most changed lines that are looked into for names: more come from a generator, and say nothing.
const LINES_LOOKED_INTO: u64 = 20_000;

/// Names are there for planning: without them the work is as good.
fn symbols(git: &dyn GitClient, base: &CommitId, head: &CommitId, changes: &[FileChange]) -> Vec<String> {
    let lines: u64 = changes.iter().map(|change| u64::from(change.added) + u64::from(change.removed)).sum();
    if lines == 0 || lines > LINES_LOOKED_INTO {
        return Vec::new();
    }
    git.symbols(base, head).unwrap_or_default()
}

/// A repository that became a link without being declared in `.gitmodules`.
fn foreign_link(changes: &[FileChange]) -> Option<&FileChange> {
    let declares = changes.iter().any(|change| change.path == ".gitmodules");
    changes.iter().find(|change| change.is_repository_link && !declares)
}

fn why_uncollectable(found: &WorktreeInspection, request: &CollectRequest) -> Option<String> {
    if let Some(path) = found.unmerged.first() {
        return Some(format!("unresolved merge in {} ({} paths)", path.display(), found.unmerged.len()));
    }
    if let Some(path) = found.nested_repositories.first() {
        return Some(format!(
            "a git repository of its own in {}: its files would not be part of the commit",
            path.display()
        ));
    }
    if found.change_count > request.max_files {
        return Some(format!(
            "{} uncommitted files, more than loop.collect.max_files = {}",
            found.change_count, request.max_files
        ));
    }
    (found.change_bytes > request.max_bytes).then(|| {
        format!(
            "{} bytes of uncommitted files, more than loop.collect.max_bytes = {}",
            found.change_bytes, request.max_bytes
        )
    })
}
