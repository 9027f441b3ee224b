//! What any [`GitClient`] promises.
//!
//! A check gets a harness: a repository on branch `main` whose one commit holds `a.txt`, `b.txt` and a `.gitignore`,
//! checked out by a person at [`GitHarness::checkout`]. Use [`git_contract!`](crate::git_contract) to make one test a check.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a check ends at the first thing that goes otherwise"
)]

mod checkouts;
mod merging;
mod refs;
mod worktrees;

use std::path::{Path, PathBuf};

use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{GitClient, Inspection, MergeRequest, WorktreeInspection, WorktreeStart};

pub use checkouts::{
    a_branch_comes_forward_where_nobody_has_it, a_colliding_checkout_is_refused_untouched,
    a_persons_checkout_comes_forward_with_their_files_kept, only_a_fast_forward_of_the_named_branch_is_done,
    sixteen_threads_make_worktrees_at_once,
};
pub use merging::{
    a_checkout_makes_the_files_that_commits, a_conflict_names_its_files_and_moves_nothing,
    a_file_is_read_as_it_is_in_a_commit, a_held_commit_is_head_and_the_files_stay,
    a_kept_folder_has_the_tips_version_and_never_conflicts, a_merge_has_two_parents_and_both_sides,
    a_merge_of_a_direct_descendant_has_two_parents_too, a_missing_commit_is_no_conflict,
    a_place_for_merging_holds_attributes_only, changes_count_lines, leftovers_become_a_commit_and_head_stays,
    nothing_but_what_is_left_out_is_head_itself, symbols_are_the_functions_around_a_change,
};
pub use refs::{
    a_branch_in_the_way_is_named, ancestors_are_told_in_one_answer,
    refs_are_found_made_moved_and_deleted_by_comparison,
};
pub use worktrees::{
    a_damaged_worktree_is_told, a_reset_keeps_or_clears_what_is_ignored,
    a_reset_undoes_whatever_an_agent_did, a_taken_branch_is_not_given_to_a_second_worktree,
    a_worktree_is_made_listed_and_removed, a_worktree_is_made_over_what_a_killed_attempt_left,
    a_worktree_without_its_git_file_is_still_its_own, an_inspection_counts_what_differs,
    conflicts_and_nested_repositories_are_seen, what_a_gate_alters_is_told,
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
