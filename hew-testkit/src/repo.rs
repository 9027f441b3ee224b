//! Real temporary repositories, cut off from the settings of whoever runs the tests.
//!
//! Everything lies in one temporary folder: the project, the home folder, hew's home. It goes when the value is dropped.

#![expect(clippy::missing_panics_doc, reason = "a stage that can not be set ends the test")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hew_core::ids::CommitId;
use tempfile::TempDir;

use crate::git_settings::{CALM, HOOKS, HOSTILE, VERBS};
use crate::guard;

/// A repository on branch `main`, with one commit, in a temporary folder of its own.
#[derive(Debug)]
pub struct TestRepo {
    folder: TempDir,
    root: PathBuf,
    settings: PathBuf,
}

impl TestRepo {
    /// A repository with `README.md` committed.
    pub fn new() -> Self {
        let repo = Self::empty();
        repo.write("README.md", "A project.\n");
        repo.commit("Start");
        repo
    }

    /// A repository without a commit.
    pub fn empty() -> Self {
        Self::at("project")
    }

    /// A repository without a commit, in a folder of this name.
    pub fn at(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let base = folder.path().canonicalize().expect("it was just made");
        let root = base.join(name);
        for made in [&root, &base.join("home/.config"), &base.join("tmp"), &base.join("hew-home")] {
            fs::create_dir_all(made).expect("the temporary folder can be written");
        }
        let settings = base.join("calm.gitconfig");
        fs::write(&settings, CALM).expect("the temporary folder can be written");
        let repo = Self { folder, root, settings };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// A repository as [`TestRepo::new`] makes it, whose owner's git settings are as much in the way as they can be:
    /// failing hooks, signing without a key, CRLF, an alias for every verb, and more. They hold for hew and for
    /// [`TestRepo::command`]; [`TestRepo::git`] stays calm but for the line endings.
    pub fn hostile() -> Self {
        let mut repo = Self::new();
        let calm = format!("{CALM}[core]\n\tautocrlf = true\n\tsafecrlf = false\n");
        fs::write(&repo.settings, calm).expect("the temporary folder can be written");
        let hooks = repo.base().join("hooks");
        fs::create_dir_all(&hooks).expect("the temporary folder can be written");
        for hook in HOOKS {
            write_script(&hooks.join(hook), "#!/bin/sh\necho hook was run >&2\nexit 1\n");
        }
        repo.settings = repo.base().join("hostile.gitconfig");
        let aliases = VERBS.map(|verb| format!("\t{verb} = !false\n")).concat();
        let text = format!("{HOSTILE}[core]\n\thooksPath = {}\n[alias]\n{aliases}", hooks.display());
        fs::write(&repo.settings, text).expect("the temporary folder can be written");
        repo
    }

    /// Takes the owner's name and address out of their settings.
    #[must_use]
    pub fn without_identity(mut self) -> Self {
        let text = fs::read_to_string(&self.settings).expect("it was written on making the repository");
        let text = text.replace("\tname = Tester\n", "").replace("\temail = tester@example.com\n", "");
        self.settings = self.base().join("nameless.gitconfig");
        fs::write(&self.settings, text).expect("the temporary folder can be written");
        self
    }

    /// The root of its main working tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The git folder that all its worktrees share.
    pub fn common_dir(&self) -> PathBuf {
        self.root.join(".git")
    }

    /// The folder around the project: a place for worktrees, logs, fake programs.
    pub fn base(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it lives as long as this value")
    }

    /// What `HEW_HOME` is for hew.
    pub fn hew_home(&self) -> PathBuf {
        self.base().join("hew-home")
    }

    /// Writes a file of the project; folders are made.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it is inside the project")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Writes a program of the project.
    pub fn write_script(&self, path: &str, text: &str) {
        self.write(path, text);
        write_script(&self.root.join(path), text);
    }

    /// Reads a file of the project; `None` if it is not there.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    /// Commits everything in the main working tree.
    pub fn commit(&self, message: &str) -> CommitId {
        self.commit_in(&self.root, message)
    }

    /// Commits everything in a working tree.
    pub fn commit_in(&self, tree: &Path, message: &str) -> CommitId {
        self.git_in(tree, &["add", "--all"]);
        self.git_in(tree, &["commit", "--quiet", "--allow-empty", "-m", message]);
        self.rev_in(tree, "HEAD")
    }

    /// The commit that an expression names.
    pub fn rev(&self, expression: &str) -> CommitId {
        self.rev_in(&self.root, expression)
    }

    /// The same as a working tree sees it.
    pub fn rev_in(&self, tree: &Path, expression: &str) -> CommitId {
        CommitId::new(self.git_in(tree, &["rev-parse", "--verify", expression]))
    }

    /// Runs git in the project with calm settings; its output without the last line break. Panics if git fails.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    /// The same in any folder.
    pub fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.try_git_in(folder, args);
        assert!(
            output.status.success(),
            "git {args:?} in {}: {}",
            folder.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs git in any folder with calm settings, whatever comes of it.
    pub fn try_git_in(&self, folder: &Path, args: &[&str]) -> Output {
        let mut command = self.command_in(folder, "git");
        command.env("GIT_CONFIG_GLOBAL", self.base().join("calm.gitconfig"));
        command.args(args).output().expect("git can be run")
    }

    /// hew, in the project, with nothing of the machine's settings. Its standard input is closed.
    pub fn hew(&self, args: &[&str]) -> Command {
        self.hew_in(&self.root, args)
    }

    /// hew in any folder.
    pub fn hew_in(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command_in(folder, hew_binary());
        command.args(args);
        command
    }

    /// Any program, in the project, with nothing of the machine's settings. Its standard input is closed.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_in(&self.root, program)
    }

    /// The same in any folder.
    pub fn command_in(&self, folder: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).current_dir(folder).stdin(Stdio::null());
        command
    }

