//! Refs, branches and who descends from whom.

use hew_core::ids::{BranchName, RefName};
use hew_core::worktree::{AdvanceOutcome, BranchCreation};

use super::{GitHarness, worked};

/// Refs are found made moved and deleted by comparison.
pub fn refs_are_found_made_moved_and_deleted_by_comparison(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let branch = BranchName::from("loop/x/main");
    let (_, next) = worked(h, "1", &base, "c.txt", "c\n");
    assert_eq!(git.resolve(&branch.to_ref()).unwrap(), None);
    assert_eq!(git.create_branch(&branch, &base).unwrap(), BranchCreation::Created);
    assert_eq!(git.create_branch(&branch, &next).unwrap(), BranchCreation::Exists(base.clone()));
    assert_eq!(git.advance(&branch, &base, &next).unwrap(), AdvanceOutcome::Advanced);
    assert_eq!(git.resolve(&branch.to_ref()).unwrap(), Some(next.clone()));
    assert_eq!(git.advance(&branch, &base, &next).unwrap(), AdvanceOutcome::Moved(Some(next.clone())));
    assert!(!git.delete_branch(&branch, &base).unwrap());
    assert!(git.delete_branch(&branch, &next).unwrap());
    assert!(!git.delete_branch(&branch, &next).unwrap());
    assert_eq!(git.advance(&branch, &base, &next).unwrap(), AdvanceOutcome::Moved(None));
    let (first, second) = (RefName::from("refs/hew/r/w0/iter-001"), RefName::from("refs/hew/r/w1/iter-001"));
    git.anchor(&second, &base).unwrap();
    git.anchor(&first, &base).unwrap();
    git.anchor(&first, &next).unwrap();
    let both = vec![(first, next), (second, base)];
    assert_eq!(git.refs_under("refs/hew/r/").unwrap(), both);
    assert_eq!(git.refs_under("refs/hew/r/w").unwrap(), both);
    assert_eq!(git.refs_under("refs/hew/other/").unwrap(), []);
}

/// A branch in the way is named.
pub fn a_branch_in_the_way_is_named(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (short, long) = (BranchName::from("loop"), BranchName::from("loop/x/main"));
    git.create_branch(&short, &base).unwrap();
    assert_eq!(git.create_branch(&long, &base).unwrap(), BranchCreation::Obstructed(short.clone()));
    assert!(git.delete_branch(&short, &base).unwrap());
    git.create_branch(&long, &base).unwrap();
    assert_eq!(git.create_branch(&short, &base).unwrap(), BranchCreation::Obstructed(long));
}

/// Ancestors are told in one answer.
pub fn ancestors_are_told_in_one_answer(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (tree, first) = worked(h, "1", &base, "c.txt", "c\n");
    h.write(&tree, "d.txt", "d\n");
    let second = h.commit_all(&tree, "d");
    let (_, aside) = worked(h, "2", &base, "e.txt", "e\n");
    assert!(git.contains_all(&second, &[]).unwrap());
    assert!(git.contains_all(&second, &[base.clone(), first.clone(), second.clone()]).unwrap());
    assert!(!git.contains_all(&second, &[base.clone(), aside]).unwrap());
    assert!(!git.contains_all(&base, &[first]).unwrap());
}
