//! A worker's clone: a folder whose stash, settings, hooks and refs are its own, and which borrows the repository's
//! objects. Its git folder stands beside it, `<folder>.git`, so that nothing an agent does to its files can reach it.
//!
//! It is what `git clone --shared --separate-git-dir` makes, without the remote that leads back to the repository.
//!
//! Invariant: an agent may have written anything into its git folder. Before git is run on it, nothing in it leads
//! elsewhere, and its settings are hew's again: settings name programs, and links name files of other people's.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use hew_core::ids::{CommitId, RefName};
use hew_core::worktree::{GitError, WorktreeEntry, WorktreeStart};

use super::admin::{self, Linked};
use super::clone_settings;
use super::worktrees::fill;
use super::{RepoGit, file_error};

/// The file in its git folder that says whose clone it is: the repository's git folder.
const OF: &str = "hew-clone-of";

/// Files that make git look for settings in other places.
const DETOURS: [&str; 3] = ["commondir", "gitdir", "config.worktree"];

/// Refs that belong to one working tree, or are a person's alone.
const NOT_SHOWN: [&str; 4] = ["refs/bisect/", "refs/rewritten/", "refs/worktree/", "refs/stash"];

/// Where the git folder of a clone stands.
pub(crate) fn git_folder(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".git");
    path.with_file_name(name)
}

/// The folder whose clone's git folder this is, by its name.
pub(crate) fn folder_of(git_folder: &Path) -> Option<PathBuf> {
    let name = git_folder.file_name()?.as_bytes().strip_suffix(b".git").filter(|name| !name.is_empty())?;
    Some(git_folder.with_file_name(OsString::from_vec(name.to_vec())))
}

/// The git folder of the repository that a git folder is a clone of; none where it is no clone of hew's.
pub(crate) fn origin_of(git_folder: &Path) -> Option<PathBuf> {
    let text = fs::read(git_folder.join(OF)).ok()?;
    Some(PathBuf::from(OsString::from_vec(text)))
}

/// The clone at a path, whether or not its folder is there.
pub(super) fn find(common_dir: &Path, path: &Path) -> Option<Linked> {
    let path = admin::real_although_gone(path);
    let admin = git_folder(&path);
    let is_folder = fs::symlink_metadata(&admin).is_ok_and(|found| found.is_dir());
    let is_ours = is_folder && origin_of(&admin).as_deref() == Some(common_dir);
    is_ours.then_some(Linked { path, admin, is_clone: true })
}

/// Makes one; what a killed attempt left at this path is cleared first.
pub(super) fn add(git: &RepoGit, path: &Path, start: &WorktreeStart) -> Result<(), GitError> {
    super::worktrees::remove(git, path)?;
    fs::create_dir_all(path).map_err(|error| file_error(path, error))?;
    let path = path.canonicalize().map_err(|error| file_error(path, error))?;
    let linked = Linked { admin: git_folder(&path), path, is_clone: true };
    let failed = |error: io::Error| file_error(&linked.admin, error);
    for folder in ["objects/info", "objects/pack", "info"] {
        fs::create_dir_all(linked.admin.join(folder)).map_err(failed)?;
    }
    admin::mark_unfinished(&linked.admin).map_err(failed)?;
    fs::write(linked.admin.join(OF), git.common_dir.as_os_str().as_bytes()).map_err(failed)?;
    lend_objects(git, &linked.admin).map_err(failed)?;
    write_settings(git, &linked.admin)?;
    renew(git, &linked, start)?;
    admin::mend_pointer(&linked).map_err(|error| file_error(&linked.path, error))?;
    fill(git, &linked, &[])
}

/// Gives a clone the refs, hooks and rules that the repository has now, and puts its HEAD at a start.
pub(super) fn renew(git: &RepoGit, linked: &Linked, start: &WorktreeStart) -> Result<(), GitError> {
    let own = start.branch.as_ref().map(hew_core::ids::BranchName::to_ref);
    let mut refs: Vec<(RefName, CommitId)> = shared_refs(git)?;
    refs.retain(|(name, _)| Some(name) != own.as_ref());
    refs.extend(own.clone().map(|name| (name, start.commit.clone())));
    refs.sort();
    let lines: Vec<String> = refs.iter().map(|(name, commit)| format!("{commit} {name}\n")).collect();
    let head = own.map_or_else(|| format!("{}\n", start.commit), |name| format!("ref: {name}\n"));
    let admin = &linked.admin;
    let written = empty_folder(&admin.join("refs"))
        .and_then(|()| empty_folder(&admin.join("logs")))
        .and_then(|()| fs::write(admin.join("packed-refs"), lines.concat()))
        .and_then(|()| fs::write(admin.join("HEAD"), head))
        .and_then(|()| copy_rules(&git.common_dir, admin));
    written.map_err(|error| file_error(admin, error))
}

/// Makes a clone's git folder one on which git can be run without doing what an agent wrote there; `Err` says why it
/// can't be used.
pub(super) fn make_safe(git: &RepoGit, linked: &Linked) -> Result<Result<(), String>, GitError> {
    if !linked.is_clone {
        return Ok(Ok(()));
    }
    if let Some(odd) = odd_file(&linked.admin) {
        return Ok(Err(format!("{} in its git folder is not a plain file or folder", odd.display())));
    }
    for name in DETOURS {
        let file = linked.admin.join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file_error(&file, error)),
            _ => {}
        }
    }
    write_settings(git, &linked.admin)?;
    lend_objects(git, &linked.admin).map_err(|error| file_error(&linked.admin, error))?;
    Ok(match filled_link(git, linked)? {
        Some(inner) => Err(format!("{} is a repository of its own", inner.display())),
        None => Ok(()),
    })
}

