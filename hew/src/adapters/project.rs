//! Where a project is: its repository, its working trees, its state.
//!
//! It looks and never writes. What state a working tree is in (branch, operation in progress) is `launch_state`'s.

use std::path::{Path, PathBuf};

use hew_core::worktree::GitError;

use super::git::clone;
use super::git::run::{GitAnswer, GitCall};
use crate::failure::Failure;

mod plain;

/// The oldest git that has what landing needs (`merge-tree --write-tree`).
const OLDEST_GIT: (u32, u32) = (2, 38);

/// A git repository as hew was started in it. All paths are absolute and free of symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Root of the working tree that hew was started in: target, launch commit and `.hew.toml` are this tree's.
    pub root: PathBuf,
    /// Root of the main working tree; none for a bare repository.
    pub main_root: Option<PathBuf>,
    /// The git folder that all worktrees share.
    pub common_dir: PathBuf,
    /// `.hew` in the main working tree; `<common dir>/hew/state` for a bare repository.
    pub state_dir: PathBuf,
    /// `<common dir>/hew`: what must survive `git clean -fdx` (tracker, lock, ledger).
    pub shared_dir: PathBuf,
}

impl Project {
    /// Finds the project from the current folder, from inside any of its worktrees too.
    pub fn discover() -> Result<Self, Failure> {
        Self::discover_from(&current_folder()?)
    }

    /// The same for a look at what is recorded: git is asked only where it might know better.
    pub fn discover_to_look() -> Result<Self, Failure> {
        let here = current_folder()?;
        plain::root_of(&here).map_or_else(|| Self::discover_from(&here), |root| Ok(Self::plain(root)))
    }

    /// The project of a plain repository, whose git folder lies in its only root.
    fn plain(root: PathBuf) -> Self {
        let common_dir = root.join(".git");
        Self {
            state_dir: root.join(".hew"),
            shared_dir: common_dir.join("hew"),
            main_root: Some(root.clone()),
            common_dir,
            root,
        }
    }

    /// The same where there need be no project: none where git finds no repository. A repository that can't be used, or
    /// git that can't be asked, is a failure.
    pub fn find() -> Result<Option<Self>, Failure> {
        let here = current_folder()?;
        let answer = ask_git(&here)?;
        if is_outside(&answer) { Ok(None) } else { Self::of(&here, &answer).map(Some) }
    }

    /// The same from any folder.
    pub fn discover_from(here: &Path) -> Result<Self, Failure> {
        Self::of(here, &ask_git(here)?)
    }

    fn of(here: &Path, answer: &GitAnswer) -> Result<Self, Failure> {
        if !answer.exit.is_success() {
            return Err(explain_refusal(here, answer));
        }
        let place = Place::parse(here, answer)?;
        let main_root = place.main_root(here)?;
        let shared_dir = place.common_dir.join("hew");
        let state_dir = main_root.as_ref().map_or_else(|| shared_dir.join("state"), |root| root.join(".hew"));
        let main_root = main_root.or_else(|| place.is_main.then(|| place.root.clone()));
        Ok(Self { root: place.root, main_root, common_dir: place.common_dir, state_dir, shared_dir })
    }
}

/// Where git says that a folder belongs.
struct Place {
    root: PathBuf,
    common_dir: PathBuf,
    is_main: bool,
}

fn current_folder() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::usage("the current folder can't be read").because(error).hint("cd to a folder that exists")
    })
}

/// Where a git that is new enough says that a folder belongs.
fn ask_git(here: &Path) -> Result<GitAnswer, Failure> {
    refuse_old_git(&GitCall::new(here).arg("version").run().map_err(|error| git_missing(&error))?)?;
    ask_where(here).map_err(|error| git_missing(&error))
}

