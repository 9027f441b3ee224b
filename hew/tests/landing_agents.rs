//! What agents leave behind, through the real binary: nothing of it is lost, and nothing lands that
//! should not.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use std::path::PathBuf;

use hew_core::record::IterationOutcome::{Closed, NoClose, RuntimeError};
use hew_core::record::view::IterationView;
use hew_core::worktree::names;
use hew_testkit::run_check::{Project, Ran};

const ONE_TRY: [&str; 4] = ["--gate", "true", "--max-attempts", "1"];

fn only<'a>(ran: &'a Ran, id: &str) -> &'a IterationView {
    let found = ran.iterations(id);
    assert_eq!(found.len(), 1, "{}", ran.stderr);
    found[0]
}

/// A file's text in an iteration's anchored work.
fn anchored(project: &Project, ran: &Ran, view: &IterationView, file: &str) -> String {
    let anchor = names::anchor(ran.view.run_id().unwrap(), view.id);
    project.repo.git(&["show", &format!("{anchor}:{file}")])
}

/// The task failed for this reason; target and run branch are where they were; another task landed all the same.
fn assert_failed_alone(project: &Project, ran: &Ran, id: &str, other: &str, why: &str) {
    assert_eq!((ran.code, ran.landed_ids()), (1, vec![other.to_owned()]), "{}", ran.stderr);
    assert_eq!(ran.outcomes(id), [RuntimeError]);
    let reason = only(ran, id).reason.clone().unwrap();
    assert!(reason.contains(why), "{reason}");
    assert_eq!((ran.status(id), ran.holder(id)), ("open", None));
    assert!(ran.has_label(id, "hew:parked"));
    assert!(ran.notes(id).contains(why), "{}", ran.notes(id));
    let files = project.repo.git(&["ls-tree", "-r", "--name-only", "main"]);
    assert_eq!(files, "README.md\nother");
}

/// The one folder that was kept as the agent left it.
fn kept_folder(ran: &Ran) -> PathBuf {
    assert_eq!(ran.worktrees.len(), 1, "{:?}", ran.worktrees);
    ran.worktrees[0].clone()
}

fn other(project: &Project) -> String {
    project.add("Other", "echo other > other", &["-p", "4"])
}

#[test]
fn done_without_a_commit_closes_the_task_and_lands_nothing() {
    for project in Project::each() {
        let id = project.add_scripted("Nothing to do", "done it is there already", &[]);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.line.len()), (0, 0), "{}", ran.stderr);
        assert_eq!((ran.status(&id), ran.outcomes(&id)), ("closed", vec![Closed]));
        assert_eq!(only(&ran, &id).landed_sha, None);
        assert!(ran.task(&id)["close_reason"].as_str().unwrap().contains("it is there already"));
    }
}

#[test]
fn a_good_end_without_a_word_is_not_done_whether_or_not_something_changed() {
    for project in Project::each() {
        let silent = project.add_scripted("Silent", "print I looked at it", &[]);
        let worked = project.add_scripted("Worked", "write work half of it\\n\ncommit Half", &[]);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.line.len()), (1, 0), "{}", ran.stderr);
        for id in [&silent, &worked] {
            assert_eq!((ran.status(id), ran.outcomes(id)), ("open", vec![NoClose]));
            assert!(ran.has_label(id, "hew:parked"));
        }
        assert_eq!(anchored(&project, &ran, only(&ran, &worked), "work"), "half of it");
    }
}

