//! Questions about commits.

use hew_core::ids::{CommitId, TreeId};
use hew_core::worktree::{FileChange, GitError};

use super::RepoGit;

/// The tree of a commit.
pub(super) fn tree_of(git: &RepoGit, commit: &CommitId) -> Result<TreeId, GitError> {
    let tree = format!("{commit}^{{tree}}");
    let answer = git.on_repository().args(["rev-parse", "--verify", &tree]).run()?.success()?;
    Ok(TreeId::new(answer.line()?))
}

/// Every one of `ancestors` is reachable from `descendant`.
pub(super) fn contains_all(
    git: &RepoGit,
    descendant: &CommitId,
    ancestors: &[CommitId],
) -> Result<bool, GitError> {
    if ancestors.iter().all(|ancestor| ancestor == descendant) {
        return Ok(true);
    }
    // One commit that is reachable from an ancestor, but not from the descendant, is enough to deny it.
    let wanted: Vec<&str> = ancestors.iter().map(CommitId::as_str).collect();
    let input = format!("{}\n^{descendant}\n", wanted.join("\n"));
    let call = git.on_repository().args(["rev-list", "--max-count=1", "--stdin"]).input(input);
    Ok(call.run()?.success()?.stdout.is_empty())
}

/// Files that differ between two commits.
pub(super) fn changes(git: &RepoGit, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
    let answer = git
        .on_repository()
        .args(["diff-tree", "-r", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"])
        .args([from.as_str(), to.as_str(), "--"])
        .run()?
        .success()?;
    let records = answer.stdout.split(|&byte| byte == 0).filter(|record| !record.is_empty());
    records.map(|record| parse_change(record).ok_or_else(|| answer.unreadable())).collect()
}

fn parse_change(record: &[u8]) -> Option<FileChange> {
    let mut parts = record.splitn(3, |&byte| byte == b'\t');
    let mut count = || {
        let text = std::str::from_utf8(parts.next()?).ok()?;
        // A binary file has no lines.
        if text == "-" { Some(0) } else { text.parse().ok() }
    };
    let (added, removed) = (count()?, count()?);
    let path = String::from_utf8_lossy(parts.next()?).into_owned();
    Some(FileChange { path, added, removed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_numstat_read_with_any_path() {
        let change = |path: &str, added, removed| Some(FileChange { path: path.to_owned(), added, removed });
        assert_eq!(parse_change(b"3\t1\tsrc/a.rs"), change("src/a.rs", 3, 1));
        assert_eq!(parse_change(b"-\t-\timage.png"), change("image.png", 0, 0));
        assert_eq!(parse_change(b"1\t0\ttab\tand\nline"), change("tab\tand\nline", 1, 0));
        assert_eq!(parse_change(b"1\t0\t\xff"), change("\u{fffd}", 1, 0));
        assert_eq!(parse_change(b"x"), None);
    }
}
