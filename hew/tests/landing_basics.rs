//! Landing through the real binary: the gate decides, and the run branch only ever holds what it passed.

use hew_core::record::IterationOutcome::{BackpressureFail, Closed};
use hew_testkit::run_check::Project;

#[test]
fn what_passes_the_gate_lands_is_closed_and_delivered() {
    for project in [Project::new(), Project::hostile()] {
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

/// L1.
#[test]
fn a_gate_that_is_red_on_every_attempt_moves_nothing_and_parks_the_task() {
    for project in [Project::new(), Project::hostile()] {
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
    for project in [Project::new(), Project::hostile()] {
        let (a_runs, b_runs) = (project.signal("a-runs"), project.signal("b-runs"));
        // Both begin on the launch commit: each waits for the other. A second attempt sees what landed.
        let work = |own: &str, other: &str| {
            let (mine, theirs) =
                (project.signal(&format!("{own}-runs")), project.signal(&format!("{other}-runs")));
            format!(
                "touch {mine:?}; until test -e {theirs:?}; do sleep 0.01; done; \
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
    let (one, two) = (project.signal("one"), project.signal("two"));
    let meet = |mine: &std::path::Path, theirs: &std::path::Path| {
        format!(
            "touch {mine:?}\nuntil test -e {theirs:?}; do sleep 0.01; done; echo met > met-${{HEW_WORKER}}"
        )
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
