//! `loop.isolation = "clone"`: what is a worker's own there, and what becomes of it. That runs land, fail and leave things
//! behind as they do with worktrees is seen where those are tested (`Project::each`).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hew_core::record::IterationOutcome::Closed;
use hew_testkit::loop_stage::{LoopStage, wait_until};
use hew_testkit::run_check::Project;

#[test]
fn stash_settings_hooks_and_refs_are_a_workers_own_and_their_work_is_kept() {
    let project = Project::cloned();
    let repo = &project.repo;
    repo.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    repo.git(&["config", "user.name", "The Owner"]);
    repo.git(&["remote", "add", "near", "../near.git"]);
    repo.git(&["remote", "add", "far", "https://example.invalid/x.git"]);
    repo.write(".gitattributes", "*.up filter=upper\n");
    repo.commit("Attributes");
    let hook = repo.common_dir().join("hooks/commit-msg");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho >> \"$1\"; echo Hooked: yes >> \"$1\"\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let tip = repo.rev("main").to_string();
    let before = fs::read(repo.common_dir().join("config")).unwrap();
    let id = project.add(
        "Everything",
        "git config --name-only --get-regexp '^remote.*[.]url$' > remotes; echo low > x.up; git config --get user.name > name; git log --format=%s main > log\n\
         git config core.bare true; git config --unset core.bare; git config user.name Mine; git config core.hooksPath\n\
         git add -A; git commit -qm work; echo stashed > stashed; git add stashed; git stash -q\n\
         git branch aside; git checkout -q aside; echo aside > aside; git add -A; git commit -qm aside; git checkout -q -\n\
         git update-ref refs/heads/main HEAD; git branch -f other main; rm -f $(git rev-parse --git-path hooks)/*",
        &[],
    );
    let next = project.add(
        "Next",
        "git config --get user.name > name2; git branch --list aside > branches",
        &["--dep", &id],
    );
    let ran = project.run(&["--no-gate"]);
    assert_eq!((ran.outcomes(&id), ran.outcomes(&next)), (vec![Closed], vec![Closed]), "{}", ran.stderr);
    let show = |path: &str| repo.git(&["show", &format!("main:{path}")]);
    assert_eq!((show("remotes"), show("x.up")), ("remote.far.url".to_owned(), "LOW".to_owned()));
    assert_eq!((show("name"), show("name2")), ("The Owner".to_owned(), "The Owner".to_owned()));
    assert!(show("log").contains("Attributes"), "branches of the repository are seen: {}", show("log"));
    assert_eq!(show("branches"), "", "what one agent left is not the next one's");
    assert!(repo.git(&["log", "--format=%B", "main"]).contains("Hooked: yes"));
    assert_eq!(fs::read(repo.common_dir().join("config")).unwrap(), before);
    assert_eq!(
        (repo.git(&["stash", "list"]), repo.git(&["branch", "--list", "other", "aside"])),
        (String::new(), String::new())
    );
    assert!(hook.exists());
    assert_ne!(repo.rev("main").to_string(), tip);
    let kept = repo.git(&["for-each-ref", "--format=%(refname) %(subject)", "refs/hew"]);
    assert!(kept.lines().any(|line| line.contains("iter-001-kept-") && line.ends_with(" aside")), "{kept}");
    assert!(
        kept.lines()
            .any(|line| line.contains("iter-001-kept-") && line.contains("stashed") || line.contains("WIP")),
        "{kept}"
    );
    repo.fsck_clean();
    assert!(ran.worktrees.is_empty());
}

