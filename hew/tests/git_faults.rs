//! What agents, kills and people's settings do to a repository, and what hew's git makes of it.

#![expect(clippy::unwrap_used, reason = "a test that can not set its stage has failed")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hew::adapters::git::RepoGit;
use hew_core::ids::{BranchName, CommitId};
use hew_core::worktree::{
    CleanDepth, ForwardOutcome, GitClient, Inspection, MergeOutcome, MergeRequest, WorktreeReset,
    WorktreeStart,
};
use hew_testkit::repo::TestRepo;

struct Scene {
    /// Its servants end before the repository is looked at.
    git: RepoGit,
    repo: TestRepo,
    base: CommitId,
    tree: PathBuf,
    start: WorktreeStart,
}

/// A repository with one worktree on `loop/x/w0`.
fn scene() -> Scene {
    scene_of(TestRepo::new())
}

fn scene_of(repo: TestRepo) -> Scene {
    let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
    let base = repo.rev("HEAD");
    let tree = repo.base().join("wt/0");
    let start = WorktreeStart { branch: Some(BranchName::from("loop/x/w0")), commit: base.clone() };
    git.add_worktree(&tree, &start).unwrap();
    Scene { git, repo, base, tree, start }
}

impl Scene {
    fn admin(&self) -> PathBuf {
        PathBuf::from(self.repo.git_in(&self.tree, &["rev-parse", "--absolute-git-dir"]))
    }

    fn reset(&self) -> WorktreeReset {
        self.git.reset_worktree(&self.tree, &self.start, CleanDepth::KeepIgnored).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.tree.join(name), text).unwrap();
    }

    fn work(&self, name: &str, text: &str) -> CommitId {
        self.write(name, text);
        self.repo.commit_in(&self.tree, &format!("Write {name}"))
    }

    fn status(&self, folder: &Path) -> String {
        self.repo.git_in(folder, &["status", "--porcelain=v2", "--branch"])
    }
}

#[test]
fn a_worktree_whose_making_was_killed_is_made() {
    let s = scene();
    let admin = s.admin();
    fs::write(admin.join("locked"), "initializing\n").unwrap();
    fs::write(admin.join("index.lock"), "").unwrap();
    fs::remove_file(s.tree.join(".git")).unwrap();
    assert!(matches!(s.reset(), WorktreeReset::Broken(_)));
    s.git.add_worktree(&s.tree, &s.start).unwrap();
    assert_eq!(s.reset(), WorktreeReset::Reset);
    assert_eq!(s.git.list_worktrees().unwrap().len(), 2);
    s.repo.fsck_clean();
}

#[test]
fn locks_and_half_done_operations_do_not_outlive_a_reset() {
    let s = scene();
    let first = s.work("a.txt", "1\n");
    let second = s.work("a.txt", "2\n");
    s.repo.git_in(&s.tree, &["checkout", "--quiet", "-B", "other", s.base.as_str()]);
    s.work("a.txt", "3\n");
    assert!(!s.repo.try_git_in(&s.tree, &["rebase", second.as_str()]).status.success());
    s.repo.git_in(&s.tree, &["bisect", "start"]);
    s.repo.git_in(&s.tree, &["bisect", "bad", second.as_str()]);
    s.repo.git_in(&s.tree, &["bisect", "good", first.as_str()]);
    for lock in ["index.lock", "HEAD.lock"] {
        fs::write(s.admin().join(lock), "").unwrap();
    }
    assert_eq!(s.reset(), WorktreeReset::Reset);
    assert_eq!(s.status(&s.tree).lines().count(), 2);
    let long = s.repo.git_in(&s.tree, &["status"]);
    assert!(!long.contains("progress") && !long.contains("bisect"), "{long}");
    s.work("b.txt", "an agent can commit at once\n");
}

#[test]
fn a_lock_that_a_killed_agent_left_does_not_keep_its_work_from_being_collected() {
    let s = scene();
    s.write("a.txt", "work\n");
    fs::write(s.admin().join("index.lock"), "").unwrap();
    let commit = s.git.commit_leftovers(&s.tree, &s.base, "left", &[]).unwrap();
    assert_eq!(s.repo.git(&["show", &format!("{commit}:a.txt")]), "work");
}

