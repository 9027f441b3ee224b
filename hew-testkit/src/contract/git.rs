//! What any [`GitClient`] promises.
//!
//! A check gets a harness: a repository on branch `main` whose one commit holds `a.txt`, `b.txt` and a `.gitignore`,
//! checked out by a person at [`GitHarness::checkout`]. Use [`git_contract!`](crate::git_contract) to make one test a check.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a check ends at the first thing that goes otherwise"
)]

use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId, RefName};
use hew_core::worktree::{
    AdvanceOutcome, Alteration, BranchCreation, CleanDepth, ForwardOutcome, GitClient, Inspection,
    MergeOutcome, MergeRequest, WorktreeInspection, WorktreeReset, WorktreeStart,
};

/// What every harness begins with, by path.
pub const FILES: [(&str, &str); 3] =
    [(".gitignore", "cache/\n.env\n"), ("a.txt", "one\ntwo\nthree\n"), ("b.txt", "b\n")];

/// A repository with a client, and what agents and people do in it behind the client's back.
pub trait GitHarness {
    /// The client under test.
    fn client(&self) -> &dyn GitClient;
    /// The first commit.
    fn base(&self) -> CommitId;
    /// The person's checkout, on `main`.
    fn checkout(&self) -> PathBuf;
    /// A path for a worktree that does not exist yet.
    fn place(&self, name: &str) -> PathBuf;
    /// Writes a file.
    fn write(&self, tree: &Path, name: &str, text: &str);
    /// Reads a file.
    fn read(&self, tree: &Path, name: &str) -> Option<String>;
    /// Commits all that is not ignored.
    fn commit_all(&self, tree: &Path, message: &str) -> CommitId;
    /// Goes to a new branch, or detaches.
    fn switch(&self, tree: &Path, new_branch: Option<&str>);
    /// Merges a commit and leaves the conflict there.
    fn merge_and_leave_conflict(&self, tree: &Path, commit: &CommitId);
    /// Makes a repository with a commit of its own inside.
    fn nest_repository(&self, tree: &Path, name: &str);
    /// Deletes the `.git` file.
    fn cut_off(&self, tree: &Path);
    /// Deletes git's record of the worktree.
    fn lose_record(&self, tree: &Path);
    /// Deletes the folder.
    fn delete_folder(&self, tree: &Path);
    /// A file as a commit holds it.
    fn show(&self, commit: &CommitId, name: &str) -> Option<String>;
    /// The parents of a commit.
    fn parents(&self, commit: &CommitId) -> Vec<CommitId>;
    /// The message of a commit, trimmed.
    fn message(&self, commit: &CommitId) -> String;
}

/// Makes one test of each check: `git_contract!(harness_maker)`.
#[macro_export]
macro_rules! git_contract {
    ($make:expr) => {
        $crate::git_contract!(@each $make;
            a_kept_folder_has_the_tips_version_and_never_conflicts,
            refs_are_found_made_moved_and_deleted_by_comparison,
            a_branch_in_the_way_is_named,
            ancestors_are_told_in_one_answer,
            a_worktree_is_made_listed_and_removed,
            a_worktree_is_made_over_what_a_killed_attempt_left,
            a_taken_branch_is_not_given_to_a_second_worktree,
            a_reset_undoes_whatever_an_agent_did,
            a_reset_keeps_or_clears_what_is_ignored,
            a_worktree_without_its_git_file_is_still_its_own,
            a_damaged_worktree_is_told,
            what_a_gate_alters_is_told,
            an_inspection_counts_what_differs,
            conflicts_and_nested_repositories_are_seen,
            leftovers_become_a_commit_and_head_stays,
            nothing_but_what_is_left_out_is_head_itself,
            a_file_is_read_as_it_is_in_a_commit,
            a_held_commit_is_head_and_the_files_stay,
            a_place_for_merging_holds_attributes_only,
            a_merge_has_two_parents_and_both_sides,
            a_merge_of_a_direct_descendant_has_two_parents_too,
            a_conflict_names_its_files_and_moves_nothing,
            a_missing_commit_is_no_conflict,
            a_checkout_makes_the_files_that_commits,
            changes_count_lines,
            symbols_are_the_functions_around_a_change,
            a_persons_checkout_comes_forward_with_their_files_kept,
            a_colliding_checkout_is_refused_untouched,
            only_a_fast_forward_of_the_named_branch_is_done,
            a_branch_comes_forward_where_nobody_has_it,
            sixteen_threads_make_worktrees_at_once,
        );
    };
    (@each $make:expr; $($check:ident),* $(,)?) => {
        $(#[test] fn $check() { $crate::contract::git::$check(&$make()); })*
    };
}

fn on(branch: &str, commit: &CommitId) -> WorktreeStart {
    WorktreeStart { branch: Some(BranchName::from(branch)), commit: commit.clone() }
}

fn detached(commit: &CommitId) -> WorktreeStart {
    WorktreeStart { branch: None, commit: commit.clone() }
}

fn add(h: &dyn GitHarness, name: &str, start: &WorktreeStart) -> PathBuf {
    let path = h.place(name);
    h.client().add_worktree(&path, start).unwrap();
    path
}

fn look(h: &dyn GitHarness, path: &Path) -> WorktreeInspection {
    match h.client().inspect_worktree(path).unwrap() {
        Inspection::Readable(found) => found,
        Inspection::Broken(reason) => panic!("{} is broken: {reason}", path.display()),
    }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// A worktree on a branch of its own, with one file written and committed.
fn worked(h: &dyn GitHarness, place: &str, start: &CommitId, file: &str, text: &str) -> (PathBuf, CommitId) {
    let tree = add(h, place, &on(&format!("work/{place}"), start));
    h.write(&tree, file, text);
    let commit = h.commit_all(&tree, &format!("Write {file}"));
    (tree, commit)
}

fn request(lane: &Path, tip: &CommitId, work: &CommitId) -> MergeRequest {
    MergeRequest {
        lane: lane.to_owned(),
        tip: tip.clone(),
        work: work.clone(),
        message: "t-1: Title\n\nHew-Task: t-1".to_owned(),
        folders_of_tip: Vec::new(),
    }
}

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

/// A persons checkout comes forward with their files kept.
pub fn a_persons_checkout_comes_forward_with_their_files_kept(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    h.write(&checkout, "b.txt", "mine\n");
    h.write(&checkout, "notes.txt", "mine too\n");
    assert_eq!(git.forward_checkout(&checkout, &main, &work).unwrap(), ForwardOutcome::Forwarded);
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(work));
    assert_eq!(h.read(&checkout, "c.txt").as_deref(), Some("c\n"));
    assert_eq!(h.read(&checkout, "b.txt").as_deref(), Some("mine\n"));
    assert_eq!(h.read(&checkout, "notes.txt").as_deref(), Some("mine too\n"));
}

/// A colliding checkout is refused untouched.
pub fn a_colliding_checkout_is_refused_untouched(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let tree = add(h, "1", &detached(&base));
    h.write(&tree, ".gitignore", "cache/\n");
    h.write(&tree, ".env", "an agent's\n");
    h.write(&tree, "b.txt", "an agent's\n");
    let work = h.commit_all(&tree, "all");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    for (name, text) in [("b.txt", "mine\n"), (".env", "my secret\n")] {
        let before = h.read(&checkout, name);
        h.write(&checkout, name, text);
        let outcome = git.forward_checkout(&checkout, &main, &work).unwrap();
        assert!(
            matches!(&outcome, ForwardOutcome::Refused(words) if !words.is_empty()),
            "{name}: {outcome:?}"
        );
        assert_eq!(h.read(&checkout, name).as_deref(), Some(text), "{name}");
        assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(base.clone()), "{name}");
        if let Some(before) = before {
            h.write(&checkout, name, &before);
        }
    }
}