#[test]
fn what_was_left_uncommitted_is_committed_for_the_agent() {
    for project in Project::each() {
        let script = "write README.md A better project.\\n\nwrite new/deep/file untracked\\n\nwrite staged staged\\n\n\
            git add staged\nwrite committed committed\\n\ngit add committed\ngit commit -q -m one committed\ndone";
        let id = project.add_scripted("Leaves things", script, &[]);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.landed_ids()), (0, vec![id.clone()]), "{}", ran.stderr);
        let view = only(&ran, &id);
        assert!(view.committed_leftovers);
        let subject = project.repo.git(&[
            "show",
            "--no-patch",
            "--format=%s",
            view.head_sha.as_ref().unwrap().as_str(),
        ]);
        assert_eq!(subject, format!("{id}: Leaves things"));
        for (file, text) in [
            ("README.md", "A better project."),
            ("new/deep/file", "untracked"),
            ("staged", "staged"),
            ("committed", "committed"),
        ] {
            assert_eq!(project.repo.git(&["show", &format!("main:{file}")]), text);
        }
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn an_unmerged_index_fails_the_iteration_and_its_folder_is_kept() {
    for project in Project::each() {
        let script = "write README.md ours\\n\ncommit ours\ngit checkout -q -b side HEAD~1\nwrite README.md theirs\\n\n\
            commit theirs\ntry-git merge -q -\ndone";
        let id = project.add_scripted("Merges", script, &[]);
        let other = other(&project);
        let ran = project.run(&ONE_TRY);
        assert_failed_alone(&project, &ran, &id, &other, "unresolved merge");
        let folder = kept_folder(&ran);
        let text = std::fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(text.contains("<<<<<<<") && text.contains("theirs") && text.contains("ours"), "{text}");
        assert!(!project.repo.git_in(&folder, &["ls-files", "--unmerged"]).is_empty());
        assert_eq!(anchored(&project, &ran, only(&ran, &id), "README.md"), "theirs");
        assert!(ran.notes(&id).contains("refs/hew/"), "{}", ran.notes(&id));
        // What the agent had committed on the worker's own branch is kept too.
        assert!(is_kept(&project, "ours"));
    }
}

/// A commit with this subject is reachable from some ref.
fn is_kept(project: &Project, subject: &str) -> bool {
    project.repo.git(&["log", "--all", "--format=%s"]).lines().any(|line| line == subject)
}

const NESTED: &str = "write own work\\n\ngit init -q nested\nwrite nested/file inner\\n\n\
    git -C nested add -A\ngit -C nested commit -q -m inner\n";

#[test]
fn a_nested_repository_fails_the_iteration_and_keeps_every_file() {
    for project in Project::each() {
        let id = project.add_scripted("Nests", &format!("{NESTED}done"), &[]);
        let other = other(&project);
        let ran = project.run(&ONE_TRY);
        assert_failed_alone(&project, &ran, &id, &other, "nested");
        let folder = kept_folder(&ran);
        assert_eq!(std::fs::read_to_string(folder.join("nested/file")).unwrap(), "inner\n");
        assert_eq!(std::fs::read_to_string(folder.join("own")).unwrap(), "work\n");
        assert_eq!(project.repo.git_in(&folder.join("nested"), &["log", "--format=%s"]), "inner");
    }
}

#[test]
fn a_nested_repository_that_the_agent_added_never_becomes_an_empty_link() {
    for (how, script) in [
        ("staged", format!("{NESTED}git add -A\ndone")),
        ("committed", format!("{NESTED}commit with a link\ndone")),
        ("staged alone", format!("{NESTED}git add own\ngit commit -q -m own\ngit add nested\ndone")),
    ] {
        let project = Project::new();
        let id = project.add_scripted("Nests", &script, &[]);
        let other = other(&project);
        let ran = project.run(&ONE_TRY);
        assert_failed_alone(&project, &ran, &id, &other, "nested");
        let folder = kept_folder(&ran);
        assert_eq!(std::fs::read_to_string(folder.join("nested/file")).unwrap(), "inner\n", "{how}");
        assert_eq!(project.repo.git_in(&folder.join("nested"), &["log", "--format=%s"]), "inner", "{how}");
        let tree = project.repo.git(&["ls-tree", "-r", "main"]);
        assert!(!tree.contains("160000"), "{how}: {tree}");
    }
}

#[test]
fn more_new_files_than_are_allowed_fail_the_iteration_and_are_kept() {
    let project = Project::new();
    project.settings("[loop.collect]\nmax_files = 40\n");
    let within = project.add_scripted("Within", "many-files some 40\ndone", &["-p", "0"]);
    let id = project.add_scripted("Many", "many-files many 41\ndone", &["-p", "1"]);
    let ran = project.run(&ONE_TRY);
    assert_eq!((ran.code, ran.landed_ids()), (1, vec![within]), "{}", ran.stderr);
    assert_eq!(ran.outcomes(&id), [RuntimeError]);
    assert!(only(&ran, &id).reason.as_ref().unwrap().contains("loop.collect.max_files = 40"));
    assert_eq!(std::fs::read_dir(kept_folder(&ran).join("many")).unwrap().count(), 41);
    assert_eq!(project.repo.git(&["ls-tree", "-r", "--name-only", "main"]).lines().count(), 41);
}