#[test]
fn a_git_file_that_names_the_persons_repository_is_not_followed() {
    let s = scene();
    s.write("mine.txt", "an agent's\n");
    fs::write(s.tree.join(".git"), format!("gitdir: {}\n", s.repo.common_dir().display())).unwrap();
    let before = s.status(s.repo.root());
    let Inspection::Readable(found) = s.git.inspect_worktree(&s.tree).unwrap() else { panic!() };
    assert_eq!(found.branch, s.start.branch);
    let commit = s.git.commit_leftovers(&s.tree, &s.base, "left", &[]).unwrap();
    assert_eq!(s.repo.git(&["show", &format!("{commit}:mine.txt")]), "an agent's");
    assert_eq!(s.reset(), WorktreeReset::Reset);
    assert_eq!(s.repo.git_in(&s.tree, &["symbolic-ref", "--short", "HEAD"]), "loop/x/w0");
    assert_eq!(s.status(s.repo.root()), before);
}

#[test]
fn a_worktree_inside_the_project_never_leads_to_the_persons_branch() {
    let repo = TestRepo::new();
    let git = RepoGit::new(&repo.common_dir()).with_environment(repo.environment());
    let base = repo.rev("HEAD");
    let tree = repo.root().join(".hew/wt/0");
    let start = WorktreeStart { branch: None, commit: base.clone() };
    git.add_worktree(&tree, &start).unwrap();
    let admin = repo.git_in(&tree, &["rev-parse", "--absolute-git-dir"]);
    fs::remove_file(tree.join(".git")).unwrap();
    fs::remove_dir_all(admin).unwrap();
    fs::write(tree.join("mine.txt"), "an agent's\n").unwrap();
    assert!(matches!(git.inspect_worktree(&tree).unwrap(), Inspection::Broken(_)));
    assert!(git.commit_leftovers(&tree, &base, "left", &[]).is_err());
    let reset = git.reset_worktree(&tree, &start, CleanDepth::Everything).unwrap();
    assert!(matches!(reset, WorktreeReset::Broken(_)));
    assert_eq!((repo.rev("main"), repo.read("README.md").is_some()), (base, true));
}

#[test]
fn a_repository_made_in_place_of_the_worktree_is_told_and_kept() {
    let s = scene();
    fs::remove_file(s.tree.join(".git")).unwrap();
    s.repo.git_in(&s.tree, &["init", "--quiet"]);
    let own = s.work("mine.txt", "an agent's\n");
    assert!(matches!(s.git.inspect_worktree(&s.tree).unwrap(), Inspection::Broken(_)));
    assert!(matches!(s.reset(), WorktreeReset::Broken(_)));
    assert_eq!(s.repo.rev_in(&s.tree, "HEAD"), own);
}

#[test]
fn settings_that_an_agent_wrote_into_the_shared_file_do_not_stop_hew() {
    let s = scene();
    for (key, value) in
        [("core.bare", "true"), ("core.worktree", "/nonexistent"), ("core.hooksPath", "hooks")]
    {
        s.repo.git_in(&s.tree, &["config", key, value]);
    }
    s.write("a.txt", "a\n");
    let Inspection::Readable(found) = s.git.inspect_worktree(&s.tree).unwrap() else { panic!() };
    assert_eq!(found.change_count, 1);
    let work = s.git.commit_leftovers(&s.tree, &s.base, "left", &[]).unwrap();
    assert_eq!(s.reset(), WorktreeReset::Reset);
    s.git.checkout(&s.tree, &work, CleanDepth::KeepIgnored).unwrap();
    assert_eq!(s.git.changes(&s.base, &work).unwrap().len(), 1);
}

