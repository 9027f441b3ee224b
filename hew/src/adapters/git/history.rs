//! Questions about commits.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hew_core::ids::{CommitId, TreeId};
use hew_core::worktree::{FileChange, GitError, MAX_SYMBOLS};

use super::RepoGit;
use super::run::GitCall;

/// How many commits are looked at before git is asked to look at all: what a task builds on landed a short while ago.
const NEAR: usize = 64;

/// The tree of a commit.
pub(super) fn tree_of(git: &RepoGit, commit: &CommitId) -> Result<TreeId, GitError> {
    let tree = format!("{commit}^{{tree}}");
    let answer = git.on_repository().args(["rev-parse", "--verify", &tree]).run()?.success()?;
    Ok(TreeId::new(answer.line()?))
}

/// A file as it is in a commit.
pub(super) fn read_file(git: &RepoGit, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, GitError> {
    let listed = git.on_repository().arg("--literal-pathspecs");
    let listed =
        listed.args(["ls-tree", "-z", "--object-only", commit.as_str(), "--", path]).run()?.success()?;
    let object = String::from_utf8_lossy(&listed.stdout).trim_end_matches('\0').to_owned();
    if object.is_empty() {
        return Ok(None);
    }
    Ok(Some(git.on_repository().args(["cat-file", "blob", &object]).run()?.success()?.stdout))
}

/// The last commits that led to one, or to `HEAD` where it is not here, one line each.
pub(super) fn last_commits(
    git: &RepoGit,
    commit: &CommitId,
    count: usize,
    limit: Duration,
) -> Result<String, GitError> {
    let deadline = Instant::now() + limit;
    let call = |start: &str| {
        let count = format!("--max-count={count}");
        let args =
            ["log", &count, "--no-show-signature", "--no-color", "--format=%h %as %an: %s", start, "--"];
        let git = git.on_repository().args(args).timeout(deadline.saturating_duration_since(Instant::now()));
        // In a clone that has not everything, git would ask its remote for a commit that is not here.
        git.env("GIT_NO_LAZY_FETCH", "1").run()
    };
    let there = call(commit.as_str())?;
    let answer = if there.exit.is_success() { there } else { call("HEAD")?.success()? };
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
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
    if is_near(git, descendant, ancestors) {
        return Ok(true);
    }
    // One commit that is reachable from an ancestor, but not from the descendant, is enough to deny it.
    let wanted: Vec<&str> = ancestors.iter().map(CommitId::as_str).collect();
    let input = format!("{}\n^{descendant}\n", wanted.join("\n"));
    let call = git.on_repository().args(["rev-list", "--max-count=1", "--stdin"]).input(input);
    Ok(call.run()?.success()?.stdout.is_empty())
}

/// Every one of `ancestors` is among the last commits that led to `descendant`. False says nothing.
fn is_near(git: &RepoGit, descendant: &CommitId, ancestors: &[CommitId]) -> bool {
    let mut wanted: BTreeSet<&str> = ancestors.iter().map(CommitId::as_str).collect();
    let mut seen = BTreeSet::from([descendant.as_str().to_owned()]);
    let mut line = VecDeque::from([descendant.as_str().to_owned()]);
    for _ in 0..NEAR {
        let Some(parents) = line.pop_front().and_then(|next| {
            wanted.remove(next.as_str());
            parents(git, &next)
        }) else {
            return false;
        };
        for parent in parents {
            wanted.remove(parent.as_str());
            if seen.insert(parent.clone()) {
                line.push_back(parent);
            }
        }
        if wanted.is_empty() {
            return true;
        }
    }
    false
}

/// A commit's parents, as a servant reads them; none where it could not.
fn parents(git: &RepoGit, commit: &str) -> Option<Vec<String>> {
    if !is_id(commit) {
        return None;
    }
    let servant = || Ok(git.on_repository().args(["cat-file", "--batch"]));
    git.servants.objects.ask(servant, &format!("{commit}\n"), is_whole_object, read_parents)
}

fn read_parents(answer: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(answer);
    let (head, content) = text.split_once('\n')?;
    // The header of a commit ends with an empty line.
    let header = content.lines().take_while(|line| !line.is_empty());
    let parents = header.filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned);
    (head.split(' ').nth(1) == Some("commit")).then(|| parents.collect())
}