/// Only a fast forward of the named branch is done.
pub fn only_a_fast_forward_of_the_named_branch_is_done(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (checkout, main) = (h.checkout(), BranchName::from("main"));
    let refused = |branch: &BranchName, to: &CommitId| {
        matches!(git.forward_checkout(&checkout, branch, to).unwrap(), ForwardOutcome::Refused(_))
    };
    assert!(refused(&BranchName::from("other"), &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(base));
    h.write(&checkout, "d.txt", "d\n");
    let moved = h.commit_all(&checkout, "theirs");
    assert!(refused(&main, &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(moved.clone()));
    h.switch(&checkout, None);
    assert!(refused(&main, &work));
    assert_eq!(git.resolve(&main.to_ref()).unwrap(), Some(moved));
}

/// A branch comes forward where nobody has it.
pub fn a_branch_comes_forward_where_nobody_has_it(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let (_, work) = worked(h, "1", &base, "c.txt", "c\n");
    let (_, aside) = worked(h, "2", &base, "d.txt", "d\n");
    let target = BranchName::from("release");
    git.create_branch(&target, &base).unwrap();
    assert_eq!(git.forward_branch(&target, &work).unwrap(), ForwardOutcome::Forwarded);
    assert_eq!(git.resolve(&target.to_ref()).unwrap(), Some(work.clone()));
    for (branch, to) in [("release", &aside), ("main", &work)] {
        let branch = BranchName::from(branch);
        let before = git.resolve(&branch.to_ref()).unwrap();
        let outcome = git.forward_branch(&branch, to).unwrap();
        assert!(matches!(outcome, ForwardOutcome::Refused(_)), "{branch}: {outcome:?}");
        assert_eq!(git.resolve(&branch.to_ref()).unwrap(), before, "{branch}");
    }
    assert_eq!(h.read(&h.checkout(), "c.txt"), None);
    let gone = BranchName::from("gone");
    assert!(matches!(git.forward_branch(&gone, &work).unwrap(), ForwardOutcome::Refused(_)));
    assert_eq!(git.resolve(&gone.to_ref()).unwrap(), None);
}

/// Sixteen threads make worktrees at once.
pub fn sixteen_threads_make_worktrees_at_once(h: &dyn GitHarness) {
    let (git, base) = (h.client(), h.base());
    let places: Vec<PathBuf> = (0..16).map(|n| h.place(&n.to_string())).collect();
    std::thread::scope(|scope| {
        for (n, place) in places.iter().enumerate() {
            let start = on(&format!("loop/x/w{n}"), &base);
            scope.spawn(move || git.add_worktree(place, &start).unwrap());
        }
    });
    for place in &places {
        assert_eq!(look(h, place).change_count, 0);
    }
    assert_eq!(git.list_worktrees().unwrap().len(), 17);
}