#[test]
fn paths_of_any_bytes_are_seen_and_committed() {
    let s = scene();
    let odd = OsStr::from_bytes(b"tab\t \"quote\" \xff.txt");
    for name in [odd, OsStr::new("two\nlines.txt"), OsStr::new("--flag"), OsStr::new(":(glob)x")] {
        fs::write(s.tree.join(name), "x\n").unwrap();
    }
    let Inspection::Readable(found) = s.git.inspect_worktree(&s.tree).unwrap() else { panic!() };
    assert!(found.changes.contains(&PathBuf::from(odd)), "{:?}", found.changes);
    let commit = s.git.commit_leftovers(&s.tree, &s.base, "all", &[PathBuf::from(":(glob)x")]).unwrap();
    let mut seen: Vec<_> =
        s.git.changes(&s.base, &commit).unwrap().into_iter().map(|change| change.path).collect();
    seen.sort();
    assert_eq!(seen, ["--flag", "tab\t \"quote\" \u{fffd}.txt", "two\nlines.txt"]);
}

#[test]
fn hew_commits_in_the_configured_name_and_else_in_its_own() {
    for (repo, who) in [
        (TestRepo::hostile(), "Tester <tester@example.com>"),
        (TestRepo::hostile().without_identity(), "hew <hew@localhost>"),
        (TestRepo::new().without_identity(), "hew <hew@localhost>"),
    ] {
        let s = scene_of(repo);
        s.write("a.txt", "a\n");
        let commit = s.git.commit_leftovers(&s.tree, &s.base, "left", &[]).unwrap();
        let people = s.repo.git(&["log", "-1", "--format=%an <%ae>|%cn <%ce>", commit.as_str()]);
        assert_eq!(people, format!("{who}|{who}"));
    }
}

#[test]
fn attributes_of_the_tip_decide_how_files_merge() {
    let s = scene();
    s.repo.write(".gitattributes", "CHANGES merge=union\n");
    s.repo.write("CHANGES", "start\n");
    let tip = s.repo.commit("Attributes");
    s.git.advance(&BranchName::from("loop/x/w0"), &s.base, &tip).unwrap();
    let lane = s.repo.base().join("wt/land");
    let sides = ["left", "right"].map(|side| {
        let start = WorktreeStart { branch: None, commit: tip.clone() };
        s.git.reset_worktree(&s.tree, &start, CleanDepth::KeepIgnored).unwrap();
        s.work("CHANGES", &format!("start\n{side}\n"))
    });
    s.git.add_worktree(&lane, &WorktreeStart { branch: None, commit: sides[0].clone() }).unwrap();
    let [tip, work] = sides;
    let merged = s
        .git
        .merge(&MergeRequest { lane, tip, work, message: "m".to_owned(), folders_of_tip: Vec::new() })
        .unwrap();
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(s.repo.git(&["show", &format!("{commit}:CHANGES")]), "start\nleft\nright");
}

#[test]
fn attributes_of_every_folder_count_where_only_they_are_checked_out() {
    let s = scene();
    s.repo.write("deep/er/.gitattributes", "CHANGES merge=union\n");
    s.repo.write("deep/er/CHANGES", "start\n");
    let tip = s.repo.commit("Attributes");
    let lane = s.repo.base().join("wt/land");
    let [left, right] = ["left", "right"].map(|side| {
        let start = WorktreeStart { branch: None, commit: tip.clone() };
        s.git.reset_worktree(&s.tree, &start, CleanDepth::KeepIgnored).unwrap();
        s.work("deep/er/CHANGES", &format!("start\n{side}\n"))
    });
    s.git.add_merge_place(&lane, &tip).unwrap();
    assert!(!lane.join("README.md").exists());
    let Inspection::Readable(found) = s.git.inspect_worktree(&lane).unwrap() else { panic!("it is broken") };
    assert_eq!((found.head, found.change_count), (tip, 0), "what is left out is not taken for deleted");
    let request =
        MergeRequest { lane, tip: left, work: right, message: "m".to_owned(), folders_of_tip: Vec::new() };
    let merged = s.git.merge(&request).unwrap();
    let MergeOutcome::Merged { commit, .. } = merged else { panic!("{merged:?}") };
    assert_eq!(s.repo.git(&["show", &format!("{commit}:deep/er/CHANGES")]), "start\nleft\nright");
}

