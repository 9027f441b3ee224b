//! Agents that wreck what they were given, and what they share with others: they fail alone, nobody's commits are lost, and
//! the project's own branches are moved by nobody but hew.

use std::fs;

use hew_testkit::loop_stage::{LoopStage, Ran};
use hew_testkit::run_check::check;

const ONE_TRY: [&str; 3] = ["--no-gate", "--max-attempts", "1"];
/// The agent's own worktree, as it can name it.
const OWN: &str = "${HEW_PROJECT}/../hew-home/wt/${HEW_RUN_ID}/${HEW_WORKER}";

/// All that is true of every run is true of this one.
fn assert_sound(stage: &LoopStage, ran: &Ran) {
    check(&stage.repo, &stage.run_folder(), ran.code, stage.tasks().into_values().collect(), &ran.stderr);
    stage.assert_nothing_runs();
}

#[test]
fn who_deletes_its_own_git_file_or_worktree_fails_alone() {
    let cases = [
        (
            "worktree, off its branch",
            format!("git checkout -q --detach\nwrite a.txt a\ncommit Off\nremove {OWN}\ndone"),
        ),
        ("git file", "write a.txt a\nremove .git\ndone".to_owned()),
        ("worktree", format!("write a.txt a\ncommit A\nremove {OWN}\ndone")),
        (
            "git file, then a commit",
            "write a.txt a\nremove .git\ntry-git add -A\ntry-git commit -q -m Sly\ndone".to_owned(),
        ),
    ];
    for (name, script) in cases {
        let stage = LoopStage::new();
        let launch = stage.rev("main").unwrap();
        let wrecker = stage.task("Wrecker", &script);
        let other = stage.task("Other", "write other.txt o\ncommit Other\ndone");
        let ran = stage.run(&ONE_TRY);
        assert!(ran.code == 0 || ran.code == 1, "{name}: {}", ran.stderr);
        assert_eq!(stage.outcomes(&other), ["closed"], "{name}: {}", ran.stderr);
        let subjects = stage.repo.git(&["log", "--format=%s", "--first-parent", &format!("{launch}..main")]);
        assert!(!subjects.contains("Sly"), "{name}: {subjects}");
        assert_eq!(stage.outcomes(&wrecker).len(), 1, "{name}");
        if name == "worktree, off its branch" {
            let kept = stage.repo.git(&["log", "--all", "--format=%s"]);
            assert!(kept.contains("Off"), "{name}: what it had committed is on no ref: {kept}");
        }
        assert_sound(&stage, &ran);
    }
}

#[test]
fn who_deletes_a_siblings_worktree_leaves_the_siblings_failure_to_it() {
    let stage = LoopStage::new();
    let (begun, gone) = (stage.path("begun"), stage.path("gone"));
    let sibling = "${HEW_PROJECT}/../hew-home/wt/${HEW_RUN_ID}/1";
    let wrecks = format!(
        "wait-for {}\nremove {sibling}\ntouch {}\nwrite a.txt a\ncommit A\ndone",
        begun.display(),
        gone.display()
    );
    let wrecker = stage.task("Wrecker", &wrecks);
    let works =
        format!("write b.txt b\ncommit B\ntouch {}\nwait-for {}\ndone", begun.display(), gone.display());
    let victim = stage.task("Victim", "write b.txt b\ncommit B\ndone");
    stage.script(&format!("{victim}.1"), &works);
    let ran = stage.run(&["--no-gate", "--jobs", "2"]);
    assert_eq!(stage.outcomes(&wrecker), ["closed"], "{}", ran.stderr);
    assert_eq!(stage.outcomes(&victim).last().unwrap(), "closed", "it is tried again: {}", ran.stderr);
    assert_eq!(stage.file_at("main", "b.txt").unwrap(), "b");
    assert_sound(&stage, &ran);
}

#[test]
fn no_commit_is_lost_to_upkeep_that_an_agent_does() {
    let stage = LoopStage::new();
    let first = stage.task("First", "write lost.txt l\ncommit Half\nfail not yet");
    let upkeep = "write a.txt a\ncommit A\nwrite more.txt m\ngit stash --include-untracked --quiet\n\
        git worktree prune --expire now\ntry-git worktree remove --force --force ../1\n\
        git reflog expire --expire=now --all\ngit repack -adq\ngit gc --quiet --prune=now\ndone";
    let second = stage.task("Second", upkeep);
    let ran = stage.run(&ONE_TRY);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(
        (stage.outcomes(&first), stage.outcomes(&second)),
        (vec!["no_close".into()], vec!["closed".into()])
    );
    let anchored =
        stage.journal_of("collected").into_iter().map(|work| work["anchor"].as_str().unwrap().to_owned());
    let files: Vec<_> = anchored.filter_map(|anchor| stage.file_at(&anchor, "lost.txt")).collect();
    assert_eq!(files, ["l"]);
    assert_sound(&stage, &ran);
}

#[test]
fn a_repository_that_is_gone_ends_the_run_and_no_folder_with_it() {
    let stage = LoopStage::new();
    let wrecks = "write precious.txt p\ncommit P\nremove ${HEW_PROJECT}/.git\nexit 0";
    stage.task("Wrecker", wrecks);
    stage.task("Other", "write other.txt o\ncommit Other\ndone");
    let ran = stage.run(&ONE_TRY);
    assert!(![0, 70].contains(&ran.code), "{}", ran.stderr);
    assert!(ran.stderr.contains("could not be collected"), "{}", ran.stderr);
    let runs = fs::read_dir(stage.repo.hew_home().join("wt")).unwrap().flatten().next().unwrap();
    let kept = fs::read_to_string(runs.path().join("0/precious.txt")).unwrap();
    assert_eq!(kept, "p", "what the agent left is where it left it");
    stage.assert_nothing_runs();
}

#[test]
fn two_tasks_with_the_same_change_land_it_once_and_are_both_closed() {
    let stage = LoopStage::new();
    let go = stage.path("go");
    let script = format!(
        "write same.txt s\ncommit Same\ntouch {}.${{HEW_WORKER}}\nwait-for {}\ndone",
        go.display(),
        go.display()
    );
    let tasks = [stage.task("One", &script), stage.task("Two", &script)];
    let mut run = stage.start(&["--no-gate", "--jobs", "2"]);
    run.wait_for(stage.path("go.0"));
    run.wait_for(stage.path("go.1"));
    fs::write(&go, "").unwrap();
    let ran = run.end();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for task in &tasks {
        assert_eq!(
            (stage.outcomes(task), stage.status(task).as_str()),
            (vec!["closed".to_owned()], "closed")
        );
    }
    assert_eq!(stage.file_at("main", "same.txt").unwrap(), "s");
    stage.assert_left_clean();
}

#[test]
fn trailers_in_an_agents_commit_say_nothing_of_what_landed() {
    let stage = LoopStage::new();
    let task = stage.task(
        "Task",
        "write a.txt a\ncommit A\\n\\nHew-Task: other-1\\nHew-Run: other\\nHew-Iter: w9/iter-999\ndone",
    );
    let ran = stage.run(&ONE_TRY);
    assert_eq!((ran.code, stage.outcomes(&task)), (0, vec!["closed".to_owned()]), "{}", ran.stderr);
    // Each landing's own trailers are checked with it.
    stage.assert_left_clean();
}