/// `<id> <type> <size>`, a newline, so many bytes, a newline; or one line about an object that is not there.
fn is_whole_object(answer: &[u8]) -> bool {
    let Some(end) = answer.iter().position(|&byte| byte == b'\n') else { return false };
    let head = String::from_utf8_lossy(&answer[..end]);
    match head.split(' ').nth(2).and_then(|size| size.parse::<usize>().ok()) {
        Some(size) => answer.len() > end + 1 + size,
        None => true,
    }
}

/// Number of files and bytes of a commit's tree.
pub(super) fn tree_size(git: &RepoGit, commit: &CommitId) -> Result<(u64, u64), GitError> {
    let answer = git.on_repository().args(["ls-tree", "-r", "-l", "-z", commit.as_str()]).run()?.success()?;
    let sizes = records(&answer.stdout).map(|record| {
        let text = String::from_utf8_lossy(record);
        // Another repository's commit has no size.
        text.split_whitespace().nth(3).and_then(|size| size.parse::<u64>().ok()).unwrap_or(0)
    });
    Ok(sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size)))
}

/// Files that differ between two commits.
pub(super) fn changes(git: &RepoGit, from: &CommitId, to: &CommitId) -> Result<Vec<FileChange>, GitError> {
    if let Some(changes) = ask_for_changes(git, from, to) {
        return Ok(changes);
    }
    let answer = diff_tree(git).args([from.as_str(), to.as_str(), "--"]).run()?.success()?;
    parse_changes(&answer.stdout).ok_or_else(|| answer.unreadable())
}

fn diff_tree(git: &RepoGit) -> GitCall {
    let call = git.on_repository().args(["diff-tree", "-r", "--raw", "--numstat", "-z"]);
    call.args(["--no-renames", "--no-ext-diff", "--no-textconv"])
}

/// The same by a servant: `to` is compared as if `from` were its only parent. A line that names no commit comes back as
/// it is, and tells that the answer before it is complete; `to` stands before its changes even if there are none.
fn ask_for_changes(git: &RepoGit, from: &CommitId, to: &CommitId) -> Option<Vec<FileChange>> {
    if !is_id(from.as_str()) || !is_id(to.as_str()) {
        return None;
    }
    let servant = || Ok(diff_tree(git).args(["--always", "--stdin"]));
    // Its own for each question, so that no path can be taken for it.
    let end = format!("end of {from} {to}\n");
    let is_whole = |answer: &[u8]| answer.ends_with(end.as_bytes());
    let read = |answer: &[u8]| {
        let changes = answer.strip_suffix(end.as_bytes())?.strip_prefix(to.as_str().as_bytes())?;
        parse_changes(changes.strip_prefix(b"\0")?)
    };
    git.servants.diffs.ask(servant, &format!("{to} {from}\n{end}"), is_whole, read)
}

/// Most characters of a symbol.
const LONGEST_SYMBOL: usize = 120;

/// Names in hunk headers, by a servant like that of the changes.
pub(super) fn symbols(git: &RepoGit, from: &CommitId, to: &CommitId) -> Result<Vec<String>, GitError> {
    if is_id(from.as_str()) && is_id(to.as_str()) {
        let servant = || Ok(patches(git).args(["--always", "--stdin"]));
        let end = format!("end of {from} {to}\n");
        let is_whole = |answer: &[u8]| answer.ends_with(end.as_bytes());
        let head = format!("{to}\n");
        let read = |answer: &[u8]| answer.strip_prefix(head.as_bytes()).map(names_in_hunk_headers);
        if let Some(names) = git.servants.patches.ask(servant, &format!("{to} {from}\n{end}"), is_whole, read)
        {
            return Ok(names);
        }
    }
    let answer = patches(git).args([from.as_str(), to.as_str(), "--"]).run()?.success()?;
    Ok(names_in_hunk_headers(&answer.stdout))
}

