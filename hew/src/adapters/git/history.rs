//! Questions about commits.

use std::collections::BTreeSet;

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
        .args(["diff-tree", "-r", "--raw", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"])
        .args([from.as_str(), to.as_str(), "--"])
        .run()?
        .success()?;
    parse_changes(&answer.stdout).ok_or_else(|| answer.unreadable())
}

/// First the raw records (`:old new sha sha status`, then the path), then one of numstat for each file.
fn parse_changes(output: &[u8]) -> Option<Vec<FileChange>> {
    let mut links = BTreeSet::new();
    let mut changes = Vec::new();
    let mut records = output.split(|&byte| byte == 0).filter(|record| !record.is_empty());
    while let Some(record) = records.next() {
        let Some(raw) = record.strip_prefix(b":") else {
            let mut change = parse_change(record)?;
            change.is_repository_link = links.contains(&change.path);
            changes.push(change);
            continue;
        };
        let path = String::from_utf8_lossy(records.next()?).into_owned();
        let mut modes = raw.split(|&byte| byte == b' ');
        if modes.next()? != b"160000" && modes.next()? == b"160000" {
            links.insert(path);
        }
    }
    Some(changes)
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
    Some(FileChange { path, added, removed, is_repository_link: false })
}

/// Number of files, and bytes of them, in a commit's tree.
pub(super) fn tree_size(git: &RepoGit, commit: &CommitId) -> Result<(u64, u64), GitError> {
    let answer = git.on_repository().args(["ls-tree", "-r", "-l", "-z", commit.as_str()]).run()?.success()?;
    let records = answer.stdout.split(|&byte| byte == 0).filter(|record| !record.is_empty());
    // `mode type sha size\tpath`; a link to another repository has `-` for its size.
    let size = |record: &[u8]| {
        let text = String::from_utf8_lossy(record);
        text.split_whitespace().nth(3).and_then(|size| size.parse().ok()).unwrap_or(0_u64)
    };
    Ok(records.fold((0, 0), |(files, bytes), record| (files + 1, bytes + size(record))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_numstat_read_with_any_path() {
        let change = |path: &str, added, removed| Some(FileChange { path: path.to_owned(), added, removed, is_repository_link: false });
        assert_eq!(parse_change(b"3\t1\tsrc/a.rs"), change("src/a.rs", 3, 1));
        assert_eq!(parse_change(b"-\t-\timage.png"), change("image.png", 0, 0));
        assert_eq!(parse_change(b"1\t0\ttab\tand\nline"), change("tab\tand\nline", 1, 0));
        assert_eq!(parse_change(b"1\t0\t\xff"), change("\u{fffd}", 1, 0));
        assert_eq!(parse_change(b"x"), None);
    }

    #[test]
    fn a_file_that_became_a_link_to_another_repository_is_told() {
        let output = b":000000 160000 000 abc A\0sub\0:160000 160000 abc def M\0old\0:000000 100644 000 abc A\0f\01\t0\tsub\01\t1\told\02\t0\tf\0";
        let links: Vec<bool> = parse_changes(output).unwrap().iter().map(|change| change.is_repository_link).collect();
        assert_eq!(links, [true, false, false]);
    }
}
