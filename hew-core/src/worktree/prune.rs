//! What may become of a worktree that a run left: whether it is provably safe to remove, or why it is kept and how to
//! look inside.
//!
//! Safe means: nobody works in it any more, all that lies in it is committed, and its commit is reachable from a branch
//! or from an anchor. Whose worktree it is has been settled before: those of other projects never come here. Nothing
//! here looks at a disk or removes anything.

use std::path::{Path, PathBuf};

use super::{Inspection, WorktreeInspection};
use crate::ids::{CommitId, RunId};

/// How many changed paths a reason names.
const NAMED: usize = 3;

/// What is known of a worktree that a run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The run.
    pub run: RunId,
    /// Its folder.
    pub path: PathBuf,
    /// The run has ended, or its process is provably gone.
    pub run_is_over: bool,
    /// What lies in it.
    pub state: LeftoverState,
}

/// What lies in a worktree that a run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftoverState {
    /// The folder is gone; git still has a record of it, at this commit.
    FolderGone {
        /// Its HEAD, if it had one.
        head: Option<CommitId>,
        /// HEAD is reachable from a branch or an anchor.
        is_kept: bool,
    },
    /// It was looked into.
    Seen {
        /// What was found.
        inspection: Inspection,
        /// HEAD is reachable from a branch or an anchor.
        is_kept: bool,
        /// Folders whose files are in no commit of this repository.
        repository_links: Vec<PathBuf>,
    },
}

/// What may become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PruneDecision {
    /// It is provably safe to remove.
    Remove,
    /// It stays.
    Keep {
        /// Why, for people.
        reason: String,
        /// The command that looks inside.
        look: String,
    },
}

/// Decides.
pub fn decide(leftover: &Leftover) -> PruneDecision {
    if !leftover.run_is_over {
        let look = format!("hew loop status --run-id {}", leftover.run);
        return PruneDecision::Keep { reason: "its run may still be going on".to_owned(), look };
    }
    match &leftover.state {
        LeftoverState::FolderGone { head: Some(head), is_kept: false } => keep(unreachable(head), show(head)),
        LeftoverState::FolderGone { .. } => PruneDecision::Remove,
        LeftoverState::Seen { inspection: Inspection::Broken(why), .. } => {
            let look = format!("ls -la {}", quoted(&leftover.path));
            keep(format!("git can't read it: {why}"), look)
        }
        LeftoverState::Seen { inspection: Inspection::Readable(found), is_kept, repository_links } => {
            decide_seen(&leftover.path, found, *is_kept, repository_links)
        }
    }
}

fn decide_seen(
    path: &Path,
    found: &WorktreeInspection,
    is_kept: bool,
    repository_links: &[PathBuf],
) -> PruneDecision {
    let git = |words: &str| format!("git -C {} {words}", quoted(path));
    if let Some(first) = found.unmerged.first() {
        return keep(format!("a merge is unresolved in {}", first.display()), git("status"));
    }
    if let Some(inner) = found.nested_repositories.first().or(repository_links.first()) {
        let reason = format!("{} is a repository of its own", inner.display());
        return keep(reason, format!("git -C {} log", quoted(&path.join(inner))));
    }
    if found.change_count > 0 {
        return keep(uncommitted(found), git("status"));
    }
    if !is_kept {
        return keep(unreachable(&found.head), git("log --oneline -10"));
    }
    PruneDecision::Remove
}

fn uncommitted(found: &WorktreeInspection) -> String {
    let named: Vec<_> =
        found.changes.iter().take(NAMED).map(|path| path.to_string_lossy().into_owned()).collect();
    let more = if found.change_count > named.len() { ", …" } else { "" };
    let files = if found.change_count == 1 { "file" } else { "files" };
    format!("{} uncommitted {files}: {}{more}", found.change_count, named.join(", "))
}

fn unreachable(head: &CommitId) -> String {
    format!("its commit {} is on no branch and under no ref of hew's", head.short())
}

fn show(head: &CommitId) -> String {
    format!("git log --oneline -10 {head}")
}

fn keep(reason: String, look: String) -> PruneDecision {
    PruneDecision::Keep { reason, look }
}

/// A path as one word of a shell's.
pub fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn clean() -> WorktreeInspection {
        WorktreeInspection {
            head: CommitId::from("abcdef1234567890"),
            branch: None,
            changes: Vec::new(),
            change_count: 0,
            change_bytes: 0,
            unmerged: Vec::new(),
            nested_repositories: Vec::new(),
        }
    }

    fn seen(change: impl FnOnce(&mut WorktreeInspection)) -> LeftoverState {
        let mut found = clean();
        change(&mut found);
        LeftoverState::Seen {
            inspection: Inspection::Readable(found),
            is_kept: true,
            repository_links: Vec::new(),
        }
    }

    fn judged(run_is_over: bool, state: LeftoverState) -> PruneDecision {
        let run = RunId::new(DateTime::from_timestamp(1_795_000_000, 0).unwrap(), 1);
        decide(&Leftover { run, path: PathBuf::from("/h/it's/1"), run_is_over, state })
    }

    #[test]
    fn only_what_is_over_committed_and_reachable_may_go() {
        assert_eq!(judged(true, seen(|_| {})), PruneDecision::Remove);
        let gone = |is_kept| LeftoverState::FolderGone { head: Some(CommitId::from("ab")), is_kept };
        assert_eq!(judged(true, gone(true)), PruneDecision::Remove);
        let never = LeftoverState::FolderGone { head: None, is_kept: false };
        assert_eq!(judged(true, never), PruneDecision::Remove);

        let unreachable = LeftoverState::Seen {
            inspection: Inspection::Readable(clean()),
            is_kept: false,
            repository_links: Vec::new(),
        };
        let linked = LeftoverState::Seen {
            inspection: Inspection::Readable(clean()),
            is_kept: true,
            repository_links: vec![PathBuf::from("inner")],
        };
        let broken = LeftoverState::Seen {
            inspection: Inspection::Broken("no .git file".to_owned()),
            is_kept: true,
            repository_links: Vec::new(),
        };
        let many = ["a", "b", "c", "d"].map(PathBuf::from).to_vec();
        let cases = [
            ("running", false, seen(|_| {}), "going on", "hew loop status"),
            ("broken", true, broken, "no .git file", r"ls -la '/h/it'\''s/1'"),
            ("conflict", true, seen(|f| f.unmerged = many.clone()), "unresolved in a", "status"),
            (
                "nested",
                true,
                seen(|f| f.nested_repositories = many.clone()),
                "a is a repository",
                "/1/a' log",
            ),
            ("linked", true, linked, "inner is a repository", "/1/inner' log"),
            (
                "dirty",
                true,
                seen(|f| {
                    f.changes.clone_from(&many);
                    f.change_count = 4;
                }),
                "4 uncommitted files: a, b, c, …",
                "status",
            ),
            ("unreachable", true, unreachable, "abcdef123456 is on no branch", "log"),
            ("gone and unreachable", true, gone(false), "ab is on no branch", "git log --oneline -10 ab"),
        ];
        for (what, run_is_over, state, why, how) in cases {
            let decision = judged(run_is_over, state);
            let PruneDecision::Keep { reason, look } = &decision else { panic!("{what} would be removed") };
            assert!(reason.contains(why), "{what}: {reason}");
            assert!(look.contains(how), "{what}: {look}");
        }
    }

    #[test]
    fn a_path_is_one_word_of_a_shells() {
        for (path, expected) in
            [("/a/b-1", "/a/b-1"), ("/a b", "'/a b'"), ("/$(x)", "'/$(x)'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }
}