fn patches(git: &RepoGit) -> GitCall {
    let call = git.on_repository().args(["diff-tree", "-r", "-p", "-U0", "--no-color"]);
    call.args(["--no-renames", "--no-ext-diff", "--no-textconv"])
}

/// `@@ -1,2 +3,4 @@ NAME`: lines of content begin with a sign of their own.
fn names_in_hunk_headers(patch: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in patch.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"@@ ")) {
        let line = String::from_utf8_lossy(line);
        let Some((_, name)) = line[3..].split_once(" @@ ") else { continue };
        let name: String = name.trim().chars().take(LONGEST_SYMBOL).collect();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
        if names.len() == MAX_SYMBOLS {
            break;
        }
    }
    names
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// First come `:<old mode> <new mode> …` and the path of each file, then `<added> TAB <removed> TAB <path>` of each.
fn parse_changes(output: &[u8]) -> Option<Vec<FileChange>> {
    let mut links = BTreeSet::new();
    let mut changes = Vec::new();
    let mut records = records(output);
    while let Some(record) = records.next() {
        let Some(modes) = record.strip_prefix(b":") else {
            changes.push(parse_count(record, &links)?);
            continue;
        };
        let path = records.next()?;
        let mut modes = modes.split(|&byte| byte == b' ');
        let (old, new) = (modes.next()?, modes.next()?);
        if new == b"160000" && old != new {
            links.insert(path);
        }
    }
    Some(changes)
}

fn parse_count(record: &[u8], links: &BTreeSet<&[u8]>) -> Option<FileChange> {
    let mut parts = record.splitn(3, |&byte| byte == b'\t');
    let mut count = || {
        let text = std::str::from_utf8(parts.next()?).ok()?;
        // A binary file has no lines.
        if text == "-" { Some(0) } else { text.parse().ok() }
    };
    let (added, removed) = (count()?, count()?);
    let path = parts.next()?;
    let is_repository_link = links.contains(path);
    Some(FileChange { path: String::from_utf8_lossy(path).into_owned(), added, removed, is_repository_link })
}

fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|&byte| byte == 0).filter(|record| !record.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hunk_headers_name_symbols_each_once() {
        let patch = b"diff --git a/a.rs b/a.rs\n@@ -1 +1 @@\n-@@ -1 +1 @@ fn content() {\n@@ -9,0 +10,2 @@ fn main() {\n\
            +x\n@@ -20 +21 @@ impl A {\n@@ -30 +31 @@ fn main() {\n@@ -1 +1 @@ bad \xff @@ name\n";
        assert_eq!(names_in_hunk_headers(patch), ["fn main() {", "impl A {", "bad \u{fffd} @@ name"]);
        let many: String = (0..300)
            .flat_map(|number| ["@@ -1 +1 @@ f".to_owned(), number.to_string(), "\n".to_owned()])
            .collect();
        assert_eq!(names_in_hunk_headers(many.as_bytes()).len(), MAX_SYMBOLS);
    }

    #[test]
    fn both_halves_of_the_answer_are_read_with_any_path() {
        let output = b":100644 100644 a1 b2 M\0src/a.rs\0:000000 160000 00 c3 A\0inner\0\
            :160000 160000 a1 b2 M\0module\0:000000 100644 00 d4 A\0tab\tand\nline \xff\0\
            3\t1\tsrc/a.rs\x001\t0\tinner\x001\t1\tmodule\0-\t-\ttab\tand\nline \xff\0";
        let read = parse_changes(output).unwrap();
        let read: Vec<_> =
            read.iter().map(|c| (c.path.as_str(), c.added, c.removed, c.is_repository_link)).collect();
        let expected = [
            ("src/a.rs", 3, 1, false),
            ("inner", 1, 0, true),
            ("module", 1, 1, false),
            ("tab\tand\nline \u{fffd}", 0, 0, false),
        ];
        assert_eq!(read, expected);
        assert_eq!(parse_changes(b""), Some(Vec::new()));
        assert_eq!(parse_changes(b"x\0"), None);
    }
}
