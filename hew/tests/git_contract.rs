//! Real git keeps the contract, with calm settings and with hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use hew::adapters::git::RepoGit;
use hew_core::ids::CommitId;
use hew_core::worktree::GitClient;
use hew_testkit::contract::git::{FILES, GitHarness};
use hew_testkit::repo::TestRepo;

struct Real {
    /// Its servants end before the repository is looked at.
    git: RepoGit,
    repo: TestRepo,
    base: CommitId,
}

impl Real {
    fn new(repo: TestRepo) -> Self {
        for (name, text) in FILES {
            repo.write(name, text);
        }
        let base = repo.commit("Start");
        let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
        Self { git, repo, base }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.repo.fsck_clean();
        }
    }
}

impl GitHarness for Real {
    fn client(&self) -> &dyn GitClient {
        &self.git
    }
    fn base(&self) -> CommitId {
        self.base.clone()
    }
    fn checkout(&self) -> PathBuf {
        self.repo.root().to_owned()
    }
    fn place(&self, name: &str) -> PathBuf {
        self.repo.base().join("wt").join(name)
    }
    fn write(&self, tree: &Path, name: &str, text: &str) {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fn read(&self, tree: &Path, name: &str) -> Option<String> {
        // With hostile settings checkouts have CRLF.
        fs::read_to_string(tree.join(name)).ok().map(|text| text.replace("\r\n", "\n"))
    }
    fn commit_all(&self, tree: &Path, message: &str) -> CommitId {
        self.repo.commit_in(tree, message)
    }
    fn switch(&self, tree: &Path, new_branch: Option<&str>) {
        match new_branch {
            Some(branch) => self.repo.git_in(tree, &["checkout", "--quiet", "-b", branch]),
            None => self.repo.git_in(tree, &["checkout", "--quiet", "--detach"]),
        };
    }
    fn merge_and_leave_conflict(&self, tree: &Path, commit: &CommitId) {
        let merge = self.repo.try_git_in(tree, &["merge", "--no-edit", commit.as_str()]);
        assert!(!merge.status.success(), "the merge was meant to conflict");
    }
    fn nest_repository(&self, tree: &Path, name: &str) {
        self.repo.git_in(tree, &["init", "--quiet", name]);
        self.write(tree, &format!("{name}/inside.txt"), "inside\n");
        self.repo.commit_in(&tree.join(name), "Inside");
    }
    fn cut_off(&self, tree: &Path) {
        fs::remove_file(tree.join(".git")).unwrap();
    }
    fn lose_record(&self, tree: &Path) {
        let record = self.repo.git_in(tree, &["rev-parse", "--absolute-git-dir"]);
        fs::remove_dir_all(record).unwrap();
    }
    fn delete_folder(&self, tree: &Path) {
        fs::remove_dir_all(tree).unwrap();
    }
    fn show(&self, commit: &CommitId, name: &str) -> Option<String> {
        let shown = self.repo.try_git_in(self.repo.root(), &["show", &format!("{commit}:{name}")]);
        shown.status.success().then(|| String::from_utf8(shown.stdout).unwrap())
    }
    fn parents(&self, commit: &CommitId) -> Vec<CommitId> {
        let line = self.repo.git(&["rev-list", "--parents", "-n1", commit.as_str()]);
        line.split(' ').skip(1).map(CommitId::from).collect()
    }
    fn message(&self, commit: &CommitId) -> String {
        self.repo.git(&["log", "-1", "--format=%B", commit.as_str()]).trim().to_owned()
    }
}

mod calm {
    use super::{Real, TestRepo};

    fn make() -> Real {
        Real::new(TestRepo::empty())
    }

    hew_testkit::git_contract!(make);
}

mod hostile {
    use super::{Real, TestRepo};

    fn make() -> Real {
        Real::new(TestRepo::hostile())
    }

    hew_testkit::git_contract!(make);
}
