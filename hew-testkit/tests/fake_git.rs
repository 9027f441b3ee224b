//! The fake keeps the contract of git.

use std::path::{Path, PathBuf};

use hew_core::ids::CommitId;
use hew_core::worktree::GitClient;
use hew_testkit::contract::git::{FILES, GitHarness};
use hew_testkit::fake_git::FakeGit;

struct Fake(FakeGit);

impl GitHarness for Fake {
    fn client(&self) -> &dyn GitClient {
        &self.0
    }
    fn base(&self) -> CommitId {
        self.0.base()
    }
    fn checkout(&self) -> PathBuf {
        self.0.root().to_owned()
    }
    fn place(&self, name: &str) -> PathBuf {
        Path::new("/fake/wt").join(name)
    }
    fn write(&self, tree: &Path, name: &str, text: &str) {
        self.0.write(tree, name, text);
    }
    fn read(&self, tree: &Path, name: &str) -> Option<String> {
        self.0.read(tree, name)
    }
    fn commit_all(&self, tree: &Path, message: &str) -> CommitId {
        self.0.commit_all(tree, message)
    }
    fn switch(&self, tree: &Path, new_branch: Option<&str>) {
        self.0.switch(tree, new_branch);
    }
    fn merge_and_leave_conflict(&self, tree: &Path, commit: &CommitId) {
        self.0.merge_and_leave_conflict(tree, commit);
    }
    fn nest_repository(&self, tree: &Path, name: &str) {
        self.0.nest_repository(tree, name);
    }
    fn cut_off(&self, tree: &Path) {
        self.0.cut_off(tree);
    }
    fn lose_record(&self, tree: &Path) {
        self.0.lose_record(tree);
    }
    fn delete_folder(&self, tree: &Path) {
        self.0.delete_folder(tree);
    }
    fn show(&self, commit: &CommitId, name: &str) -> Option<String> {
        self.0.show(commit, name)
    }
    fn parents(&self, commit: &CommitId) -> Vec<CommitId> {
        self.0.parents(commit)
    }
    fn message(&self, commit: &CommitId) -> String {
        self.0.message(commit)
    }
}

fn make() -> Fake {
    Fake(FakeGit::new(&FILES))
}

hew_testkit::git_contract!(make);
