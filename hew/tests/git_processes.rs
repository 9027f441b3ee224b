//! How many git processes each step costs: they are what hew's own time goes into. The count is the whole program's, so
//! this is one test.

use hew::adapters::git::{RepoGit, process_count};
use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{CleanDepth, GitClient, MergeOutcome, MergeRequest, WorktreeStart};
use hew_testkit::repo::TestRepo;

fn cost_of<T>(step: impl FnOnce() -> T) -> (u64, T) {
    let before = process_count();
    let answer = step();
    (process_count() - before, answer)
}

#[test]
fn an_iteration_and_a_landing_cost_few_processes() {
    let repo = TestRepo::new();
    let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
    let base = repo.rev("HEAD");
    let (tree, lane) = (repo.base().join("wt/0"), repo.base().join("wt/land"));
    let branch = BranchName::from("loop/x/main");
    git.create_branch(&branch, &base).unwrap();
    let start = |branch: Option<&str>, commit: &CommitId| WorktreeStart {
        branch: branch.map(BranchName::from),
        commit: commit.clone(),
    };
    let worker = start(Some("loop/x/w0"), &base);
    let steps: [(&str, u64, &dyn Fn()); 6] = [
        ("add a worktree", 2, &|| git.add_worktree(&tree, &worker).unwrap()),
        ("add the lane", 2, &|| git.add_worktree(&lane, &start(None, &base)).unwrap()),
        ("reset what was collected", 1, &|| {
            drop(git.reset_worktree(&tree, &worker, CleanDepth::Nothing).unwrap());
        }),
        ("reset", 2, &|| drop(git.reset_worktree(&tree, &worker, CleanDepth::KeepIgnored).unwrap())),
        ("inspect", 1, &|| drop(git.inspect_worktree(&tree).unwrap())),
        ("remove", 0, &|| git.remove_worktree(&repo.base().join("wt/9")).unwrap()),
    ];
    for (what, expected, step) in steps {
        assert_eq!(cost_of(step).0, expected, "{what}");
    }
    std::fs::write(tree.join("a.txt"), "a\n").unwrap();
    let (cost, work) = cost_of(|| git.commit_leftovers(&tree, &base, "left", &[]).unwrap());
    assert_eq!(cost, 3, "commit what is left over");
    let anchor = |number: u32| RefName::new(format!("refs/hew/x/w0/iter-{number:03}"));
    // The first question of a kind starts a process that answers all later ones, too.
    for (round, expected) in [(1, 1), (2, 0)] {
        assert_eq!(cost_of(|| git.anchor(&anchor(round), &work).unwrap()).0, expected, "anchor");
        let ancestors = || git.contains_all(&work, std::slice::from_ref(&base)).unwrap();
        assert_eq!(cost_of(ancestors), (expected, true), "ancestors");
        let (cost, changes) = cost_of(|| git.changes(&base, &work).unwrap());
        assert_eq!((cost, changes.len()), (expected, 1), "changes");
    }
    let request = MergeRequest {
        lane: lane.clone(),
        tip: base.clone(),
        work,
        message: "m".to_owned(),
        folders_of_tip: Vec::new(),
    };
    let (cost, merged) = cost_of(|| git.merge(&request).unwrap());
    assert_eq!(cost, 2, "merge");
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(cost_of(|| git.hold(&lane, &commit).unwrap()).0, 0, "hold");
    assert_eq!(cost_of(|| git.checkout(&lane, &commit, CleanDepth::Nothing).unwrap()).0, 1, "check out");
    assert_eq!(cost_of(|| git.advance(&branch, &base, &commit).unwrap()).0, 0, "advance and read back");
    assert_eq!(git.resolve(&branch.to_ref()).unwrap(), Some(commit));
}
