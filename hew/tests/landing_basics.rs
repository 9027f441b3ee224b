//! Landing through the real binary: the gate decides, and the run branch only ever holds what it passed.

#![expect(clippy::unwrap_used, reason = "a stage that can not be set ends the test")]

use hew_core::record::IterationOutcome::{BackpressureFail, Closed, Conflict};
use hew_testkit::run_check::Project;

#[test]
fn what_passes_the_gate_lands_is_closed_and_delivered() {
    for project in Project::each() {
        let first = project.add("First", "echo 1 > one && git add one && git commit -qm one", &[]);
        let second = project.add("Second", "echo 2 > two", &["--dep", &first]);
        let ran = project.run(&["--gate", "test ! -e broken"]);
        assert_eq!((ran.code, ran.landed_ids()), (0, vec![first.clone(), second.clone()]), "{}", ran.stderr);
        assert_eq!((ran.status(&first), ran.status(&second)), ("closed", "closed"));
        assert_eq!(project.repo.rev("main"), ran.line[1]);
        assert_eq!(project.repo.read("one").unwrap().trim(), "1");
        assert_eq!(project.repo.read("two").unwrap().trim(), "2");
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
        assert!(ran.worktrees.is_empty());
    }
}

/// Without a gate the lane's files are not looked at; what git's attributes say of them still counts as it is at the tip.
#[test]
fn attributes_that_landed_decide_how_later_work_merges_without_a_gate() {
    let project = Project::new();
    project.repo.write("list", "start\n");
    project.repo.commit("A list");
    let rules = project.add("Rules", "echo 'list merge=union' > .gitattributes", &[]);
    let (b, c) = (project.signal("b"), project.signal("c"));
    let adds = |word: &str, mine: &std::path::Path, theirs: &std::path::Path| {
        let wait =
            format!("touch {}; until test -e {}; do sleep 0.01; done", mine.display(), theirs.display());
        format!("{wait}; echo {word} >> list")
    };
    let first = project.add("First", &adds("first", &b, &c), &["--dep", &rules]);
    let second = project.add("Second", &adds("second", &c, &b), &["--dep", &rules]);
    let ran = project.run(&["--no-gate", "--jobs", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((ran.outcomes(&first), ran.outcomes(&second)), (vec![Closed], vec![Closed]), "{}", ran.stderr);
    let list = project.repo.read("list").unwrap();
    assert!(list.contains("first") && list.contains("second"), "{list}");
}

/// L1.
#[test]
fn a_gate_that_is_red_on_every_attempt_moves_nothing_and_parks_the_task() {
    for project in Project::each() {
        let launch = project.repo.rev("main");
        let bad = project.add("Bad", "echo ${HEW_ATTEMPT} > broken", &[]);
        let ran = project.run(&[
            "--gate",
            "test ! -e broken || { echo it is broken; exit 7; }",
            "--max-attempts",
            "2",
        ]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(ran.outcomes(&bad), [BackpressureFail, BackpressureFail]);
        assert_eq!((project.repo.rev("main"), ran.line.len()), (launch.clone(), 0));
        let branch = project
            .repo
            .try_git_in(project.repo.root(), &["rev-parse", "--verify", "--quiet", &ran.branch()]);
        assert!(!branch.status.success(), "a run that landed nothing leaves no branch");
        assert_eq!((ran.status(&bad), ran.holder(&bad)), ("open", None));
        assert!(ran.has_label(&bad, "hew:parked"));
        assert!(ran.notes(&bad).contains("2 attempts used up"), "{}", ran.notes(&bad));
        for (number, iteration) in ran.iterations(&bad).into_iter().enumerate() {
            let anchor = iteration.anchor.as_ref().unwrap();
            let kept = project.repo.git(&["show", &format!("{anchor}:broken")]);
            assert_eq!(kept, (number + 1).to_string());
            assert_eq!(iteration.base_sha.as_ref(), Some(&launch));
            assert!(ran.iteration_file(iteration.id, "gate.log").contains("it is broken"));
        }
        let second = ran.iterations(&bad)[1].id;
        let prompt = ran.iteration_file(second, "prompt.md");
        assert!(prompt.contains("it is broken"), "the second attempt is not told what failed: {prompt}");
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
    }
}

/// L2.
#[test]
fn of_two_tasks_that_are_red_only_together_one_lands_and_the_other_tries_again_on_the_new_tip() {
    for project in Project::each() {
        let (a_runs, b_runs) = (project.signal("a-runs"), project.signal("b-runs"));
        // Both begin on the launch commit: each waits for the other. A second attempt sees what landed.
        let work = |own: &str, other: &str| {
            let path = |who: &str| project.signal(&format!("{who}-runs")).display().to_string();
            let (mine, theirs) = (path(own), path(other));
            format!(
                "touch {mine}; until test -e {theirs}; do sleep 0.01; done; \
                 if test -e {other}; then echo together > pact; fi; echo {own} > {own}"
            )
        };
        let a = project.add("A", &work("a", "b"), &[]);
        let b = project.add("B", &work("b", "a"), &[]);
        let gate = "if test -e a && test -e b && ! test -e pact; then echo a and b clash; exit 1; fi";
        let ran = project.run(&["--jobs", "2", "--gate", gate]);
        assert!(a_runs.exists() && b_runs.exists());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let landed = ran.landed_ids();
        let (first, second) = (&landed[0], &landed[1]);
        assert_eq!(landed.len(), 2);
        assert!(landed.contains(&a) && landed.contains(&b));
        assert_eq!(ran.outcomes(first), [Closed]);
        assert_eq!(ran.outcomes(second), [BackpressureFail, Closed]);
        let again = ran.iterations(second)[1];
        assert_eq!(again.base_sha.as_ref(), Some(&ran.line[0]), "it tries again on the new tip");
        let prompt = ran.iteration_file(again.id, "prompt.md");
        assert!(prompt.contains("a and b clash"), "it is not told what failed: {prompt}");
        every_commit_is_green(&project, &ran.line, gate);
        assert_eq!(project.repo.rev("main"), ran.line[1]);
    }
}

/// The gate, once more, by a person: each commit checked out in a folder of its own.
fn every_commit_is_green(project: &Project, line: &[hew_core::ids::CommitId], gate: &str) {
    for commit in line {
        let folder = project.signal(commit.as_str());
        let path = folder.to_str().unwrap();
        project.repo.git(&["worktree", "add", "--quiet", "--detach", path, commit.as_str()]);
        let status = project.repo.command_in(&folder, "sh").args(["-c", gate]).status().unwrap();
        assert!(status.success(), "{commit} is red");
        project.repo.git(&["worktree", "remove", "--force", path]);
    }
}

/// Two workers really are two: each agent waits for a file that the other one writes.
#[test]
fn two_workers_overlap_in_time() {
    let project = Project::new();
    let (one, two) =
        (project.signal("one").display().to_string(), project.signal("two").display().to_string());
    let meet = |mine: &str, theirs: &str| {
        format!("touch {mine}\nuntil test -e {theirs}; do sleep 0.01; done; echo met > met-${{HEW_WORKER}}")
    };
    let a = project.add("One", &meet(&one, &two), &[]);
    let b = project.add("Two", &meet(&two, &one), &[]);
    let ran = project.run(&["--jobs", "2", "--no-gate"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.landed_ids().len(), 2);
    let (a, b) = (ran.iterations(&a)[0], ran.iterations(&b)[0]);
    assert_ne!(a.id.worker, b.id.worker);
    assert_ne!(a.worktree, b.worktree);
    assert_eq!(
        (project.repo.read("met-0").as_deref(), project.repo.read("met-1").as_deref()),
        (Some("met\n"), Some("met\n"))
    );
}

/// Two agents that begin on one commit and write one file: of what they write, one is on the tip and one conflicts.
fn clash(project: &Project, own: &str, other: &str, again: &str) -> String {
    let path = |who: &str| project.signal(&format!("{who}-runs")).display().to_string();
    let (mine, theirs) = (path(own), path(other));
    format!(
        "touch {mine}; until test -e {theirs}; do sleep 0.01; done; \
         if test $HEW_ATTEMPT -gt 1; then {again}; else echo {own} > shared; fi"
    )
}

/// L10, the good end: the second attempt is made on the new tip, told of the conflict, and lands.
#[test]
fn work_that_conflicts_is_tried_again_on_the_new_tip() {
    for project in Project::each() {
        let a = project.add("A", &clash(&project, "a", "b", "echo b and a > shared"), &[]);
        let b = project.add("B", &clash(&project, "b", "a", "echo a and b > shared"), &[]);
        let ran = project.run(&["--jobs", "2", "--gate", "true"]);
        assert_eq!((ran.code, ran.line.len()), (0, 2), "{}", ran.stderr);
        let landed = ran.landed_ids();
        assert!(landed.contains(&a) && landed.contains(&b));
        assert_eq!(ran.outcomes(&landed[0]), [Closed]);
        assert_eq!(ran.outcomes(&landed[1]), [Conflict, Closed]);
        let [first, second] = ran.iterations(&landed[1])[..] else { panic!("two attempts") };
        assert_eq!(second.base_sha.as_ref(), Some(&ran.line[0]));
        let prompt = ran.iteration_file(second.id, "prompt.md");
        for told in ["shared", first.anchor.as_ref().unwrap().as_str(), ran.line[0].as_str()] {
            assert!(prompt.contains(told), "{told} is missing: {prompt}");
        }
        assert_eq!(ran.tasks.len(), 2, "no bug task is filed");
        assert!(project.repo.git(&["show", "main:shared"]).contains(" and "));
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
    }
}

/// L10, the bad end: attempts used up.
#[test]
fn work_that_conflicts_for_good_is_parked_with_one_bug_task_and_a_worktree_and_others_land() {
    for project in Project::each() {
        let a = project.add("A", &clash(&project, "a", "b", "true"), &[]);
        let b = project.add("B", &clash(&project, "b", "a", "true"), &[]);
        let third = project.add("Third", "echo third > third", &["-p", "4"]);
        let ran = project.run(&["--jobs", "2", "--gate", "true", "--max-attempts", "1"]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        let landed = ran.landed_ids();
        assert_eq!(landed.len(), 2);
        assert!(landed.contains(&third));
        let (winner, loser) = if landed.contains(&a) { ("a", &b) } else { ("b", &a) };
        assert_eq!(ran.outcomes(loser), [Conflict]);
        assert_eq!((ran.status(loser), ran.holder(loser)), ("open", None));
        assert!(ran.has_label(loser, "hew:parked"));
        let bugs: Vec<_> = ran.tasks.iter().filter(|task| task["issue_type"] == "bug").collect();
        assert_eq!((bugs.len(), ran.tasks.len()), (1, 4));
        let bug = bugs[0]["id"].as_str().unwrap();
        assert!(ran.has_label(bug, "merge-conflict") && ran.iterations(bug).is_empty());
        assert_eq!(
            (ran.status(bug), &bugs[0]["metadata"]["hew.conflict_of"]),
            ("open", &loser.as_str().into())
        );
        let view = ran.iterations(loser)[0];
        let head = view.head_sha.clone().unwrap();
        let description = bugs[0]["description"].as_str().unwrap();
        for told in [head.as_str(), view.anchor.as_ref().unwrap().as_str(), "`shared`", &ran.id()] {
            assert!(description.contains(told), "{told} is missing: {description}");
        }
        assert_eq!(ran.worktrees.len(), 1);
        assert_eq!(project.repo.rev_in(&ran.worktrees[0], "HEAD"), head);
        assert_eq!(project.repo.git(&["show", "main:shared"]), winner);
        assert_eq!(project.repo.git(&["status", "--porcelain"]), "");
    }
}
