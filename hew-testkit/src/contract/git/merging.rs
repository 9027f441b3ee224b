//! Work becomes a commit, and commits are merged and compared.

use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{CleanDepth, MergeOutcome, MergeRequest};

use super::{GitHarness, add, detached, look, on, paths, request, worked};

/// A kept folder has the tip's version and never conflicts.
pub fn a_kept_folder_has_the_tips_version_and_never_conflicts(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, tip) = worked(h, "1", &base, "kept/list", "tip\n");
    let (tree, _) = worked(h, "2", &base, "kept/list", "work\n");
    h.write(&tree, "kept/more", "work\n");
    h.write(&tree, "b.txt", "work\n");
    let work = h.commit_all(&tree, "More work");
    let lane = add(h, "land", &detached(&tip));
    let folders_of_tip = paths(&["kept", "absent"]);
    let merged = git.merge(&MergeRequest { folders_of_tip, ..request(&lane, &tip, &work) }).unwrap();
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(h.parents(&commit), [tip, work]);
    assert_eq!(h.show(&commit, "kept/list").as_deref(), Some("tip\n"));
    assert_eq!(h.show(&commit, "kept/more"), None);
    assert_eq!(h.show(&commit, "b.txt").as_deref(), Some("work\n"));
    // Where the tip has no such folder, the result has none.
    let without = add(h, "3", &detached(&base));
    let folders_of_tip = paths(&["kept"]);
    let work = h.commit_all(&tree, "And more");
    let merged = git.merge(&MergeRequest { folders_of_tip, ..request(&without, &base, &work) }).unwrap();
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(h.show(&commit, "kept/list"), None);
}

/// Leftovers become a commit and head stays.
pub fn leftovers_become_a_commit_and_head_stays(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &on("loop/x/w0", &base));
    h.write(&tree, "a.txt", "changed\n");
    h.write(&tree, "dir/new.txt", "new\n");
    h.write(&tree, "link/one", "left out\n");
    h.write(&tree, "cache/x", "ignored\n");
    let commit =
        git.commit_leftovers(&tree, &base, "t-1: Title\n\nBody.", &paths(&["link", "gone"])).unwrap();
    assert_eq!(h.parents(&commit), std::slice::from_ref(&base));
    assert_eq!(h.message(&commit), "t-1: Title\n\nBody.");
    assert_eq!(h.show(&commit, "a.txt").as_deref(), Some("changed\n"));
    assert_eq!(h.show(&commit, "dir/new.txt").as_deref(), Some("new\n"));
    assert_eq!(h.show(&commit, "b.txt").as_deref(), Some("b\n"));
    assert_eq!((h.show(&commit, "link/one"), h.show(&commit, "cache/x")), (None, None));
    let after = look(h, &tree);
    assert_eq!((after.head, after.branch), (base, Some(BranchName::from("loop/x/w0"))));
    assert_eq!(after.changes, paths(&["a.txt", "dir/new.txt", "link/one"]));
}

/// Nothing but what is left out is head itself.
pub fn nothing_but_what_is_left_out_is_head_itself(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, "link", "left out\n");
    assert_eq!(git.commit_leftovers(&tree, &base, "m", &paths(&["link"])).unwrap(), base);
}

/// A held commit is HEAD, and the files stay.
pub fn a_held_commit_is_head_and_the_files_stay(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "a.txt", "new\n");
    let lane = add(h, "2", &detached(&base));
    git.hold(&lane, &work).unwrap();
    assert_eq!(look(h, &lane).head, work);
    assert_eq!(h.read(&lane, "a.txt").as_deref(), Some("one\ntwo\nthree\n"));
    git.checkout(&lane, &work, CleanDepth::Nothing).unwrap();
    assert_eq!(h.read(&lane, "a.txt").as_deref(), Some("new\n"));
}

/// A place for merging holds attributes only, merges like any other, and becomes a worktree with files.
pub fn a_place_for_merging_holds_attributes_only(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, tip) = worked(h, "1", &base, "dir/.gitattributes", "*.txt text\n");
    let (_, work) = worked(h, "2", &base, "dir/c.txt", "c\n");
    let lane = h.place("land");
    git.add_merge_place(&lane, &tip).unwrap();
    assert_eq!(h.read(&lane, "dir/.gitattributes").as_deref(), Some("*.txt text\n"));
    assert_eq!(h.read(&lane, "a.txt"), None);
    let merged = git.merge(&request(&lane, &tip, &work)).unwrap();
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(h.parents(&commit), [tip, work]);
    git.hold(&lane, &commit).unwrap();
    git.add_worktree(&lane, &detached(&commit)).unwrap();
    assert_eq!(h.read(&lane, "a.txt").as_deref(), Some("one\ntwo\nthree\n"));
    assert_eq!((look(h, &lane).head, look(h, &lane).change_count), (commit, 0));
}

/// A file is read as it is in a commit.
pub fn a_file_is_read_as_it_is_in_a_commit(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "a.txt", "new\n");
    assert_eq!(git.read_file(&base, "a.txt").unwrap().as_deref(), Some(b"one\ntwo\nthree\n".as_slice()));
    assert_eq!(git.read_file(&work, "a.txt").unwrap().as_deref(), Some(b"new\n".as_slice()));
    assert_eq!(git.read_file(&work, "no such file").unwrap(), None);
}