    /// The whole environment of whatever is under test: PATH, and folders of this repository's own.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let base = self.base();
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let pairs: [(&str, OsString); 13] = [
            ("PATH", path),
            ("HOME", base.join("home").into()),
            ("XDG_CONFIG_HOME", base.join("home/.config").into()),
            ("XDG_CACHE_HOME", base.join("home/.cache").into()),
            ("XDG_DATA_HOME", base.join("home/.local/share").into()),
            ("XDG_STATE_HOME", base.join("home/.local/state").into()),
            ("HEW_HOME", base.join("hew-home").into()),
            // Who wrote the test wrote the settings.
            ("HEW_TRUST", "all".into()),
            ("TMPDIR", base.join("tmp").into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("GIT_CONFIG_GLOBAL", self.settings.clone().into()),
            ("GIT_CONFIG_SYSTEM", "/dev/null".into()),
        ];
        pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }

    /// Panics unless git finds the repository whole.
    pub fn fsck_clean(&self) {
        let output = self.try_git_in(&self.root, &["fsck", "--full", "--strict", "--no-dangling"]);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim().is_empty(), "git fsck: {said}");
    }
}

/// A test that has passed leaves nothing behind.
impl Drop for TestRepo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let base = self.folder.path().to_owned();
        guard::check(&base, &[self.common_dir().join("hew/lock")]);
        fs::remove_dir_all(&base).unwrap_or_else(|error| panic!("{}: {error}", base.display()));
    }
}

impl Default for TestRepo {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a file that can be run.
pub fn write_script(path: &Path, text: &str) {
    fs::write(path, text).expect("the file can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
}

/// The binary that Cargo built for the running test: tests lie in `deps` beside it, programs right beside it.
fn hew_binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    let folder = own.parent().expect("a file lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let binary = Some(folder.join("hew")).filter(|file| file.exists());
    binary.expect("only tests of the package `hew` have its binary built")
}