/// A folder that the index holds as another repository's commit, and that is one. Git would look into it, by its own
/// settings, which are the agent's.
fn filled_link(git: &RepoGit, linked: &Linked) -> Result<Option<PathBuf>, GitError> {
    let staged = git.in_git_folder(&linked.admin).args(["ls-files", "--stage", "-z"]).run()?.success()?;
    let links = staged.stdout.split(|byte| *byte == 0).filter(|entry| entry.starts_with(b"160000 "));
    let mut paths = links.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
    let is_filled = |path: &&[u8]| {
        let folder = linked.path.join(std::ffi::OsStr::from_bytes(path));
        fs::symlink_metadata(folder.join(".git")).is_ok()
    };
    Ok(paths.find(is_filled).map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path))))
}

/// Refs of a clone that the repository does not have at the same commit.
pub(super) fn own_refs(git: &RepoGit, linked: &Linked) -> Result<Vec<(RefName, CommitId)>, GitError> {
    let shared = shared_refs(git)?;
    let call = git.in_git_folder(&linked.admin).args(["for-each-ref", "--format=%(objectname) %(refname)"]);
    let answer = call.run()?.success()?;
    Ok(parse_refs(&answer.stdout).into_iter().filter(|own| !shared.contains(own)).collect())
}

/// Where a clone stands, its folder there or not; none where that can't be read.
pub(super) fn entry(git: &RepoGit, path: &Path) -> Result<Option<WorktreeEntry>, GitError> {
    let Some(linked) = find(&git.common_dir, path) else { return Ok(None) };
    if make_safe(git, &linked)?.is_err() {
        return Ok(None);
    }
    let ask = |args: &[&str]| -> Result<Option<String>, GitError> {
        let answer = git.in_git_folder(&linked.admin).args(args).run()?;
        answer.exit.is_success().then(|| answer.line().map(str::to_owned)).transpose()
    };
    let head = ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?.map(CommitId::new);
    let branch = ask(&["symbolic-ref", "--quiet", "HEAD"])?;
    let branch = branch.and_then(|name| name.strip_prefix("refs/heads/").map(hew_core::ids::BranchName::new));
    Ok(Some(WorktreeEntry { path: linked.path, head, branch }))
}

fn shared_refs(git: &RepoGit) -> Result<Vec<(RefName, CommitId)>, GitError> {
    let call = git.on_repository().args(["for-each-ref", "--format=%(objectname) %(refname)"]);
    let mut refs = parse_refs(&call.run()?.success()?.stdout);
    refs.retain(|(name, _)| !NOT_SHOWN.iter().any(|start| name.as_str().starts_with(start)));
    Ok(refs)
}

fn parse_refs(output: &[u8]) -> Vec<(RefName, CommitId)> {
    let text = String::from_utf8_lossy(output);
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(commit, name)| (RefName::new(name), CommitId::new(commit))).collect()
}

/// Lets it read the repository's objects, and keeps what else it reads.
fn lend_objects(git: &RepoGit, admin: &Path) -> io::Result<()> {
    let file = admin.join("objects/info/alternates");
    let objects = git.common_dir.join("objects");
    let own = objects.as_os_str().as_bytes();
    let known = fs::read(&file).unwrap_or_default();
    if known.split(|byte| *byte == b'\n').any(|line| line == own) {
        return Ok(());
    }
    fs::create_dir_all(admin.join("objects/info"))?;
    fs::write(file, [own, b"\n", &known].concat())
}

fn write_settings(git: &RepoGit, admin: &Path) -> Result<(), GitError> {
    let text = clone_settings::text(git)?;
    let file = admin.join("config");
    // A new file: what is there may be a link by now.
    let written = match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::write(&file, text),
    };
    written.map_err(|error| file_error(&file, error))
}

/// Hooks, rules of ignored files and of attributes, and where a shallow history ends.
fn copy_rules(common_dir: &Path, admin: &Path) -> io::Result<()> {
    for name in ["info/exclude", "info/attributes", "shallow"] {
        let (from, to) = (common_dir.join(name), admin.join(name));
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(admin))?;
            fs::copy(from, to)?;
        }
    }
    let (from, to) = (common_dir.join("hooks"), admin.join("hooks"));
    empty_folder(&to)?;
    let Ok(hooks) = fs::read_dir(from) else { return Ok(()) };
    for hook in hooks.flatten().filter(|hook| hook.path().is_file()) {
        if hook.path().extension().is_none_or(|extension| extension != "sample") {
            fs::copy(hook.path(), to.join(hook.file_name()))?;
        }
    }
    Ok(())
}

/// An empty folder of this name, whatever was there.
fn empty_folder(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.and_then(|()| fs::create_dir_all(path))
}

/// Something below a git folder that is neither file nor folder. Hooks are passed over: hew's calls run none.
fn odd_file(admin: &Path) -> Option<PathBuf> {
    let mut open = vec![admin.to_owned()];
    while let Some(folder) = open.pop() {
        // A folder that can't be listed may hold anything.
        let Ok(entries) = fs::read_dir(&folder) else { return Some(inner(&folder, admin)) };
        for entry in entries.flatten().filter(|entry| entry.path() != admin.join("hooks")) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => {}
                _ => return Some(inner(&entry.path(), admin)),
            }
        }
    }
    None
}

fn inner(path: &Path, admin: &Path) -> PathBuf {
    path.strip_prefix(admin).unwrap_or(path).to_owned()
}
