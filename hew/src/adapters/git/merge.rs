//! Merging one commit into another without touching a branch or a file.

use std::path::{Path, PathBuf};

use hew_core::ids::{CommitId, TreeId};
use hew_core::worktree::{GitError, MergeOutcome, MergeRequest};

use super::run::GitAnswer;
use super::{Linked, RepoGit, SYNCED, file_error};
use hew_core::exit::Exit;

/// Merges `work` into `tip`. It runs in the lane's worktree, whose attributes decide how files are merged.
pub(super) fn merge(git: &RepoGit, request: &MergeRequest) -> Result<MergeOutcome, GitError> {
    let lane = git.locate(&request.lane)?;
    let kept: Vec<&Path> = request.folders_of_tip.iter().map(PathBuf::as_path).collect();
    let work = kept_as_in_tip(git, &lane, request, &kept)?;
    let merged = git
        .in_worktree(&lane)
        .settings(&SYNCED)
        .args(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"])
        .args([request.tip.as_str(), work.as_str()])
        .run()?;
    let (tree, files) = parse(&merged)?;
    if !files.is_empty() || merged.exit == Exit::Code(1) {
        return Ok(MergeOutcome::Conflict { files });
    }
    let call = git
        .in_worktree(&lane)
        .settings(&SYNCED)
        .args(["commit-tree", tree.as_str(), "-F", "-"])
        .args(["-p", request.tip.as_str(), "-p", request.work.as_str()])
        .input(request.message.as_bytes());
    let answer = git.with_identity(call)?.run()?.success()?;
    Ok(MergeOutcome::Merged { commit: CommitId::new(answer.line()?), tree })
}

/// The work, or, where it differs from the tip in folders that are to stay, a commit on top of it in which these are the
/// tip's. Only the merge sees that commit.
fn kept_as_in_tip(
    git: &RepoGit,
    lane: &Linked,
    request: &MergeRequest,
    kept: &[&Path],
) -> Result<CommitId, GitError> {
    let (tip, work) = (&request.tip, &request.work);
    let call = git.in_worktree(lane).args(["diff-tree", "-r", "--quiet", "--no-ext-diff"]);
    let call = call.args([tip.as_str(), work.as_str(), "--"]).args(kept);
    if kept.is_empty() || call.run()?.exit == Exit::Code(0) {
        return Ok(work.clone());
    }
    // Among the run's own temporary folders, where whoever comes after a kill finds it.
    let beside = lane.path.parent().unwrap_or(&lane.path);
    let folder = tempfile::Builder::new().prefix("tmp-merge-").tempdir_in(beside);
    let folder = folder.map_err(|error| file_error(&lane.path, error))?;
    let index = folder.path().join("index");
    let plumbing =
        |args: &[&str]| git.in_worktree(lane).settings(&SYNCED).env("GIT_INDEX_FILE", &index).args(args);
    plumbing(&["read-tree", work.as_str()]).run()?.success()?;
    for folder in kept {
        plumbing(&["rm", "--cached", "--force", "-r", "--quiet", "--ignore-unmatch", "--"])
            .arg(folder)
            .run()?
            .success()?;
        let tips = format!("{tip}:{}", folder.display());
        if git.in_worktree(lane).args(["rev-parse", "--verify", "--quiet", &tips]).run()?.exit.is_success() {
            let prefix = format!("--prefix={}/", folder.display());
            plumbing(&["read-tree", &prefix, &tips]).run()?.success()?;
        }
    }
    let tree = plumbing(&["write-tree"]).run()?.success()?;
    let call =
        plumbing(&["commit-tree", tree.line()?, "-p", work.as_str(), "-m", "The tracker's folder as it was"]);
    Ok(CommitId::new(git.with_identity(call)?.run()?.success()?.line()?))
}

/// The tree and the conflicting paths. Exit code 1 means a conflict, but also that a commit is missing: only in the
/// first case does a tree come first.
fn parse(answer: &GitAnswer) -> Result<(TreeId, Vec<String>), GitError> {
    if !matches!(answer.exit, Exit::Code(0 | 1)) {
        return Err(answer.failure());
    }
    let mut fields = answer.stdout.split(|&byte| byte == 0).filter(|field| !field.is_empty());
    let tree = fields.next().and_then(|field| std::str::from_utf8(field).ok()).filter(|text| is_id(text));
    let tree = tree.ok_or_else(|| answer.failure())?;
    let mut files: Vec<String> = fields.map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    files.sort();
    files.dedup();
    Ok((TreeId::new(tree), files))
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
