//! A plain repository, found without git: a view of a small run takes less time than two processes of git's.
//!
//! Invariant: it answers only where git would answer the same. What is in any way out of the ordinary (a linked worktree,
//! a bare repository, somebody else's, one on another file system, settings that move the working tree) is git's to tell.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Variables that change where git looks.
const GUIDES: [&str; 2] = ["GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM"];

/// The root of the working tree that a folder belongs to.
pub(super) fn root_of(folder: &Path) -> Option<PathBuf> {
    if GUIDES.iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let device = fs::metadata(&folder).ok()?.dev();
    for root in folder.ancestors() {
        if fs::metadata(root).ok()?.dev() != device || is_git_folder(root) {
            return None;
        }
        if fs::symlink_metadata(root.join(".git")).is_ok() {
            return is_plain(root).then(|| root.to_owned());
        }
    }
    None
}

fn is_plain(root: &Path) -> bool {
    let git = root.join(".git");
    let is_own_folder = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
    };
    let is_named_well = root.to_str().is_some_and(|path| !path.contains(['\n', '\r']));
    is_named_well
        && is_own_folder(root)
        && is_own_folder(&git)
        && is_git_folder(&git)
        && fs::symlink_metadata(git.join("commondir")).is_err()
        && fs::read_to_string(git.join("HEAD")).is_ok_and(|head| is_head(head.trim_end()))
        && fs::read_to_string(git.join("config")).is_ok_and(|config| is_usual(&config))
}

fn is_git_folder(folder: &Path) -> bool {
    folder.join("HEAD").exists() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

fn is_head(head: &str) -> bool {
    head.starts_with("ref: refs/") || (head.len() == 40 && head.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Settings of the oldest form that say nothing of where the working tree is.
fn is_usual(config: &str) -> bool {
    config.to_ascii_lowercase().lines().map(str::trim).all(|line| {
        let moves = line.contains("worktree") || line.contains("bare") && line != "bare = false";
        let is_newer = line.contains("repositoryformatversion") && line != "repositoryformatversion = 0";
        !moves && !is_newer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_move_the_working_tree_or_are_of_a_newer_form_are_not_usual() {
        let usual = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"x\"]\n\turl = /y\n";
        assert!(is_usual(usual) && is_usual(""));
        for odd in [
            "[core]\nbare = true",
            "[core] bare",
            "[core]\n\tworktree = ..",
            "[core]\nWorkTree=/x",
            "[extensions]\n\tworktreeConfig = true",
            "[core]\n\trepositoryformatversion = 1",
        ] {
            assert!(!is_usual(odd), "{odd}");
        }
    }

    #[test]
    fn a_head_is_a_branch_or_a_commit() {
        assert!(is_head("ref: refs/heads/main") && is_head(&"0a".repeat(20)));
        assert!(!is_head("") && !is_head("main") && !is_head("ref: elsewhere"));
    }
}