/// What git says of its version; a failure where it is too old, or not there.
pub fn git_version() -> Result<String, Failure> {
    let answer = GitCall::new(Path::new("/")).arg("version").run().map_err(|error| git_missing(&error))?;
    refuse_old_git(&answer)?;
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

/// Git looked in the folder and all above it. Of a link to a git folder that is gone it says `not a git repository: …`.
fn is_outside(answer: &GitAnswer) -> bool {
    !answer.exit.is_success() && answer.words().contains("not a git repository (or any")
}

fn ask_where(here: &Path) -> Result<GitAnswer, GitError> {
    GitCall::new(here)
        .args(["rev-parse", "--path-format=absolute", "--is-bare-repository", "--is-inside-work-tree"])
        .args(["--git-common-dir", "--absolute-git-dir", "--show-toplevel"])
        .run()
}

impl Place {
    fn parse(here: &Path, answer: &GitAnswer) -> Result<Self, Failure> {
        let text = std::str::from_utf8(&answer.stdout).map_err(|_| odd_path(here, "is not UTF-8"))?;
        let lines: Vec<&str> = text.lines().collect();
        let [_, _, common_dir, git_dir, root] = lines[..] else {
            return Err(odd_path(here, "has a line break in it"));
        };
        let (common_dir, git_dir) = (real_path(common_dir)?, real_path(git_dir)?);
        // An agent's clone belongs to the project that it was made from.
        if let Some(origin) = clone::origin_of(&common_dir) {
            return Ok(Self { root: real_path(root)?, is_main: false, common_dir: real_path(origin)? });
        }
        Ok(Self { root: real_path(root)?, is_main: common_dir == git_dir, common_dir })
    }

    /// The main working tree as every worktree of the repository can find it: by the git folder alone.
    fn main_root(&self, here: &Path) -> Result<Option<PathBuf>, Failure> {
        let beside = self.common_dir.parent().filter(|_| self.common_dir.ends_with(".git"));
        if self.is_main && beside == Some(&self.root) {
            return Ok(Some(self.root.clone()));
        }
        let settings = GitCall::new(here)
            .arg("--git-dir")
            .arg(&self.common_dir)
            .args(["config", "-z", "--get-regexp", r"^core\.(bare|worktree)$"])
            .run()
            .map_err(|error| git_missing(&error))?;
        let text = String::from_utf8_lossy(&settings.stdout).into_owned();
        let value_of = |key: &str| {
            let values = text.split('\0').filter_map(|entry| entry.split_once('\n'));
            values.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next_back()
        };
        if value_of("core.bare").as_deref() == Some("true") {
            return Ok(None);
        }
        if let Some(tree) = value_of("core.worktree") {
            return real_path(self.common_dir.join(tree)).map(Some);
        }
        Ok(beside.map(Path::to_owned))
    }
}

fn real_path(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let path = path.as_ref();
    let real = path.canonicalize().map_err(|error| {
        Failure::usage(format!("{} can't be read", path.display()))
            .because(error)
            .hint("check its permissions and that it exists")
    })?;
    if real.to_str().is_none() { Err(odd_path(&real, "is not UTF-8")) } else { Ok(real) }
}

fn odd_path(path: &Path, what: &str) -> Failure {
    Failure::usage(format!("the project's path {what}: {}", path.display()))
        .because("hew passes paths to agents, gates and trackers as text")
        .hint("rename or move the project's folder")
}

fn git_missing(error: &GitError) -> Failure {
    let (major, minor) = OLDEST_GIT;
    Failure::usage("git can't be run")
        .because(error)
        .hint(format!("install git {major}.{minor} or newer and see that `git --version` works here"))
}

fn refuse_old_git(answer: &GitAnswer) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let (major, minor) = OLDEST_GIT;
    if parse_version(&text).is_some_and(|version| version >= OLDEST_GIT) {
        return Ok(());
    }
    Err(Failure::usage(format!("git is too old, or is not git: {text}"))
        .because(format!("landing needs {major}.{minor} or newer (merge-tree --write-tree)"))
        .hint(format!("install git {major}.{minor} or newer and see that `git --version` shows it")))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Turns git's refusal into what is wrong and what to do about it. Git's words are kept as the cause.
fn explain_refusal(here: &Path, answer: &GitAnswer) -> Failure {
    let words = answer.words();
    let shown = here.display();
    if words.contains("dubious ownership") {
        let folder = words.split('\'').nth(1).map_or_else(|| shown.to_string(), str::to_owned);
        return Failure::usage(format!("the repository at {folder} belongs to somebody else"))
            .because(words)
            .hint(format!("git config --global --add safe.directory '{folder}'"));
    }
    let printed = String::from_utf8_lossy(&answer.stdout).into_owned();
    match (printed.lines().next(), printed.lines().nth(1)) {
        (Some("true"), Some("false")) => {
            Failure::usage(format!("{shown} is a bare repository: it has no working tree"))
                .because(words)
                .hint("git worktree add ../work, then start hew there")
        }
        (Some("false"), Some("false")) => Failure::usage(format!("{shown} is inside a git folder"))
            .because(words)
            .hint("cd to the working tree"),
        _ if words.contains("not a git repository") => {
            Failure::usage(format!("{shown} is not in a git repository"))
                .because(words)
                .hint("git init && git commit --allow-empty -m start")
        }
        _ => Failure::usage(format!("git can't read the repository at {shown}"))
            .because(words)
            .hint("git status"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git_are_read_in_every_form_they_come_in() {
        for (text, expected) in [
            ("git version 2.39.5", Some((2, 39))),
            ("git version 2.37.1 (Apple Git-137.1)", Some((2, 37))),
            ("git version 2.47.0.windows.1", Some((2, 47))),
            ("git version 3.0", Some((3, 0))),
            ("hub 1.2", None),
            ("", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }
}
