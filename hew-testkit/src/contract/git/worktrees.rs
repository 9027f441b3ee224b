//! Worktrees: made, reset, damaged, looked into.

use std::path::Path;

use hew_core::ids::{BranchName, RefName};
use hew_core::worktree::{Alteration, CleanDepth, Inspection, WorktreeReset};

use super::{GitHarness, add, detached, look, on, paths, worked};

/// A worktree is made listed and removed.
pub fn a_worktree_is_made_listed_and_removed(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &on("loop/x/w0", &base));
    let lane = add(h, "land", &detached(&base));
    assert_eq!(h.read(&tree, "a.txt").as_deref(), Some("one\ntwo\nthree\n"));
    let listed = git.list_worktrees().unwrap();
    assert_eq!(listed[0].path, h.checkout());
    assert_eq!(listed[0].branch, Some(BranchName::from("main")));
    let one = listed.iter().find(|entry| entry.path == tree).unwrap();
    assert_eq!((&one.head, &one.branch), (&Some(base.clone()), &Some(BranchName::from("loop/x/w0"))));
    let other = listed.iter().find(|entry| entry.path == lane).unwrap();
    assert_eq!(other.branch, None);
    assert_ne!(git.git_dir_of(&tree).unwrap(), git.git_dir_of(&lane).unwrap());
    assert!(git.git_dir_of(&h.place("nowhere")).is_err());
    h.write(&tree, "a.txt", "changed\n");
    h.write(&tree, "cache/x", "ignored\n");
    git.remove_worktree(&tree).unwrap();
    git.remove_worktree(&tree).unwrap();
    h.delete_folder(&lane);
    git.remove_worktree(&lane).unwrap();
    assert_eq!(git.list_worktrees().unwrap().len(), 1);
    assert_eq!(h.read(&tree, "a.txt"), None);
    assert_eq!(git.resolve(&RefName::from("refs/heads/loop/x/w0")).unwrap(), Some(base));
}

/// A worktree is made over what a killed attempt left.
pub fn a_worktree_is_made_over_what_a_killed_attempt_left(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let start = on("loop/x/w0", &base);
    let tree = add(h, "1", &start);
    h.write(&tree, "half.txt", "half\n");
    h.cut_off(&tree);
    git.add_worktree(&tree, &start).unwrap();
    assert_eq!((h.read(&tree, "half.txt"), look(h, &tree).change_count), (None, 0));
    h.delete_folder(&tree);
    git.add_worktree(&tree, &start).unwrap();
    assert_eq!(look(h, &tree).branch, Some(BranchName::from("loop/x/w0")));
    assert_eq!(git.list_worktrees().unwrap().len(), 2);
}

/// A taken branch is not given to a second worktree.
pub fn a_taken_branch_is_not_given_to_a_second_worktree(h: &dyn GitHarness) {
    let base = h.base();
    add(h, "1", &on("loop/x/w0", &base));
    let second = h.client().add_worktree(&h.place("2"), &on("loop/x/w0", &base));
    assert!(second.is_err());
    assert!(h.client().add_worktree(&h.place("3"), &on("main", &base)).is_err());
}

/// A reset undoes whatever an agent did.
pub fn a_reset_undoes_whatever_an_agent_did(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let start = on("loop/x/w0", &base);
    let tree = add(h, "1", &start);
    let (_, rival) = worked(h, "2", &base, "a.txt", "rival\n");
    let acts: [(&str, &dyn Fn()); 5] = [
        ("another branch", &|| h.switch(&tree, Some("mine"))),
        ("detached", &|| h.switch(&tree, None)),
        ("commits", &|| {
            h.write(&tree, "c.txt", "c\n");
            h.commit_all(&tree, "c");
        }),
        ("files", &|| {
            h.write(&tree, "a.txt", "changed\n");
            h.write(&tree, "deep/er/new.txt", "new\n");
        }),
        ("a half-done merge", &|| {
            h.write(&tree, "a.txt", "ours\n");
            h.commit_all(&tree, "ours");
            h.merge_and_leave_conflict(&tree, &rival);
        }),
    ];
    for (what, act) in acts {
        act();
        let reset = git.reset_worktree(&tree, &start, CleanDepth::KeepIgnored).unwrap();
        assert_eq!(reset, WorktreeReset::Reset, "{what}");
        let found = look(h, &tree);
        assert_eq!((&found.head, &found.branch, found.change_count), (&base, &start.branch, 0), "{what}");
        assert_eq!(h.read(&tree, "a.txt").as_deref(), Some("one\ntwo\nthree\n"), "{what}");
        assert_eq!((h.read(&tree, "c.txt"), h.read(&tree, "deep/er/new.txt")), (None, None), "{what}");
    }
    git.reset_worktree(&tree, &on("loop/x/w0", &rival), CleanDepth::KeepIgnored).unwrap();
    assert_eq!(git.resolve(&RefName::from("refs/heads/loop/x/w0")).unwrap(), Some(rival));
}