/// A merge has two parents and both sides.
pub fn a_merge_has_two_parents_and_both_sides(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, left) = worked(h, "1", &base, "a.txt", "one\ntwo\nthree\nfour\n");
    let (_, right) = worked(h, "2", &base, "dir/c.txt", "c\n");
    let lane = add(h, "land", &detached(&left));
    let merged = git.merge(&request(&lane, &left, &right)).unwrap();
    let MergeOutcome::Merged { commit, tree } = merged else { panic!("{merged:?}") };
    assert_eq!(h.parents(&commit), [left.clone(), right]);
    assert_eq!(git.tree_of(&commit).unwrap(), tree);
    assert_eq!(h.message(&commit), "t-1: Title\n\nHew-Task: t-1");
    assert_eq!(h.show(&commit, "a.txt").as_deref(), Some("one\ntwo\nthree\nfour\n"));
    assert_eq!(h.show(&commit, "dir/c.txt").as_deref(), Some("c\n"));
    let lane_now = look(h, &lane);
    assert_eq!((lane_now.head, lane_now.change_count), (left, 0));
}

/// A merge of a direct descendant has two parents too.
pub fn a_merge_of_a_direct_descendant_has_two_parents_too(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let lane = add(h, "land", &detached(&base));
    let merged = git.merge(&request(&lane, &base, &work)).unwrap();
    let MergeOutcome::Merged { commit, tree } = merged else { panic!("{merged:?}") };
    assert_eq!(h.parents(&commit), [base, work.clone()]);
    assert_eq!(tree, git.tree_of(&work).unwrap());
}

/// A conflict names its files and moves nothing.
pub fn a_conflict_names_its_files_and_moves_nothing(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, left) = worked(h, "1", &base, "a.txt", "left\n");
    let (_, right) = worked(h, "2", &base, "a.txt", "right\n");
    let lane = add(h, "land", &detached(&left));
    let merged = git.merge(&request(&lane, &left, &right)).unwrap();
    assert_eq!(merged, MergeOutcome::Conflict { files: vec!["a.txt".to_owned()] });
    let lane_now = look(h, &lane);
    assert_eq!((lane_now.head, lane_now.change_count), (left, 0));
}

/// A missing commit is no conflict.
pub fn a_missing_commit_is_no_conflict(h: &dyn GitHarness) {
    let base = h.base();
    let lane = add(h, "land", &detached(&base));
    let missing = CommitId::new("deadbeef".repeat(5));
    assert!(h.client().merge(&request(&lane, &base, &missing)).is_err());
    assert!(h.client().tree_of(&missing).is_err());
}

/// A checkout makes the files that commits.
pub fn a_checkout_makes_the_files_that_commits(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let lane = add(h, "land", &on("loop/x/lane", &base));
    h.write(&lane, "b.txt", "edited by a gate\n");
    h.write(&lane, "c.txt", "in the way\n");
    h.write(&lane, "report.xml", "left by a gate\n");
    h.write(&lane, "cache/x", "kept\n");
    git.checkout(&lane, &work, CleanDepth::KeepIgnored).unwrap();
    let found = look(h, &lane);
    assert_eq!((found.head, found.branch, found.change_count), (work, None, 0));
    assert_eq!(h.read(&lane, "b.txt").as_deref(), Some("b\n"));
    assert_eq!(h.read(&lane, "c.txt").as_deref(), Some("c\n"));
    assert_eq!(h.read(&lane, "report.xml"), None);
    assert_eq!(h.read(&lane, "cache/x").as_deref(), Some("kept\n"));
    assert_eq!(git.resolve(&RefName::from("refs/heads/loop/x/lane")).unwrap(), Some(base));
}

/// Changes count lines.
pub fn changes_count_lines(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, "a.txt", "one\n2\nthree\nfour\n");
    h.write(&tree, "new dir/c.txt", "c\n");
    let commit = h.commit_all(&tree, "both");
    let seen: Vec<_> =
        git.changes(&base, &commit).unwrap().into_iter().map(|c| (c.path, c.added, c.removed)).collect();
    assert_eq!(seen, [("a.txt".to_owned(), 2, 1), ("new dir/c.txt".to_owned(), 1, 0)]);
    assert_eq!(git.changes(&base, &base).unwrap(), []);
}

/// Symbols are the functions around a change.
pub fn symbols_are_the_functions_around_a_change(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, "lib.rs", "fn one() {\n    1\n}\n\nfn two() {\n    2\n}\n");
    let before = h.commit_all(&tree, "two functions");
    h.write(&tree, "lib.rs", "fn one() {\n    1\n}\n\nfn two() {\n    3\n}\n");
    let after = h.commit_all(&tree, "one of them");
    for _ in 0..2 {
        assert_eq!(git.symbols(&before, &after).unwrap(), ["fn two() {"]);
        assert_eq!(git.symbols(&after, &after).unwrap(), [""; 0]);
    }
    git.symbols(&before, &CommitId::new("1".repeat(40))).unwrap_err();
}