#[test]
fn merge_settings_of_the_branch_change_nothing_about_a_delivery() {
    let s = scene();
    for (key, value) in [
        ("branch.main.mergeOptions", "--squash --no-ff"),
        ("merge.autostash", "true"),
        ("merge.ff", "no"),
        ("merge.verifySignatures", "true"),
    ] {
        s.repo.git(&["config", key, value]);
    }
    s.repo.write("staged.txt", "staged\n");
    s.repo.git(&["add", "staged.txt"]);
    s.repo.write("staged.txt", "and changed since\n");
    let main = BranchName::from("main");
    let colliding = s.work("README.md", "an agent's\n");
    s.repo.write("README.md", "mine\n");
    let before = (s.status(s.repo.root()), s.repo.git(&["ls-files", "--stage"]));
    let outcome = s.git.forward_checkout(s.repo.root(), &main, &colliding).unwrap();
    assert!(
        matches!(&outcome, ForwardOutcome::Refused(refusal) if refusal.words.contains("README.md")),
        "{outcome:?}"
    );
    assert_eq!((s.status(s.repo.root()), s.repo.git(&["ls-files", "--stage"])), before);
    assert_eq!(s.repo.git(&["stash", "list"]), "");

    s.repo.git(&["checkout", "--", "README.md"]);
    let outcome = s.git.forward_checkout(s.repo.root(), &main, &colliding).unwrap();
    assert_eq!(outcome, ForwardOutcome::Forwarded);
    assert_eq!(s.repo.rev("main"), colliding);
    assert_eq!(s.repo.git(&["show", ":staged.txt"]), "staged");
    assert_eq!(s.repo.read("staged.txt").as_deref(), Some("and changed since\n"));
}

#[test]
fn a_branch_that_is_being_rebased_is_not_brought_forward() {
    let s = scene();
    let work = s.work("README.md", "an agent's\n");
    s.repo.git(&["checkout", "--quiet", "-b", "mine"]);
    s.repo.write("README.md", "mine\n");
    s.repo.commit("mine");
    assert!(!s.repo.try_git_in(s.repo.root(), &["rebase", work.as_str()]).status.success());
    let before = s.repo.rev("refs/heads/mine");
    let outcome = s.git.forward_branch(&BranchName::from("mine"), &work).unwrap();
    assert!(matches!(outcome, ForwardOutcome::Refused(_)), "{outcome:?}");
    assert_eq!(s.repo.rev("refs/heads/mine"), before);
}

#[test]
fn declared_submodules_are_no_strangers_and_others_are() {
    let s = scene();
    let library = s.repo.base().join("library");
    fs::create_dir(&library).unwrap();
    s.repo.git_in(&library, &["init", "--quiet"]);
    s.repo.commit_in(&library, "Start");
    let url = library.to_str().unwrap();
    s.repo.git_in(
        &s.tree,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "declared"],
    );
    s.repo.git_in(&s.tree, &["clone", "--quiet", url, "stranger"]);
    s.repo.commit_in(&s.tree, "both");
    assert_eq!(s.git.repository_links(&s.tree).unwrap(), [PathBuf::from("stranger")]);
    s.git.remove_worktree(&s.tree).unwrap();
    assert!(!s.tree.exists());
}

#[test]
fn worktrees_that_others_are_making_just_now_do_not_stop_hew() {
    let s = &scene();
    let places: Vec<PathBuf> = (1..17).map(|n| s.repo.base().join(format!("wt/{n}"))).collect();
    std::thread::scope(|scope| {
        for place in &places {
            let start = WorktreeStart { branch: None, commit: s.base.clone() };
            scope.spawn(move || {
                // A client of its own takes no turns with the others, as another program's git does not.
                let git = RepoGit::new(&s.repo.common_dir()).with_environment(s.repo.environment());
                git.add_worktree(place, &start).unwrap();
                git.list_worktrees().unwrap();
            });
        }
    });
    assert_eq!(s.git.list_worktrees().unwrap().len(), 18);
}
