//! Worktrees made, switched and listed by many threads at once: git reads what a sibling is still writing, hew must not.

use std::thread;

use hew::adapters::git::RepoGit;
use hew_core::ids::BranchName;
use hew_core::worktree::{CleanDepth, GitClient, Inspection, WorktreeReset, WorktreeStart};
use hew_testkit::repo::TestRepo;

const THREADS: usize = 8;
const ROUNDS: usize = 8;

#[test]
fn worktrees_are_made_at_the_same_time() {
    let repo = TestRepo::new();
    let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
    let tip = repo.rev("HEAD");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (git, repo, tip) = (&git, &repo, &tip);
            scope.spawn(move || {
                let path = repo.base().join(format!("worktrees/{number}"));
                let start = WorktreeStart {
                    branch: Some(BranchName::new(format!("loop/x/w{number}"))),
                    commit: tip.clone(),
                };
                for _ in 0..ROUNDS {
                    git.add_worktree(&path, &start).expect("a sibling is no obstacle to making it");
                    let reset = git.reset_worktree(&path, &start, CleanDepth::KeepIgnored);
                    assert_eq!(reset.expect("git answers"), WorktreeReset::Reset);
                    let Inspection::Readable(found) = git.inspect_worktree(&path).expect("git answers")
                    else {
                        panic!("{} is broken", path.display());
                    };
                    assert_eq!((&found.head, &found.branch, found.change_count), (tip, &start.branch, 0));
                    assert!(path.join("README.md").is_file());
                    git.list_worktrees().expect("a sibling is no obstacle to listing");
                }
            });
        }
    });
    assert_eq!(git.list_worktrees().expect("git answers").len(), THREADS + 1);
}
