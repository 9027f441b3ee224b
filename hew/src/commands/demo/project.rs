//! The demo's project: a folder, its files, one commit, and a git configuration of its own.
//!
//! Does not need the person's name, keys, hooks or line ends: what the demo's agents meet of git is set here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{GitClient as _, GitError};

use crate::adapters::git::RepoGit;
use crate::adapters::git::run::{GitAnswer, GitCall};
use crate::failure::Failure;

/// The branch that results are delivered to.
pub(super) const BRANCH: &str = "main";

/// The files of the first commit.
const FILES: [(&str, &str); 7] = [
    (".hew.toml", include_str!("project/hew.toml")),
    ("README.md", include_str!("project/README.md")),
    ("commands.txt", include_str!("project/commands.txt")),
    ("lib/lines.sh", include_str!("project/lib/lines.sh")),
    ("test.sh", include_str!("project/test.sh")),
    ("tests/lines.sh", include_str!("project/tests/lines.sh")),
    ("textkit", include_str!("project/textkit")),
];

/// Git's configuration of this repository; it goes before the person's own.
const CONFIG: [(&str, &str); 8] = [
    ("user.name", "hew demo"),
    ("user.email", "demo@localhost"),
    ("commit.gpgSign", "false"),
    ("core.autocrlf", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
];

/// The folder: the one asked for, which must be empty or absent, or a temporary one that stays.
pub(super) fn make_folder(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(wanted) = wanted else {
        let made = tempfile::Builder::new().prefix("hew-demo-").tempdir();
        return made.map(tempfile::TempDir::keep).map_err(|error| unwritable(&std::env::temp_dir(), &error));
    };
    match fs::read_dir(wanted) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::usage(format!("{} is not empty", wanted.display()))
                    .because("the demo makes a project of its own and touches nothing that is there")
                    .hint("hew demo --dir FOLDER, with a folder that is empty or does not exist"));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(wanted).map_err(|error| unwritable(wanted, &error))?;
        }
        Err(error) => return Err(unwritable(wanted, &error)),
    }
    wanted.canonicalize().map_err(|error| unwritable(wanted, &error))
}

fn unwritable(folder: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} can't be used", folder.display()))
        .because(error)
        .hint("hew demo --dir FOLDER, with a folder that you may write to")
}

/// Makes it a repository with the project's files as its first commit.
pub(super) fn fill(folder: &Path) -> Result<(), Failure> {
    let failed =
        |error| Failure::usage(format!("no repository can be made in {}", folder.display())).because(error);
    for (name, text) in FILES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| unwritable(&path, &error))?;
    }
    let git =
        |words: &[&str]| GitCall::new(folder).args(words).run().and_then(GitAnswer::success).map_err(failed);
    // No template: hooks in it would be the person's.
    git(&["init", "--quiet", "--template=", &format!("--initial-branch={BRANCH}"), "."])?;
    for (key, value) in CONFIG {
        git(&["config", key, value])?;
    }
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message", "A program with one command"])?;
    Ok(())
}

/// Where a branch is.
pub(super) fn tip(root: &Path, branch: &BranchName) -> Result<CommitId, Failure> {
    let failed = |error: GitError| {
        Failure::failed(format!("{branch} can't be read in {}", root.display())).because(error)
    };
    let found = RepoGit::new(&root.join(".git")).resolve(&branch.to_ref()).map_err(failed)?;
    found.ok_or_else(|| Failure::failed(format!("branch {branch} is gone from {}", root.display())))
}
