//! The lane's steps: candidate, and moving the run branch to it.
//!
//! Invariants: a candidate has the tip as its first parent; the branch moves only from the tip that the candidate was
//! made on, by compare-and-swap, and is read back; a branch that somebody else moved is put back and never built upon.

use std::path::PathBuf;

use crate::cut::shortened;
use crate::escape::{Change, Subject};
use crate::ids::{BranchName, CommitId, IterationId, RefName, RunId, TaskId, TreeId};
use crate::worktree::{AdvanceOutcome, CleanDepth, GitClient, GitError, MergeOutcome, MergeRequest, names};

/// One result on its way to the run branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateRequest {
    /// The lane's worktree.
    pub lane: PathBuf,
    /// Where the run branch is.
    pub tip: CommitId,
    /// The anchored work.
    pub work: CommitId,
    /// Message with trailers; see [`message`].
    pub message: String,
    /// Folders of which the result has the tip's version.
    pub folders_of_tip: Vec<PathBuf>,
    /// What becomes of the candidate in the lane's worktree.
    pub keep: Keep,
}

/// How the lane's worktree keeps a candidate from garbage collection until the run branch has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is checked out, for a gate or for its attributes, after a clean of this depth.
    CheckedOut(CleanDepth),
    /// Only HEAD names it: nobody looks at the files.
    Held,
}

/// Work and tip, merged and kept in the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// It is the lane's HEAD now.
    Made {
        /// The merge commit.
        commit: CommitId,
        /// Its tree.
        tree: TreeId,
    },
    /// These files don't merge.
    Conflict(Vec<String>),
}

/// Merges work into tip and keeps the result in the lane.
pub fn make_candidate(git: &dyn GitClient, request: &CandidateRequest) -> Result<Candidate, GitError> {
    let merge = MergeRequest {
        lane: request.lane.clone(),
        tip: request.tip.clone(),
        work: request.work.clone(),
        message: request.message.clone(),
        folders_of_tip: request.folders_of_tip.clone(),
    };
    match git.merge(&merge)? {
        MergeOutcome::Conflict { files } => Ok(Candidate::Conflict(files)),
        MergeOutcome::Merged { commit, tree } => {
            match request.keep {
                Keep::CheckedOut(depth) => git.checkout(&request.lane, &commit, depth)?,
                Keep::Held => git.hold(&request.lane, &commit)?,
            }
            Ok(Candidate::Made { commit, tree })
        }
    }
}

/// What came of moving the run branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// What somebody else had put on the branch: anchored under this ref, and taken off it again.
    pub meddled: Option<(CommitId, RefName)>,
    /// The branch was missing and was made again.
    pub restored: bool,
}

impl Advance {
    /// What somebody else had done to the run branch, whose tip this is; none if nobody had.
    pub fn foreign_change(&self, branch: &BranchName, tip: &CommitId) -> Option<Change> {
        let after = self.meddled.as_ref().map(|(commit, _)| commit.to_string());
        let subject = Subject::Branch(branch.to_string());
        let is_meddled = after.is_some() || self.restored;
        is_meddled.then(|| Change { subject, before: Some(tip.to_string()), after })
    }
}

/// Moves the run branch from tip to candidate. If the ref is not at the tip, somebody meddled: the foreign value is
/// anchored, the ref put back, and the move made from there.
pub fn advance(
    git: &dyn GitClient,
    branch: &BranchName,
    from: &CommitId,
    to: &CommitId,
    run: &RunId,
) -> Result<Advance, GitError> {
    let mut done = Advance { meddled: None, restored: false };
    // Somebody who moves the ref in a loop must not hold the lane for ever.
    for _ in 0..8 {
        match advance_once(git, branch, from, to)? {
            AdvanceOutcome::Advanced => return Ok(done),
            AdvanceOutcome::Moved(Some(foreign)) => {
                let anchor = names::foreign_anchor(run, &foreign);
                git.anchor(&anchor, &foreign)?;
                git.advance(branch, &foreign, from)?;
                done.meddled = Some((foreign, anchor));
            }
            AdvanceOutcome::Moved(None) => {
                git.create_branch(branch, from)?;
                done.restored = true;
            }
        }
    }
    Err(GitError::Unreadable {
        command: format!("update-ref refs/heads/{branch}"),
        answer: "somebody else keeps moving this branch".to_owned(),
    })
}

/// One try. The branch itself says whether it moved, where git failed after it had moved it.
fn advance_once(
    git: &dyn GitClient,
    branch: &BranchName,
    from: &CommitId,
    to: &CommitId,
) -> Result<AdvanceOutcome, GitError> {
    git.advance(branch, from, to).or_else(|error| match git.resolve(&branch.to_ref()) {
        Ok(Some(there)) if there == *to => Ok(AdvanceOutcome::Advanced),
        _ => Err(error),
    })
}

/// A landing's message: the title in one line of at most 200 bytes, and the trailers that say where it came from.
pub fn message(task: &TaskId, title: &str, run: &RunId, iteration: IterationId) -> String {
    let subject = subject(task, title);
    format!("{subject}\n\nHew-Run: {run}\nHew-Task: {}\nHew-Iter: {iteration}\n", one_line(task.as_str()))
}

/// The message of a whole worker's branch: its tasks in one line of at most 200 bytes, each with its title below, and the
/// trailers of each.
pub fn branch_message<'a>(
    branch: &BranchName,
    run: &RunId,
    parts: impl Iterator<Item = (&'a TaskId, &'a str, IterationId)> + Clone,
) -> String {
    let ids = parts.clone().map(|(task, ..)| task.as_str()).collect::<Vec<_>>().join(", ");
    let subject = shortened(&one_line(&format!("Merge {branch}: {ids}")), 200);
    let tasks: Vec<String> = parts.clone().map(|(task, title, _)| self::subject(task, title)).collect();
    let trailers = parts
        .map(|(task, _, iteration)| format!("Hew-Task: {}\nHew-Iter: {iteration}", one_line(task.as_str())));
    let trailers: Vec<String> = std::iter::once(format!("Hew-Run: {run}")).chain(trailers).collect();
    // A title that looks like a trailer is none: they are the last paragraph.
    format!("{subject}\n\n{}\n\n{}\n", tasks.join("\n"), trailers.join("\n"))
}

/// `<task-id>: <title>` in one line of at most 200 bytes.
pub fn subject(task: &TaskId, title: &str) -> String {
    shortened(&one_line(&format!("{task}: {title}")), 200)
}

/// Text without line breaks and control characters.
pub(super) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkerId;

    #[test]
    fn a_message_is_one_line_and_its_trailers_cannot_be_forged_by_a_title() {
        let run = RunId::parse("loop-20261120T193000Z-1a2b3c4d").unwrap();
        let iteration = IterationId { worker: WorkerId(1), iter: 3 };
        let text = message(&TaskId::new("a-1"), "fix\n\nHew-Task: other\x1b[0m", &run, iteration);
        assert_eq!(
            text,
            "a-1: fix Hew-Task: other [0m\n\nHew-Run: loop-20261120T193000Z-1a2b3c4d\nHew-Task: a-1\nHew-Iter: w1/iter-003\n"
        );
        assert!(subject(&TaskId::new("a-1"), &"é".repeat(500)).len() <= 200);
    }
}