#[test]
fn a_shallow_project_and_an_agent_that_breaks_its_clone_work_as_elsewhere() {
    let stage = LoopStage::new();
    stage.settings("loop.isolation = \"clone\"");
    for number in 0..3 {
        stage.repo.write("more", &number.to_string());
        stage.repo.commit("More");
    }
    let tip = stage.rev("HEAD~1").unwrap();
    fs::write(stage.repo.common_dir().join("shallow"), format!("{tip}\n")).unwrap();
    let broken =
        stage.task("Breaks", "write good g\ngit add -A\ngit commit -qm good\nremove .git\ntry-git status");
    let next = stage.task_with("Next", &["--dep", &broken], "write next n\ndone");
    stage.script(&format!("{broken}.2"), "write good g\nremove .git\ndone");
    let ran = stage.run(&["--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.outcomes(&broken), ["no_close", "closed"]);
    assert_eq!(stage.outcomes(&next), ["closed"]);
    let anchors = stage.refs("refs/hew");
    let first = anchors.iter().find(|(name, _)| name.ends_with("iter-001")).unwrap().1;
    assert_eq!(stage.file_at(first, "good").as_deref(), Some("g"), "what was committed before is kept");
    stage.assert_left_clean();
}

#[test]
fn clones_of_a_killed_run_are_pruned_once_their_commits_are_kept() {
    let stage = LoopStage::new();
    stage.settings("loop.isolation = \"clone\"");
    let (committed, unsaved) = (stage.path("committed"), stage.path("unsaved"));
    stage.task("Commits", &format!("write mine m\ncommit mine\ntouch {}\nhang", committed.display()));
    stage.task("Leaves", &format!("write loose l\ntouch {}\nhang", unsaved.display()));
    let run = stage.start(&["--jobs", "2", "--no-gate"]);
    wait_until("both agents", || committed.exists() && unsaved.exists());
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of everything", || stage.processes().is_empty());
    let root = stage.repo.hew_home().join("wt").join(stage.run_id());
    let listed = stage.ok(&["loop", "prune-worktrees"]);
    assert!(listed.contains("safe ") && listed.contains("1 uncommitted file: loose"), "{listed}");
    let applied = stage.ok(&["loop", "prune-worktrees", "--apply"]);
    assert!(
        applied.contains("removed ") && applied.contains("its commits are kept under refs/hew/"),
        "{applied}"
    );
    let anchors = stage.refs("refs/hew");
    assert!(
        anchors.values().any(|commit| stage.file_at(commit, "mine").as_deref() == Some("m")),
        "{anchors:?}"
    );
    let mut left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    let kept = if left.contains(&"0".into()) { "0" } else { "1" };
    let inside = stage
        .repo
        .hew_in(&root.join(kept), &["loop", "run", "--scope", "ready", "--force-new"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stderr);
    assert_eq!(inside.status.code(), Some(2), "{said}");
    assert!(said.contains("is a worker's clone of this project"), "{said}");
    let expected = [kept.to_owned(), format!("{kept}.git"), "owner.json".to_owned()];
    assert_eq!(left, expected.map(std::ffi::OsString::from));
    stage.repo.fsck_clean();
}

/// What is kept when a dead run's clone is removed stays kept when the run goes on after all.
#[test]
fn what_pruning_kept_of_a_clone_outlives_the_iterations_to_come() {
    let stage = LoopStage::new();
    stage.settings("loop.isolation = \"clone\"");
    let ready = stage.path("ready");
    let aside =
        |name: &str| format!("write {name} x\ngit checkout -q -b {name}\ncommit {name}\ngit checkout -q -\n");
    let script = format!("{}{}touch {}\nhang", aside("one"), aside("two"), ready.display());
    let task = stage.task("Leaves", &script);
    let next = stage.task("Next", "write next n\ncommit next\ndone");
    let run = stage.start(&["--no-gate"]);
    wait_until("the agent", || ready.exists());
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of everything", || stage.processes().is_empty());
    stage.ok(&["loop", "prune-worktrees", "--apply"]);
    let kept = stage.refs("refs/hew");
    assert!(kept.len() > 1, "{kept:?}");
    stage.script(&task, "write whole w\ncommit whole\ndone");
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!((stage.status(&task).as_str(), stage.status(&next).as_str()), ("closed", "closed"));
    let now = stage.refs("refs/hew");
    for (name, commit) in &kept {
        assert_eq!(now.get(name), Some(commit), "{name} of {now:?}");
    }
}

#[test]
fn a_killed_run_with_clones_is_gone_on_with() {
    let stage = LoopStage::new();
    stage.settings("loop.isolation = \"clone\"");
    let (committed, free) = (stage.path("committed"), stage.path("free"));
    let script = format!(
        "write work w\ncommit work\nwrite loose l\ntouch {}\nwait-for {}\ndone",
        committed.display(),
        free.display()
    );
    let id = stage.task("Goes on", &script);
    let run = stage.start(&["--no-gate"]);
    wait_until("the agent", || committed.exists());
    run.signal("SIGKILL");
    run.end();
    wait_until("the end of everything", || stage.processes().is_empty());
    fs::write(&free, "").unwrap();
    let resumed = stage.hew(&["loop", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(stage.status(&id), "closed");
    assert_eq!(
        (stage.repo.read("work").as_deref(), stage.repo.read("loose").as_deref()),
        (Some("w"), Some("l"))
    );
    let first = stage.refs("refs/hew").into_iter().find(|(name, _)| name.ends_with("iter-001")).unwrap().1;
    assert_eq!(stage.file_at(&first, "loose").as_deref(), Some("l"), "what the first attempt left is kept");
    stage.assert_left_clean();
}