#[test]
fn work_on_another_branch_or_on_none_lands_like_any_other() {
    for project in Project::each() {
        let branch = "git checkout -q -b elsewhere\nwrite branched b\\n\ncommit on another branch\ndone";
        let branched = project.add_scripted("On a branch", branch, &[]);
        let detached = "git checkout -q --detach\nwrite loose d\\n\ncommit detached\nwrite more m\\n\ndone";
        let detached = project.add_scripted("Detached", detached, &["--dep", &branched]);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.landed_ids()), (0, vec![branched, detached]), "{}", ran.stderr);
        assert_eq!(
            project.repo.git(&["ls-tree", "-r", "--name-only", "main"]),
            "README.md\nbranched\nloose\nmore"
        );
        let there = project.repo.try_git_in(project.repo.root(), &["log", "-1", "--format=%s", "elsewhere"]);
        let said = String::from_utf8_lossy(&there.stdout).into_owned();
        assert_eq!(said.trim_end(), if project.is_cloned() { "" } else { "on another branch" });
        assert!(ran.worktrees.is_empty());
    }
}

/// The work is HEAD; what else the agent committed on the worker's branch keeps a ref.
#[test]
fn commits_on_the_workers_branch_are_kept_when_the_agent_ends_elsewhere() {
    for project in Project::each() {
        let script = "write first f\\n\ncommit on the workers branch\ngit checkout -q -b elsewhere HEAD~1\n\
            write second s\\n\ncommit on another branch\ngit checkout -q --detach\ngit branch -q -D elsewhere\ndone";
        let id = project.add_scripted("Two ways", script, &[]);
        let next = project.add("Next", "echo next > next", &["--dep", &id]);
        let ran = project.run(&ONE_TRY);
        assert_eq!((ran.code, ran.landed_ids()), (0, vec![id, next]), "{}", ran.stderr);
        assert_eq!(project.repo.git(&["ls-tree", "-r", "--name-only", "main"]), "README.md\nnext\nsecond");
        assert!(is_kept(&project, "on the workers branch"));
    }
}

#[test]
fn an_amended_base_is_refused_and_kept() {
    for project in Project::each() {
        let launch = project.repo.rev("main");
        let id = project.add_scripted(
            "Amends",
            "write work w\\n\ngit add -A\ngit commit -q --amend -m Rewritten\ndone",
            &[],
        );
        let other = other(&project);
        let ran = project.run(&ONE_TRY);
        assert_failed_alone(&project, &ran, &id, &other, "history was rewritten");
        assert_eq!(anchored(&project, &ran, only(&ran, &id), "work"), "w");
        assert!(is_kept(&project, "Rewritten"));
        assert_eq!(project.repo.rev("main^1"), launch);
    }
}

/// A first attempt fails with work of its own; the second starts clean and the first one's work is still there.
#[test]
fn the_next_attempt_starts_clean_and_the_last_ones_work_stays_anchored() {
    for project in Project::each() {
        let id = project.add_scripted("Tries twice", "write good g\\n\ndone", &[]);
        let first = "write bad b\\n\nwrite README.md spoilt\\n\ngit add bad\nfail not yet\n";
        std::fs::write(project.scripts().join(format!("{id}.1")), first).unwrap();
        let ran = project.run(&["--gate", "true"]);
        assert_eq!((ran.code, ran.outcomes(&id)), (0, vec![NoClose, Closed]), "{}", ran.stderr);
        assert_eq!(project.repo.git(&["ls-tree", "-r", "--name-only", "main"]), "README.md\ngood");
        assert_eq!(project.repo.git(&["show", "main:README.md"]), "A project.");
        let first = ran.iterations(&id)[0];
        assert_eq!(
            (anchored(&project, &ran, first, "bad"), anchored(&project, &ran, first, "README.md")),
            ("b".into(), "spoilt".into())
        );
        let prompt = ran.iteration_file(ran.iterations(&id)[1].id, "prompt.md");
        assert!(prompt.contains("not yet"), "{prompt}");
    }
}
