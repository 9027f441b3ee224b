//! Git processes that stay to answer, and what is done without one: it makes no difference but in time.

use hew::adapters::git::RepoGit;
use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{AdvanceOutcome, GitClient, WorktreeStart};
use hew_testkit::repo::TestRepo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A repository with two commits.
struct Two {
    /// Its servants end before the repository is looked at.
    git: RepoGit,
    repo: TestRepo,
    base: CommitId,
    second: CommitId,
}

impl Two {
    fn new() -> Self {
        let repo = TestRepo::new();
        let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
        let base = repo.rev("HEAD");
        repo.write("b.txt", "b");
        repo.commit("Second");
        let second = repo.rev("HEAD");
        Self { git, repo, base, second }
    }
}

#[test]
fn a_head_that_is_on_a_branch_is_held_by_git_itself() {
    let Two { repo, git, base, second } = Two::new();
    let lane = repo.base().join("wt/land");
    git.add_worktree(&lane, &WorktreeStart { branch: None, commit: base.clone() }).unwrap();
    repo.git_in(&lane, &["checkout", "--quiet", "-b", "elsewhere"]);
    git.hold(&lane, &second).unwrap();
    assert_eq!(repo.rev_in(&lane, "HEAD"), second);
    assert_eq!(repo.rev("elsewhere"), base, "the branch stays where it was");
}

#[test]
fn a_process_that_was_to_answer_and_is_killed_changes_nothing() {
    let Two { repo, git, base, second } = Two::new();
    let branch = BranchName::from("loop/x/main");
    git.create_branch(&branch, &base).unwrap();
    for _ in 0..3 {
        git.anchor(&RefName::from("refs/hew/x/w0/iter-001"), &second).unwrap();
        assert!(git.contains_all(&second, std::slice::from_ref(&base)).unwrap());
        assert!(!git.contains_all(&base, std::slice::from_ref(&second)).unwrap());
        assert_eq!(git.changes(&base, &second).unwrap().len(), 1);
        assert_eq!(git.changes(&second, &second).unwrap(), []);
        assert_eq!(git.advance(&branch, &base, &second).unwrap(), AdvanceOutcome::Advanced);
        let moved = git.advance(&branch, &base, &second).unwrap();
        assert_eq!(moved, AdvanceOutcome::Moved(Some(second.clone())), "it is not where it was said to be");
        git.advance(&branch, &second, &base).unwrap();
        kill_servants(&repo);
    }
    let missing = CommitId::new("1".repeat(40));
    git.changes(&base, &missing).unwrap_err();
    git.contains_all(&base, std::slice::from_ref(&missing)).unwrap_err();
    git.anchor(&RefName::from("refs/hew/x/w0/iter-002"), &missing).unwrap_err();
    assert_eq!(git.resolve(&RefName::from("refs/hew/x/w0/iter-002")).unwrap(), None);
    drop(git);
    assert_eq!(servants(&repo), []);
}

/// Processes of this test that run on its repository.
fn servants(repo: &TestRepo) -> Vec<Pid> {
    let folder = format!("GIT_DIR={}\0", repo.common_dir().display());
    let entries = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |pid: &i32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(&folder)
    };
    pids.filter(is_ours).map(Pid::from_raw).collect()
}

fn kill_servants(repo: &TestRepo) {
    let found = servants(repo);
    assert_eq!(found.len(), 3, "one of each kind");
    for pid in found {
        kill(pid, Signal::SIGKILL).expect("it runs");
    }
}