/// A reset keeps or clears what is ignored.
pub fn a_reset_keeps_or_clears_what_is_ignored(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, "cache/built", "x\n");
    h.nest_repository(&tree, "vendored");
    git.reset_worktree(&tree, &detached(&base), CleanDepth::KeepIgnored).unwrap();
    assert_eq!(h.read(&tree, "cache/built").as_deref(), Some("x\n"));
    assert_eq!(look(h, &tree).nested_repositories, paths(&[]));
    git.reset_worktree(&tree, &detached(&base), CleanDepth::Everything).unwrap();
    assert_eq!(h.read(&tree, "cache/built"), None);
}

/// A worktree without its git file is still its own.
pub fn a_worktree_without_its_git_file_is_still_its_own(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let start = on("loop/x/w0", &base);
    let tree = add(h, "1", &start);
    h.write(&tree, "c.txt", "c\n");
    let work = h.commit_all(&tree, "c");
    h.write(&tree, "kept.txt", "kept\n");
    h.cut_off(&tree);
    let found = look(h, &tree);
    assert_eq!((&found.head, found.changes), (&work, paths(&["kept.txt"])));
    let leftovers = git.commit_leftovers(&tree, &work, "left", &[]).unwrap();
    assert_eq!(h.parents(&leftovers), [work]);
    assert_eq!(h.show(&leftovers, "kept.txt").as_deref(), Some("kept\n"));
    let reset = git.reset_worktree(&tree, &start, CleanDepth::KeepIgnored).unwrap();
    assert_eq!(reset, WorktreeReset::Reset);
    h.write(&tree, "d.txt", "d\n");
    let next = h.commit_all(&tree, "an agent finds its own repository again");
    assert_eq!(h.parents(&next), std::slice::from_ref(&base));
    assert_eq!(git.resolve(&RefName::from("refs/heads/main")).unwrap(), Some(base));
}

type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

/// A damaged worktree is told.
pub fn a_damaged_worktree_is_told(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let start = on("loop/x/w0", &base);
    let damages: [Damage<'_>; 2] =
        [("record", &|tree| h.lose_record(tree)), ("folder", &|tree| h.delete_folder(tree))];
    for (what, damage) in damages {
        let tree = add(h, what, &start);
        assert_eq!(look(h, &tree).change_count, 0, "{what}");
        damage(&tree);
        let reset = git.reset_worktree(&tree, &start, CleanDepth::Everything).unwrap();
        assert!(matches!(reset, WorktreeReset::Broken(_)), "{what}: {reset:?}");
        let seen = git.inspect_worktree(&tree).unwrap();
        assert!(matches!(seen, Inspection::Broken(_)), "{what}: {seen:?}");
        let altered = git.alteration(&tree, &base).unwrap();
        assert!(matches!(altered, Alteration::Broken(_)), "{what}: {altered:?}");
        assert!(git.commit_leftovers(&tree, &base, "m", &[]).is_err(), "{what}");
        git.checkout(&tree, &base, CleanDepth::KeepIgnored).unwrap();
        assert_eq!(look(h, &tree).head, base, "{what}: made again");
        git.remove_worktree(&tree).unwrap();
    }
    assert_eq!(h.read(&h.checkout(), "a.txt").as_deref(), Some("one\ntwo\nthree\n"));
}

/// What a gate alters is told.
pub fn what_a_gate_alters_is_told(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let lane = add(h, "land", &detached(&work));
    h.write(&lane, "report.xml", "untracked files don't count\n");
    assert_eq!(git.alteration(&lane, &work).unwrap(), Alteration::None);
    assert_eq!(git.alteration(&lane, &base).unwrap(), Alteration::HeadMoved(work.clone()));
    h.write(&lane, "c.txt", "formatted\n");
    assert_eq!(git.alteration(&lane, &work).unwrap(), Alteration::Files(vec!["c.txt".to_owned()]));
}

/// An inspection counts what differs.
pub fn an_inspection_counts_what_differs(h: &dyn GitHarness) {
    let base = h.base();
    let tree = add(h, "1", &on("loop/x/w0", &base));
    let clean = look(h, &tree);
    assert_eq!((clean.head, clean.change_count, clean.change_bytes), (base, 0, 0));
    h.write(&tree, "a.txt", "12345");
    h.write(&tree, "new dir/two\nlines.txt", "123");
    h.write(&tree, "cache/x", "ignored");
    let found = look(h, &tree);
    assert_eq!(found.changes, paths(&["a.txt", "new dir/two\nlines.txt"]));
    assert_eq!((found.change_count, found.change_bytes), (2, 8));
    assert_eq!((found.unmerged, found.nested_repositories), (paths(&[]), paths(&[])));
}

/// Conflicts and nested repositories are seen.
pub fn conflicts_and_nested_repositories_are_seen(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, rival) = worked(h, "1", &base, "a.txt", "rival\n");
    let (tree, _) = worked(h, "2", &base, "a.txt", "ours\n");
    h.merge_and_leave_conflict(&tree, &rival);
    assert_eq!(look(h, &tree).unmerged, paths(&["a.txt"]));
    let tree = add(h, "3", &detached(&base));
    h.nest_repository(&tree, "inner");
    assert_eq!(look(h, &tree).nested_repositories, paths(&["inner"]));
    let commit = h.commit_all(&tree, "a commit does not hide it");
    let changes = git.changes(&base, &commit).unwrap();
    let links: Vec<_> =
        changes.iter().map(|change| (change.path.as_str(), change.is_repository_link)).collect();
    assert_eq!(links, [("inner", true)]);
}
